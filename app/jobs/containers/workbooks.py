"""Workbooks (XLSX, XLS, ODS) -> sheets as canonical CSV, by the library calamine. Runs in the child only.

What a sheet shows is read: cached values of formulas, plain text of rich text, nothing for errors. A cell that
is merged downwards counts in each of its rows.
"""

from collections.abc import Iterator
from typing import IO

import python_calamine as calamine

from app.jobs.containers.cells import MAX_BLANK_ROWS, MergedDown, line_of
from app.jobs.containers.output import Output
from app.jobs.containers.parts import Text, Workbook, encrypted, unreadable

_VISIBLE = calamine.SheetVisibleEnum.Visible
_WORKSHEET = calamine.SheetTypeEnum.WorkSheet


def write(file: IO[bytes], kind: Workbook, output: Output, *, member: str = "") -> Iterator[Text]:
    """Writes every worksheet; each text follows the one before. Raises Rejected."""
    file.seek(0)
    try:
        with calamine.load_workbook(file) as book:
            for told in book.sheets_metadata:
                if told.typ == _WORKSHEET:
                    yield _sheet(book, told, kind, output, member)
    except calamine.PasswordError as error:
        raise encrypted() from error
    except calamine.CalamineError as error:
        raise unreadable() from error


def _sheet(
    book: calamine.CalamineWorkbook, told: calamine.SheetMetadata, kind: Workbook, output: Output, member: str
) -> Text:
    sheet = book.get_sheet_by_name(told.name)
    output.begin()
    rows = 0
    for line in _lines(sheet):
        rows += line != ""
        output.write(line.encode(errors="replace") + b"\r\n")
    start, end, whole = output.end()
    return Text(
        member=member,
        start=start,
        end=end,
        whole=whole,
        workbook=kind,
        sheet=told.name,
        hidden=told.visible != _VISIBLE,
        rows=rows,
        size=end - start,
    )


def _lines(sheet: calamine.CalamineSheet) -> Iterator[str]:
    """The rows up to the last one that is not blank, in lines that are numbered like the sheet's."""
    if sheet.start is None:
        return
    merged = MergedDown(sheet.merged_cell_ranges or (), left=sheet.start[1])
    blank = 0
    for number, cells in enumerate(sheet.iter_rows()):
        merged.fill(number, cells)
        line = line_of(cells)
        if line == "":
            blank += blank < MAX_BLANK_ROWS
            continue
        yield from [""] * blank
        blank = 0
        yield line
