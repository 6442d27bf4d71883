"""A segment of vCards (2.1, 3.0, 4.0, and what phones and mail programs make of them) -> people and problems.

Each card is one person or one problem, but a group (KIND:group) is neither: its name becomes a label of those of its
members that are in the same segment; if some are not, the group is a problem that says so. A card without END:VCARD
is read like any other, unless the file ends inside one of its lines: then nobody knows what is missing.
"""

import re
from collections.abc import Callable, Sequence

from app.core.contacts import Person
from app.core.events import ProblemOut, SegmentHeader
from app.core.reading import values
from app.core.reading.cards import Card, cards
from app.core.reading.contentlines import Property, decoded, properties, split, unescaped
from app.core.reading.draft import Draft, Wishes
from app.core.reading.groups import Groups, Read
from app.core.reading.kinds import address_kind, custom_kind, email_kind, named_kind, phone_kind, service_kind, url_kind
from app.core.reading.problems import problem
from app.core.reading.records import line_ends
from app.core.reading.text import told

OMITTED = frozenset(
    "BEGIN END VERSION PRODID REV UID CLASS MAILER SORT-STRING SOURCE NAME PROFILE XML CLIENTPIDMAP CALURI CALADRURI "
    "FBURL CAPURI KEY PHOTO LOGO SOUND AGENT KIND MEMBER X-ABLABEL X-ABADR X-ABSHOWAS X-ABUID X-ABORDER X-CLASS "
    "X-MS-SIGNATURE X-MS-CARDPICTURE X-MS-IMADDRESS-TYPE X-MOZILLA-HTML X-IRMC-LUID "
    "X-IMAGETYPE X-IMAGEHASH X-SHARED-PHOTO-DISPLAY-PREF X-ACCOUNT X-GROUP-MEMBERSHIP-ID".split()
)
"""What says nothing about a person, or something that is looked at apart."""

_OMITTED_BEGINNINGS = (
    "X-ADDRESSBOOKSERVER-",
    "X-MS-OL-",
    "X-PM-",
    "X-APPLE-",
    "X-EVOLUTION-FILE",
    "X-EVOLUTION-LIST",
    "X-SOGO-",
    "X-RADICALE-",
    "X-SYNCEVOLUTION-",
    "X-FUNAMBOL-",
    "X-PRIVATE-",
    "X-WAB-",
)

_OLD_VERSION = re.compile(r"2\.1|1\.0")


def read(data: bytes, header: SegmentHeader) -> tuple[list[Person], list[ProblemOut]]:
    """The people and the problems of a segment, both in order. `row` counts the cards of the segment from 0."""
    wishes = Wishes.of(header.plan)
    fallback = header.plan.encoding or "utf-8"
    groups = Groups()
    row, line, at = 0, header.first_line, 0
    for number, card in enumerate(cards(data, inside=header.continues)):
        line += line_ends(data[at : card.start])
        at = card.start
        if header.continues and number == 0:
            continue
        groups.add(_read_card(data, card, row, line, wishes, fallback))
        row += 1
    return groups.result()


def _read_card(data: bytes, card: Card, row: int, line: int, wishes: Wishes, fallback: str) -> Read:
    raw = data[card.start : card.end]
    try:
        text = decoded(raw)
    except UnicodeDecodeError:
        return Read(problem("bad_encoding", row, line, told(raw).splitlines(), encoding=fallback))
    every = list(properties(text, fallback))
    kept = [each for each in every if each.head.name not in OMITTED]

    def cells() -> list[str]:
        return [each.raw for each in kept]

    if not card.ended and card.end == len(data) and not data.endswith((b"\n", b"\r")):
        return Read(problem("card_unended", row, line, cells()))
    reader = _Card(every, wishes)
    if reader.is_group:
        return reader.group(row, line, cells())
    for source, each in enumerate(kept):
        if len(each.value) > values.MAX_CELL and each.head.name in HANDLERS:
            return Read(problem("cell_too_long", row, line, cells(), column=source))
        reader.take(each, source)
    return Read(reader.finished(row, line, cells), reader.identities())


