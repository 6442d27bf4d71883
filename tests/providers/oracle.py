"""What Addressbus should show of an account: contacts in the shape of its API (design.md section 6).

The simulator makes a person first and a provider's JSON from it, so the oracle is what was there before, never a
reading of that JSON. How a provider's field is to be understood:

    Google                                  Addressbus
    names[0].displayName                    name, as written (composed of the parts where there is none)
    honorificPrefix/givenName/middleName/familyName/honorificSuffix    prefix given middle family suffix
    nicknames[0].value                      nickname
    emailAddresses[] value, type            emails value (lower case, domain as IDNA), label
    phoneNumbers[] value, canonicalForm     phones raw, value
    organizations[]                         company, department, title of the primary one, else of a current
                                            one, else of the first
    addresses[]                             street = streetAddress, extendedAddress, poBox on lines of their own; only a
                                            formattedValue: that; country = country, else countryCode
    birthdays[0].date                       `1984-03-07`, without year (or year 0) `--03-07`
    biographies[0]                          notes; TEXT_HTML made text without scripts and styles; TEXT_PLAIN as it is
    urls[], contactGroups of the user       urls; labels (formattedName)

    Graph                                   Addressbus
    displayName title givenName middleName surname generation nickName  name prefix given middle family suffix nickname
    emailAddresses[].address                emails, label "" (its `name` is no name of the person)
    businessPhones homePhones mobilePhone   phones, labels work, home, mobile
    businessAddress homeAddress otherAddress    addresses, labels work, home, other; countryOrRegion = country
    companyName department jobTitle         company department title
    birthday                                its date as written, never shifted; year 1604 = no year; year 0001 = none
    businessHomePage categories personalNotes   urls (label work), labels, notes (plain text)

Labels of kinds are lower-case words: `homeFax` -> `home fax`, `workMobile` -> `work mobile`, `homePage` -> `home page`;
a person's own kinds stay as they are. No contact of a provider is a rejected row: it has an id, if nothing else. What
is no e-mail address, no link (`javascript:`) or no birthday (only a year, only a text) is kept in `custom`.
"""

from collections.abc import Sequence
from typing import Any

from tests.providers.accounts import Account
from tests.providers.people import Contact, csv_side, filled
from tests.providers.seeds import Seed

SINGLE = tuple("name prefix given middle family suffix nickname company department title birthday notes".split())
LISTS = ("emails", "phones", "addresses", "urls")


def expected(
    seed: Seed, accounts: Sequence[Account], csv: range | None = None, *, others: bool = False
) -> dict[str, Any]:
    """`{"people": [{"ids": [...], "accounts": [...], "contact": {...}}], "accounts": {address: number of people}}`.

    `people` has one entry per contact that there should be, after sources with the same first e-mail became one: of a
    single value the first source's, of lists all. `ids` are the providers' (Graph's immutable ones). `others`: with
    Google's other contacts.
    """
    merged: dict[str, dict[str, Any]] = {}
    counts: dict[str, int] = {}
    for account in accounts:
        book = account.book
        records = [*book.people(), *(book.people(other=True) if others else ())]
        counts[account.address] = len(records)
        for record in records:
            identity = book.provider_id(record)
            _add(merged, book.shown(record), identity, account.address)
    for n in csv or ():
        _add(merged, csv_side(seed, n), f"row {n}", "csv")
    return {"people": list(merged.values()), "accounts": counts}


def _add(merged: dict[str, dict[str, Any]], contact: Contact, identity: str, source: str) -> None:
    emails = contact.get("emails")
    key = emails[0]["value"] if emails else f"{source} {identity}"
    known = merged.get(key)
    if known is None:
        merged[key] = {"ids": [identity], "accounts": [source], "contact": contact}
        return
    known["ids"].append(identity)
    if source not in known["accounts"]:
        known["accounts"].append(source)
    known["contact"] = together(known["contact"], contact)


def together(first: Contact, second: Contact) -> Contact:
    """One contact out of two sources of the same person."""
    both: Contact = {field: first.get(field) or second.get(field) for field in SINGLE}
    for field in LISTS:
        both[field] = [*first.get(field, ())]
        both[field] += [item for item in second.get(field, ()) if item not in both[field]]
    both["labels"] = sorted({*first.get("labels", ()), *second.get("labels", ())})
    both["custom"] = {**second.get("custom", {}), **first.get("custom", {})}
    both["unsure"] = [*first.get("unsure", ()), *second.get("unsure", ())]
    return filled(both)
