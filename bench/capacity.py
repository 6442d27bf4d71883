"""How much machine so many rows a day ask for, by what `make bench` measured for one row.

python -m bench.capacity [RESULTS] prints the table of docs/production.md and draws docs/capacity.svg; RESULTS is what
`python -m bench --json` wrote, by default the measurement that is kept beside this file.
"""

import sys
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import msgspec

from app.core.topics import TOPICS
from bench.chart import Line, chart

KEPT = Path(__file__).with_name("measured.json")
CHART = Path(__file__).parents[1] / "docs" / "capacity.svg"
DAY = 86_400
BUSY = 0.6
"""Of a core, a process or a disk: what is left over is for the minute that is worse than the hour."""
LEAST = {"web": 2, "gateway": 2, "importer": 2, "express": 2, "tracker": 2, "projector": 1, "fetcher": 1}
"""Processes that run even when nothing happens, as deploy/kubernetes has them."""
PARTITIONS = 12
BROKERS = 3
BROKER_MIB, DATABASE_MIB = 2048, 2048
"""The least that a broker and PostgreSQL are given."""
CACHED = 0.05
"""Of the database: what should fit into its memory, above all the upper levels of indexes."""
SLACK = 2.0
"""A database has as much again for its log, for dead rows, and for a read model that is built beside the old one."""


class Measured(msgspec.Struct, frozen=True):
    """One import of new people: for each row, and the greatest memory of a process of each kind, in MiB.

    `idle` are cores that each kind of process takes while nothing happens, `cpu` microseconds beside that until all was
    visible, `topics` and `schemas` bytes on disk.
    """

    cores: int
    rows: int
    created: int
    seconds: float
    idle: dict[str, float]
    cpu_to_finished: dict[str, float]
    cpu: dict[str, float]
    peak_mib: dict[str, float]
    topics: dict[str, float]
    schemas: dict[str, float]

    @property
    def foretold(self) -> float:
        """Rows a second that its cores finish when nobody waits for anything: what nothing can be faster than."""
        return (self.cores - sum(self.idle.values())) * 1e6 / sum(self.cpu_to_finished.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is expected. `busiest`: the share of a day's rows that comes in its busiest hour; `new`: of rows that are
    people nobody had; `years`: how long contacts have been gathered."""

    rows_a_day: float
    busiest: float = 0.25
    new: float = 0.05
    years: float = 1.0
    copies: int = 3

    @property
    def rate(self) -> float:
        """Rows a second in the busiest hour."""
        return self.rows_a_day * self.busiest / 3600

    @property
    def contacts(self) -> float:
        return self.rows_a_day * self.new * 365 * self.years


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to have. Disk and memory in bytes, all machines together; cores at BUSY in the busiest hour."""

    cores: float
    processes: dict[str, int]
    partitions: int
    memory: float
    log: float
    database: float


def read(path: Path = KEPT) -> Measured:
    """The import of new people out of a file of results. Raises KeyError when it holds none."""
    figures: list[dict[str, Any]] = msgspec.json.decode(path.read_bytes())["figures"]
    found = next((figure for figure in figures if "capacity" in figure["detail"]), None)
    if found is None:
        raise KeyError(f"{path} has no measured import: python -m bench --only capacity")
    return msgspec.convert(found["detail"]["capacity"], Measured)


def plan(measured: Measured, load: Load) -> Plan:
    """Linear in rows, beside what runs anyway."""
    cores = {kind: load.rate * cpu / 1e6 / BUSY for kind, cpu in measured.cpu.items()}
    processes = {kind: max(least, ceil(cores.get(kind, 0))) for kind, least in LEAST.items()}
    keep = {topic.name: topic.keep.total_seconds() / DAY for topic in TOPICS if topic.keep is not None}
    log = sum(size * keep.get(name, 0) for name, size in measured.topics.items()) * load.rows_a_day * load.copies / BUSY
    each = sum(measured.schemas.values()) * measured.rows / measured.created
    database = load.contacts * each * SLACK
    memory = sum(count * measured.peak_mib.get(kind, 0) for kind, count in processes.items())
    memory += load.copies * BROKER_MIB + max(DATABASE_MIB, CACHED * database / 2**20)
    return Plan(
        cores=sum(cores.values()) + sum(measured.idle.values()),
        processes=processes,
        partitions=PARTITIONS * ceil(processes["importer"] / PARTITIONS),
        memory=memory * 2**20,
        log=log,
        database=database,
    )


def table(measured: Measured, days: tuple[float, ...] = (1e5, 1e6, 1e7, 1e8)) -> str:
    """Markdown, a line for each number of rows a day."""
    lines = [
        "| rows a day | rows/s, busiest hour | cores | importers | projectors | partitions | memory | log | database |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for rows in days:
        load = Load(rows_a_day=rows)
        made = plan(measured, load)
        cells = [
            f"{rows:,.0f}",
            f"{load.rate:,.0f}",
            f"{made.cores:,.1f}",
            f"{made.processes['importer']}",
            f"{made.processes['projector']}",
            f"{made.partitions}",
            _size(made.memory),
            _size(made.log),
            _size(made.database),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def drawn(measured: Measured) -> str:
    """The same as a picture: SVG, both axes logarithmic."""
    days = [10 ** (5 + step / 8) for step in range(25)]
    plans = [plan(measured, Load(rows_a_day=rows)) for rows in days]
    lines = [
        Line("cores", [made.cores for made in plans]),
        Line("memory, GB", [made.memory / 1e9 for made in plans]),
        Line("Kafka's log, GB", [made.log / 1e9 for made in plans]),
        Line("PostgreSQL, GB after a year", [made.database / 1e9 for made in plans]),
    ]
    return chart("What so many rows a day ask for", "rows a day", days, lines)


def _size(size: float) -> str:
    unit, name = next(((unit, name) for unit, name in ((1e12, "TB"), (1e9, "GB")) if size >= unit), (1e6, "MB"))
    return f"{size / unit:,.1f} {name}" if size < 10 * unit else f"{size / unit:,.0f} {name}"


def main() -> None:
    measured = read(Path(sys.argv[1])) if len(sys.argv) > 1 else read()
    print(table(measured))
    CHART.write_text(drawn(measured))


if __name__ == "__main__":
    main()
