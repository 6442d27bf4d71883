"""What contacts must be, from the rows of all imports and where they lie: the rule of design.md section 5, told anew.

Nothing here uses the product's way of merging: all that was ever said about a contact is laid side by side, and of each
field the strongest statement is taken.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import NamedTuple

from app.core.reading.plan import Existing
from tests.faults.evidence import Stored
from tests.faults.expected import Row, Upload

KEPT_SOURCES = 8


class Placed(NamedTuple):
    """An upload as it went: its order second, the lines of each segment (first, end), and which of them were merged."""

    upload: Upload
    second: int
    spans: Mapping[int, tuple[int, int]]
    merged: Set[int]


@dataclass(frozen=True, slots=True)
class Statement:
    """One row at its position. `strength` decides between values of a field: the greatest wins."""

    position: int
    strength: int
    second: int
    index: int
    row: Row


def contacts(uploads: Iterable[Placed]) -> dict[str, Stored]:
    """The contacts of a workspace by match key."""
    said: dict[str, list[Statement]] = defaultdict(list)
    for placed in uploads:
        for statement in _statements(placed):
            said[statement.row.key].append(statement)
    return {key: _sum(key, statements) for key, statements in said.items()}


def _statements(placed: Placed) -> Iterator[Statement]:
    """The usable rows of the merged segments."""
    upload, second, spans, merged = placed
    rows = upload.rows
    lines = [row.line for row in rows]
    for index in merged & spans.keys():
        first, end = spans[index]
        # The header is a record like any other: it has a position, too.
        header = int(index == 0 and upload.format == "csv")
        for number, row in enumerate(rows[bisect_left(lines, first) : bisect_left(lines, end)], header):
            if row.key:
                position = (second << 31) + (index << 13) + number
                yield Statement(position, _strength(upload.existing, position), second, index, row)


def _strength(existing: Existing, position: int) -> int:
    """Whoever overwrites beats whoever fills; of those the last one wins, of these the first one stays."""
    return position if existing == "overwrite" else -position


def _sum(key: str, said: list[Statement]) -> Stored:
    fields: dict[str, tuple[int, str]] = {}
    sets: dict[str, tuple[int, str, int]] = {}
    custom: dict[str, tuple[int, str, int]] = {}
    for each in said:
        position, strength, row = each.position, each.strength, each.row
        for name, value in row.fields.items():
            fields[name] = max((strength, value), fields.get(name, (strength, value)))
        for element, (text, place) in row.sets.items():
            sets[element] = max((position, text, place), sets.get(element, (position, text, place)))
        for header, value in row.custom.items():
            custom[header] = max((strength, value, 0), custom.get(header, (strength, value, 0)))
    seconds = sorted({statement.second for statement in said})
    return Stored(
        key=key,
        fields=fields,
        sets=sets,
        custom=custom,
        sources=tuple(seconds if len(seconds) <= KEPT_SOURCES else seconds[:1] + seconds[1:][-KEPT_SOURCES:]),
        born=min(statement.position for statement in said),
        last=max(statement.position for statement in said),
        # Each segment writes a contact once.
        version=len({(statement.second, statement.index) for statement in said}),
    )
