"""The uploads of a campaign and what must become of each of their rows, written before anything is sent.

Workspaces share nobody: everyone in one of them has its `canary` in their address or name, so whatever strays is known.
The imports of a workspace share people, say different things about them, and some bring a whole file once more.
"""

import math
from collections.abc import Mapping, Sequence
from random import Random
from types import MappingProxyType
from typing import Literal, NamedTuple

from app.core.reading.plan import Existing
from tests.faults import files
from tests.faults.files import Entry, Person

NOTHING: Mapping[str, tuple[str, int]] = MappingProxyType({})

_GIVEN = (
    "Ada Ben Chloé Dario Elif Femi Greta Hiro Inês José Kofi Lena Mira Noor Olaf Priya Quinn Rosa Sören Uma".split()
)
_FAMILY = "Abara Björk Castillo Dvořák Eriksen Fontaine Haddad Ivanova Jansen Kowalski Moreau Okafor Rossi Ueda".split()
_COMPANY = ("Ashdown Works", "Bluebird Labs", "Cobalt & Sons", "Driftwood Foods", "Elmtree Studio", "Foxglove Partners")
_TITLE = ("Engineer", "Buyer", "Head of Sales", "Nurse", "Architect, senior", "Teacher", 'The "other" founder')
_STREET = ("Mill Lane", "Station Road", "High Street", "Garden Row", "Church Walk", "Canal Side")
_CITY = ("Leeds", "Porto", "Gdańsk", "Lyon", "Graz", "Turku")
_NOTE = ("Met at the fair", "Likes tea, not coffee", "First line\nsecond line", 'Says "hello" to all', "Calls back")
_LABEL = ("Friends", "Press", "Suppliers")
_COLOUR = ("red", "green", "blue")

_SHARED = 0.25
_REPEATED = 0.1
_BAD: tuple[tuple[float, str], ...] = ((0.02, "email_invalid"), (0.01, "no_identity"), (0.01, "too_many_cells"))
_AGAIN = 0.12


class Row(NamedTuple):
    """One record of a file and what it says.

    `line` is its first line in the file (1-based). A bad row has `code`, the problem it must be told with, and no more;
    a good one has `key` (its match key), `fields` (scalars), and under letter and key as they are stored its elements
    of `sets`, (text, place), and its `custom` values.
    """

    line: int
    key: str = ""
    code: str = ""
    fields: Mapping[str, str] = MappingProxyType({})
    sets: Mapping[str, tuple[str, int]] = NOTHING
    custom: Mapping[str, str] = MappingProxyType({})


class Upload(NamedTuple):
    """One file and how it is to be asked for.

    `workspace` and `number` count from 0; `key` is the Idempotency-Key, `plan` goes into the request as it is.
    With `cancelled` somebody is to press cancel while it runs: it then ends as cancelled or, if that came too late,
    as finished.
    """

    number: int
    workspace: int
    key: str
    name: str
    format: Literal["csv", "vcard"]
    existing: Existing
    plan: Mapping[str, object]
    data: bytes
    rows: tuple[Row, ...]
    cancelled: bool = False

    @property
    def rejected(self) -> list[tuple[int, str]]:
        """(line, code) of each row that must be rejected, in order."""
        return [(row.line, row.code) for row in self.rows if row.code]

    @property
    def duplicates(self) -> list[int]:
        """The lines of all rows whose key stands above them in the file."""
        seen: set[str] = set()
        found = []
        for row in self.rows:
            if row.key in seen:
                found.append(row.line)
            elif row.key:
                seen.add(row.key)
        return found

    @property
    def keys(self) -> set[str]:
        """Everybody who is in it: so many rows must be created, updated or unchanged."""
        return {row.key for row in self.rows if row.key}


class Expectation(NamedTuple):
    """All uploads of a campaign; the same for each seed."""

    seed: int
    workspaces: int
    uploads: tuple[Upload, ...]

    def canary(self, workspace: int) -> str:
        """Stands in the address or the name of everyone in this workspace, and nowhere else."""
        return canary(self.seed, workspace)

    def of(self, workspace: int) -> list[Upload]:
        return [upload for upload in self.uploads if upload.workspace == workspace]


class _Content(NamedTuple):
    """What a file holds, before it is written in some format."""

    entries: tuple[Entry, ...]
    format: Literal["csv", "vcard"]
    delimiter: str
    existing: Existing


def canary(seed: int, workspace: int) -> str:
    return f"w{workspace}s{seed}z"


def generate(
    seed: int,
    *,
    imports: int = 20,
    workspaces: int = 5,
    rows: tuple[int, int] = (20, 20_000),
    cards: float = 0.15,
    cancelled: float = 0.0,
) -> Expectation:
    """Makes `imports` uploads, dealt out to `workspaces`, each with a number of rows between the two of `rows`.

    `cards` of them are vCards, the others CSV; `cancelled` of them are to be cancelled. No contact is in more than
    8 imports, as long as a workspace has no more: beyond that a contact forgets some of its sources.
    """
    random = Random(seed)
    contents: dict[int, list[_Content]] = {}
    uploads = []
    for number in range(imports):
        workspace = number % workspaces
        earlier = contents.setdefault(workspace, [])
        if earlier and random.random() < _REPEATED:
            content = random.choice(earlier)
        else:
            content = _content(random, seed, workspace, number, _size(random, *rows), cards)
        if content.existing != "skip":
            # What `skip` passes over depends on who came first, as long as both run; it keeps to its own people.
            earlier.append(content)
        labels = [f"Campaign {number}"] if random.random() < 0.3 else []
        uploads.append(_upload(seed, number, workspace, content, labels, cancelled=random.random() < cancelled))
    return Expectation(seed, workspaces, tuple(uploads))


