"""An item of Google's People API -> an entry (`Person` of people:v1, from connections and other contacts)."""

from collections.abc import Mapping
from typing import Any

from app.core.contacts import Address
from app.core.events import ProviderPage
from app.core.reading import values
from app.core.reading.markup import text_of
from app.core.reading.provided import MAX_NOTES, Entry, kind, member, members, text, texts

_PARTS = {
    "prefix": "honorificPrefix",
    "given": "givenName",
    "middle": "middleName",
    "family": "familyName",
    "suffix": "honorificSuffix",
}


def entry(person: Mapping[str, Any], page: ProviderPage, region: str | None) -> Entry | None:
    """What a person of an address book says; None without a resource name."""
    resource = text(person.get("resourceName"))
    if not resource:
        return None
    aliases = tuple(texts(person.get("previousResourceNames")))
    if member(person.get("metadata"), "deleted") is True:
        return Entry(_id(resource), gone=True)
    found = Entry(_id(resource), aliases=tuple(map(_id, aliases)))
    _take_name(found, person)
    _take_organization(found, person)
    for email in members(person.get("emailAddresses")):
        found.add_email(text(email.get("value")), kind(email.get("type")))
    for phone in members(person.get("phoneNumbers")):
        canonical = text(phone.get("canonicalForm"))
        found.add_phone(text(phone.get("value")), kind(phone.get("type")), region, canonical)
    for address in members(person.get("addresses")):
        found.add_address(_address(address))
    for url in members(person.get("urls")):
        found.add_url(text(url.get("value")), kind(url.get("type")))
    for membership in members(person.get("memberships")):
        group = member(membership.get("contactGroupMembership"), "contactGroupResourceName")
        found.add_label(page.groups.get(text(group), ""))
    _take_birthday(found, person)
    biography = _best(person.get("biographies"))
    notes = text(biography.get("value"), MAX_NOTES)
    if biography.get("contentType") == "TEXT_HTML":
        notes = text(text_of(notes), MAX_NOTES)
    found.scalars["notes"] = notes
    return found


def _id(resource: str) -> str:
    """Somebody who is promoted from "other contacts" keeps the number: `otherContacts/c7` becomes `people/c7`."""
    return resource.partition("/")[2] if resource.startswith(("people/c", "otherContacts/c")) else resource


def _best(fields: object) -> Mapping[str, Any]:
    """The primary one, else the first that the person wrote. `primary` is a hint: some fields never have it."""
    found = members(fields)
    for each in found:
        if member(each.get("metadata"), "primary") is True:
            return each
    for each in found:
        if member(member(each.get("metadata"), "source"), "type") == "CONTACT":
            return each
    return found[0] if found else {}


def _take_name(found: Entry, person: Mapping[str, Any]) -> None:
    name = _best(person.get("names"))
    found.scalars["name"] = text(name.get("displayName")) or text(name.get("unstructuredName"))
    for ours, theirs in _PARTS.items():
        found.scalars[ours] = text(name.get(theirs))
    found.scalars["nickname"] = text(_best(person.get("nicknames")).get("value"))


def _take_organization(found: Entry, person: Mapping[str, Any]) -> None:
    """The primary one, else a current one, else the first."""
    every = members(person.get("organizations"))
    primary = [each for each in every if member(each.get("metadata"), "primary") is True]
    current = [each for each in every if each.get("current") is True]
    chosen = next(iter([*primary, *current, *every]), {})
    for ours, theirs in {"company": "name", "department": "department", "title": "title"}.items():
        found.scalars[ours] = text(chosen.get(theirs))


def _take_birthday(found: Entry, person: Mapping[str, Any]) -> None:
    birthday = _best(person.get("birthdays"))
    date = birthday.get("date")
    year, month, day = (_number(member(date, part)) for part in ("year", "month", "day"))
    found.scalars["birthday"] = (values.day_of(year or None, month, day) if month and day else None) or ""
    if not found.scalars["birthday"]:
        said = text(birthday.get("text")) or "-".join(f"{part:02}" for part in (year, month, day) if part)
        found.keep("Birthday", said)


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 9999 else 0


def _address(address: Mapping[str, Any]) -> Address:
    street = "\n".join(filter(None, (text(address.get(p)) for p in ("streetAddress", "extendedAddress", "poBox"))))
    city, region = text(address.get("city")), text(address.get("region"))
    postal_code = text(address.get("postalCode"))
    country = values.country(text(address.get("country")) or text(address.get("countryCode")))
    if not (street or city or region or postal_code or country):
        street = text(address.get("formattedValue"))
    return Address(street, city, region, postal_code, country, kind(address.get("type")))
