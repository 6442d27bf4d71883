"""The people of this world, in the shape in which Addressbus shows a contact. Person n is the same in every account.

What a provider can say of somebody differs (`google_side`, `microsoft_side`), what both can say agrees: so it does not
matter to a merge in which order two accounts and a file arrive.
"""

import csv
import io
import unicodedata
from typing import Any

from tests.providers.seeds import Dice, Seed

Contact = dict[str, Any]
"""As in design.md section 6, without what is empty and without ids, origins and versions. A phone of Graph that only
somebody who knows its country can read has no `value`."""

GIVEN = (
    "Ada Grace Alan Edsger Barbara Donald Katherine Linus Margaret Niklaus Radia Tim Frances Ken Hedy Dennis Jürgen "
    "Søren Zoë Chloë Łukasz Željka Björk Nuño Aïcha Ngọc Þóra Šárka Ömer İpek Ștefan Émile"
).split()
FAMILY = (
    "Lovelace Hopper Turing Dijkstra Liskov Knuth Johnson Hamilton Wirth Perlman Allen Thompson Ritchie Müller Strauß "
    "Sørensen Núñez O'Neill García-López Kowalczyk Đurić Nguyễn Þórsdóttir Dvořák Öztürk Ionescu Lefèvre Ångström"
).split()
ASIAN = (("明", "李"), ("太郎", "山田"), ("민준", "김"), ("美玲", "王"))
COMPANIES = (
    "Analytical Engines",
    "Nebelhorn GmbH",
    "Sønderby A/S",
    "Quince & Sons",
    "東京計算機",
    "Périgord SARL",
    "Øre",
)
TITLES = ("Engineer", "Head of Sales", "Buchhalterin", "Directrice", "Researcher", "CEO")
DEPARTMENTS = ("R&D", "Sales", "Einkauf", "Support")
STREETS = ("Hauptstraße", "Rue de la Paix", "Market Street", "Calle Mayor", "Storgata")
PLACES = (
    ("Köln", "Nordrhein-Westfalen", "50667", "Germany", "DE"),
    ("Paris", "Île-de-France", "75002", "France", "FR"),
    ("San Francisco", "CA", "94105", "United States", "US"),
    ("Madrid", "", "28013", "Spain", "ES"),
    ("Oslo", "", "0184", "Norway", "NO"),
)
LABELS = ("Customers", "Fair 2026", "Chess club", "Neighbours", "Suppliers", "Choir & band", "Émigrés", "To call")
DOMAINS = ("example.com", "example.org", "mail.example.net", "firma.example")


def person(seed: Seed, n: int) -> Contact:
    """What every source agrees on; emails and phones with labels that Graph has a place for."""
    dice = Dice(seed.bytes("person", n))
    contact: Contact = {}
    if dice.roll(20) == 0:
        contact["given"], contact["family"] = dice.of(ASIAN)
        contact["name"] = contact["family"] + contact["given"]
    else:
        contact["given"], contact["family"] = dice.of(GIVEN), dice.of(FAMILY)
        if dice.roll(10) == 0:
            contact["middle"] = dice.of(GIVEN)
        if dice.roll(15) == 0:
            contact["prefix"] = dice.of(("Dr.", "Prof.", "Frau"))
        if dice.roll(30) == 0:
            contact["suffix"] = dice.of(("Jr.", "PhD"))
        parts = ("prefix", "given", "middle", "family", "suffix")
        contact["name"] = " ".join(contact[part] for part in parts if part in contact)
    if dice.roll(12) == 0:
        contact["nickname"] = contact["given"][:3] + "i"
    address = f"{_ascii(contact['given'])}.{_ascii(contact['family'])}.{n}"
    contact["emails"] = [{"value": f"{address}@{dice.of(DOMAINS)}", "label": "home"}]
    if dice.roll(3) == 0:
        contact["emails"].append({"value": f"{address}@work.example", "label": "work"})
    contact["phones"] = [_phone(dice, label) for label in ("mobile", "work", "home")[: dice.roll(4)]]
    if dice.roll(2):
        contact["company"] = dice.of(COMPANIES)
        if dice.roll(2):
            contact["title"] = dice.of(TITLES)
        if dice.roll(3) == 0:
            contact["department"] = dice.of(DEPARTMENTS)
    if dice.roll(3) == 0:
        contact["addresses"] = [_address(dice, label) for label in ("home", "work")[: 1 + dice.roll(2)]]
    if dice.roll(3) == 0:
        month, day = 1 + dice.roll(12), 1 + dice.roll(28)
        year = f"{1930 + dice.roll(80)}" if dice.roll(4) else "-"
        contact["birthday"] = f"{year}-{month:02}-{day:02}"
    if dice.roll(6) == 0:
        contact["urls"] = [{"value": f"https://www.example.com/people/{n}", "label": "work"}]
    if dice.roll(5) == 0:
        contact["notes"] = dice.of(
            ("Met at the fair.", "Likes tea.\nCalls on Mondays.", "Größte Kundin & beste Rednerin <3")
        )
    contact["labels"] = sorted({dice.of(LABELS) for _ in range(dice.roll(3))})
    return filled(contact)


