"""The rows of a segment as columns: at once where all of them are what the plan says, or of rows that were read one by
one."""

from collections.abc import Sequence
from itertools import compress
from typing import NamedTuple

from app.core.events import SegmentHeader
from app.core.reading import asides
from app.core.reading.plan import Dialect
from app.core.reading.rows import Row, rows_of
from app.core.reading.segments import csv_rows, is_plain, may_be_escaped, plain_text


class Table(NamedTuple):
    """Rows of one width, by columns. `plain` promises what `Rows.read` asks for."""

    numbers: Sequence[int]
    lines: Sequence[int]
    columns: list[Sequence[str]]
    plain: bool

    def rows(self, chosen: Sequence[int]) -> list[Row]:
        """The rows for which `chosen` says yes."""
        if 1 not in chosen:
            return []
        cells = zip(*(compress(column, chosen) for column in self.columns), strict=True)
        return list(map(Row, compress(self.numbers, chosen), compress(self.lines, chosen), cells))


def of_rows(rows: Sequence[Row], *, plain: bool) -> Table:
    """Rows of one width as a table."""
    columns: list[Sequence[str]] = list(zip(*(row.cells for row in rows), strict=True))
    return Table([row.number for row in rows], [row.line for row in rows], columns, plain)


def split(data: bytes, header: SegmentHeader) -> Table | None:
    """All records of a segment, which are all rows of the width of its plan; None where that is not plain to see."""
    plan = header.plan
    assert plan.dialect is not None
    if header.heads or header.continues or not data:
        return None
    text = plain_text(data, plan.dialect)
    if text is None or may_be_escaped(text) or not is_plain(data, text) or asides.suspected(data, plan, heads=False):
        return None
    columns = _columns(text, rows_of(plan).width, plan.dialect)
    if columns is None:
        return None
    count = len(columns[0])
    return Table(range(count), range(header.first_line, header.first_line + count), columns, plain=True)


def _columns(text: str, width: int, dialect: Dialect) -> list[Sequence[str]] | None:
    if dialect.quote is None or dialect.quote not in text:
        return _split(text, width, dialect.delimiter)
    found, lines = csv_rows(text, dialect)
    if lines != len(found) or set(map(len, found)) != {width}:
        return None
    return list(zip(*found, strict=True))


def _split(text: str, width: int, delimiter: str) -> list[Sequence[str]] | None:
    """Columns of a text without quotes: one split gives all cells, and each column is every `width`-th of them."""
    text = text.replace("\r\n", "\n")
    if not text.endswith("\n"):
        text += "\n"
    if width < 2 or "\r" in text:
        return None
    lines = text.count("\n")
    cells = text.replace("\n", "\n" + delimiter).split(delimiter)
    cells.pop()
    ends = "".join(cells[width - 1 :: width])
    # As many line ends as rows, all of them in the last column: so every row has its cells where they belong.
    if len(cells) != lines * width or ends.count("\n") != lines:
        return None
    return [*(cells[index::width] for index in range(width - 1)), ends.split("\n")[:-1]]
