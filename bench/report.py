"""Figures beside their goals: a table to look at and JSON to keep."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True, kw_only=True)
class Figure:
    """One measured line. `met` is None where the goal cannot be judged by this run."""

    what: str
    value: str
    goal: str
    met: bool | None
    detail: dict[str, Any] = field(default_factory=dict)


def show(figures: list[Figure]) -> str:
    """The table, as wide as its words."""
    rows = [("", "figure", "measured", "goal")]
    marks = {True: "✓", False: "✗", None: "·"}
    rows += [(marks[figure.met], figure.what, figure.value, figure.goal) for figure in figures]
    return columns(rows)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """A table of equally long rows, each column as wide as its widest cell."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def save(figures: list[Figure], path: Path) -> None:
    """All of it as JSON, details (CPU seconds, peak memory by process) included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "machine": {"system": platform.platform(), "python": platform.python_version(), "cores": os.cpu_count()},
        "figures": [asdict(figure) for figure in figures],
    }
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False))
