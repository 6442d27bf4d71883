"""The plan: how a file is to be understood (version 1). A partial plan is a plan; intake completes it once.

In events a member that a later release added is ignored, like everywhere; `plans.parse` refuses it of a client.
"""

from typing import Literal

import msgspec

Format = Literal["csv", "vcard", "xlsx", "xls", "ods", "ldif", "zip"]
Repair = Literal["utf-8-read-as-windows-1252", "utf-8-read-as-latin-1"]
DateOrder = Literal["dmy", "mdy", "ymd"]
Existing = Literal["fill", "overwrite", "skip"]
FieldName = Literal[
    "none",
    "custom",
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
    "labels",
    "emails",
    "phones",
    "urls",
    "addresses",
]
Part = Literal[
    "value",
    "label",
    "full",
    "last_first",
    "year",
    "month",
    "day",
    "whole",
    "street",
    "city",
    "region",
    "postal_code",
    "country",
]


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    delimiter: Literal[",", ";", "\t", "|", ":", "\x1f"]
    quote: Literal['"', "'"] | None
    escape: Literal["doubled", "backslash"]
    trim: bool = False


class Column(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    index: int
    field: FieldName
    header: str | None = None
    part: Part | None = None
    slot: int | None = None
    label: str | None = None
    split: str | None = None
    key: str | None = None


class Values(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    phone_region: str | None = None
    date_order: DateOrder | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Every member may be missing (UNSET or None); a completed plan has all that its format needs."""

    version: Literal[1] = 1
    format: Format | None = None
    encoding: str | None = None
    repair: Repair | None = None
    dialect: Dialect | None = None
    sheet: str | None = None
    preamble: int | None = None
    header: int | None = None
    signature: str | None = None
    columns: tuple[Column, ...] | None = None
    values: Values | None = None
    existing: Existing | None = None
    labels: tuple[str, ...] | None = None