def google_side(seed: Seed, n: int) -> Contact:
    """Person n as Google has them: more kinds of everything."""
    contact = person(seed, n)
    dice = Dice(seed.bytes("google", n))
    if dice.roll(8) == 0:
        kind = dice.of(
            ("main", "work fax", "home fax", "other fax", "work mobile", "pager", "work pager", "Ferienhaus")
        )
        contact.setdefault("phones", []).append(_phone(dice, kind))
    if dice.roll(8) == 0:
        contact["emails"].append({"value": f"p{n}@club.example", "label": dice.of(("other", "Schachclub"))})
    if dice.roll(10) == 0:
        kind = dice.of(("blog", "profile", "home page", "Katzenfotos"))
        contact.setdefault("urls", []).append({"value": f"https://{n}.blog.example/a?b=c&d", "label": kind})
    return contact


def microsoft_side(seed: Seed, n: int) -> Contact:
    """Person n as Outlook has them: e-mails have no kinds."""
    contact = person(seed, n)
    contact["emails"] = [{"value": email["value"], "label": ""} for email in contact["emails"]]
    return contact


def as_csv(seed: Seed, numbers: range) -> bytes:
    """The same people as a file, UTF-8 with CRLF; every column is one that readers of address books know."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(
        "First Name,Last Name,E-mail Address,E-mail 2 Address,Mobile Phone,Company,Job Title,Notes".split(","),
    )
    for n in numbers:
        contact = person(seed, n)
        emails = [email["value"] for email in contact["emails"]]
        mobile = next((phone["raw"] for phone in contact.get("phones", ()) if phone["label"] == "mobile"), "")
        writer.writerow(
            [contact["given"], contact["family"], emails[0], *(emails[1:2] or [""]), mobile]
            + [contact.get(name, "") for name in ("company", "title", "notes")]
        )
    return out.getvalue().encode()


def csv_side(seed: Seed, n: int) -> Contact:
    """What a row of `as_csv` says of person n."""
    contact = person(seed, n)
    kept: Contact = {
        name: contact[name] for name in ("given", "family", "company", "title", "notes") if name in contact
    }
    kept["emails"] = [{"value": email["value"], "label": ""} for email in contact["emails"]]
    kept["phones"] = [phone for phone in contact.get("phones", ()) if phone["label"] == "mobile"]
    return filled(kept)


def filled(contact: Contact) -> Contact:
    """Without what is empty."""
    return {name: value for name, value in contact.items() if value}


def _ascii(word: str) -> str:
    letters = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in letters if letter.isalpha()) or "x"


def _phone(dice: Dice, label: str) -> dict[str, str]:
    digits = f"{dice.roll(10_000):04}{dice.roll(10_000):04}"
    country, area, rest = dice.of(
        (("49", "151", digits), ("33", "6", digits), ("34", "612", digits[:6]), ("47", "412", digits[:5]))
    )
    return {"raw": f"+{country} {area} {rest}", "value": f"+{country}{area}{rest}", "label": label}


def _address(dice: Dice, label: str) -> dict[str, str]:
    city, region, postal_code, country, code = dice.of(PLACES)
    address = {
        "label": label,
        "street": f"{dice.of(STREETS)} {1 + dice.roll(200)}",
        "city": city,
        "region": region,
        "postal_code": postal_code,
        "country": country,
        "country_code": code,
    }
    return filled(address)
