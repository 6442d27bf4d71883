"""A block of plain rows as COPY text and as the contacts that are told, without a contact being made of any.

Byte for byte what `copytext` and `results` make of the same people: in a block nothing has to be escaped.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat

import msgspec

from app.core.contacts import NAME_PARTS, PARTS, SCALARS, Person, composed_name, stamp
from app.core.events import SegmentHeader
from app.core.positions import order_second, position
from app.core.reading.blocks import Block, Cells, Part, Place
from app.core.reading.plan import Existing
from app.core.reading.rows import ADDRESS_PARTS
from workers.importer import results
from workers.importer.copytext import NULL
from workers.importer.results import Sources
from workers.importer.store import Alike

_encode = msgspec.json.Encoder().encode


def apart(block: Block | None, people: Sequence[Person]) -> tuple[Block | None, list[Person]]:
    """The rows of contacts that have one row only, and everybody else, who has to be folded."""
    if block is None:
        return None, list(people)
    keys = block.keys()
    others = {person.match_key for person in people}
    if len(set(keys)) == len(keys) and others.isdisjoint(keys):
        return block, list(people)
    seen = Counter(keys)
    several = [seen[key] > 1 or key in others for key in keys]
    alone = None if all(several) else block.only([not each for each in several])
    return alone, [*block.only(several).people(), *people]


def lines(block: Block, ids: Sequence[str], segment: SegmentHeader, existing: Existing) -> list[str]:
    """A line of COPY text for each row, in their order; see `copytext.lines`."""
    at = [position(segment.order_second, segment.index, row) for row in block.rows]
    places, strengths = list(map(str, at)), [str(stamp(existing, each)) for each in at]
    filled = [cells for cells in block.scalars if cells]
    anything = map(any, zip(*filled, strict=True)) if filled else repeat(False)
    columns = (
        ids,
        block.keys(),
        *(cells or repeat("") for cells in block.scalars),
        [strength if some else "0" for strength, some in zip(strengths, anything, strict=False)],
        repeat(NULL),
        _sets(block, places),
        _custom(block, strengths),
        places,
        places,
    )
    return list(map("\t".join, zip(*columns, strict=False)))


def told(
    block: Block,
    ids: Sequence[str],
    second: int,
    alike: Sequence[Alike | None],
    sources: Sources,
    at: float,
) -> list[bytes]:
    """Each row as a contact that is as the import of this order second brought it; see `results.contact_out`.

    It was written at `at` (Unix seconds), and created if it has no member of `alike`.
    """
    updated = f',"updated_at":{_encode(at).decode()}'
    brought = f',"from":"{sources[second].import_id}"}}'
    new = f'","version":1{updated}'
    frames = [f'","version":{known.version}{updated}' if known else new for known in alike]
    columns = (
        [
            f'{{"id":"{id_[:8]}-{id_[8:12]}-{id_[12:16]}-{id_[16:20]}-{id_[20:]}{frame}'
            for id_, frame in zip(ids, frames, strict=True)
        ],
        *[_member(name, cells) for name, cells in zip(SCALARS, block.scalars, strict=True) if cells],
        *_list("emails", [_valued(part, brought) for part in block.emails]),
        *_list("phones", [_numbered(part, brought) for part in block.phones]),
        *_list("urls", [_valued(part, brought) for part in block.urls]),
        *_list("addresses", [_placed(place, brought) for place in block.addresses]),
        _labelled(block.labels),
        _tails(second, alike, sources),
        _composed_names(block.scalars),
        _own(block),
        repeat("}"),
    )
    return [line.encode() for line in map("".join, zip(*columns, strict=False))]


def _tails(second: int, alike: Sequence[Alike | None], sources: Sources) -> Cells:
    """What brought each contact, and its fields: the same for nearly all of them."""
    kinds = [((second,), second) if known is None else (known.sources, order_second(known.stamp)) for known in alike]
    tails = {kind: _tail(*kind, sources) for kind in set(kinds)}
    return [tails[kind] for kind in kinds]


def _tail(seconds: Sequence[int], origin: int, sources: Sources) -> str:
    brought = [sources[each] for each in seconds if each in sources]
    members = {"sources": brought, **results.origin(origin, brought, sources)}
    return "," + _encode(members).decode()[1:-1]


# --- the columns `sets` and `custom`


def _sets(block: Block, places: Cells) -> Iterator[str]:
    """`elements` of each row as JSON."""
    addresses = [Part(keys, keys, labels) for keys, labels in map(_address_keys, block.addresses)]
    marks = [
        *_marks("e", block.emails, places),
        *_marks("p", block.phones, places),
        *_marks("u", block.urls, places),
        *_marks("a", addresses, places),
    ]
    if any(block.labels):
        found = {labels: _label_marks(labels) for labels in set(block.labels)}
        marks.append([at.join(found[labels]) for at, labels in zip(places, block.labels, strict=True)])
    # Every row has an e-mail, so the first comma is always one too many.
    return (f"{{{row[1:]}}}" for row in map("".join, zip(*marks, strict=True)))


def _marks(letter: str, parts: Sequence[Part], places: Cells) -> Iterator[Cells]:
    capital = letter.upper()
    slots = [0] * len(places)
    for number, (values, raw, labels) in enumerate(parts, 1):
        yield [
            f',"{letter}{key}":[{at},"{"" if text == key else text}",{slot}]'
            + (f',"{capital}{key}":[{at},"{label}",0]' if label else "")
            if key
            else ""
            for key, text, label, at, slot in zip(values, raw, labels, places, slots, strict=True)
        ]
        if number < len(parts):
            slots = [slot + (key != "") for slot, key in zip(slots, values, strict=True)]


def _address_keys(place: Place) -> tuple[Cells, Cells]:
    """What makes an address itself, "" for none, and the labels."""
    cells = zip(*(part or repeat("") for part in place.parts), strict=False)
    return [PARTS.join(each) if any(each) else "" for each in cells], place.labels


def _label_marks(labels: Sequence[str]) -> list[str]:
    """The pieces between which the position of the row stands."""
    marks: dict[str, str] = {}
    for slot, label in enumerate(labels):
        key = label.casefold()
        marks.setdefault(key, f',"{"" if label == key else label}",{slot}]')
    pieces = [""]
    for key, rest in marks.items():
        pieces[-1] += f',"l{key}":['
        pieces.append(rest)
    return pieces


def _custom(block: Block, strengths: Cells) -> Iterable[str]:
    if not block.custom:
        return repeat("{}")
    columns = [
        [f',"c{key}":[{at},"{cell}",0]' if cell else "" for cell, at in zip(cells, strengths, strict=True)]
        for key, cells in block.custom
    ]
    return (f"{{{row[1:]}}}" for row in map("".join, zip(*columns, strict=True)))


# --- the members of a contact that is told


def _member(name: str, cells: Cells) -> Cells:
    return [f',"{name}":"{cell}"' if cell else "" for cell in cells]


def _list(name: str, slots: Sequence[Cells]) -> Iterator[Cells]:
    """The member `name` with what all slots of a row have; nothing if there are no slots."""
    if slots:
        cells = slots[0] if len(slots) == 1 else [",".join(filter(None, row)) for row in zip(*slots, strict=True)]
        yield [f',"{name}":[{cell}]' if cell else "" for cell in cells]


def _valued(part: Part, brought: str) -> Cells:
    return [
        f'{{"value":"{value}"{_label(label)}{brought}' if value else ""
        for value, label in zip(part.values, part.labels, strict=True)
    ]


def _numbered(part: Part, brought: str) -> Cells:
    return [
        f'{{"value":"{value}","raw":"{raw}"{_label(label)}{brought}' if value else ""
        for value, raw, label in zip(*part, strict=True)
    ]


def _placed(place: Place, brought: str) -> Cells:
    columns = [_member(name, cells) for name, cells in zip(ADDRESS_PARTS, place.parts, strict=True) if cells]
    rows = map("".join, zip(*columns, strict=True))
    return [
        f"{{{row[1:]}{_label(label)}{brought}" if row else "" for row, label in zip(rows, place.labels, strict=True)
    ]


def _label(label: str) -> str:
    return f',"label":"{label}"' if label else ""


def _labelled(labels: Sequence[tuple[str, ...]]) -> Iterable[str]:
    if not any(labels):
        return repeat("")
    found: dict[tuple[str, ...], str] = {}
    for each in set(labels):
        shown: dict[str, str] = {}
        for label in each:
            shown.setdefault(label.casefold(), label)
        found[each] = f',"labels":{_encode(list(shown.values())).decode()}' if each else ""
    return [found[each] for each in labels]


def _composed_names(scalars: Sequence[Cells | None]) -> Iterable[str]:
    """The member `name` of those that have none of their own; it is said even where it is empty."""
    own, *parts = scalars[: 1 + NAME_PARTS]
    filled = [cells for cells in parts if cells]
    composed: Iterable[str] = repeat("")
    if any(not "".join(cells).isascii() for cells in filled):
        composed = map(composed_name, *(cells or repeat("") for cells in parts))
    elif filled:
        composed = [" ".join(filter(None, row)) for row in zip(*filled, strict=True)]
    if own is None:
        return (f',"name":"{name}"' for name in composed)
    return ["" if mine else f',"name":"{name}"' for mine, name in zip(own, composed, strict=False)]


def _own(block: Block) -> Iterable[str]:
    if not block.custom:
        return repeat("")
    columns = [[f',"{key}":"{cell}"' if cell else "" for cell in cells] for key, cells in block.custom]
    rows = map("".join, zip(*columns, strict=True))
    return [f',"custom":{{{row[1:]}}}' if row else "" for row in rows]
