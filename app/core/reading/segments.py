"""One segment -> people and problems: what an importer does first. Pure; needs the segment and its header only.

Every record after the header is one person or one problem. Where quotes are plain, `csv` reads the rows at C speed;
anywhere else the records are walked (`records.py`). Both give the same rows.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from typing import NamedTuple

from app.core.contacts import Person
from app.core.events import ProblemOut, SegmentHeader
from app.core.reading import asides, cardfiles, graph, members, people, provided
from app.core.reading.cardfiles import CARD_FILES
from app.core.reading.cells import cells_of
from app.core.reading.plan import Dialect
from app.core.reading.problems import MAX_TOLD_CELLS, problem
from app.core.reading.provided import Linked
from app.core.reading.records import Grammar, grammar, line_ends
from app.core.reading.rows import Row, rows_of
from app.core.reading.text import told
from app.core.reading.values import MAX_CELL

_ESCAPED = re.compile(r"'(?:[=@\t\r]|[+-](?![0-9 ()./-]*\Z))")
_MAYBE_ESCAPED = re.compile(r"'[=@\t\r+-]")
_FORMULA = re.compile(r'="([^"]*)"\Z')
_MAYBE_FORMULA = re.compile('=""')
_CONTROLS = bytes({*range(0x20), 0x7F} - {0x09, 0x0A, 0x0D})
_MORE_CONTROLS = re.compile(rb"\xc2[\x80-\x9f]")
"""Those beyond ASCII, in UTF-8."""
_BLOCK = 16 * 1024
_MAPPERS: dict[str, provided.Mapper] = {"google": people.entry, "microsoft": graph.entry}
_row = partial(tuple.__new__, Row)
"""`Row._make` without a frame of Python."""


class Reading(NamedTuple):
    """What a segment holds. `rows` counts the records after the header; it is the sum of the other two.

    `links` are of a provider's page only: which of its items are whom, and which are gone.
    """

    people: list[Person]
    problems: list[ProblemOut]
    rows: int
    links: tuple[Linked, ...] = ()


class Records(NamedTuple):
    """The records of a text: those with cells, and those that have none (`problems`), both in order."""

    rows: list[Row]
    problems: list[ProblemOut]


def read(data: bytes, header: SegmentHeader) -> Reading:
    """Reads a segment as its plan says; where its text begins, preamble and header are passed over."""
    return named(_read(data, header), header)


def named(reading: Reading, header: SegmentHeader) -> Reading:
    """A reading whose problems say in which file of a ZIP archive they are, if it is of one."""
    if header.member and reading.problems:
        return reading._replace(problems=members.of_member(reading.problems, header.member))
    return reading


def _read(data: bytes, header: SegmentHeader) -> Reading:
    if header.page is not None:
        return Reading(*provided.read(data, header, _MAPPERS[header.source]))
    plan = header.plan
    if plan.format == "zip":
        unread = members.unread(data)
        return Reading([], unread, len(unread))
    if plan.format in CARD_FILES:
        usable, unusable = cardfiles.read(data, header)
        return Reading(usable, unusable, len(usable) + len(unusable))
    assert plan.dialect is not None
    if header.opens:
        if header.continues:
            return Reading([], [], 0)
        return Reading([], [problem("row_too_long", 0, header.first_line, (told(data[:1000]),))], 1)
    by = rows_of(plan)
    (rows, problems), plain = usable_rows(data, header)
    people, more = by.read(rows, plain=plain)
    problems = sorted([*problems, *more], key=lambda told: told.row)
    return Reading(people, problems, len(people) + len(problems))


def usable_rows(data: bytes, header: SegmentHeader) -> tuple[Records, bool]:
    """The records of a segment that are rows as its plan expects them, each as wide as the plan; see `records`."""
    plan = header.plan
    assert plan.dialect is not None
    width = rows_of(plan).width
    found, plain = records(
        data,
        plan.dialect,
        first_line=header.first_line,
        width=width,
        continues=header.continues,
        skip=(plan.preamble or 0) + (plan.header or 0) if header.heads else 0,
        encoding=plan.encoding,
    )
    if asides.suspected(data, plan, heads=header.heads):
        found = found._replace(rows=asides.set_apart(found.rows, plan, found.problems))
    if not plain or {len(row.cells) for row in found.rows} != {width}:
        found = found._replace(rows=_fitting(found.rows, width, found.problems))
    return found, plain


def records(
    data: bytes,
    dialect: Dialect,
    *,
    first_line: int = 1,
    width: int = 0,
    continues: bool = False,
    skip: int = 0,
    encoding: str | None = None,
) -> tuple[Records, bool]:
    """The records of a text without its first `skip`, and whether all of their cells are plain (`Rows.read`).

    `width` is what a row with stray quotes must have to be believed; 0 believes it. With `continues` the text begins
    with the rest of a record that belongs to the segment before. `encoding` is that of the file, for what is told.
    """
    rules = grammar(dialect)
    text = None if continues else plain_text(data, dialect)
    if text is None:
        return _walked(data, rules, first_line, width, continues, skip, encoding), False
    rows, quoted_lines = _quick(text, dialect, first_line)
    rows = rows[skip:]
    if may_be_escaped(text):
        rows = [row._replace(cells=_unescaped(row.cells)) for row in rows]
    return Records(rows, []), not quoted_lines and is_plain(data, text)


def plain_text(data: bytes, dialect: Dialect) -> str | None:
    """The text of a segment that `csv` reads as we do; None where the records have to be walked."""
    if grammar(dialect).plain(data, final=True) is None or _has_long_line(data):
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def is_plain(data: bytes, text: str) -> bool:
    """Whether a text, also given as UTF-8, is in NFC and has nothing in it that nobody can see."""
    if len(data.translate(None, _CONTROLS)) < len(data):
        return False
    if text.isascii():
        return True
    unseen = "\u200b" in text or "\ufeff" in text or _MORE_CONTROLS.search(data)
    return not unseen and unicodedata.is_normalized("NFC", text)


def may_be_escaped(text: str) -> bool:
    """Whether some cell may be one that spreadsheets are told to take for a text; see `_unescaped`."""
    return bool(_MAYBE_ESCAPED.search(text) or _MAYBE_FORMULA.search(text))


def csv_rows(text: str, dialect: Dialect) -> tuple[list[list[str]], int]:
    """The cells of each record of a text whose quotes are plain, [] for an empty line; and how many lines it has."""
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
    )
    return list(reader), reader.line_num


def _quick(text: str, dialect: Dialect, first_line: int) -> tuple[list[Row], bool]:
    """All rows, and whether some cell has line ends in it."""
    found, ends = csv_rows(text, dialect)
    if ends == len(found):
        return _numbered(found, range(first_line, first_line + len(found))), False
    lines = list(accumulate(map(_lines_of, found), initial=first_line))
    return _numbered(found, lines[:-1]), True


def _lines_of(cells: list[str]) -> int:
    whole = ",".join(cells)
    return 1 + whole.count("\n") + whole.count("\r") - whole.count("\r\n")


def _numbered(found: list[list[str]], lines: Sequence[int]) -> list[Row]:
    if [] in found:
        lines = [line for line, cells in zip(lines, found, strict=True) if cells]
        found = [cells for cells in found if cells]
    return list(map(_row, zip(range(len(found)), lines, found, strict=True)))


def _walked(
    data: bytes, rules: Grammar, first_line: int, width: int, continues: bool, skip: int, encoding: str | None = None
) -> Records:
    rows: list[Row] = []
    problems: list[ProblemOut] = []
    number, line = 0, first_line
    for record in rules.records(data):
        here = line
        line += line_ends(data[record.start : record.end])
        if (continues and record.start == 0) or record.text_end == record.start:
            continue
        number += 1
        if number <= skip:
            continue
        raw = cells_of(data, record, rules)
        try:
            cells = [cell.decode() for cell in raw]
        except UnicodeDecodeError:
            cells = [told(cell) for cell in raw[: MAX_TOLD_CELLS + 1]]
            problems.append(problem("bad_encoding", number - 1, here, cells, encoding=encoding))
            continue
        if record.open_at >= 0:
            column = len(cells_of(data, record._replace(text_end=record.open_at), rules)) - 1
            problems.append(problem("quote_left_open", number - 1, here, cells, column=column))
        elif record.stray and width and len(cells) != width:
            problems.append(problem("stray_quote", number - 1, here, cells))
        else:
            rows.append(Row(number - 1, here, _unescaped(cells)))
    return Records(rows, problems)


def _unescaped(cells: Sequence[str]) -> list[str]:
    """Without what makes spreadsheets take a cell for a text: a quote before a formula's sign, and `="0123"`."""
    return [_text_of(cell) if cell[:1] in ("'", "=") else cell for cell in cells]


