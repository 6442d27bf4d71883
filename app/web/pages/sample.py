"""A sample of 1,000 people who do not exist, for a first look, and a table to fill in. The same bytes every time."""

import csv
import io
from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response

from app.web import spreadsheet

HEADER = (
    *("First Name", "Last Name", "E-mail Address", "Mobile Phone", "Company", "Job Title"),
    *("Street", "City", "Postal Code", "Country", "Birthday", "Notes"),
)
GIVEN = (
    *("Ada", "Björn", "Chiara", "Davor", "Elif", "Femi", "Greta", "Hana", "Ilya", "Jonas", "Kiri", "Leïla", "Mateo"),
    *("Noor", "Olu", "Paloma", "Quentin", "Rania", "Søren", "Tomasz", "Uma", "Vera", "Wanja", "Ximena", "Yuki", "Zoë"),
    *("山田", "ليلى", "Ольга", "Μαρία"),
)
FAMILY = (
    *("Abendroth", "Brookmeadow", "Castellari", "Dunkelbach", "Eriksgård", "Fairwether", "Grünspan", "Hollowell"),
    *("Ivanchuk", "Järvenranta", "Kestrel", "Lindqvist-Moreau", "Mondragón", "Nightingale", "Okonjo", "Pemberwick"),
    *("Quillfeather", "Rosenthaler", "Szczepański", "Thistlewood", "Underhill", "Vasquinho", "Wintergarten"),
)
COMPANIES = (
    *(
        "Nordwind Tee",
        "Bluebell & Sons",
        "Fernweh Reisen",
        "Kupferkessel GmbH",
        "Little Harbour Books",
        "Moss and Stone",
    ),
    *("Papierflieger AG", "Quiet Engines", "Sardine Studio", "Tallow Lane Bakery", "", ""),
)
TITLES = ("Head of Tea", "Bookbinder", "Engineer", "Baker", "Designer", "Captain", "Accountant", "", "")
PLACES = (
    ("Linden Row", "Bristol", "BS1 4QA", "United Kingdom", "+44 7700 900"),
    ("Gartenweg", "Leipzig", "04109", "Germany", "+49 1555 0000"),
    ("Rue des Tilleuls", "Lyon", "69001", "France", "+33 6 39 98 0"),
    ("Maple Court", "Portland", "97205", "United States", "+1 503 555 0"),
    ("Via dei Gelsi", "Torino", "10121", "Italy", "+39 335 000 0"),
)
NOTES = ("", "", "", 'Says "call me in the morning"', "Met at the fair;\nlikes green tea", "Prefers letters")
PEOPLE = 1_000


TEMPLATE = (*HEADER, "Labels")


def people() -> Iterator[tuple[str, ...]]:
    """1,000 rows: some say the same person twice, a few cannot be used, as in any real file."""
    for n in range(PEOPLE):
        if n % 250 == 249:
            yield ("",) * 10 + ("", "This row says nobody's name")
        elif n % 50 == 49:
            yield _person(n - 7)
        else:
            yield _person(n)


def _person(n: int) -> tuple[str, ...]:
    given, family = GIVEN[n * 7 % len(GIVEN)], FAMILY[(n * 11 + n // 30) % len(FAMILY)]
    street, city, code, country, number = PLACES[n * 3 % len(PLACES)]
    return (
        given,
        family,
        f"person{n + 1:04}@example.{('org', 'com', 'net')[n % 3]}",
        f"{number}{n % 1000:03}" if n % 4 else "",
        COMPANIES[n * 5 % len(COMPANIES)],
        TITLES[n * 2 % len(TITLES)],
        f"{street} {n % 97 + 1}",
        city,
        code,
        country,
        f"{1950 + n * 13 % 55}-{n % 12 + 1:02}-{n % 28 + 1:02}" if n % 3 else "",
        NOTES[n % len(NOTES)],
    )


def text() -> str:
    """The sample as a CSV file."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(HEADER)
    writer.writerows(people())
    return out.getvalue()


async def show(request: Request) -> Response:
    headers = {"Content-Disposition": 'attachment; filename="sample-1000-people.csv"'}
    return Response(text(), media_type="text/csv", headers=headers)


async def template(request: Request) -> Response:
    """An empty table whose columns are understood without a question; spreadsheets know its encoding by the mark."""
    headers = {"Content-Disposition": 'attachment; filename="contacts-template.csv"'}
    return Response(spreadsheet.BOM + spreadsheet.table([TEMPLATE]), media_type="text/csv", headers=headers)
