"""Who has an account here, and what is in it.

Google     empty 0 | three 3 | ada 3,000 (people 0 ... 2,999) and 60 other contacts | odd: hostile | many-NNN 30 each
Microsoft  empty 0 | three 3 | grace 25,000 (people 2,000 ... 26,999) in nested folders | odd | many-NNN 30 each
Both `three` are people 100,000 ... 100,002; a many-NNN of Google and one of Microsoft with the same number have the
same people. `size-N@...` has N people of its own (N <= 200,000), for measurements.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

from tests.providers import odd
from tests.providers.book import Book, GoogleBook, MicrosoftBook
from tests.providers.people import Contact, google_side, microsoft_side
from tests.providers.seeds import Seed

DOMAINS = {"google": "google.example", "microsoft": "outlook.example"}
NAMED = {"google": ("empty", "three", "ada", "odd"), "microsoft": ("empty", "three", "grace", "odd")}
MANY = 400
CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of personal Microsoft accounts."""

_FOLDERS = (("Customers", ""), ("Old", "Customers"), ("Archive", "Old"), ("Family", ""), ("Nobody here", ""))
_SIZED = re.compile(r"(many|size)-([0-9]{1,6})")


@dataclass(slots=True, eq=False)
class Account:
    provider: str
    address: str
    subject: str
    """`sub` of Google, `oid` of Microsoft."""
    made: Callable[[], Book]
    _book: Book | None = None

    @property
    def book(self) -> Book:
        """Made when somebody first looks into it: signing in does not."""
        if self._book is None:
            self._book = self.made()
        return self._book

    @property
    def name(self) -> str:
        return self.address.partition("@")[0].replace("-", " ").title()


_ABOUT = {
    "empty": "nobody in it",
    "three": "3 contacts",
    "ada": "3,000 contacts",
    "grace": "25,000 contacts in nested folders",
    "odd": "strange and hostile contacts",
}


def listed(provider: str) -> dict[str, str]:
    """The addresses that an account chooser offers, each with what is in it."""
    names = (*NAMED[provider], *(f"many-{number:03}" for number in range(1, 4)))
    return {f"{name}@{DOMAINS[provider]}": _ABOUT.get(name, "30 contacts") for name in names}


class Accounts:
    """Made when first asked for, then kept."""

    def __init__(self, seed: Seed) -> None:
        self._seed = seed
        self._known: dict[str, Account] = {}

    def find(self, address: str, provider: str | None = None) -> Account | None:
        address = address.strip().lower()
        account = self._known.get(address)
        if account is None:
            account = self._make(address)
            if account is not None:
                self._known[address] = account
        return account if account and provider in {None, account.provider} else None

    def _make(self, address: str) -> Account | None:
        name, _, domain = address.partition("@")
        provider = next((provider for provider, known in DOMAINS.items() if known == domain), None)
        if provider is None:
            return None
        sized = _SIZED.fullmatch(name)
        if name not in NAMED[provider] and not sized:
            return None
        if sized and sized[1] == "many" and not 1 <= int(sized[2]) <= MANY:
            return None
        if provider == "google":
            number = self._seed.number_of("subject", address)
            return Account(provider, address, f"1{number % 10**20:020}", partial(_google, self._seed, name, address))
        subject = self._seed.uuid("subject", address)
        return Account(provider, address, subject, partial(_microsoft, self._seed, name, address))


def _numbers(name: str) -> range:
    sized = _SIZED.fullmatch(name)
    if sized:
        number = int(sized[2])
        if sized[1] == "many":
            return range(200_000 + number * 30, 200_030 + number * 30)
        return range(1_000_000, 1_000_000 + min(number, 200_000))
    return {"three": range(100_000, 100_003), "ada": range(3_000), "grace": range(2_000, 27_000)}.get(name, range(0))


def _google(seed: Seed, name: str, address: str) -> GoogleBook:
    book = GoogleBook(seed, address)
    if name == "odd":
        book.grow((one.shown, dict(one.said), 1) for one in odd.google())
    book.grow((contact, {}, n) for n, contact in _people("google", seed.number, _numbers(name)))
    if name == "ada":
        book.grow(((_seen(google_side(seed, n)), {}, 1) for n in range(50_000, 50_060)), other=True)
    return book


def _microsoft(seed: Seed, name: str, address: str) -> MicrosoftBook:
    book = MicrosoftBook(seed, address, _FOLDERS if name in {"grace", "odd"} else ())
    folders = [folder.id for folder in book.groups.values()]
    if name == "odd":
        for index, one in enumerate(odd.microsoft()):
            book.grow([(one.shown, dict(one.said), 1)], folder=folders[index % 4])
    if name == "grace":
        # 15,000 in the default folder, then 6,000, 3,000, 999 and a single one; the last folder is empty.
        ends = (17_000, 23_000, 26_000, 26_999, 27_000, 27_000)
        start = 2_000
        for folder, end in zip(folders, ends, strict=True):
            people = _people("microsoft", seed.number, range(start, end))
            book.grow(((contact, {}, n) for n, contact in people), folder=folder)
            start = end
    else:
        people = _people("microsoft", seed.number, _numbers(name))
        book.grow(((contact, {}, n) for n, contact in people), folder=book.default)
    return book


@lru_cache(maxsize=2_048)
def _people(provider: str, seed: int, numbers: range) -> list[tuple[int, Contact]]:
    """Made once: a reset begins with the same people, and a changed contact is another dict."""
    side = google_side if provider == "google" else microsoft_side
    return [(n, side(Seed(seed), n)) for n in numbers]


def _seen(contact: Contact) -> Contact:
    """What Google keeps of people one only wrote to."""
    return {part: contact[part] for part in ("name", "given", "family", "emails", "phones") if part in contact}
