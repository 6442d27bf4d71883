"""A contact -> a contact of Microsoft Graph v1.0, all its properties."""

from typing import Any

from tests.providers.people import Contact

Json = dict[str, Any]

PROPERTIES = (
    "id createdDateTime lastModifiedDateTime changeKey categories parentFolderId birthday fileAs displayName givenName "
    "initials middleName nickName surname title yomiGivenName yomiSurname yomiCompanyName generation imAddresses "
    "jobTitle companyName department officeLocation profession businessHomePage assistantName manager homePhones "
    "mobilePhone businessPhones spouseName personalNotes children emailAddresses homeAddress businessAddress "
    "otherAddress"
).split()
"""What `$select` may name."""

_TEXTS = {
    "displayName": "name",
    "title": "prefix",
    "givenName": "given",
    "middleName": "middle",
    "surname": "family",
    "generation": "suffix",
    "nickName": "nickname",
    "companyName": "company",
    "department": "department",
    "jobTitle": "title",
    "personalNotes": "notes",
}


def contact(truth: Contact, *, salt: int = 0) -> Json:
    """Everything but ids, keys, dates and folder. What is empty is null or "", as both are seen in one record."""
    found: Json = dict.fromkeys(PROPERTIES[10:])
    for name in ("initials", "profession", "manager", "officeLocation"):
        found[name] = "" if salt % 2 else None
    for graph, ours in _TEXTS.items():
        found[graph] = truth.get(ours, "" if salt % 3 == 0 else None)
    found |= {"imAddresses": [], "children": [], "categories": list(truth.get("labels", ()))}
    found["fileAs"] = ", ".join(truth[part] for part in ("family", "given") if part in truth)
    found["emailAddresses"] = [
        # The name often only repeats the address.
        {"name": email["value"] if salt % 2 else truth.get("name", email["value"]), "address": email["value"]}
        for email in truth.get("emails", ())
    ]
    phones: dict[str, list[str]] = {"work": [], "home": [], "mobile": []}
    for phone in truth.get("phones", ()):
        phones[phone["label"]].append(phone["raw"])
    found["businessPhones"], found["homePhones"] = phones["work"], phones["home"]
    found["mobilePhone"] = phones["mobile"][0] if phones["mobile"] else None
    addresses = {address["label"]: address for address in truth.get("addresses", ())}
    for graph, label in (("businessAddress", "work"), ("homeAddress", "home"), ("otherAddress", "other")):
        found[graph] = _address(addresses[label]) if label in addresses else {}
    found["birthday"] = _birthday(truth["birthday"], salt) if "birthday" in truth else None
    urls = truth.get("urls")
    found["businessHomePage"] = urls[0]["value"] if urls else None
    return found


def _address(address: dict[str, str]) -> Json:
    names = {
        "street": "street",
        "city": "city",
        "state": "region",
        "countryOrRegion": "country",
        "postalCode": "postal_code",
    }
    return {graph: address[ours] for graph, ours in names.items() if ours in address}


def _birthday(day: str, salt: int) -> str:
    # Outlook keeps noon of the day, in whatever zone; without a year it writes 1604.
    date = day.replace("--", "1604-", 1)
    return f"{date}T11:59:00Z" if salt % 3 else f"{date}T00:00:00Z"
