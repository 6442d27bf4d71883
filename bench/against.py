"""Two benches side by side: what of this run is better or worse than in an earlier one.

A line is found again by its words: the numbers in them (rows, sockets, contacts) may differ. What is compared is a
share of a limit (`0.26 of raw COPY`) where the line has one, because it says most about another day or machine, and
else its first number; of seconds and bytes less is better.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.report import Figure, columns

NOISE = 0.9
"""What is left of a figure may be a tenth less before it is called worse."""

_NUMBER = re.compile(r"(?<![\w.,])([+-]?\d[\d,]*(?:\.\d+)?)(?: ?([%/\w]+))?")
_SHARE = re.compile(r"(?<![\w.,])(\d+\.\d+) of ")
_LESS_IS_BETTER = {"ms", "s", "KiB", "MiB", "us"}


class Pair(NamedTuple):
    """A line of both runs; `ratio` above 1 is better, None where there is nothing to divide."""

    now: Figure
    before: Figure | None
    ratio: float | None


def load(path: Path) -> list[Figure]:
    """The figures that `report.save` wrote."""
    return [Figure(**one) for one in json.loads(path.read_text())["figures"]]


def pairs(now: Sequence[Figure], before: Sequence[Figure]) -> list[Pair]:
    """Each line of `now` beside the one of `before` with the same words."""
    known: dict[str, list[Figure]] = {}
    for figure in before:
        known.setdefault(_words(figure), []).append(figure)
    found = []
    for figure in now:
        same = known.get(_words(figure))
        old = same.pop(0) if same else None
        found.append(Pair(figure, old, _ratio(figure, old) if old else None))
    return found


def show(now: Sequence[Figure], before: Sequence[Figure]) -> str:
    """The table: what is worse is marked ▼, what is better ▲."""
    rows = [("", "figure", "before", "now", "ratio")]
    for pair in pairs(now, before):
        mark = "▼" if pair.ratio is not None and pair.ratio < NOISE else ""
        mark = "▲" if pair.ratio is not None and pair.ratio > 1 / NOISE else mark
        old = pair.before.value if pair.before else "-"
        rows.append((mark, pair.now.what, old, pair.now.value, "-" if pair.ratio is None else f"{pair.ratio:.2f}"))
    return columns(rows)


def _words(figure: Figure) -> str:
    return re.sub(r"\d[\d,.]*", "#", figure.what)


def _ratio(now: Figure, before: Figure) -> float | None:
    new, old = _read(now.value), _read(before.value)
    if new is None or old is None or new[1] != old[1] or not new[0] or not old[0]:
        return None
    return old[0] / new[0] if new[1] else new[0] / old[0]


def _read(value: str) -> tuple[float, bool] | None:
    """The number that counts, and whether less of it is better."""
    if share := _SHARE.search(value):
        return float(share[1]), False
    if number := _NUMBER.search(value):
        return float(number[1].replace(",", "")), number[2] in _LESS_IS_BETTER
    return None
