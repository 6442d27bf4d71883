"""Cards and entries on their way through cutter and reader, for tests."""

from app.core.contacts import SCALARS, Person
from app.core.reading import segments
from app.core.reading.cutting import Cut, Cutter
from app.core.reading.plan import Format, Plan, Values
from app.core.reading.segments import Reading
from tests.reading import header_of


def plan(format_: Format = "vcard", encoding: str = "utf-8", region: str | None = "DE") -> Plan:
    return Plan(format=format_, encoding=encoding, values=Values(phone_region=region, date_order="dmy"))


def cuts(data: bytes, by: Plan, pieces: int = 1 << 30) -> list[Cut]:
    """All segments of a file that arrives in pieces of this size; the cutter is another one after each."""
    found: list[Cut] = []
    cutter = Cutter(by)
    for at in range(0, len(data), pieces):
        found += cutter.feed(data[at : at + pieces])
        cutter = Cutter(by, cutter.state)
    return found + cutter.end()


def read(data: bytes | str, by: Plan | None = None) -> Reading:
    """What becomes of a whole file."""
    by = by or plan()
    raw = data if isinstance(data, bytes) else data.encode()
    readings = [segments.read(cut.data, header_of(by, cut)) for cut in cuts(raw, by)]
    return Reading(
        [person for reading in readings for person in reading.people],
        [told for reading in readings for told in reading.problems],
        sum(reading.rows for reading in readings),
    )


def only(data: bytes | str, by: Plan | None = None) -> Person:
    """The one person of a file without problems."""
    reading = read(data, by)
    assert reading.problems == []
    (person,) = reading.people
    return person


def scalar(person: Person, name: str) -> str:
    return person.scalars[SCALARS.index(name)]


def card(*lines: str, version: str = "3.0", ending: str = "\r\n") -> str:
    return ending.join(("BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", ""))
