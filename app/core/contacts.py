"""A contact, who it is, and how two versions of it become one (design.md section 5)."""

from typing import NamedTuple

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
