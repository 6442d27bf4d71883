"""A contact while its lines are read, by the rules of `rows.py`: it ends as one person or as one problem.

What becomes of a value that is not what its line says:
- an e-mail address that is none, in a contact without any other: a problem, `email_invalid`;
- any other one, a birthday that is no day, a link that is none: kept as a custom value.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import NamedTuple, TypeVar

from app.core.contacts import SCALARS, Address, Email, Person, Phone, Url, match_key
from app.core.events import ProblemOut
from app.core.reading import values
from app.core.reading.plan import DateOrder, Plan
from app.core.reading.problems import problem

MAX_CUSTOM = 100
"""So many custom fields of one card or entry are kept, and so many texts of each."""

KEY_CHARACTERS = 100

_T = TypeVar("_T")


class Wishes(NamedTuple):
    """What a plan says about values."""

    region: str | None
    order: DateOrder
    labels: tuple[str, ...]

    @classmethod
    def of(cls, plan: Plan) -> "Wishes":
        """Those of a plan."""
        wanted = plan.values
        return cls(
            wanted.phone_region if wanted else None,
            (wanted.date_order if wanted else None) or "dmy",
            tuple(plan.labels or ()),
        )


class Draft:
    """Takes values, cleaned here. A `preference` moves a value of a list forward, the least first; `source` is the
    index of the line where a value stands."""

    __slots__ = ("_addresses", "_bad_emails", "_custom", "_emails", "_labels", "_phones", "_texts", "_urls", "_wishes")

    def __init__(self, wishes: Wishes) -> None:
        self._wishes = wishes
        self._texts: dict[str, str] = {}
        self._emails: list[tuple[int, Email]] = []
        self._phones: list[tuple[int, Phone]] = []
        self._urls: list[tuple[int, Url]] = []
        self._addresses: list[tuple[int, Address]] = []
        self._labels: list[str] = []
        # Of each key its different texts, in order.
        self._custom: dict[str, dict[str, None]] = {}
        self._bad_emails: list[tuple[int, str]] = []

    def __getitem__(self, name: str) -> str:
        """A single-valued field as it is so far, "" if it is empty."""
        return self._texts.get(name, "")

    def __setitem__(self, name: str, value: str) -> None:
        self._texts[name] = values.clean(value) if value else ""

    def names_itself(self, text: str) -> bool:
        """Whether a text only repeats an e-mail address or a phone number of this contact."""
        known = {email.value for _, email in self._emails}
        return text.casefold() in known or any(text in (phone.value, phone.raw) for _, phone in self._phones)

    def birthday(self, text: str) -> None:
        """A day, with or without a year."""
        text = values.clean(text)
        if not text or values.is_no_date(text):
            return
        found = values.date(text, self._wishes.order)
        if found:
            self._texts.setdefault("birthday", found)
        else:
            self.custom("Birthday", text)

    def email(self, text: str, label: str, preference: int, source: int) -> None:
        """One address, or several."""
        text = values.clean(text)
        if not text:
            return
        one = values.email(text)
        several = (one,) if one is not None else values.emails(text)
        if several is not None:
            self._emails += [(preference, Email(value, label)) for value in several]
        elif not values.is_placeholder(text):
            self._bad_emails.append((source, text))

    def phone(self, text: str, label: str, preference: int) -> None:
        """One number, or several; a doubtful one as it is."""
        text = values.clean(text)
        if not text or values.is_placeholder(text):
            return
        region = self._wishes.region
        value = values.phone(text, region)
        several = ((value, text),) if value else values.phones(text, region)
        self._phones += [(preference, Phone(value, raw, label)) for value, raw in several]

    def url(self, text: str, label: str, preference: int) -> None:
        """A link."""
        text = values.clean(text)
        if not text or values.is_placeholder(text):
            return
        value = values.url(text)
        if value is None:
            self.custom("URL", text)
        else:
            self._urls.append((preference, Url(value, label)))

    def address(self, parts: Sequence[str], label: str, preference: int) -> None:
        """Street, city, region, postal code and country."""
        street, city, region, postal_code, country = map(values.clean, parts)
        if street or city or region or postal_code or country:
            address = Address(street, city, region, postal_code, values.country(country), label)
            self._addresses.append((preference, address))

    @property
    def has_address(self) -> bool:
        """Whether there is an address so far."""
        return bool(self._addresses)

    def label(self, text: str) -> None:
        """A group that this contact belongs to."""
        text = values.clean(text)
        name = values.label(text) if text else ""
        if name:
            self._labels.append(name)

    def custom(self, key: str, text: str) -> None:
        """Anything else; several of one key are joined."""
        text, key = values.clean(text), values.clean(key)[:KEY_CHARACTERS]
        if not text or not key or values.is_placeholder(text) or len(text) > values.MAX_CELL:
            return
        if key in self._custom or len(self._custom) < MAX_CUSTOM:
            texts = self._custom.setdefault(key, {})
            if len(texts) < MAX_CUSTOM:
                texts[text] = None

    def result(self, row: int, line: int, cells: Callable[[], Sequence[str]]) -> Person | ProblemOut:
        """The person, or what is wrong; `cells` are what a problem tells."""
        wrong = [] if self._emails else [bad for bad in self._bad_emails if not _is_directory_path(bad[1])]
        if wrong:
            source, text = wrong[0]
            meant = values.email_suggestion(text)
            return problem("email_invalid", row, line, cells(), column=source, suggestion=meant)
        for _, text in self._bad_emails:
            self.custom("E-mail", text)
        scalars = tuple([self._texts.get(name, "") for name in SCALARS])
        emails = _distinct(self._emails, itemgetter(0))
        phones = _distinct(self._phones, lambda phone: phone.value or phone.raw)
        urls = _distinct(self._urls, itemgetter(0))
        addresses = _distinct(self._addresses, lambda address: address)
        custom = tuple([(key, "\n".join(texts)[: values.MAX_CELL]) for key, texts in self._custom.items()])
        key = match_key(scalars, emails, phones, addresses, urls, custom)
        if key is None:
            return problem("no_identity", row, line, cells())
        labels = tuple(dict.fromkeys((*self._labels, *self._wishes.labels)))
        return Person(row, line, key, scalars, emails, phones, addresses, urls, labels, custom)


def _distinct(found: list[tuple[int, _T]], key: Callable[[_T], object]) -> tuple[_T, ...]:
    """The values in the order of preference, each once."""
    if not found:
        return ()
    if len(found) == 1:
        return (found[0][1],)
    found.sort(key=itemgetter(0))
    known: dict[object, _T] = {}
    for _, value in found:
        known.setdefault(key(value), value)
    return tuple(known.values())


def _is_directory_path(text: str) -> bool:
    # Exchange's own name of a person, where there is no address.
    return text[:3].casefold() == "/o="
