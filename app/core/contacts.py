"""A contact, who it is, and how two versions of it become one (design.md section 5)."""

import hashlib
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID, uuid5

import idna
import msgspec

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
    return scalars[0] or " ".join(filter(None, scalars[1:6]))


def fold_email(value: str) -> str:
    """An e-mail as identity sees it: case is folded and the domain is in its ASCII (IDNA) form."""
    if value.isascii():
        return value.lower()
    local, _, domain = value.rpartition("@")
    try:
        domain = idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        domain = domain.casefold()
    return f"{unicodedata.normalize('NFC', local).casefold()}@{domain}"


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
