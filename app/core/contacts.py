"""A contact, who it is, and how two versions of it become one (design.md section 5)."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Literal, NamedTuple
from uuid import UUID, uuid5

import idna
import msgspec

from app.core.positions import order_second, position
from app.core.reading.plan import Existing

SCALARS = (
    "name",
    "prefix",
    "given",
    "middle",
    "family",
    "suffix",
    "nickname",
    "company",
    "department",
    "title",
    "birthday",
    "notes",
)
"""The single-valued fields, in the order in which values and stamps are kept everywhere."""
NAME_PARTS = 5
"""So many fields behind `name` are what a name is composed of."""


class Email(NamedTuple):
    value: str
    label: str = ""


class Phone(NamedTuple):
    """`value` is E.164 or empty when the number is doubtful; `raw` is what the file said."""

    value: str
    raw: str
    label: str = ""


class Address(NamedTuple):
    street: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""
    label: str = ""


class Url(NamedTuple):
    value: str
    label: str = ""


class Person(NamedTuple):
    """One usable row, normalised: what it says about one contact, before any merging.

    `row` is the 0-based record in its segment (header rows count as records, so that it is a
    position), `line` the 1-based line in the file, `scalars` has one text per name in SCALARS, "" = empty.
    """

    row: int
    line: int
    match_key: str
    scalars: tuple[str, ...]
    emails: tuple[Email, ...] = ()
    phones: tuple[Phone, ...] = ()
    addresses: tuple[Address, ...] = ()
    urls: tuple[Url, ...] = ()
    labels: tuple[str, ...] = ()
    custom: tuple[tuple[str, str], ...] = ()


def full_name(scalars: Sequence[str]) -> str:
    """The name as given or, where a row has none, composed of its parts."""
    return scalars[0] or composed_name(*scalars[1 : 1 + NAME_PARTS])


_EAST_ASIAN = re.compile(
    "[\u1100-\u11ff\u2e80-\u2fdf\u3005-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff]"
)


def composed_name(prefix: str, given: str, middle: str, family: str, suffix: str) -> str:
    """The parts of a name, the given name first; those of China, Japan and Korea begin with the family."""
    if family >= "\u1100" and _EAST_ASIAN.match(family) and _EAST_ASIAN.match(given):
        given, family = family, given
    return " ".join(filter(None, (prefix, given, middle, family, suffix)))


def fold_email(value: str) -> str:
    """An e-mail as identity sees it: case is folded and the domain is in its ASCII (IDNA) form."""
    if value.isascii():
        return value.lower()
    local, _, domain = value.rpartition("@")
    return f"{unicodedata.normalize('NFC', local).casefold()}@{_fold_domain(domain)}"


@lru_cache(maxsize=65_536)
def _fold_domain(domain: str) -> str:
    if domain.isascii():
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return domain.casefold()


def fold_text(value: str) -> str:
    """A text as identity sees it: compatibility forms, case and runs of white space make no difference."""
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())


def match_key(
    scalars: Sequence[str],
    emails: Sequence[Email] = (),
    phones: Sequence[Phone] = (),
    addresses: Sequence[Address] = (),
    urls: Sequence[Url] = (),
    custom: Sequence[tuple[str, str]] = (),
    *,
    provider: tuple[str, str, str] | None = None,
) -> str | None:
    """Who a normalised row is about; None when nothing in it identifies anyone (`no_identity`).

    `emails` are valid ones only, `provider` is (provider, account, provider id). Labels do not count: they
    say what we think of somebody, and the same file imported under another label is the same people.
    """
    if emails:
        return _bounded("e:" + fold_email(emails[0].value))
    if provider is not None:
        return _bounded("i:" + "\x1f".join(provider))
    name = full_name(scalars)
    number = next((phone.value for phone in phones if phone.value), "")
    if number:
        return _bounded(f"p:{number} {fold_text(name)}")
    if name or phones or scalars[SCALARS.index("company")]:
        row = msgspec.json.encode((scalars, phones, addresses, urls, custom))
        return "n:" + hashlib.sha256(row).hexdigest()[:32]
    return None


def contact_id(workspace: UUID, key: str) -> UUID:
    """The contact's id, the same in every data centre."""
    return uuid5(workspace, key)


