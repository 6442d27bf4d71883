"""The pure core alone: bytes of a file to normalised people, one core."""

import time
from uuid import UUID

from app.core.events import SegmentHeader
from app.core.reading import blocks, plans
from app.core.reading.cutting import Cut, Cutter
from app.core.reading.plan import Plan
from bench import people
from bench.report import Figure
from workers.importer import garbage


def speed(rows: int) -> list[Figure]:
    """Cutting in MiB/s, reading in rows/s, of a clean 10-column file and of a hard one, as an importer does it."""
    garbage.look_seldom()
    clean = [people.HEADER, *(row for row in people.rows(rows) if not row.startswith(","))]
    data = "".join(clean).encode()
    plan = _plan(data)
    started = time.process_time()
    cuts = _cut(plan, data)
    cutting = time.process_time() - started
    hard = _hard(rows // 4)
    understood = _plan(hard)
    return [
        Figure(what="cutting in the core", value=f"{len(data) / 2**20 / cutting:,.0f} MiB/s", goal="", met=None),
        _reading("reading a clean file in the core", plan, cuts, 250_000),
        _reading("reading a hard file in the core", understood, _cut(understood, hard), 20_000),
    ]


def _plan(data: bytes) -> Plan:
    defaults = plans.Defaults(phone_region="DE", date_order="auto", existing="fill", labels=())
    return plans.complete(data[: 256 * 1024], whole=False, given=None, defaults=defaults, remembered=_nothing).plan


def _cut(plan: Plan, data: bytes) -> list[Cut]:
    cutter = Cutter(plan)
    cuts = [cut for start in range(0, len(data), 65_536) for cut in cutter.feed(data[start : start + 65_536])]
    return cuts + cutter.end()


def _hard(rows: int) -> bytes:
    """Quotes, line ends in cells, addresses in names, international domains, national numbers, German dates."""
    lines = [
        f'"Zoë ""Zo"" {number % 97}";Müller-Lüdenscheidt;"Zoë Müller <Zoe.{number}@Bücher{number % 50}.example>";'
        f"(0{30 + number % 60}) {1_000_000 + number % 8_999_999};"
        f"{1 + number % 28}.{1 + number % 12}.{1950 + number % 60};"
        f'"Hauptstraße {number % 200}\r\nHinterhaus";Köln;{10_000 + number % 89_999};Deutschland;'
        '"eins\r\nzwei; drei"\r\n'
        for number in range(rows)
    ]
    header = "Vorname;Nachname;E-Mail;Telefon;Geburtstag;Straße;Ort;PLZ;Land;Notizen\r\n"
    return "".join([header, *lines]).encode()


def _reading(what: str, plan: Plan, cuts: list[Cut], goal: int) -> Figure:
    rows = 0
    started = time.process_time()
    for cut in cuts:
        _, reading = blocks.read(cut.data, _header(plan, cut))
        rows += reading.rows
    rate = rows / (time.process_time() - started)
    return Figure(what=what, value=f"{rate:,.0f} rows/s/core", goal=f">= {goal:,}", met=rate >= goal)


def _header(plan: Plan, cut: Cut) -> SegmentHeader:
    return SegmentHeader(
        workspace=UUID(int=1),
        import_id=UUID(int=2),
        index=cut.index,
        order_second=1,
        start=cut.start,
        end=cut.end,
        first_line=cut.first_line,
        crc32c=0,
        plan=plan,
        opens=cut.opens,
        continues=cut.continues,
    )


def _nothing(signature: str) -> None:
    return None
