"""A part of a provider's page -> people: what Google's and Microsoft's items have in common.

An item is hostile input, like a row of a file: any field may be missing, null or of another kind, and unknown ones are
ignored. Every item with an id is a person, if only by that id, so that a row is rejected only where there is none.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from app.core.contacts import SCALARS, Address, Email, Person, Phone, Url, match_key
from app.core.events import ProblemOut, ProviderPage, SegmentHeader
from app.core.reading import values
from app.core.reading.problems import problem

MAX_TEXT = 4 * 1024
MAX_NOTES = 128 * 1024
"""Characters of one text; what is longer is cut off. Notes are longer with Google (64 KB) than a cell may be."""

MAX_ELEMENTS = 500
"""E-mails, phones and so on of one person; more are dropped."""

MAX_ID = 512


class Linked(NamedTuple):
    """What a row says of an item of the provider's: whose it is now, or that it is `gone`.

    `partial`: the item has only what changed, and nothing of it says who this is; its link does.
    """

    row: int
    provider_id: str
    gone: bool = False
    partial: bool = False


@dataclass(slots=True)
class Entry:
    """One item, read. `aliases` are ids that it had before and has no more."""

    id: str
    gone: bool = False
    partial: bool = False
    aliases: tuple[str, ...] = ()
    scalars: dict[str, str] = field(default_factory=dict)
    emails: list[Email] = field(default_factory=list)
    phones: list[Phone] = field(default_factory=list)
    addresses: list[Address] = field(default_factory=list)
    urls: list[Url] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    custom: dict[str, str] = field(default_factory=dict)

    def keep(self, key: str, value: str) -> None:
        """What has no field, or is not what its field wants."""
        if value:
            self.custom[key] = f"{self.custom[key]}\n{value}" if key in self.custom else value

    def add_email(self, cell: str, label: str = "") -> None:
        if not cell or values.is_placeholder(cell):
            return
        value = values.email(cell)
        if value is None:
            self.keep("E-mail", cell)
        elif all(email.value != value for email in self.emails):
            self.emails.append(Email(value, label))

    def add_phone(self, raw: str, label: str, region: str | None, known: str = "") -> None:
        """`known` is what the provider says the number is in full."""
        if not raw or values.is_placeholder(raw):
            return
        value = known if _E164.fullmatch(known) else values.phone(raw, region)
        if all((phone.value or phone.raw) != (value or raw) for phone in self.phones):
            self.phones.append(Phone(value, raw, label))

    def add_url(self, cell: str, label: str) -> None:
        if not cell or values.is_placeholder(cell):
            return
        value = values.url(cell)
        if value is None:
            self.keep("Website", cell)
        elif all(url.value != value for url in self.urls):
            self.urls.append(Url(value, label))

    def add_address(self, address: Address) -> None:
        if any(address[:5]) and address not in self.addresses:
            self.addresses.append(address)

    def add_label(self, name: str) -> None:
        label = values.label(name)
        if label and label not in self.labels:
            self.labels.append(label)


_E164 = re.compile(r"\+[1-9][0-9]{4,17}")
Mapper = Callable[[Mapping[str, Any], ProviderPage, str | None], Entry | None]
"""(item, its page, region of phones) -> what it says; None for an item without an id."""

_items = msgspec.json.Decoder(list[Any])


def read(
    data: bytes, header: SegmentHeader, mapper: Mapper
) -> tuple[list[Person], list[ProblemOut], int, tuple[Linked, ...]]:
    """People, problems, rows and links of a segment. Raises msgspec.DecodeError for what is no list."""
    page, plan = header.page, header.plan
    assert page is not None
    region = plan.values.phone_region if plan.values else None
    fixed = plan.labels or ()
    people: list[Person] = []
    problems: list[ProblemOut] = []
    links: list[Linked] = []
    for row, item in enumerate(_items.decode(data) if data else ()):
        line = header.first_line + row
        entry = mapper(item, page, region) if isinstance(item, dict) else None
        if entry is None or not entry.id or len(entry.id) > MAX_ID:
            problems.append(problem("no_identity", row, line, (str(item)[:1000],)))
            continue
        links += (Linked(row, alias, gone=True) for alias in entry.aliases if alias and alias != entry.id)
        links.append(Linked(row, entry.id, entry.gone, entry.partial))
        if not entry.gone:
            people.append(_person(entry, row, line, fixed, (header.source, page.account, entry.id)))
    return people, problems, len(people) + len(problems), tuple(links)


def _person(entry: Entry, row: int, line: int, fixed: Iterable[str], provider: tuple[str, str, str]) -> Person:
    scalars = tuple([entry.scalars.get(name, "") for name in SCALARS])
    key = match_key(scalars, entry.emails, provider=provider)
    assert key is not None, "whoever has an id is somebody"
    return Person(
        row=row,
        line=line,
        match_key=key,
        scalars=scalars,
        emails=tuple(entry.emails[:MAX_ELEMENTS]),
        phones=tuple(entry.phones[:MAX_ELEMENTS]),
        addresses=tuple(entry.addresses[:MAX_ELEMENTS]),
        urls=tuple(entry.urls[:MAX_ELEMENTS]),
        labels=tuple(dict.fromkeys((*entry.labels, *fixed)))[:MAX_ELEMENTS],
        custom=tuple(entry.custom.items()),
    )


# --- fields of an item that is anything


def text(value: object, most: int = MAX_TEXT) -> str:
    """A text, cleaned; "" for whatever is none."""
    if not isinstance(value, str):
        return ""
    cleaned = values.clean(value.replace("\0", ""))
    return cleaned if len(cleaned) <= most else cleaned[:most].rstrip()


def members(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list; nothing for whatever is none."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def texts(value: object) -> list[str]:
    """The texts of a list that are not empty."""
    return [found for each in value if (found := text(each))] if isinstance(value, list) else []


def member(value: object, name: str) -> Any:
    """A field of what may be no object."""
    return value.get(name) if isinstance(value, dict) else None


def kind(value: object) -> str:
    """A provider's kind of an element in our words: `homeFax` is `home fax`; a person's own kinds stay as they are."""
    word = text(value, 64)
    return _WORDS.get(word, word)


_WORDS = {
    "homeFax": "home fax",
    "workFax": "work fax",
    "otherFax": "other fax",
    "workMobile": "work mobile",
    "workPager": "work pager",
    "googleVoice": "google voice",
    "homePage": "home page",
    "appInstallPage": "app install page",
}
"""The kinds of the People API that are more than one word (people:v1, PhoneNumber.type and Url.type)."""
