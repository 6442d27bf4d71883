"""What was kept of a usable row although it is doubtful: warnings, shown before an import.

A warning changes nothing and is counted nowhere: its row is a contact like any other. A row that cannot be used is a
problem (`problems.py`).
"""

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from app.core.contacts import Person
from app.core.reading import values
from app.core.reading.plan import FieldName, Plan

Code = Literal["email_domain", "email_kept", "phone_shortened", "phone_doubtful", "birthday_kept", "link_kept"]

WORDS: dict[Code, str] = {
    "email_domain": "The domain of this e-mail address looks mistyped. It is imported as it is.",
    "email_kept": "This is not an e-mail address. It is kept as a field of its own.",
    "phone_shortened": "A spreadsheet has shortened this phone number: its last digits are lost. It is kept as it is.",
    "phone_doubtful": "It is not certain how this phone number is dialled from abroad. It is kept as it is.",
    "birthday_kept": "This is no day of the calendar that we can read. It is kept as a field of its own.",
    "link_kept": "This is no link. It is kept as a field of its own.",
}

_KEPT: dict[FieldName, Code] = {"emails": "email_kept", "birthday": "birthday_kept", "urls": "link_kept"}
_LONGEST = 200


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """A value that was kept with a doubt. `field` is one of the contact's, or of its custom fields."""

    line: int
    field: str
    value: str
    code: Code
    message: str
    suggestion: str = ""


def doubts(people: Sequence[Person], plan: Plan) -> Iterator[Doubt]:
    """The warnings of these people, in the order of their rows."""
    kept = _kept(plan)
    region = plan.values.phone_region if plan.values else None
    for person in people:
        for email in person.emails:
            meant = values.meant_domain(email.value.rpartition("@")[2])
            if meant:
                said = f"{email.value.rpartition('@')[2]}: did you mean {meant}?"
                yield _warning(person, "emails", email.value, "email_domain", said)
        for phone in person.phones:
            if not phone.value and values.is_shortened(phone.raw):
                said = "In the spreadsheet, format the column as text, and export it again from where it came from."
                yield _warning(person, "phones", phone.raw, "phone_shortened", said)
            elif not phone.value:
                said = "" if region else "Say which country numbers without a country code belong to."
                yield _warning(person, "phones", phone.raw, "phone_doubtful", said)
        for key, value in person.custom:
            if key in kept:
                yield _warning(person, key, value, kept[key], "")


def _kept(plan: Plan) -> dict[str, Code]:
    """The custom fields under which values are kept that are not what their column says."""
    columns = plan.columns or ()
    own = {column.key for column in columns if column.field == "custom"}
    headers = {(column.header or f"Column {column.index + 1}")[:100]: column.field for column in columns}
    return {header: _KEPT[field] for header, field in headers.items() if field in _KEPT and header not in own}


def _warning(person: Person, field: str, value: str, code: Code, suggestion: str) -> Doubt:
    shown = value if len(value) <= _LONGEST else value[:_LONGEST] + "…"
    return Doubt(line=person.line, field=field, value=shown, code=code, message=WORDS[code], suggestion=suggestion)
