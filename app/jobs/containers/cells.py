"""Cells of a sheet as a person would type them: dates as ISO, whole numbers without a fraction. Pure."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal

Cell = int | float | str | bool | time | date | datetime | timedelta
Merged = Sequence[tuple[tuple[int, int], tuple[int, int]]]
"""Ranges of merged cells: (row, column) of the first and of the last cell, from 0."""

_SPECIAL = frozenset('",\r\n')
_WHOLE_NUMBERS = 10**15
"""Below, a spreadsheet shows all digits of a whole number, and a float has them."""
MAX_BLANK_ROWS = 1_000
"""So many blank rows are kept before a row, so that line numbers are those of the sheet."""


def text_of(cell: Cell) -> str:
    """A cell as text."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, int):
        return str(cell)
    if isinstance(cell, float):
        return _number(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ", timespec="seconds")
    if isinstance(cell, timedelta):
        return str(cell)
    return cell.isoformat()


def _number(value: float) -> str:
    if value != value or value in {float("inf"), float("-inf")}:
        return ""
    if value.is_integer() and abs(value) < _WHOLE_NUMBERS:
        return str(int(value))
    # What a sheet computed has an error in its 16th digit: 0.1 + 0.2 is 0.3 to whoever sees it.
    return format(Decimal(f"{value:.15g}"), "f")


def line_of(cells: Iterable[Cell]) -> str:
    """A row as a record of canonical CSV without its line end; a row of blank cells is ""."""
    texts = [text_of(cell) for cell in cells]
    if not any(text.strip() for text in texts):
        return ""
    return ",".join(map(quoted, texts))


def quoted(text: str) -> str:
    """A field of canonical CSV."""
    if text.startswith(" ") or not _SPECIAL.isdisjoint(text):
        return '"' + text.replace('"', '""') + '"'
    return text


class MergedDown:
    """Fills in what merged cells show in the rows below their first one.

    Only downwards: a title that is merged over many columns stands in one cell.
    """

    def __init__(self, merged: Merged, left: int) -> None:
        self._until = {(first, column - left): last for (first, column), (last, _) in merged if last > first}
        self._starts: dict[int, list[int]] = {}
        for first, column in self._until:
            self._starts.setdefault(first, []).append(column)
        self._open: dict[int, tuple[int, Cell]] = {}

    def fill(self, row: int, cells: list[Cell]) -> None:
        """Changes the cells of the next row."""
        if self._open:
            self._open = {column: held for column, held in self._open.items() if held[0] >= row}
            for column, (_, cell) in self._open.items():
                if cells[column] == "":
                    cells[column] = cell
        for column in self._starts.get(row, ()):
            if 0 <= column < len(cells):
                self._open[column] = (self._until[row, column], cells[column])
