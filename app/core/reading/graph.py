"""An item of Microsoft Graph v1.0 -> an entry (`microsoft.graph.contact`, from contacts/delta).

A later round of a delta query sends at least what changed, and perhaps no more: then nothing of the item need say who
it is, and its link does.
"""

import re
from collections.abc import Mapping
from typing import Any

from app.core.contacts import Address
from app.core.events import ProviderPage
from app.core.reading import values
from app.core.reading.provided import MAX_NOTES, Entry, member, members, text, texts

_TEXTS = {
    "prefix": "title",
    "given": "givenName",
    "middle": "middleName",
    "family": "surname",
    "suffix": "generation",
    "nickname": "nickName",
    "company": "companyName",
    "department": "department",
    "title": "jobTitle",
}
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?![0-9])")


def entry(contact: Mapping[str, Any], page: ProviderPage, region: str | None) -> Entry | None:
    """What a contact of a mailbox says; None without an id."""
    id_ = contact.get("id")
    if not isinstance(id_, str) or not id_:
        return None
    if "@removed" in contact:
        return Entry(id_, gone=True)
    found = Entry(id_, partial="emailAddresses" not in contact)
    found.scalars["name"] = text(contact.get("displayName")) or text(contact.get("fileAs"))
    for ours, theirs in _TEXTS.items():
        found.scalars[ours] = text(contact.get(theirs))
    found.scalars["notes"] = text(contact.get("personalNotes"), MAX_NOTES)
    for email in members(contact.get("emailAddresses")):
        found.add_email(text(email.get("address")))  # its `name` repeats the address, or is another's name for it
    for field, label in (("businessPhones", "work"), ("homePhones", "home")):
        for phone in texts(contact.get(field)):
            found.add_phone(phone, label, region)
    found.add_phone(text(contact.get("mobilePhone")), "mobile", region)
    for field, label in (("businessAddress", "work"), ("homeAddress", "home"), ("otherAddress", "other")):
        found.add_address(_address(contact.get(field), label))
    found.add_url(text(contact.get("businessHomePage")), "work")
    for category in texts(contact.get("categories")):
        found.add_label(category)
    _take_birthday(found, text(contact.get("birthday")))
    return found


def _take_birthday(found: Entry, cell: str) -> None:
    """The date as it is written: the time beside it is noon or midnight somewhere and means nothing."""
    date = _DATE.match(cell)
    if date is None:
        found.keep("Birthday", cell)
        return
    year, month, day = (int(part) for part in date.groups())
    if year == 1:  # .NET's way to say that there is none
        return
    found.scalars["birthday"] = values.day_of(year, month, day) or ""
    if not found.scalars["birthday"]:
        found.keep("Birthday", date[0])


def _address(address: object, label: str) -> Address:
    street, city, state, postal_code, country = (
        text(member(address, part)) for part in ("street", "city", "state", "postalCode", "countryOrRegion")
    )
    return Address(street, city, state, postal_code, values.country(country), label)
