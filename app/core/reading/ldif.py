"""A segment of LDIF (RFC 2849: Thunderbird, OpenLDAP, Active Directory) -> people and problems.

An entry ends at an empty line. Each is one person or one problem, but a list (groupOfNames and the like) is neither:
its name becomes a label of those of its members that are in the same segment; if some are not, the list is a problem
that says so. What describes the directory itself (units, machines) or a change is a problem; comments and what
`ldapsearch` says at the end are nothing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from app.core.contacts import Person
from app.core.events import ProblemOut, SegmentHeader
from app.core.reading import values
from app.core.reading.contentlines import decoded, from_base64
from app.core.reading.draft import Draft, Wishes
from app.core.reading.groups import Groups, Read
from app.core.reading.ldap_names import CUSTOM, OMITTED, OMITTED_BEGINNINGS, PHONES, TEXTS, URLS
from app.core.reading.problems import problem
from app.core.reading.records import line_ends
from app.core.reading.text import told

_EMPTY_LINE = re.compile(rb"(?>\r\n|\n|\r)(?:\r\n|\n|\r)")
_NAME = re.compile(rb"(?<![^\r\n])(?i:dn):")
_LIST_CLASSES = frozenset(
    {"groupofnames", "groupofuniquenames", "groupofurls", "posixgroup", "group", "mailgroup", "rfc822mailgroup"}
)
_PERSON_CLASSES = frozenset(
    {"person", "organizationalperson", "inetorgperson", "mozillaabpersonalpha", "evolutionperson", "contact", "user"}
    | {"posixaccount", "inetlocalmailrecipient", "officeperson", "residentialperson", "account"}
)
_THING_CLASSES = frozenset({"computer", "device", "printqueue"})
_ATTRIBUTE = re.compile(r"([A-Za-z0-9.-]{1,100})((?:;[\w-]{0,100})*):([:<]?)[ ]*")
_DN_PART = re.compile(r"(?:^|[,+])\s*(\w+)\s*=\s*((?:[^,+\\]|\\.)*)")
_DN_ESCAPE = re.compile(r"\\([0-9A-Fa-f]{2}|.)")


class Attribute(NamedTuple):
    """`name` is in small letters, `raw` the line as it was, unfolded; `value` is "" where it is no text."""

    name: str
    value: str
    raw: str
    written: str


def ends(text: bytes, *, final: bool, inside: bool) -> Iterator[int]:
    """Where a text can be cut: behind each empty line."""
    for found in _EMPTY_LINE.finditer(text):
        if found.end() == len(text) and text.endswith(b"\r") and not final:
            return
        yield found.end()
    if final:
        yield len(text)


def begins(text: bytes) -> int:
    """Where the first entry begins; -1: there are empty lines only."""
    entry = text.lstrip(b"\r\n")
    return len(text) - len(entry) if entry else -1


def count(text: bytes) -> int:
    """How many entries have a name."""
    return sum(1 for _ in _NAME.finditer(text))


def read(data: bytes, header: SegmentHeader) -> tuple[list[Person], list[ProblemOut]]:
    """The people and the problems of a segment, both in order. `row` counts the entries of the segment from 0."""
    wishes = Wishes.of(header.plan)
    fallback = header.plan.encoding or "utf-8"
    groups = Groups()
    row, line, start = 0, header.first_line, 0
    for number, end in enumerate(ends(data, final=True, inside=header.continues)):
        block = data[start:end]
        start = end
        here = line + line_ends(block[: _name_at(block)])
        line += line_ends(block)
        if (header.continues and number == 0) or not block.strip(b"\r\n"):
            continue
        found = _read_block(block, row, here, wishes, fallback)
        if found is not None:
            groups.add(found)
            row += 1
    return groups.result()


def _name_at(block: bytes) -> int:
    """Where an entry begins, behind empty lines, the version and comments."""
    name = _NAME.search(block)
    return name.start() if name else len(block) - len(block.lstrip(b"\r\n"))


def _read_block(block: bytes, row: int, line: int, wishes: Wishes, fallback: str) -> Read | None:
    """What an entry is; None if there is none in this block."""
    try:
        text = decoded(block)
    except UnicodeDecodeError:
        return Read(problem("bad_encoding", row, line, told(block).splitlines(), encoding=fallback))
    every = list(attributes(text, fallback))
    entry = _Entry(every, wishes)
    if not entry.is_one:
        return None
    return entry.read(row, line)


def attributes(block: str, fallback: str) -> Iterator[Attribute]:
    """The attributes of an entry in order, without comments. Text in base64 that is no UTF-8 is in `fallback`."""
    block = block.replace("\r\n", "\n").replace("\r", "\n").replace("\n ", "")
    for line in block.split("\n"):
        found = _ATTRIBUTE.match(line)
        if found is None:
            continue
        value = line[found.end() :]
        if found[3] == ":":
            value = from_base64(value, "", fallback)
        elif found[3] == "<":
            value = ""
        yield Attribute(found[1].lower(), value, line, found[1])


class _Entry:
    """One entry on its way to a person."""

    def __init__(self, every: Sequence[Attribute], wishes: Wishes) -> None:
        self._wishes = wishes
        self._all: dict[str, list[str]] = {}
        for each in every:
            if each.value:
                self._all.setdefault(each.name, []).append(each.value)
        self._kept = [each for each in every if not _is_omitted(each.name)]
        self._classes = {each.strip().lower() for each in self._all.get("objectclass", ())}

    @property
    def is_one(self) -> bool:
        """Whether this is an entry at all."""
        return "dn" in self._all or bool(self._kept and {"cn", "mail", "sn", "givenname"} & self._all.keys())

    def read(self, row: int, line: int) -> Read:
        """Every entry as a person, a list or a problem."""
        cells = [each.raw for each in self._kept]
        change = self._first("changetype").strip().lower()
        if change == "delete":
            return Read(problem("entry_deleted", row, line, cells))
        if change not in {"", "add"}:
            return Read(problem("entry_changed", row, line, cells))
        if self._classes & _LIST_CLASSES and not self._classes & _PERSON_CLASSES:
            return self._list(row, line, cells)
        if self._classes & _THING_CLASSES or (self._classes - {"top"} and not self._is_person()):
            return Read(problem("entry_no_person", row, line, cells))
        for column, each in enumerate(self._kept):
            if len(each.value) > values.MAX_CELL and (each.name in TEXTS or each.name in _LISTS):
                return Read(problem("cell_too_long", row, line, cells, column=column))
        return Read(self._draft().result(row, line, lambda: cells), self._identities())

    def _is_person(self) -> bool:
        # A class of one's own is no reason to leave somebody out who has an address.
        return bool(self._classes & _PERSON_CLASSES) or "mail" in self._all

    def _first(self, *names: str) -> str:
        return next((self._all[name][0] for name in names if name in self._all), "")

    def _identities(self) -> tuple[str, ...]:
        found = [_normal(dn) for dn in self._all.get("dn", ())]
        return (*found, *(uid.strip().casefold() for uid in self._all.get("uid", ())))

    def _list(self, row: int, line: int, cells: Sequence[str]) -> Read:
        name = values.clean(self._first("cn", "ou", "displayname") or _name_of(self._first("dn")))
        members = [_member(each) for name in _MEMBERS for each in self._all.get(name, ())]
        return Read(
            problem("group_scattered", row, line, cells),
            group=values.label(name) if name else "",
            members=tuple(members),
        )

    def _draft(self) -> Draft:
        draft = Draft(self._wishes)
        draft["name"] = self._first("displayname", "cn")
        draft["notes"] = "\n".join(
            each for name in ("description", "info", "notes") for each in self._all.get(name, ())
        )
        for field, names in TEXTS_BY_FIELD.items():
            draft[field] = self._first(*names)
        if draft["name"] and draft["name"] == draft["company"]:
            draft["name"] = ""
        for source, each in enumerate(self._kept):
            self._take(draft, each, source)
        self._take_birthday(draft)
        self._take_addresses(draft)
        return draft

    def _take(self, draft: Draft, each: Attribute, source: int) -> None:
        name, value = each.name, each.value
        if name in {"mail", "email", "rfc822mailbox"}:
            draft.email(value, "", 1, source)
        elif name in {"mozillasecondemail", "xmozillasecondemail", "mailalternateaddress", "othermailbox"}:
            draft.email(value, "", 2, source)
        elif name == "proxyaddresses":
            if value[:5].lower() == "smtp:":
                draft.email(value[5:], "", 1 if value[:5] == "SMTP:" else 3, source)
        elif name in PHONES:
            draft.phone(value, PHONES[name], 1)
        elif name in URLS:
            # A labeledURI has its label behind a blank.
            draft.url(value.split(" ")[0] if name == "labeleduri" else value, URLS[name], 1)
        elif name == "memberof":
            draft.label(_name_of(value))
        elif name in {"category", "categories"}:
            for label in value.split(","):
                draft.label(label)
        elif name in CUSTOM:
            draft.custom(CUSTOM[name], _name_of(value) if name in {"manager", "secretary", "assistant"} else value)
        elif name not in TEXTS:
            draft.custom(each.written, value)

    def _take_birthday(self, draft: Draft) -> None:
        whole = self._first("dateofbirth", "birthdate")
        parts = [self._first(*names).strip() for names in (("birthyear",), ("birthmonth",), ("birthday",))]
        if not whole and parts[2] and not parts[1]:
            whole = parts[2]
        elif not whole and any(part.strip("0") for part in parts):
            year, month, day = parts
            known = month and day
            whole = f"{year or '-'}-{month.zfill(2)}-{day.zfill(2)}" if known else "-".join(filter(None, parts))
        draft.birthday(whole)

    def _take_addresses(self, draft: Draft) -> None:
        for label, parts in ADDRESSES.items():
            street, *others = parts
            draft.address([self._joined(street), *(self._first(*names) for names in others)], label, 1)
        if not draft.has_address:
            for name, label in (("postaladdress", "work"), ("homepostaladdress", "home")):
                draft.address((self._first(name).replace("$", "\n"), "", "", "", ""), label, 1)

    def _joined(self, names: Sequence[str]) -> str:
        return "\n".join(dict.fromkeys(self._all[name][0].replace("$", "\n") for name in names if name in self._all))


_MEMBERS = ("member", "uniquemember", "memberuid", "rfc822mailmember", "mgrprfc822mailmember")
_LISTS = {*PHONES, *URLS, "mail"}
TEXTS_BY_FIELD: Mapping[str, tuple[str, ...]] = {
    "prefix": ("personaltitle",),
    "given": ("givenname", "gn"),
    "middle": ("middlename", "initials"),
    "family": ("sn", "surname"),
    "suffix": ("generationqualifier",),
    "nickname": ("mozillanickname", "xmozillanickname", "nickname"),
    "company": ("o", "company", "organizationname"),
    "department": ("ou", "department", "departmentnumber", "orgunit"),
    "title": ("title",),
}
ADDRESSES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "work": (
        ("street", "streetaddress", "mozillaworkstreet2", "postofficebox"),
        ("l", "localityname", "locality"),
        ("st", "stateorprovincename", "region"),
        ("postalcode", "zip"),
        ("co", "c", "countryname", "friendlycountryname"),
    ),
    "home": (
        ("mozillahomestreet", "homestreet", "mozillahomestreet2"),
        ("mozillahomelocalityname", "homecity"),
        ("mozillahomestate", "homestate"),
        ("mozillahomepostalcode", "homepostalcode"),
        ("mozillahomecountryname", "homecountry"),
    ),
}


def _is_omitted(name: str) -> bool:
    return name in OMITTED or name.startswith(OMITTED_BEGINNINGS)


def _normal(dn: str) -> str:
    """A distinguished name without what makes no difference."""
    return ",".join(part.strip().casefold() for part in dn.replace("+", ",").split(","))


def _member(text: str) -> str:
    """By what a list calls a member: its distinguished name, its uid, or its address."""
    return _normal(text) if "=" in text else text.strip().casefold()


def _name_of(dn: str) -> str:
    """The first part of a distinguished name; a text that is none stays as it is."""
    found = _DN_PART.match(dn)
    if found is None:
        return dn
    return _DN_ESCAPE.sub(lambda one: one[1] if len(one[1]) == 1 else chr(int(one[1], 16)), found[2]).strip()
