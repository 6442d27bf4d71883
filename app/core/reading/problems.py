"""Every reason why a row, or a file, cannot be used: its code, what we say, and what helps."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from app.core.events import ProblemOut

Code = Literal[
    "bad_encoding",
    "repeated_header",
    "list_note",
    "quote_left_open",
    "stray_quote",
    "row_too_long",
    "cell_too_long",
    "too_many_cells",
    "bad_character",
    "email_invalid",
    "phone_shortened",
    "no_identity",
    "file_not_read",
    "card_unended",
    "group_scattered",
    "entry_deleted",
    "entry_changed",
    "entry_no_person",
]


class Words(NamedTuple):
    message: str
    suggestion: str


WORDS: dict[Code, Words] = {
    "bad_encoding": Words(
        "This row has bytes that are no {encoding} text.",
        "Choose another encoding if letters look wrong in other rows too; otherwise mend this row.",
    ),
    "repeated_header": Words("This row repeats the header of the file.", "Nothing has to be done: it is no contact."),
    "list_note": Words(
        "This looks like a note at the end of a list, such as a total, not like a contact.",
        "Nothing has to be done; if it is a contact, fill in another cell.",
    ),
    "quote_left_open": Words(
        "A quotation mark opens a cell here and is not closed within 32 KB.",
        "Close the quotation mark, or write it twice if it is part of the text.",
    ),
    "stray_quote": Words(
        "A quotation mark stands inside a quoted cell, so that the cells cannot be told apart.",
        "Write quotation marks inside a quoted cell twice.",
    ),
    "row_too_long": Words("This row is longer than 512 KB.", "Shorten it, or look for a missing line end."),
    "cell_too_long": Words("This cell is longer than 32 KB.", "Shorten the text."),
    "too_many_cells": Words(
        "This row has more cells than there are columns.",
        "Put cells that contain the separator in quotation marks.",
    ),
    "bad_character": Words("This cell has a character that no text can have (NUL).", "Remove the character."),
    "email_invalid": Words(
        "This is not an e-mail address.", "Write it like name@example.com, or leave the cell empty."
    ),
    "phone_shortened": Words(
        "A spreadsheet has shortened this phone number: its last digits are lost.",
        "Write the number in full; in the spreadsheet, format its column as text first.",
    ),
    "no_identity": Words(
        "This row has no name, company, e-mail address or phone number.",
        "Fill in one of them; otherwise nobody could find this contact again.",
    ),
    "file_not_read": Words(
        "This file of the ZIP archive was not read.", "If it holds contacts, save it as CSV, vCard or XLSX."
    ),
    "card_unended": Words(
        "The file ends in the middle of this card, so that some of it is missing.",
        "Export or download the file again; the cards before this one were read.",
    ),
    "group_scattered": Words(
        "This is a group, and some of its members are far away from it in the file, so they did not get its label.",
        "Add the label to them once they are here; groups inside each card (CATEGORIES) are always recognised.",
    ),
    "entry_deleted": Words(
        "This entry asks to delete somebody; an import only adds.",
        "Delete the contact by hand if it is in your address book.",
    ),
    "entry_changed": Words(
        "This entry changes somebody who is not in the file.", "Export the whole entries instead of their changes."
    ),
    "entry_no_person": Words(
        "This entry describes the directory itself, not a person.", "Nothing needs to be done about it."
    ),
}

MAX_TOLD_CHARACTERS = 64 * 1024
MAX_TOLD_CELLS = 500


def problem(
    code: Code,
    row: int,
    line: int,
    cells: Sequence[str],
    *,
    column: int | None = None,
    suggestion: str = "",
    encoding: str | None = None,
) -> ProblemOut:
    """A row that cannot be used. Its cells are told in full up to 64 K characters and 500 cells; then "…" ends them."""
    words = WORDS[code]
    return ProblemOut(
        row=row,
        line=line,
        column=column,
        code=code,
        message=words.message.format(encoding=encoding or "UTF-8"),
        suggestion=suggestion or words.suggestion,
        cells=_told(cells),
    )


def _told(cells: Sequence[str]) -> tuple[str, ...]:
    if len(cells) <= MAX_TOLD_CELLS and sum(map(len, cells)) <= MAX_TOLD_CHARACTERS:
        return tuple(cells)
    told: list[str] = []
    left = MAX_TOLD_CHARACTERS
    for cell in cells[:MAX_TOLD_CELLS]:
        if len(cell) > left:
            told.append(cell[:left] + "…")
            return tuple(told)
        told.append(cell)
        left -= len(cell)
    return (*told, "…")
