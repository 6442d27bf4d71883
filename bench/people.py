"""Invented people as CSV: 10 columns, one row in ten a repeat, one in a hundred unusable. The same for each seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

HEADER = (
    "First Name,Last Name,E-mail Address,Mobile Phone,Company,Job Title,"
    "Home Street,Home City,Home Postal Code,Notes\r\n"
)
_GIVEN = (
    "Ada Ben Chloé Dario Elif Femi Greta Hiro Inês José Kofi Lena Mira Noor Olaf Priya Quinn Rosa Sören Tariq "
    "Uma Viktor Wanda Ximena Yara Zoltán"
).split()
_FAMILY = (
    "Abara Björk Castillo Dvořák Eriksen Fontaine Grünwald Haddad Ivanova Jansen Kowalski Lindqvist Moreau "
    "Nakamura Okafor Papadakis Quintero Rossi Schäfer Tanaka Ueda Vargas Weber Xu Yıldız Zieliński"
).split()
_COMPANY = "Ashdown Bluebird Cobalt Driftwood Elmtree Foxglove Granite Harbour Indigo Juniper Kestrel Lantern".split()
_KIND = "Works Labs Partners Foods Logistics Studio".split()
_TITLE = ("Engineer", "Buyer", "Head of Sales", "Nurse", "Architect, senior", "Teacher", "Translator", "Founder")
_STREET = ("Mill Lane", "Station Road", "High Street", "Garden Row", "Church Walk", "Canal Side")
_CITY = ("Leeds", "Porto", "Gdańsk", "Lyon", "Graz", "Turku", "Bologna", "Utrecht")


@dataclass(frozen=True, slots=True)
class Expected:
    """What an import of the file into an empty workspace must count."""

    rows: int
    created: int
    duplicate: int
    rejected: int


def rows(count: int, seed: int = 1, *, changed: bool = False, who: str = "person") -> Iterator[str]:
    """CSV lines of `count` people. With `changed` the same people have other titles; another `who` is other people."""
    random = Random(seed)
    draw = random.random
    suffix = " II" if changed else ""
    for number in range(count):
        kind = number % 100
        person = random.randrange(number) // 100 * 100 + 1 if kind % 10 == 9 and number > 100 else number
        given, family = _GIVEN[person % 26], _FAMILY[person // 26 % 26]
        company = f"{_COMPANY[person % 12]} {_KIND[person // 12 % 6]}"
        email = "" if kind == 50 else f"{who}{person}@mail{person % 997}.example"
        if kind == 50:
            yield f",,not an address {number},,,,,,,\r\n"
            continue
        title = _TITLE[person % 8] + suffix
        quoted = f'"{title}"' if "," in title else title
        street = f"{1 + int(draw() * 200)} {_STREET[person % 6]}"
        yield (
            f"{given},{family},{email},+4479{person % 100_000_000:08d},{company},{quoted},"
            f"{street},{_CITY[person % 8]},{10_000 + person % 89_999},Met in {1990 + person % 36}\r\n"
        )


def expected(count: int) -> Expected:
    """What importing `rows(count)` into an empty workspace gives."""
    rejected = sum(1 for number in range(count) if number % 100 == 50)
    duplicate = sum(1 for number in range(count) if number % 10 == 9 and number > 100)
    return Expected(rows=count, created=count - rejected - duplicate, duplicate=duplicate, rejected=rejected)


def write(path: Path, count: int, seed: int = 1, *, changed: bool = False, who: str = "person") -> Path:
    """Writes the file, a few hundred thousand rows a second."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(HEADER)
        file.writelines(rows(count, seed, changed=changed, who=who))
    return path