class _Card:
    """One card on its way to a person."""

    def __init__(self, every: Sequence[Property], wishes: Wishes) -> None:
        self._draft = Draft(wishes)
        self._about: dict[str, str] = {}
        self._members: list[str] = []
        self._group_labels: dict[str, str] = {}
        self._nicknames: list[str] = []
        self._notes: list[str] = []
        for each in every:
            name = each.head.name
            if name == "X-ABLABEL":
                self._group_labels[each.head.group] = named_kind(unescaped(each.value).strip())
            elif name in {"MEMBER", "X-ADDRESSBOOKSERVER-MEMBER"}:
                self._members.append(each.value.strip())
            elif name in {"UID", "KIND", "X-ADDRESSBOOKSERVER-KIND", "X-ABSHOWAS", "VERSION", "FN", "N"}:
                self._about.setdefault(name, each.value.strip())
        self._old = _OLD_VERSION.fullmatch(self._about.get("VERSION", "")) is not None

    # --- groups

    @property
    def is_group(self) -> bool:
        kind = self._about.get("KIND") or self._about.get("X-ADDRESSBOOKSERVER-KIND") or ""
        return kind.lower() == "group"

    def group(self, row: int, line: int, cells: Sequence[str]) -> Read:
        """A card that only names others."""
        name = values.clean(unescaped(self._about.get("FN") or self._about.get("N", "").rstrip(";")))
        scattered = problem("group_scattered", row, line, cells)
        return Read(scattered, group=values.label(name), members=tuple(map(identity, self._members)))

    def identities(self) -> tuple[str, ...]:
        """By what a group may know this card."""
        uid = self._about.get("UID")
        return (identity(uid),) if uid else ()

    # --- properties

    def take(self, each: Property, source: int) -> None:
        handler = HANDLERS.get(each.head.name)
        if handler is not None:
            handler(self, each, source)
        elif not each.head.name.startswith(_OMITTED_BEGINNINGS):
            self._draft.custom(self._kind(each) or custom_kind(each.head.written), self._text(each.value))

    def _kind(self, each: Property) -> str:
        """What Apple calls a property, on a line beside it."""
        return self._group_labels.get(each.head.group, "") if each.head.group else ""

    def _text(self, value: str) -> str:
        # In version 2.1 only what separates was ever escaped; C:\new is a path there.
        if self._old and "\\" in value:
            return re.sub(r"\\([,;\\])", r"\1", value)
        return unescaped(value)

    def _parts(self, value: str, count: int, mark: str = ";") -> list[str]:
        """At least `count` parts of a structured value."""
        parts = [self._text(part).strip() for part in split(value, mark)]
        return parts + [""] * (count - len(parts))

    def _list(self, value: str) -> list[str]:
        if self._old and ";" in value:
            return [part for half in split(value, ";") for part in self._list(half)]
        return [part for part in self._parts(value, 0, ",") if part]

    def full_name(self, each: Property, source: int) -> None:
        if not self._draft["name"]:
            self._draft["name"] = self._text(each.value)

    def name(self, each: Property, source: int) -> None:
        draft = self._draft
        if any(draft[part] for part in ("family", "given", "middle", "prefix", "suffix")):
            return
        parts = split(each.value, ";")
        parts += [""] * (5 - len(parts))
        joints = (", ", ", ", " ", " ", ", ")
        for field, part, joint in zip(("family", "given", "middle", "prefix", "suffix"), parts, joints, strict=False):
            listed = [part] if self._old else split(part, ",")
            draft[field] = joint.join(filter(None, (self._text(each).strip() for each in listed)))

    def nickname(self, each: Property, source: int) -> None:
        self._nicknames += self._list(each.value)

    def organization(self, each: Property, source: int) -> None:
        company, *units = self._parts(each.value, 1)
        department = ", ".join(filter(None, units))
        if self._draft["company"] or self._draft["department"]:
            self._draft.custom("Organization", ", ".join(filter(None, (company, department))))
        else:
            self._draft["company"], self._draft["department"] = company, department

    def title(self, each: Property, source: int) -> None:
        text = self._text(each.value)
        if not self._draft["title"]:
            self._draft["title"] = text
        elif values.clean(text) != self._draft["title"]:
            self._draft.custom("Title", text)

    def role(self, each: Property, source: int) -> None:
        self._draft.custom("Role", self._text(each.value))

    def note(self, each: Property, source: int) -> None:
        self._notes.append(self._text(each.value))

    def birthday(self, each: Property, source: int) -> None:
        value = self._text(each.value).strip()
        no_year = each.head.parameters.get("X-APPLE-OMIT-YEAR")
        if no_year and value.startswith(no_year):
            value = "--" + value[len(no_year) :].lstrip("-")
        self._draft.birthday(value.partition("T")[0] if value[:1] in "-0123456789" else value)

    def email(self, each: Property, source: int) -> None:
        text, types = self._text(each.value), each.head.types
        if "x400" in types or "tlx" in types:
            self._draft.custom("E-mail", text)
        else:
            self._draft.email(text, self._kind(each) or email_kind(types), each.head.preference, source)

    def phone(self, each: Property, source: int) -> None:
        text = self._text(each.value).strip()
        if text[:4].lower() == "tel:":
            text = _dialled(text[4:])
        self._draft.phone(text, self._kind(each) or phone_kind(each.head.types), each.head.preference)

    def url(self, each: Property, source: int) -> None:
        text = unescaped(each.value)
        self._draft.url(text, self._kind(each) or url_kind(each.head.types), each.head.preference)

    def address(self, each: Property, source: int) -> None:
        box, more, street, *rest = self._parts(each.value, 7)
        street = "\n".join(filter(None, (street, more, box)))
        kind = self._kind(each) or address_kind(each.head.types)
        self._draft.address((street, *rest[:4]), kind, each.head.preference)

    def whole_address(self, each: Property, source: int) -> None:
        if not self._draft.has_address:
            kind = self._kind(each) or address_kind(each.head.types)
            self._draft.address((self._text(each.value), "", "", "", ""), kind, each.head.preference)

    def categories(self, each: Property, source: int) -> None:
        for label in self._list(each.value):
            if label != "myContacts":  # Google's group that everybody is in
                self._draft.label(label)

    def messenger(self, each: Property, source: int) -> None:
        scheme, colon, handle = self._text(each.value).strip().partition(":")
        service = each.head.parameters.get("X-SERVICE-TYPE") or (scheme if colon else "")
        self._draft.custom(service_kind(service) or "IMPP", handle if colon else scheme)

    def profile(self, each: Property, source: int) -> None:
        text, types = unescaped(each.value).strip(), each.head.types
        kind = self._kind(each) or next(iter(types), "profile")
        if text.lower().startswith("x-apple:") or not values.url(values.clean(text) or "-"):
            text = each.head.parameters.get("X-USER") or text.partition(":")[2] or text
            self._draft.custom(kind[:1].upper() + kind[1:], text)
        else:
            self._draft.url(text, kind, each.head.preference)

    def related(self, each: Property, source: int) -> None:
        text = self._text(each.value).strip()
        kind = self._kind(each) or next(iter(each.head.types), "related")
        if not text.lower().startswith(("urn:", "mailto:", "http:", "https:")):
            self._draft.custom(kind[:1].upper() + kind[1:], text)

    def day(self, each: Property, source: int) -> None:
        """A day other than a birthday, written like one."""
        text = values.clean(self._text(each.value))
        kind = self._kind(each) or custom_kind(each.head.written)
        day = values.date(text.partition("T")[0], "ymd") if text[:1] in "-0123456789" and text else None
        self._draft.custom(kind[:1].upper() + kind[1:], day or text)

    def android(self, each: Property, source: int) -> None:
        """Android's own table of what version 2.1 has no property for."""
        what, value, number, own, *_ = self._parts(each.value, 4)
        what = what.rpartition("/")[2]
        if what == "nickname":
            self._nicknames.append(value)
        elif what == "contact_event" and number == "3":
            self._draft.birthday(value)
        elif what == "contact_event":
            self._draft.custom(own if number == "0" and own else "Anniversary" if number == "1" else "Event", value)
        elif what == "relation":
            self._draft.custom(own if number == "0" and own else _RELATIONS.get(number, "Related"), value)

    def ours(self, each: Property, source: int) -> None:
        self._draft.custom(each.head.parameters.get("NAME", "Custom"), self._text(each.value))

    # --- the end

    def finished(self, row: int, line: int, cells: Callable[[], Sequence[str]]) -> Person | ProblemOut:
        self._draft["nickname"] = ", ".join(dict.fromkeys(self._nicknames))
        self._draft["notes"] = "\n".join(filter(None, self._notes))
        if len(self._draft["notes"]) > values.MAX_CELL or len(self._draft["nickname"]) > values.MAX_CELL:
            return problem("cell_too_long", row, line, cells())
        self._mend_name()
        return self._draft.result(row, line, cells)

    def _mend_name(self) -> None:
        """FN has to be there, so that it repeats whatever there was; N.family has all of a name that nobody cut."""
        draft = self._draft
        name, company = draft["name"], draft["company"]
        shown_as, kind = self._about.get("X-ABSHOWAS", ""), self._about.get("KIND", "")
        is_company = shown_as.upper() == "COMPANY" or kind.lower() in {"org", "organization"}
        if name and is_company and not company:
            draft["company"] = company = name
        parts = [draft[part] for part in ("given", "middle", "prefix", "suffix")]
        if name and (name == company or draft.names_itself(name)):
            draft["name"] = ""
            if not any(parts) and draft["family"] == name:
                draft["family"] = ""
        elif not any(parts) and " " in draft["family"] and name in ("", draft["family"]):
            draft["name"], draft["family"] = draft["family"], ""


