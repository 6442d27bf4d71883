"""Header cells and sample values -> columns: which field each one is, how sure that is, and why.

What headers are called is data: `headers/*.json`, one file per product that writes address books. A file that has
mostly the headers of one product is read by that product's list first, then by all lists together; a header nobody
knows is judged by its values, and else kept as a custom field.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from app.core.reading import values
from app.core.reading.plan import Column, FieldName, Part

HEADER_CHARACTERS = 200
KEY_CHARACTERS = 100
USABLE: frozenset[FieldName] = frozenset({"name", "given", "family", "company", "emails", "phones"})
"""A file without any of these has nobody in it."""

OURS = re.compile(r"addressbus:(?:line|code|message)")
"""What our own list of rejected rows adds to a file."""

_SAMPLED = 100
_SLOTTED: frozenset[FieldName] = frozenset({"emails", "phones", "urls", "addresses"})
_REPEATABLE: frozenset[FieldName] = _SLOTTED | {"none", "custom", "labels"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What a column may be. Columns of one `group` describe one value, such as an address."""

    field: FieldName
    part: Part | None = None
    label: str | None = None
    split: str | None = None
    group: str = ""
    confidence: float = 0.0
    reason: str = ""


class Other(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A runner-up."""

    field: FieldName
    part: Part | None = None
    label: str | None = None
    confidence: float


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A column for the preview: what it was taken for, from 0 (a guess) to 1 (certain), why, and what it holds."""

    index: int
    header: str
    field: FieldName
    confidence: float
    reason: str
    samples: tuple[str, ...]
    others: tuple[Other, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """The headers of one product."""

    name: str
    headers: Mapping[str, Guess] = field(default_factory=dict)

    def guess(self, key: str) -> Guess | None:
        """What a header (as `folded`) is; `{n}` in a list stands for a number."""
        exact = self.headers.get(key)
        if exact is not None:
            return exact if exact.group else replace(exact, group=key)
        numbers = re.findall(r"\b\d{1,2}\b", key)
        if len(numbers) != 1:
            return None
        found = self.headers.get(re.sub(r"\b\d{1,2}\b", "{n}", key))
        if found is None:
            return None
        return replace(found, group=found.group.replace("{n}", f"#{numbers[0]}") or key)


def folded(header: str) -> str:
    """A header as it is looked up: case, accents' form, punctuation and camel case make no difference."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFC", header)).casefold()
    return " ".join(re.findall(r"[^\W_]+|\{n\}", text.replace("'", "").replace("’", "")))


@cache
def families() -> tuple[Family, ...]:
    """All lists, the plain one last."""
    folder = files(__package__) / "headers"
    found = [_family(json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.iterdir(), key=str)]
    return tuple(sorted(found, key=lambda family: not family.name))


@cache
def known(key: str) -> Guess | None:
    """What any list makes of a header, the plain one first."""
    return next((guess for guess in (family.guess(key) for family in reversed(families())) if guess), None)


def _family(data: dict[str, Any]) -> Family:
    headers = {
        folded(header): Guess(**({"field": entry} if isinstance(entry, str) else entry))
        for header, entry in data["headers"].items()
    }
    return Family(data["name"], headers)


def recognise(headers: Sequence[str] | None, rows: Sequence[Sequence[str]]) -> tuple[list[Column], list[Seen]]:
    """The columns of a file, by its header cells (None: it has none) and some of its rows."""
    width = len(headers) if headers is not None else max(map(len, rows), default=0)
    samples = [[row[index].strip() for row in rows[:_SAMPLED] if index < len(row)] for index in range(width)]
    samples = [[cell for cell in cells if cell] for cells in samples]
    if headers is None:
        headers = [""] * width
        candidates = _by_values_alone(samples)
    else:
        product = _product(headers)
        candidates = [_candidates(header, cells, product) for header, cells in zip(headers, samples, strict=True)]
    chosen = _without_rivals([found[0] for found in candidates], samples)
    columns = _columns(chosen, headers, samples)
    seen = [
        Seen(
            index=column.index,
            header=column.header or "",
            field=column.field,
            confidence=guess.confidence,
            reason=guess.reason,
            samples=tuple(cell[:200] for cell in samples[column.index][:3]),
            others=_others(candidates[column.index], column.field),
        )
        for column, guess in zip(columns, chosen, strict=True)
    ]
    return columns, seen


def header_of(header: str, index: int) -> str:
    """A header as plans hold it; a column without one is called by its number."""
    return unicodedata.normalize("NFC", header).strip()[:HEADER_CHARACTERS] or f"Column {index + 1}"


def _product(headers: Sequence[str]) -> Family | None:
    keys = [key for key in map(folded, headers) if key]
    best: tuple[int, Family] | None = None
    for family in families():
        hits = sum(family.guess(key) is not None for key in keys)
        if family.name and hits >= 4 and hits >= 0.7 * len(keys) and (best is None or hits > best[0]):
            best = hits, family
    return best[1] if best else None


def _candidates(header: str, cells: Sequence[str], product: Family | None) -> list[Guess]:
    """What a column may be, the likeliest first."""
    if OURS.fullmatch(header.strip()):
        return [Guess(field="none", confidence=1.0, reason="added by our list of rejected rows")]
    key = folded(header)
    found: list[Guess] = []
    by_product = product.guess(key) if product else None
    if by_product is not None and product is not None:
        found.append(replace(by_product, confidence=1.0, reason=f"a column of {product.name}"))
    by_name = known(key)
    if by_name is not None:
        found.append(replace(by_name, confidence=0.9, reason="a usual name for it"))
    by_values = _by_values(cells)
    if by_values is not None and all(by_values.field != guess.field for guess in found):
        found.append(replace(by_values, group=key))
    found = [_doubted(guess, cells) for guess in found]
    if not found or all(guess.field != "custom" for guess in found):
        reason = "nobody knows this header: kept as a field of its own" if header.strip() else "it has no header"
        found.append(Guess(field="custom", confidence=0.3, reason=reason))
    if not cells and not header.strip():
        found.insert(0, Guess(field="none", confidence=1.0, reason="it is empty"))
    return sorted(found, key=lambda guess: -guess.confidence)


def _share(cells: Sequence[str], fits: Callable[[str], object]) -> float:
    return sum(1 for cell in cells if fits(cell)) / len(cells) if cells else 0.0


_PHONE = re.compile(r"[+(]?[\d][\d ()./\-]{5,24}(?: ?(?:x|ext\.?) ?\d{1,6})?")
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)


def is_phone(cell: str) -> bool:
    """Whether a cell looks like a phone number and not like any other number, or a date."""
    if not _PHONE.fullmatch(cell) or values.date(cell, "dmy") is not None:
        return False
    digits = sum(map(str.isdigit, cell))
    return 7 <= digits <= 17 and (cell[0] in "+(0" or (not cell.isdigit() and cell.count(".") != 1))


def is_link(cell: str) -> bool:
    """Whether a cell looks like an address on the web."""
    return _LINK.fullmatch(cell) is not None


def is_value(cell: str) -> bool:
    """Whether a cell looks like data, not like the name of a column."""
    return is_email(cell) or is_phone(cell) or is_link(cell) or values.date(cell, "dmy") is not None


def is_email(cell: str) -> bool:
    """Whether a cell holds e-mail addresses and nothing else."""
    return "@" in cell and values.emails(cell) is not None


_LOOKS: tuple[tuple[FieldName, Callable[[str], object], str], ...] = (
    ("emails", is_email, "most of its cells are e-mail addresses"),
    ("urls", is_link, "most of its cells are links"),
    ("phones", is_phone, "most of its cells look like phone numbers"),
)


def _by_values(cells: Sequence[str]) -> Guess | None:
    for name, fits, reason in _LOOKS:
        if cells and _share(cells, fits) >= 0.8:
            return Guess(field=name, confidence=0.7, reason=reason)
    return None


def _doubted(guess: Guess, cells: Sequence[str]) -> Guess:
    """Less sure of a header whose cells say otherwise."""
    if guess.part == "label" or not cells:
        return guess
    if guess.field == "emails" and _share(cells, is_email) < 0.3:
        return replace(guess, confidence=0.4, reason="named so, but few of its cells are e-mail addresses")
    if guess.field in {"name", "given", "family"} and _share(cells, is_email) > 0.5:
        return replace(guess, confidence=0.4, reason="named so, but most of its cells are e-mail addresses")
    return guess


def _by_values_alone(samples: Sequence[Sequence[str]]) -> list[list[Guess]]:
    """Columns without headers. Names are looked for in the first columns that hold words.

    In a file without any e-mail address or phone number they must really look like names: it may be any text.
    """
    found: list[list[Guess]] = []
    for index, cells in enumerate(samples):
        guess = _by_values(cells)
        found.append([replace(guess, group=f"column {index}")] if guess else [])
    fits = _is_wordy if any(guesses and guesses[0].field in USABLE for guesses in found) else _is_name
    words = [index for index, cells in enumerate(samples) if not found[index] and _share(cells, fits) >= 0.8]
    for index in range(len(samples)):
        found[index].append(Guess(field="none", confidence=0.3, reason="nothing tells what it is"))
    if not words:
        return found
    first = words[0]
    names: list[tuple[int, FieldName, Part | None]] = [(first, "name", "full")]
    if words[1:2] == [first + 1] and _share(samples[first], lambda cell: " " in cell) < 0.5:
        names = [(first, "given", None), (first + 1, "family", None)]
    for index, name, part in names:
        found[index].insert(0, Guess(field=name, part=part, confidence=0.5, reason="its cells look like names"))
    return found


def _is_wordy(cell: str) -> bool:
    return len(cell) <= 60 and any(map(str.isalpha, cell)) and not any(map(str.isdigit, cell))


def _is_name(cell: str) -> bool:
    words = cell.split()
    return _is_wordy(cell) and 2 <= len(words) <= 4 and all(not word[0].islower() for word in words)


def _without_rivals(guesses: list[Guess], samples: Sequence[Sequence[str]]) -> list[Guess]:
    """One column per single value: of several the surest keeps it, the others are kept as custom fields."""
    best: dict[tuple[FieldName, Part | None], int] = {}
    for index, guess in enumerate(guesses):
        if guess.field in _REPEATABLE:
            continue
        place = guess.field, guess.part
        rival = best.get(place)
        if rival is None or (guess.confidence, bool(samples[index])) > (
            guesses[rival].confidence,
            bool(samples[rival]),
        ):
            best[place] = index
    return [
        guess
        if guess.field in _REPEATABLE or best[guess.field, guess.part] == index
        else Guess(field="custom", confidence=0.5, reason=f"another column is the {guess.field} already")
        for index, guess in enumerate(guesses)
    ]


def _columns(guesses: Sequence[Guess], headers: Sequence[str], samples: Sequence[Sequence[str]]) -> list[Column]:
    slots: dict[tuple[FieldName, str], int] = {}
    filled: set[tuple[FieldName, str, Part | None]] = set()
    keys: set[str] = set()
    columns = []
    for index, guess in enumerate(guesses):
        header = header_of(headers[index], index)
        slot = None
        part = guess.part
        if guess.field in _SLOTTED:
            group = guess.group
            # The same e-mail header twice is two addresses, not one on two lines.
            if guess.field != "addresses" and (guess.field, group, part) in filled:
                group = f"{group} {index}"
            filled.add((guess.field, group, part))
            slot = slots.setdefault((guess.field, group), 1 + sum(name == guess.field for name, _ in slots))
            part = part or "value"
        if slot is not None and slot > 99:
            guess, slot, part = Guess(field="custom"), None, None
        columns.append(
            Column(
                index=index,
                header=header,
                field=guess.field,
                part=part,
                slot=slot,
                label=guess.label,
                split=_split(guess, samples[index]),
                key=_fresh(header[:KEY_CHARACTERS], keys) if guess.field == "custom" else None,
            )
        )
    return columns


def _fresh(key: str, taken: set[str]) -> str:
    number, fresh = 1, key
    while fresh in taken:
        number += 1
        fresh = f"{key[: KEY_CHARACTERS - 6]} ({number})"
    taken.add(fresh)
    return fresh


def _split(guess: Guess, cells: Sequence[str]) -> str | None:
    if guess.split or guess.field != "labels":
        return guess.split
    return max((":::", ";", ",", "|"), key=lambda mark: sum(mark in cell for cell in cells)) if cells else ";"


def _others(guesses: Sequence[Guess], taken: FieldName) -> tuple[Other, ...]:
    return tuple(
        Other(field=guess.field, part=guess.part, label=guess.label, confidence=guess.confidence)
        for guess in guesses
        if guess.field != taken
    )[:3]
