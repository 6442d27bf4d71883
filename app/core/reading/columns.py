"""Header cells and sample values -> columns: which field each one is, how sure that is, and why.

The name of a column comes first (`names.py`, `headers/`): as the product writes it whose headers most of these are,
then in the language most of these are in, then in any. A name that nobody knows may be misspelt, or known in part.
Then its cells are looked at (`looks.py`): they decide alone, agree or disagree (`agreement.py`). At last all columns
are seen together (`context.py`). What is left is kept as a custom field under its header.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

import msgspec

from app.core.reading import agreement, context, spelling, values
from app.core.reading.looks import Cells
from app.core.reading.looks import is_value as is_value
from app.core.reading.meaning import Guess, meaning
from app.core.reading.names import Language, Product, lists, readings
from app.core.reading.names import folded as folded
from app.core.reading.names import known as known
from app.core.reading.plan import Column, FieldName, Part

HEADER_CHARACTERS = 200
KEY_CHARACTERS = 100
LABEL_CHARACTERS = 64
USABLE: frozenset[FieldName] = frozenset({"name", "given", "family", "company", "emails", "phones"})
"""A file without any of these has nobody in it."""

OURS = re.compile(r"addressbus:(?:line|code|message)")
"""What our own list of rejected rows adds to a file."""

MOST_WORDS = 12
"""A longer header is known as a whole or not at all."""

_CELLS = 6_000
"""About so many cells of a file are looked at, at most 60 and at least 12 of a column: a wide file takes no longer."""
_SLOTTED: frozenset[FieldName] = frozenset({"emails", "phones", "urls", "addresses"})


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


def recognise(headers: Sequence[str] | None, rows: Sequence[Sequence[str]]) -> tuple[list[Column], list[Seen]]:
    """The columns of a file, by its header cells (None: it has none) and some of its rows."""
    width = len(headers) if headers is not None else max(map(len, rows), default=0)
    samples = _samples(rows, width)
    if headers is None:
        headers = [""] * width
        candidates = context.without_header(samples)
    else:
        keys = [folded(header[:300]) for header in headers]
        product, spoken = _product(keys), _languages(keys)
        candidates = [
            _candidates(header, key, cells, product, spoken)
            for header, key, cells in zip(headers, keys, samples, strict=True)
        ]
    chosen = context.together([found[0] for found in candidates], samples)
    columns = _columns(chosen, headers, samples)
    seen = [
        Seen(
            index=column.index,
            header=column.header or "",
            field=column.field,
            confidence=round(guess.confidence, 2),
            reason=guess.reason,
            samples=tuple(cell[:200] for cell in samples[column.index].cells[:3]),
            others=_others(candidates[column.index], guess),
        )
        for column, guess in zip(columns, chosen, strict=True)
    ]
    return columns, seen


def header_of(header: str, index: int) -> str:
    """A header as plans hold it; a column without one is called by its number."""
    return values.clean(header)[:HEADER_CHARACTERS] or f"Column {index + 1}"


def _samples(rows: Sequence[Sequence[str]], width: int) -> list[Cells]:
    most = max(12, min(60, _CELLS // max(width, 1)))
    return [Cells(tuple(islice(_filled(rows, index), most))) for index in range(width)]


def _filled(rows: Sequence[Sequence[str]], index: int) -> Iterator[str]:
    for row in rows:
        if index < len(row) and (cell := row[index].strip()):
            yield cell


# --- whose headers these are


def _product(keys: Sequence[str]) -> Product | None:
    there = {key for key in keys if key}
    best: tuple[int, Product] | None = None
    for product in lists().products:
        hits = sum(product.guess(key) is not None for key in there)
        mostly = hits >= 6 and hits >= 0.8 * len(there)
        if (mostly or len(product.marks & there) >= 2) and (best is None or hits > best[0]):
            best = hits, product
    return best[1] if best else None


def _languages(keys: Sequence[str]) -> list[Language]:
    """The languages these headers may be in, the likeliest first: a header that few know counts for more."""
    score = {"English": 0.01}
    for key in keys:
        found = readings(key)
        for name, guess in found:
            score[name] = score.get(name, 0.0) + (0.3 if guess.field == "custom" else 1.0) / len(found)
    return [lists().languages[name] for name in sorted(score, key=lambda name: -score[name])]


# --- what a column may be


def _candidates(
    header: str, key: str, cells: Cells, product: Product | None, spoken: Sequence[Language]
) -> list[Guess]:
    """What a column may be, the likeliest first."""
    if OURS.fullmatch(header.strip()):
        return [Guess(field="none", confidence=1.0, reason="added by our list of rejected rows")]
    if not cells and not header.strip():
        return [Guess(field="none", confidence=1.0, reason="it is empty")]
    found = _by_name(key, product, spoken)
    if not found:
        found = _by_part_of_name(Asked(header, key.split(), cells), spoken)
    found = [agreement.weighed(guess, cells) for guess in found]
    by_values = context.by_values(cells)
    if by_values is not None and all(by_values.field != guess.field for guess in found):
        found.append(replace(by_values, group=key))
    if all(guess.field != "custom" for guess in found):
        found.append(Guess(field="custom", confidence=0.3, reason=_why_custom(header, cells)))
    return sorted(found, key=lambda guess: -guess.confidence)


def _why_custom(header: str, cells: Cells) -> str:
    if not header.strip():
        return "it has no header"
    if not cells:
        return "it is empty in the first rows; what comes later is kept"
    return "nobody knows this header: kept as a field of its own"


def _by_name(key: str, product: Product | None, spoken: Sequence[Language]) -> list[Guess]:
    found = []
    by_product = product.guess(key) if product else None
    if by_product is not None and product is not None:
        found.append(replace(by_product, bare=False, confidence=1.0, reason=f"a column of {product.name}"))
    by_language = dict(readings(key))
    ranked = [language.name for language in spoken if language.name in by_language]
    for place, name in enumerate(ranked):
        guess = by_language[name]
        if all((guess.field, guess.part) != (other.field, other.part) for other in found):
            sure = 0.95 if place == 0 else 0.5 - 0.05 * min(place, 5)
            found.append(replace(guess, confidence=sure, reason=f"a usual name for it ({name})"))
    if not found and " " in key:
        other = known(key)
        if other is not None:
            found.append(replace(other, confidence=0.8, reason="another product calls it so"))
    return found


class Asked(NamedTuple):
    """A column whose name no list has: as it is written, its words, its cells."""

    header: str
    tokens: Sequence[str]
    cells: Cells


def _by_part_of_name(asked: Asked, spoken: Sequence[Language]) -> list[Guess]:
    """A name that no list has: only a label, misspelt, or with words that nobody knows around one we know."""
    if not 0 < len(asked.tokens) <= MOST_WORDS:
        return []
    near = tuple(dict.fromkeys((*spoken[:2], *lists().starts.get(asked.tokens[0], ())[:3])))
    for way in (_as_label, _as_misspelt, _as_part):
        found = [guess for guess in (way(asked, language) for language in near) if guess is not None]
        if found:
            return [min(found, key=lambda guess: len(guess.whose))]
    return []


def _as_label(asked: Asked, language: Language) -> Guess | None:
    """A column that is called "Work" or "Privat" is what its cells are."""
    parsed = language.parse(asked.tokens)
    if parsed.unknown or parsed.nouns or len(parsed.labels) != 1:
        return None
    guess = context.by_values(asked.cells)
    if guess is None or guess.field not in _SLOTTED:
        return None
    label = parsed.labels[0]
    return replace(guess, label=label, group=label, confidence=0.8, reason=f"named so, and {guess.reason}")


def _as_misspelt(asked: Asked, language: Language) -> Guess | None:
    mended = spelling.mended(asked.tokens, language)
    guess = language.guess(" ".join(mended.tokens)) if mended is not None else None
    if mended is None or guess is None or guess.field in {"none", "custom"}:
        return None
    sure, reason = (0.7, "misspelt, it seems") if mended.misspelt else (0.9, "a usual name for it")
    return replace(guess, confidence=sure, reason=f"{reason} ({language.name})")


def _as_part(asked: Asked, language: Language) -> Guess | None:
    """The other words say whose it is: "Telefon Mutter" is a phone with the label "Mutter"."""
    parsed = language.parse(asked.tokens)
    guess = meaning(parsed)
    if guess is None or not agreement.may_be_in_part(guess, asked.cells):
        return None
    whose = " ".join(parsed.unknown)
    label = guess.label
    if label is None and guess.field in _SLOTTED and guess.part is None:
        at = asked.header.casefold().find(whose)
        label = asked.header[at : at + len(whose)][:LABEL_CHARACTERS] if at >= 0 else None
    reason = f"a part of its name is usual for it ({language.name})"
    return replace(guess, label=label, group=f"{guess.group} {whose}", whose=whose, confidence=0.6, reason=reason)


# --- columns


def _columns(guesses: Sequence[Guess], headers: Sequence[str], samples: Sequence[Cells]) -> list[Column]:
    slots: dict[tuple[FieldName, str], int] = {}
    counts: Counter[FieldName] = Counter()
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
            counts[guess.field] += (guess.field, group) not in slots
            slot = slots.setdefault((guess.field, group), counts[guess.field])
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


_BETWEEN_LABELS = (";", ":::", ",", "|")


def _split(guess: Guess, cells: Cells) -> str | None:
    """What stands between the labels of a cell: as its program does it, unless its cells show something else."""
    if guess.field != "labels" or guess.split == ":::":  # which nobody would ever write otherwise
        return guess.split
    counts = {mark: sum(mark in cell for cell in cells.cells) for mark in _BETWEEN_LABELS}
    best = max(_BETWEEN_LABELS, key=lambda mark: counts[mark])
    return guess.split if guess.split and (counts[guess.split] or not counts[best]) else best


def _others(guesses: Sequence[Guess], taken: Guess) -> tuple[Other, ...]:
    return tuple(
        Other(field=guess.field, part=guess.part, label=guess.label, confidence=round(guess.confidence, 2))
        for guess in guesses
        if (guess.field, guess.part) != (taken.field, taken.part)
    )[:3]
