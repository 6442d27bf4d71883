"""What the words of a header mean together: "Telefon geschäftlich 2" is a phone, at work, the second one.

A word means `field`, `field.part` or `field:label` (a noun), `+label` (it goes with a noun), or
`-` (it adds nothing).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from app.core.reading.plan import FieldName, Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What a column may be. Columns of one `group` describe one value, such as an address.

    `line` numbers the lines of a street: the second may turn out to be a second address. `bare` is what its cells and
    other columns can change: a "Name" beside first names, a "Title" before a "Job Title", a priority that differs.
    `whose` are words that nobody knows: "mutter" in "Name der Mutter".
    """

    field: FieldName
    part: Part | None = None
    label: str | None = None
    split: str | None = None
    group: str = ""
    line: int = 0
    bare: bool = False
    whose: str = ""
    confidence: float = 0.0
    reason: str = ""


class Parsed(NamedTuple):
    """The words of a header: what they mean, in order, with the words that mean nothing to us."""

    nouns: tuple[str, ...]
    labels: tuple[str, ...]
    number: int | None
    unknown: tuple[str, ...]


_CONTACT = ("emails", "phones:mobile", "phones:fax", "phones:pager", "phones", "urls")
_PLACE = (
    "addresses.street",
    "addresses.postal_code",
    "addresses.city",
    "addresses.country",
    "addresses.region",
    "addresses.whole",
)
_RANK = (
    *_CONTACT,
    *_PLACE,
    "birthday.year",
    "birthday.month",
    "birthday.day",
    "birthday.whole",
    "name.last_first",
    "name.full",
    "given",
    "middle",
    "family",
    "nickname",
    "prefix",
    "suffix",
    "department",
    "title",
    "company",
    "labels",
    "notes",
    "name",
)
_ABSORBS: dict[str, frozenset[str]] = {
    "emails": frozenset({"addresses.whole", "addresses.street", "company", "emails"}),
    "phones": frozenset({"phones", "phones:mobile", "company"}),
    "urls": frozenset({"addresses.whole", "company"}),
    "addresses": frozenset({"addresses.whole", "company"}),
    "name": frozenset({"name"}),
    "given": frozenset({"name"}),
    "middle": frozenset({"name", "given"}),
    "family": frozenset({"name"}),
    "nickname": frozenset({"name"}),
    "prefix": frozenset({"name"}),
    "suffix": frozenset({"name"}),
    "company": frozenset({"name"}),
    "department": frozenset({"name", "company"}),
    "title": frozenset({"company", "name"}),
    "labels": frozenset({"name", "emails"}),
    "birthday": frozenset({"birthday.whole"}),
}
"""Nouns that say nothing more beside another one: an "e-mail address" is an e-mail, a "company phone" one at work."""
_TOGETHER: dict[frozenset[str], str] = {
    frozenset({"addresses.country", "addresses.region"}): "addresses.country",
    frozenset({"emails", "name"}): "none",
    frozenset({"emails", "name.full"}): "none",
    frozenset({"emails", "nickname"}): "none",
    frozenset({"title", "prefix"}): "prefix",
}
_PARTS_OF_PLACES = frozenset(_PLACE) - {"addresses.whole"}
_FULL = frozenset({"given", "middle", "family", "name", "prefix", "suffix"})
_SLOTTED = frozenset({"emails", "phones", "urls", "addresses"})


def meaning(parsed: Parsed) -> Guess | None:
    """What the words of a header mean together; None if nothing, or two things."""
    nouns = [noun for noun in parsed.nouns if noun != "label"]
    about_label = len(nouns) < len(parsed.nouns)
    if "custom" in nouns or "none" in nouns:
        return Guess(field="custom") if "custom" in nouns else Guess(field="none", bare=True)
    noun = _one_of(nouns)
    if noun is None:
        return None
    if noun == "none":
        return Guess(field="none")
    path, _, own_label = noun.partition(":")
    field, _, part = path.partition(".")
    if field == "addresses" and part == "whole" and parsed.number is not None:
        part = "street"
    company = "company" in nouns and field in _SLOTTED
    label = _label(field, own_label, (*parsed.labels, "work") if company and not parsed.labels else parsed.labels)
    if label is None:
        return None
    number = parsed.number or 1
    if field not in _SLOTTED:
        # A person has one company: the second one is kept under its header.
        kept = number > 1 or label not in {"", "work", "home", "main", "billing"}
        if kept and field != "labels" and not (field == "notes" and label):
            return Guess(field="custom")
        part = part or ("full" if field == "name" else "")
        return Guess(field=cast(FieldName, field), part=cast(Part, part) if part else None, bare=noun == "name")
    # "Street 2" is the second line of an address, until other columns say otherwise.
    line = number if field == "addresses" and part == "street" else 0
    group = label or ("main" if field == "addresses" else own_label)
    if number > 1 and not line:
        group = f"{group}#{number}"
    if about_label:
        part = "label"
    return Guess(
        field=cast(FieldName, field),
        part=cast(Part, part) if part else None,
        label=None if about_label else label or None,
        group=group,
        line=line,
    )


def _one_of(nouns: Sequence[str]) -> str | None:
    """The noun that the others belong to."""
    found = frozenset(nouns)
    if found in _TOGETHER:
        return _TOGETHER[found]
    if len(found) > 1 and found <= _PARTS_OF_PLACES:
        # "City, State Zip" is more than a city, but there is no better place for it.
        return "addresses.whole" if "addresses.street" in found else "addresses.city"
    if len(found) > 1 and found <= _FULL and {"given", "family"} <= found:
        return "name.last_first" if nouns.index("family") < nouns.index("given") else "name.full"
    best = min(found, key=_rank, default=None)
    if best is None:
        return None
    absorbed = _ABSORBS.get(re.split(r"[.:]", best)[0], frozenset())
    return best if found - {best} <= absorbed or _together_with_company(found, best) else None


def _rank(noun: str) -> int:
    return _RANK.index(noun if noun in _RANK else noun.partition(":")[0])


def _together_with_company(found: frozenset[str], best: str) -> bool:
    rest = found - {"company"}
    return "company" in found and best in rest and _TOGETHER.get(rest) == best


def _label(field: str, own: str, labels: Sequence[str]) -> str | None:
    """The label that words such as "work" and "fax" make together; None if they are at odds."""
    places = [label for label in labels if label != "main"]
    if len(places) > 1:
        return None
    place = places[0] if places else ""
    if field != "phones":
        return own or place
    if own == "fax":
        return f"{place} fax" if place in {"home", "work"} else "fax"
    if own == "mobile":
        return "work mobile" if place == "work" else "mobile"
    return own or place or ("main" if labels else "")
