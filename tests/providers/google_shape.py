"""A contact -> a person of the People API (discovery document `people:v1`, revision 20251117)."""

import html
from typing import Any

from tests.providers.people import Contact

Json = dict[str, Any]

FIELDS = frozenset(
    "addresses ageRanges biographies birthdays calendarUrls clientData coverPhotos emailAddresses events externalIds "
    "genders imClients interests locales locations memberships metadata miscKeywords names nicknames occupations "
    "organizations phoneNumbers photos relations sipAddresses skills urls userDefined".split()
)
"""The paths of a personFields mask."""

_KINDS = {
    "home fax": "homeFax",
    "work fax": "workFax",
    "other fax": "otherFax",
    "work mobile": "workMobile",
    "work pager": "workPager",
    "google voice": "googleVoice",
    "home page": "homePage",
}


def person(contact: Contact, source_id: str, groups: dict[str, str], *, salt: int = 0) -> Json:
    """Everything but `resourceName`, `etag` and `metadata`. `groups`: label -> resource name of its group.

    `salt` varies what may vary: notes as HTML, dates with a written form, organizations that are over.
    """
    found: Json = {"names": [_name(contact)] if _has_name(contact) else []}
    if "nickname" in contact:
        found["nicknames"] = [{"value": contact["nickname"]}]
    found["emailAddresses"] = [
        _kind({"value": email["value"].capitalize() if salt % 9 == 4 else email["value"]}, email["label"])
        for email in contact.get("emails", ())
    ]
    found["phoneNumbers"] = [_phone(phone) for phone in contact.get("phones", ())]
    found["organizations"] = _organizations(contact, salt)
    found["addresses"] = [_address(address) for address in contact.get("addresses", ())]
    if "birthday" in contact:
        found["birthdays"] = [_birthday(contact["birthday"], salt)]
    if "notes" in contact:
        found["biographies"] = [_biography(contact["notes"], salt)]
    found["urls"] = [_kind({"value": url["value"]}, url["label"]) for url in contact.get("urls", ())]
    for values in found.values():
        for index, value in enumerate(values):
            value["metadata"] = {"source": {"type": "CONTACT", "id": source_id}}
            if index == 0:
                value["metadata"] = {"primary": True, **value["metadata"], "sourcePrimary": True}
    found["memberships"] = [membership(name, source_id) for name in groups_of(contact, groups)]
    return {name: values for name, values in found.items() if values}


def groups_of(contact: Contact, groups: dict[str, str]) -> list[str]:
    """Resource names; everybody is in myContacts."""
    return [*(groups[label] for label in contact.get("labels", ())), "contactGroups/myContacts"]


def membership(group: str, source_id: str) -> Json:
    """One `memberships[]` entry. Recordings have no `primary` here, although the schema promises one."""
    reference = {"contactGroupId": group.removeprefix("contactGroups/"), "contactGroupResourceName": group}
    return {"metadata": {"source": {"type": "CONTACT", "id": source_id}}, "contactGroupMembership": reference}


def _has_name(contact: Contact) -> bool:
    return any(part in contact for part in ("name", "given", "family", "prefix", "middle", "suffix"))


def _name(contact: Contact) -> Json:
    parts = {
        "displayName": "name",
        "familyName": "family",
        "givenName": "given",
        "middleName": "middle",
        "honorificPrefix": "prefix",
        "honorificSuffix": "suffix",
    }
    name: Json = {google: contact[ours] for google, ours in parts.items() if ours in contact}
    if "family" in contact and "given" in contact:
        name["displayNameLastFirst"] = f"{contact['family']}, {contact['given']}"
    name["unstructuredName"] = contact.get("name", "")
    return name


def _kind(value: Json, label: str) -> Json:
    if label:
        value["type"] = _KINDS.get(label, label)
        value["formattedType"] = label[:1].upper() + label[1:]
    return value


def _phone(phone: dict[str, str]) -> Json:
    value = {"value": phone["raw"]}
    if phone.get("value"):
        value["canonicalForm"] = phone["value"]
    return _kind(value, phone["label"])


def _organizations(contact: Contact, salt: int) -> list[Json]:
    organization: Json = {
        google: contact[ours]
        for google, ours in (("name", "company"), ("title", "title"), ("department", "department"))
        if ours in contact
    }
    if not organization:
        return []
    organization |= {"type": "work", "formattedType": "Work"}
    if salt % 5:
        return [organization]
    organization |= {"current": True, "startDate": {"year": 2019, "month": 4}, "location": "2nd floor"}
    return [organization, {"name": "Formerly Ltd", "endDate": {"year": 2018, "month": 12, "day": 31}, "current": False}]


def _address(address: dict[str, str]) -> Json:
    street, *more = address.get("street", "").split("\n")
    parts = {
        "streetAddress": street,
        "extendedAddress": more[0] if more else "",
        "poBox": more[1] if len(more) > 1 else "",
        "city": address.get("city", ""),
        "region": address.get("region", ""),
        "postalCode": address.get("postal_code", ""),
        "country": address.get("country", ""),
        "countryCode": address.get("country_code", ""),
    }
    filled = {name: value for name, value in parts.items() if value}
    filled["formattedValue"] = "\n".join(value for name, value in filled.items() if name != "countryCode")
    return _kind(filled, address["label"])


def _birthday(day: str, salt: int) -> Json:
    year, month, date = day.replace("--", "0-", 1).split("-")
    found: Json = {"date": {"year": int(year), "month": int(month), "day": int(date)}}
    if int(year) == 0 and salt % 2:
        del found["date"]["year"]
    if salt % 3 == 0:
        found["text"] = f"{int(date)}/{int(month)}" + (f"/{year}" if int(year) else "")
    return found


def _biography(notes: str, salt: int) -> Json:
    if salt % 4:
        return {"value": notes, "contentType": "TEXT_PLAIN"}
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in notes.split("\n"))
    hidden = "<style>p { color: red }</style><script>alert('never')</script>"
    return {"value": hidden + lines, "contentType": "TEXT_HTML"}
