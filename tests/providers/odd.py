"""Hostile and merely strange people: what the provider says (as it stands in its JSON) beside what is to be shown.

`unsure` names fields about which nothing is promised; `custom` holds values only, under whatever key.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from tests.providers.people import Contact


class Odd(NamedTuple):
    """`shown` is the truth. `said` are properties of the provider that replace those made from it; None drops one."""

    shown: Contact
    said: Mapping[str, Any] = MappingProxyType({})


def _email(value: str, label: str = "") -> dict[str, str]:
    return {"value": value, "label": label}


_HUGE = "Zeile für Zeile: ein Roman. " * 2_400
_MANY_EMAILS = [f"alias{number}@many.example" for number in range(120)]
FORTY = [f"Label {number:02}" for number in range(36)] + ["👩‍👩‍👧 family", "<b>bold</b>", "a; b, c", "Ünïcödé"]
_PRIDE = "🏳️‍🌈"

_BOTH = [
    Odd({"name": "Prêtre Amélie", "emails": [_email("nfc@example.com")]}),
    Odd(
        {"name": f"{_PRIDE} Sam 👩🏽‍💻", "given": "Sam", "emails": [_email("emoji@example.com")], "notes": "🇩🇪🇫🇷 👍🏿"}
    ),
    Odd({"name": "محمد علي", "given": "محمد", "family": "علي", "emails": [_email("rtl@example.com")]}),
    Odd({"name": "Cher", "given": "Cher"}),
    Odd({"company": "Only A Company Ltd"}),
    Odd({"phones": [{"raw": "+4930123456", "value": "+4930123456", "label": "home"}]}),
    Odd({}),
    Odd(
        {
            "name": "=cmd|' /C calc'!A0",
            "title": "@SUM(1+1)",
            "company": "+1-2",
            "emails": [_email("formula@example.com")],
        }
    ),
    Odd({"name": "<img src=x onerror=alert(1)>", "emails": [_email("markup@example.com")], "nickname": '"><script>'}),
    Odd({"name": "Null", "given": "None", "family": "Null", "emails": [_email("null@example.com")]}),
    Odd({"name": "Robert'); DROP TABLE contacts;--", "emails": [_email("bobby@example.com")]}),
    Odd({"name": "Huge Notes", "emails": [_email("huge@example.com")], "notes": _HUGE.strip()}),
    Odd({"name": "Labelled Forty", "emails": [_email("forty@example.com")], "labels": FORTY}),
    Odd({"name": "Backslash \\N \\. \t Tab", "emails": [_email("copy@example.com")], "notes": "a\\.\nb\\N"}),
]


def google() -> list[Odd]:
    """People of odd@google.example."""
    shared = [Odd(_labelled(odd.shown, "home"), odd.said) for odd in _BOTH]
    return [
        *shared,
        Odd({"emails": [_email("nameless@example.com", "home")]}),
        Odd(
            {"name": "Many Addresses", "emails": [_email(value, "other") for value in _MANY_EMAILS[:100]]},
            {"emailAddresses": [{"value": value, "type": "other"} for value in _MANY_EMAILS]},
        ),
        Odd({"name": "Twin", "emails": [_email("twin@example.com", "home")], "title": "First"}),
        Odd({"name": "Twin", "emails": [_email("twin@example.com", "home"), _email("second@example.com", "work")]}),
        Odd(
            {"name": "IDN", "emails": [_email("info@xn--bcher-kva.example", "work")]},
            {"emailAddresses": [{"value": "Info@BÜCHER.example", "type": "work"}]},
        ),
        Odd(
            {"name": "Amélie Björk", "given": "Amélie", "family": "Björk"},
            {
                "names": [
                    {
                        "displayName": "Ame\u0301lie Bjo\u0308rk",
                        "givenName": "Ame\u0301lie",
                        "familyName": "Bjo\u0308rk",
                    }
                ]
            },
        ),
        Odd(
            {"name": "Ann Bell", "given": "Ann", "family": "Bell", "emails": [_email("bell@example.com", "home")]},
            {"names": [{"displayName": "An\u0000n\u0007 Bell", "givenName": "Ann\u0000", "familyName": "\u0001Bell"}]},
        ),
        Odd(
            {"name": "gnp.exe", "nickname": "turned", "emails": [_email("bidi@example.com", "home")]},
            {"names": [{"displayName": "\u202egnp.exe\u202c"}], "nicknames": [{"value": "\u2067turned\u2069"}]},
        ),
        Odd(
            {"name": "Html Notes", "notes": "Hello & welcome\nSecond line\n5 < 6"},
            {
                "biographies": [
                    {
                        "value": "<div>Hello &amp; welcome<br>Second line</div><script>alert(1)</script>"
                        "<p onclick='x()'>5 &lt; 6</p><!-- gone --><img src=x onerror=alert(2)>",
                        "contentType": "TEXT_HTML",
                    }
                ]
            },
        ),
        Odd({"name": "Plain Notes", "notes": "1 < 2 && <b>not bold</b> &amp;"}),
        Odd(
            {"name": "Yearless Zero", "birthday": "--02-29"},
            {"birthdays": [{"date": {"year": 0, "month": 2, "day": 29}}]},
        ),
        Odd(
            {"name": "Yearless", "birthday": "--11-03"},
            {"birthdays": [{"date": {"month": 11, "day": 3}, "text": "03/11"}]},
        ),
        Odd({"name": "Only Year", "unsure": ["birthday"]}, {"birthdays": [{"date": {"year": 1984}}]}),
        Odd({"name": "Only Text", "unsure": ["birthday"]}, {"birthdays": [{"text": "sometime in spring"}]}),
        Odd(
            {"name": "Long Ago", "unsure": ["birthday"]}, {"birthdays": [{"date": {"year": 298, "month": 5, "day": 4}}]}
        ),
        Odd(
            {
                "name": "Second Job",
                "company": "Now Inc",
                "title": "Chief",
                "emails": [_email("job@example.com", "work")],
            },
            {
                "organizations": [
                    {"name": "Then Inc", "endDate": {"year": 2010}},
                    {"name": "Now Inc", "title": "Chief", "current": True},
                ]
            },
        ),
        Odd(
            {
                "name": "Own Kinds",
                "phones": [
                    {"raw": "666 12 34 90", "value": "+34666123490", "label": "Omas Küche 📞"},
                    {"raw": "+34 666 123 490", "value": "+34666123490", "label": "mobile"},
                    {"raw": "ask Bob", "label": "google voice"},
                ],
                "urls": [{"value": "https://example.com/a", "label": "Katzenfotos"}],
            }
        ),
        Odd(
            {"name": "One Line Address", "addresses": [{"street": "Somewhere 5\n12345 Nowhere", "label": "home"}]},
            {"addresses": [{"formattedValue": "Somewhere 5\n12345 Nowhere", "type": "home"}]},
        ),
        Odd(
            {
                "name": "Three Line Address",
                "addresses": [
                    {"street": "Main St 1\nFlat 2\nPO Box 3", "city": "Bern", "country": "CH", "label": "work"}
                ],
            },
            {
                "addresses": [
                    {
                        "streetAddress": "Main St 1",
                        "extendedAddress": "Flat 2",
                        "poBox": "PO Box 3",
                        "city": "Bern",
                        "countryCode": "CH",
                        "type": "work",
                    }
                ]
            },
        ),
        Odd(
            {"name": "No Address At All", "custom": {"email": "call me instead"}},
            {"emailAddresses": [{"value": "call me instead", "type": "home"}]},
        ),
        Odd(
            {"name": "Half Right", "emails": [_email("right@example.com", "home")], "custom": {"email": "not@right"}},
            {
                "emailAddresses": [
                    {"value": "not@right", "type": "work"},
                    {"value": "right@example.com", "type": "home"},
                ]
            },
        ),
        Odd(
            {
                "name": "Wrapped",
                "emails": [_email("wrapped@example.com", "home"), _email("linked@example.com", "work")],
            },
            {
                "emailAddresses": [
                    {"value": "Wrapped <Wrapped@Example.com>", "type": "home"},
                    {"value": " mailto:linked@example.com ", "type": "work"},
                    {"value": "WRAPPED@example.com", "type": "home"},
                ]
            },
        ),
        Odd(
            {"name": "Bad Link", "urls": [{"value": "www.example.com/x", "label": "blog"}], "unsure": ["custom"]},
            {
                "urls": [
                    {"value": "javascript:alert(1)", "type": "work"},
                    {"value": "www.example.com/x", "type": "blog"},
                ]
            },
        ),
        Odd({"name": "N" * 3_000, "emails": [_email("long@example.com", "home")], "unsure": ["name"]}),
        Odd(
            {"name": "Monogram", "emails": [_email("photo@example.com", "home")]},
            {"photos": [{"url": "https://photos.example/m", "default": True}], "genders": [{"value": "unspecified"}]},
        ),
    ]


def microsoft() -> list[Odd]:
    """People of odd@outlook.example."""
    return [
        *_BOTH,
        Odd(
            {"emails": [_email("nameless@example.com")]},
            {
                "emailAddresses": [{"name": "nameless@example.com", "address": "nameless@example.com"}],
                "displayName": "",
            },
        ),
        Odd({"name": "Twin", "emails": [_email("twin@example.com")], "title": "First"}),
        Odd({"name": "Apple Epoch", "birthday": "--03-07"}, {"birthday": "1604-03-07T11:59:00Z"}),
        Odd({"name": "No Day"}, {"birthday": "0001-01-01T00:00:00Z"}),
        Odd({"name": "Bare Day", "birthday": "1984-03-07"}, {"birthday": "1984-03-07"}),
        Odd({"name": "Evening", "birthday": "1991-09-19"}, {"birthday": "1991-09-19T21:00:00Z"}),
        Odd({"name": "Offset", "birthday": "1991-09-19"}, {"birthday": "1991-09-19T00:30:00+14:00"}),
        Odd(
            {"name": "Empty Addresses", "emails": [_email("kept@example.com")]},
            {
                "emailAddresses": [
                    {"name": "", "address": ""},
                    {"name": "Nobody", "address": None},
                    {"name": "Kept", "address": "Kept@Example.COM"},
                ]
            },
        ),
        Odd(
            {"name": "Exchange Address", "unsure": ["custom"]},
            {"emailAddresses": [{"name": "EX", "address": "/o=ExchangeLabs/ou=Group/cn=Recipients/cn=abc"}]},
        ),
        Odd(
            {
                "name": "Local Phones",
                "phones": [{"raw": "030 / 12 34 56", "label": "work"}, {"raw": "+1 (415) 555-2671", "label": "mobile"}],
            },
            {"businessPhones": ["", "030 / 12 34 56"], "mobilePhone": "+1 (415) 555-2671", "homePhones": []},
        ),
        Odd(
            {"name": "Amélie Björk", "given": "Amélie", "family": "Björk"},
            {"displayName": "Ame\u0301lie Bjo\u0308rk", "givenName": "Ame\u0301lie", "surname": "Bjo\u0308rk"},
        ),
        Odd(
            {"name": "Ann Bell", "given": "Ann", "family": "Bell", "emails": [_email("bell@example.com")]},
            {"displayName": "An\u0000n\u0007 Bell", "givenName": "Ann\u0000", "surname": "\u0001Bell"},
        ),
        Odd({"name": "Windows Lines", "notes": "one\ntwo"}, {"personalNotes": "one\r\ntwo\r\n"}),
        Odd({"name": "Plain Notes", "notes": "1 < 2 && <b>not bold</b> &amp;"}),
        Odd(
            {"name": "Half Address", "addresses": [{"city": "Oslo", "country": "Norge", "label": "other"}]},
            {
                "otherAddress": {"street": "", "city": "Oslo", "state": None, "countryOrRegion": "Norge"},
                "homeAddress": {},
            },
        ),
        Odd({"name": "Web Page", "urls": [{"value": "www.example.com", "label": "work"}]}),
        Odd({"name": "Bad Page", "unsure": ["custom"]}, {"businessHomePage": "javascript:alert(1)"}),
        Odd(
            {"name": "Names Only In File As", "unsure": ["name"], "emails": [_email("fileas@example.com")]},
            {"displayName": None, "fileAs": "As, File"},
        ),
    ]


def _labelled(shown: Contact, label: str) -> Contact:
    if "emails" not in shown:
        return shown
    return {**shown, "emails": [{**email, "label": label} for email in shown["emails"]]}