def _bounded(key: str) -> str:
    # A key is part of an index entry, which has room for 2,700 bytes.
    if len(key) <= 256:
        return key
    return key[:2] + hashlib.sha256(key.encode()).hexdigest()


Mark = tuple[int, str, int]
"""What is known of one element: the position (or stamp) that wrote it, its text, its place in its row.
The greatest wins."""

KEPT_SOURCES = 8
PARTS = "\x7f"
"""Between the parts of an address in its key: no text has it, and neither JSON nor COPY has to escape it."""
REMOVED = "-"
"""Before an element's key: the position at which someone removed it. It is shown while *added* is higher."""


class Contact(NamedTuple):
    """All that is known of one contact; two of them with one match key merge into one, in any order.

    `values` and `stamps` run along SCALARS; a stamp is None where nothing was ever written. `sets` has the elements
    of all sets under one-letter kinds (see `elements`), with positions; `custom` has c + header, with stamps.
    `sources` are order seconds, ascending: the first and the 8 highest imports. `born` and `last` are the least and
    the highest position merged; whatever is not above `deletion` is gone.
    """

    match_key: str
    values: tuple[str, ...]
    stamps: tuple[int | None, ...]
    sets: dict[str, Mark]
    custom: dict[str, Mark]
    sources: tuple[int, ...]
    born: int
    last: int
    deletion: int | None = None


Outcome = Literal["created", "updated", "unchanged", "duplicate"]


def stamp(existing: Existing, at: int) -> int:
    """How strong the row at position `at` writes: overwrite beats what is below it; filling, what comes first stays."""
    return at if existing == "overwrite" else -at


def fresh(person: Person, at: int, existing: Existing) -> Contact:
    """One row, at position `at`, as a contact of its own."""
    strength = stamp(existing, at)
    stamps = tuple([strength if value else None for value in person.scalars])
    custom = {"c" + header: (strength, value, 0) for header, value in person.custom if value} if person.custom else {}
    sources = (order_second(at),)
    return Contact(person.match_key, person.scalars, stamps, elements(person, at), custom, sources, at, at)


def elements(person: Person, at: int) -> dict[str, Mark]:
    """The elements of a row's sets. Key: a letter for the kind and what makes the element itself.

    e, p, u, a, l: an e-mail, phone, link, address or label; its text is how it was written, "" when that is
    the key itself. The capital letter: the element's own label, a mark apart, so that an empty one erases nothing.
    """
    found: dict[str, Mark] = {}
    for slot, (value, label) in enumerate(person.emails):
        key = fold_email(value)
        _add(found, "e", key, (at, "" if value == key else value, slot), label)
    for slot, (value, raw, label) in enumerate(person.phones):
        _add(found, "p", value or "?" + raw, (at, raw if value and raw != value else "", slot), label)
    for slot, (value, label) in enumerate(person.urls):
        _add(found, "u", value, (at, "", slot), label)
    for slot, (*parts, label) in enumerate(person.addresses):
        _add(found, "a", PARTS.join(parts), (at, "", slot), label)
    for slot, label in enumerate(person.labels):
        key = label.casefold()
        _add(found, "l", key, (at, "" if label == key else label, slot), "")
    return found


def _add(found: dict[str, Mark], kind: str, key: str, mark: Mark, label: str) -> None:
    """The first of equal elements of a row counts, with its label."""
    name = kind + key
    if name not in found:
        found[name] = mark
        if label:
            found[kind.upper() + key] = (mark[0], label, 0)


def merge(one: Contact, other: Contact) -> Contact:
    """Both in one; commutative, associative and idempotent, so order and repetition cannot matter.

    A deletion gets a position above all that was merged before it; merged earlier than that it would not commute.
    """
    deletion = max(filter(None, (one.deletion, other.deletion)), default=None)
    floor = deletion or 0
    values: list[str] = []
    stamps: list[int | None] = []
    for mine, value, theirs, candidate in zip(one.stamps, one.values, other.stamps, other.values, strict=True):
        stamp, winner = mine, value
        if mine is None or (theirs is not None and (theirs, candidate) > (mine, value)):
            stamp, winner = theirs, candidate
        alive = stamp is not None and abs(stamp) > floor
        values.append(winner if alive else "")
        stamps.append(stamp if alive else None)
    return Contact(
        match_key=one.match_key,
        values=tuple(values),
        stamps=tuple(stamps),
        sets=_merged_marks(one.sets, other.sets, floor),
        custom=_merged_marks(one.custom, other.custom, floor),
        sources=kept_sources(one.sources, other.sources),
        born=min(one.born, other.born),
        last=max(one.last, other.last),
        deletion=deletion,
    )