def _text_of(cell: str) -> str:
    if _ESCAPED.match(cell):
        return cell[1:]
    formula = _FORMULA.match(cell)
    return formula[1] if formula else cell


def _has_long_line(data: bytes) -> bool:
    """Whether some line may be longer than a cell may be; short ones are never suspected."""
    return any(
        data.find(b"\n", at, at + _BLOCK) < 0 and data.find(b"\r", at, at + _BLOCK) < 0
        for at in range(0, len(data) - _BLOCK, _BLOCK)
    )


def _fitting(rows: Sequence[Row], width: int, problems: list[ProblemOut]) -> list[Row]:
    """The rows that are usable as such, all `width` cells wide, missing cells empty. The others join the problems."""
    fitting = []
    for row in rows:
        wrong = _misfit(row, width)
        if wrong is not None:
            problems.append(wrong)
        elif len(row.cells) == width:
            fitting.append(row)
        else:
            fitting.append(row._replace(cells=[*row.cells[:width], *[""] * (width - len(row.cells))]))
    return fitting


def _misfit(row: Row, width: int) -> ProblemOut | None:
    """What is wrong with the cells as such, if anything. Surplus cells may be there as long as they are empty."""
    if len(row.cells) > width and any(row.cells[width:]):
        return problem("too_many_cells", row.number, row.line, row.cells, column=width)
    for column, cell in enumerate(row.cells[:width]):
        if len(cell) > MAX_CELL:
            return problem("cell_too_long", row.number, row.line, row.cells, column=column)
        if "\0" in cell:
            return problem("bad_character", row.number, row.line, row.cells, column=column)
    return None