_RELATIONS = {
    "1": "Assistant",
    "2": "Brother",
    "3": "Child",
    "4": "Partner",
    "5": "Father",
    "6": "Friend",
    "7": "Manager",
    "8": "Mother",
    "9": "Parent",
    "10": "Partner",
    "11": "Referred by",
    "12": "Relative",
    "13": "Sister",
    "14": "Spouse",
}
"""Relation types of Android's ContactsContract."""

HANDLERS: dict[str, Callable[[_Card, Property, int], None]] = {
    "FN": _Card.full_name,
    "N": _Card.name,
    "NICKNAME": _Card.nickname,
    "X-NICKNAME": _Card.nickname,
    "ORG": _Card.organization,
    "TITLE": _Card.title,
    "ROLE": _Card.role,
    "NOTE": _Card.note,
    "BDAY": _Card.birthday,
    "EMAIL": _Card.email,
    "TEL": _Card.phone,
    "URL": _Card.url,
    "ADR": _Card.address,
    "LABEL": _Card.whole_address,
    "CATEGORIES": _Card.categories,
    "X-CATEGORIES": _Card.categories,
    "IMPP": _Card.messenger,
    "X-SOCIALPROFILE": _Card.profile,
    "RELATED": _Card.related,
    "X-ABRELATEDNAMES": _Card.related,
    "X-ABDATE": _Card.day,
    "ANNIVERSARY": _Card.day,
    "X-ANNIVERSARY": _Card.day,
    "X-EVOLUTION-ANNIVERSARY": _Card.day,
    "X-KADDRESSBOOK-X-ANNIVERSARY": _Card.day,
    "X-MS-ANNIVERSARY": _Card.day,
    "X-ANDROID-CUSTOM": _Card.android,
    "X-ADDRESSBUS-CUSTOM": _Card.ours,
}


def identity(uid: str) -> str:
    """What makes a UID or a MEMBER the same, however it is written."""
    text = uid.strip().casefold()
    return text.removeprefix("mailto:").removeprefix("urn:").removeprefix("uuid:")


def _dialled(uri: str) -> str:
    """`+1-555-0100;ext=5` of a tel: URI as people write it."""
    number, *parameters = uri.split(";")
    extension = next((each[4:] for each in parameters if each[:4].lower() == "ext="), "")
    return f"{number} ext. {extension}" if extension else number
