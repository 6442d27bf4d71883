"""What cards call an e-mail, a phone, a link or an address -> our labels; and how custom fields are called."""

import re
from collections.abc import Sequence
from functools import lru_cache

from app.core.reading import values

_SAY_NOTHING = frozenset("internet voice msg pref x400 dom intl postal parcel text textphone sms smtp uri".split())
_PLACES = ("home", "work")
_ONE_WORD = {"cell": "mobile", "mobile": "mobile", "iphone": "mobile", "car": "car", "pager": "pager", "main": "main"}
_APPLE = re.compile(r"_\$!<(.*)>!\$_", re.DOTALL)
_APPLE_KINDS = {"homefax": "home fax", "workfax": "work fax", "otherfax": "fax", "cell": "mobile"}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^A-Z]+")
_CUSTOM = {
    "ANNIVERSARY": "Anniversary",
    "ASSISTANT": "Assistant",
    "ASSISTANTSNAME": "Assistant",
    "MANAGERSNAME": "Manager",
    "SPOUSESNAME": "Spouse",
    "MANAGER": "Manager",
    "SPOUSE": "Spouse",
    "SPOUSENAME": "Spouse",
    "PROFESSION": "Profession",
    "OFFICE": "Office",
    "BLOG-URL": "Blog",
    "BLOGFEED": "Blog",
    "SKYPE": "Skype",
    "SKYPE-USERNAME": "Skype",
    "JABBER": "XMPP",
    "XMPP": "XMPP",
    "AIM": "AIM",
    "ICQ": "ICQ",
    "MSN": "MSN",
    "MSNIM": "MSN",
    "YAHOO": "Yahoo",
    "YMSGR": "Yahoo",
    "GTALK": "Google Talk",
    "GOOGLE-TALK": "Google Talk",
    "GOOGLETALK": "Google Talk",
    "QQ": "QQ",
    "GADUGADU": "Gadu-Gadu",
    "GROUPWISE": "GroupWise",
    "TWITTER": "Twitter",
    "SIP": "SIP",
    "IMADDRESS": "Messenger",
    "GENDER": "Gender",
    "PHONETIC-FIRST-NAME": "Phonetic first name",
    "PHONETIC-MIDDLE-NAME": "Phonetic middle name",
    "PHONETIC-LAST-NAME": "Phonetic last name",
    "PHONETIC-ORG": "Phonetic company",
    "MAIDENNAME": "Maiden name",
    "HOBBY": "Hobby",
    "INTEREST": "Interest",
    "EXPERTISE": "Expertise",
    "LANG": "Language",
    "TZ": "Time zone",
    "GEO": "Coordinates",
    "BIRTHPLACE": "Birthplace",
    "DEATHDATE": "Date of death",
    "AGENT": "Assistant",
}
_VENDORS = ("X-EVOLUTION-", "X-MS-", "X-KADDRESSBOOK-X-", "X-KADDRESSBOOK-", "X-")


@lru_cache(maxsize=1024)
def phone_kind(types: Sequence[str]) -> str:
    """`("cell", "voice")` is a mobile, `("home", "fax")` a home fax."""
    said = [each.removeprefix("x-") for each in types if each not in _SAY_NOTHING]
    place = next((each for each in said if each in _PLACES), "")
    if "fax" in said:
        return f"{place} fax".strip()
    special = next((_ONE_WORD[each] for each in said if each in _ONE_WORD), "")
    if special:
        return f"work {special}" if place == "work" and special in {"mobile", "pager"} else special
    return place or _first(said)


@lru_cache(maxsize=1024)
def email_kind(types: Sequence[str]) -> str:
    """`("internet", "home")` is at home."""
    said = [each.removeprefix("x-") for each in types if each not in _SAY_NOTHING]
    return next((each for each in said if each in _PLACES), "") or _first([_ONE_WORD.get(each, each) for each in said])


address_kind = email_kind
url_kind = email_kind


def _first(said: Sequence[str]) -> str:
    return said[0][:64] if said else ""


@lru_cache(maxsize=1024)
def named_kind(label: str) -> str:
    """Apple's `_$!<HomePage>!$_` is a home page; what a person wrote stays as it is."""
    known = _APPLE.fullmatch(label)
    if known is None:
        return values.kind(label)[0]
    folded = known[1].casefold()
    return _APPLE_KINDS.get(folded) or " ".join(word.lower() for word in _WORD.findall(known[1]))[:64]


@lru_cache(maxsize=4096)
def custom_kind(name: str) -> str:
    """`X-SPOUSE`, `X-MS-SPOUSE` are a spouse; a property that nobody knows keeps its name."""
    upper = name.upper()
    vendor = next((each for each in _VENDORS if upper.startswith(each)), "")
    known = _CUSTOM.get(upper.removeprefix(vendor))
    return known or name


def service_kind(service: str) -> str:
    """`skype`, `xmpp` as the services call themselves."""
    return _CUSTOM.get(service.upper(), service)