def _upload(
    seed: int, number: int, workspace: int, content: _Content, labels: Sequence[str], *, cancelled: bool
) -> Upload:
    if content.format == "csv":
        data, lines = files.table(content.entries, content.delimiter)
    else:
        data, lines = files.cards(content.entries)
    pairs = zip(content.entries, lines, strict=True)
    rows = tuple(_row(entry, line, labels, card=content.format == "vcard") for entry, line in pairs)
    return Upload(
        number=number,
        workspace=workspace,
        key=f"campaign-{seed}-{workspace}-{number}",
        name=f"campaign-{number}.{'csv' if content.format == 'csv' else 'vcf'}",
        format=content.format,
        existing=content.existing,
        plan={"version": 1, "existing": content.existing, "labels": list(labels)},
        data=data,
        rows=rows,
        cancelled=cancelled,
    )


def _size(random: Random, least: int, most: int) -> int:
    """Small ones are as frequent as great ones."""
    return round(math.exp(random.uniform(math.log(least), math.log(most))))


def _content(random: Random, seed: int, workspace: int, number: int, size: int, cards: float) -> _Content:
    format_: Literal["csv", "vcard"] = "vcard" if random.random() < cards else "csv"
    existing: Existing = random.choice(("fill", "fill", "overwrite", "skip"))
    shared = 0.0 if existing == "skip" else _SHARED
    crowd = max(10, size // 4)
    entries: list[Entry] = []
    for at in range(size):
        draw = random.random()
        code = _bad(draw) if format_ == "csv" else ""
        if code:
            entries.append(Entry(code=code, mark=f"{number}.{at}"))
        elif draw > 1 - _AGAIN and entries and entries[-1 - at // 2].person:
            entries.append(_said(random, number, entries[-1 - at // 2].person))
        elif random.random() < shared:
            entries.append(_said(random, number, _person(seed, workspace, random.randrange(crowd))))
        else:
            entries.append(_said(random, number, _person(seed, workspace, 1_000_000 * (number + 1) + at)))
    return _Content(tuple(entries), format_, random.choice((",", ";")), existing)


def _bad(draw: float) -> str:
    for share, code in _BAD:
        if draw < share:
            return code
        draw -= share
    return ""


def _person(seed: int, workspace: int, number: int) -> Person:
    """Of five people one has no address and is known by phone and name."""
    mark = canary(seed, workspace)
    given, family = _GIVEN[number % len(_GIVEN)], _FAMILY[number // 20 % len(_FAMILY)]
    phone = f"+4479{(number * 31 + workspace * 17_000_003) % 100_000_000:08d}"
    if number % 5 == 4:
        return Person(given, f"{family}-{mark.upper()}", "", phone)
    return Person(given, family, f"{'P' if number % 7 == 3 else 'p'}{number}@{mark}.example", phone)


def _said(random: Random, number: int, person: Person | None) -> Entry:
    """What import `number` says about somebody: now this, now that, and often nothing."""
    assert person is not None
    draw = random.random
    place = random.randrange(200)
    phone = person.phone if not person.email or draw() < 0.5 else ""
    return Entry(
        person=person,
        phone=phone,
        company=random.choice(_COMPANY) if draw() < 0.6 else "",
        title=f"{random.choice(_TITLE)} {number}" if draw() < 0.7 else "",
        street=f"{1 + place} {_STREET[place % 6]}" if draw() < 0.4 else "",
        city=_CITY[place % 6],
        postal_code=str(10_000 + place),
        label=random.choice(_LABEL) if draw() < 0.2 else "",
        notes=random.choice(_NOTE) if draw() < 0.4 else "",
        colour=random.choice(_COLOUR) if draw() < 0.2 else "",
    )


def _row(entry: Entry, line: int, labels: Sequence[str], *, card: bool) -> Row:
    """What our reading of a record must be."""
    person = entry.person
    if person is None:
        return Row(line, code=entry.code)
    sets: dict[str, tuple[str, int]] = {}
    if person.email:
        # An address that is written with capitals is kept without them.
        sets["e" + person.email.lower()] = ("", 0)
    if entry.phone:
        sets["p" + entry.phone] = ("", 0)
        sets["P" + entry.phone] = ("mobile", 0)
    if entry.street:
        address = "\x7f".join((entry.street, entry.city, "", entry.postal_code, ""))
        sets["a" + address] = ("", 0)
        sets["A" + address] = ("home", 0)
    for slot, label in enumerate(filter(None, (entry.label, *labels))):
        sets["l" + label.casefold()] = (label, slot)
    fields = {
        "name": person.name if card else "",
        "given": person.given,
        "family": person.family,
        "company": entry.company,
        "title": entry.title,
        "notes": entry.notes,
    }
    known_by = f"e:{person.email.lower()}" if person.email else f"p:{person.phone} {person.name.casefold()}"
    custom = {"cFavourite Colour": entry.colour} if entry.colour and not card else {}
    return Row(line, known_by, "", {name: value for name, value in fields.items() if value}, sets, custom)
