"""The pure core alone: bytes of a file to normalised people, one core."""

import time
from pathlib import Path
from uuid import UUID

from app.core.events import SegmentHeader
from app.core.reading import plans, segments
from app.core.reading.cutting import Cutter
from bench import people
from bench.report import Figure


def speed(folder: Path, rows: int) -> list[Figure]:
    """Cutting in MiB/s, reading in rows/s, of a clean 10-column file."""
    data = people.write(folder / "reading.csv", rows).read_bytes()
    defaults = plans.Defaults(phone_region=None, date_order="auto", existing="fill", labels=())
    plan = plans.complete(data[: 256 * 1024], whole=False, given=None, defaults=defaults, remembered=_nothing).plan
    started = time.process_time()
    cutter = Cutter(plan)
    cuts = [cut for start in range(0, len(data), 65_536) for cut in cutter.feed(data[start : start + 65_536])]
    cuts += cutter.end()
    cutting = time.process_time() - started
    started = time.process_time()
    found = 0
    for cut in cuts:
        header = SegmentHeader(
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
        found += segments.read(cut.data, header).rows
    reading = time.process_time() - started
    return [
        Figure(what="cutting in the core", value=f"{len(data) / 2**20 / cutting:,.0f} MiB/s", goal="", met=None),
        Figure(
            what="reading a clean file in the core",
            value=f"{found / reading:,.0f} rows/s/core",
            goal=">= 250,000",
            met=found / reading >= 250_000,
        ),
    ]


def _nothing(signature: str) -> None:
    return None