def absorb(stored: Contact | None, incoming: Contact, existing: Existing) -> tuple[Contact, Outcome]:
    """What a contact becomes when rows of one import (already merged into `incoming`) reach it, and their outcome."""
    if stored is None:
        return incoming, "created"
    second = incoming.sources[0]
    if existing == "skip" and stored.born < position(second, 0, 0):
        sources = kept_sources(stored.sources, incoming.sources)
        merged = stored._replace(sources=sources, last=max(stored.last, incoming.last))
    else:
        merged = merge(stored, incoming)
    if second in stored.sources:
        return merged, "duplicate"
    return merged, "unchanged" if shown(stored) == shown(merged) else "updated"


def shown(contact: Contact) -> tuple[tuple[str, ...], dict[str, str], dict[str, str]]:
    """What people see of a contact: fields, living elements and custom fields, without who wrote them when."""
    elements = {key: mark[1] for key, mark in living(contact.sets).items()}
    return contact.values, elements, {key: mark[1] for key, mark in contact.custom.items()}


def living(sets: Mapping[str, Mark]) -> Mapping[str, Mark]:
    """The elements that nobody removed since they were last added, with their labels."""
    if not sets or min(sets)[0] != REMOVED:  # which sorts before every letter
        return sets
    return {key: mark for key, mark in sets.items() if key[0] != REMOVED and not _removed(sets, key, mark)}


def _removed(sets: Mapping[str, Mark], key: str, mark: Mark) -> bool:
    removal = sets.get(REMOVED + key[0].lower() + key[1:])
    return removal is not None and mark[0] <= removal[0]


def kept_sources(*sources: Sequence[int]) -> tuple[int, ...]:
    """The first and the 8 highest of the imports that brought something."""
    ordered = sorted(set().union(*sources))
    return tuple(ordered if len(ordered) <= KEPT_SOURCES else ordered[:1] + ordered[1:][-KEPT_SOURCES:])


def _merged_marks(one: Mapping[str, Mark], other: Mapping[str, Mark], floor: int) -> dict[str, Mark]:
    merged = dict(one)
    for key, mark in other.items():
        mine = merged.get(key)
        if mine is None or mark > mine:
            merged[key] = mark
    return {key: mark for key, mark in merged.items() if abs(mark[0]) > floor} if floor else merged


class Staged(NamedTuple):
    """All rows of one contact in one segment, merged. `id` is 32 hex digits."""

    id: str
    contact: Contact
    rows: int


def fold(workspace: UUID, people: Iterable[tuple[Person, int]], existing: Existing) -> list[Staged]:
    """Merges the rows of each contact, given with their positions; in the order of ids, in which all workers write."""
    found: dict[str, tuple[Contact, int]] = {}
    for person, at in people:
        contact = fresh(person, at, existing)
        key = person.match_key
        if key in found:
            earlier, rows = found[key]
            found[key] = merge(earlier, contact), rows + 1
        else:
            found[key] = contact, 1
    ids = hex_ids(workspace, found)
    staged = [Staged(id_, contact, rows) for id_, (contact, rows) in zip(ids, found.values(), strict=True)]
    staged.sort(key=itemgetter(0))
    return staged


_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


def hex_ids(workspace: UUID, keys: Iterable[str]) -> list[str]:
    """The `contact_id` of each key without dashes, at a third of the cost."""
    prefix, sha1 = workspace.bytes, hashlib.sha1
    digests = [sha1(prefix + key.encode(), usedforsecurity=False).hexdigest() for key in keys]
    return [f"{digest[:12]}5{digest[13:16]}{_VARIANT[digest[16]]}{digest[17:32]}" for digest in digests]
