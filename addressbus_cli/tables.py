"""Tables: fitted to a terminal, tab-separated and whole anywhere else."""

import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

from addressbus_cli import words

GAP = "  "
LEAST = 6
"""A column is made no narrower than this while another one is wider."""


def show(names: Sequence[str], rows: Iterable[Sequence[str]], out: TextIO | None = None) -> None:
    """Prints rows under `names`."""
    out = out or sys.stdout
    cells = [[words.safe(cell) for cell in row] for row in rows]
    if out.isatty():
        lines = fitted([list(names), *cells], shutil.get_terminal_size().columns)
        print("\033[1m" + lines[0] + "\033[0m", file=out)
        lines = lines[1:]
    else:
        lines = ["\t".join(row) for row in [names, *cells]]
    for line in lines:
        print(line, file=out)


def fitted(rows: Sequence[Sequence[str]], columns: int) -> list[str]:
    """Lines of at most `columns` cells: the widest columns give way, and what does not fit ends in …"""
    widths = [max(map(words.width, column)) for column in zip(*rows, strict=True)]
    over = sum(widths) + len(GAP) * (len(widths) - 1) - columns
    while over > 0 and max(widths) > LEAST:
        widest = widths.index(max(widths))
        widths[widest] -= 1
        over -= 1
    return [GAP.join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _padded(cell: str, width: int) -> str:
    text = words.clipped(cell, width)
    return text + " " * (width - words.width(text))
