"""Several importers on the same people: what meeting in the same rows costs."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import psycopg

from app.stack.whole import Whole
from bench import people
from bench.client import Client
from bench.imports import import_file
from bench.report import Figure

IMPORTERS = 4


async def same_keys(client: Client, stack: Whole, folder: Path, rows: int) -> list[Figure]:
    """As many imports at once as there are importers, each of `rows`: nobody in common, then every other one."""
    await _rate(client, stack, folder, [people.rows(1_000, who=f"warm{n}") for n in range(IMPORTERS)], 1_000)
    before = _deadlocks(stack)
    apart = await _rate(client, stack, folder, [people.rows(rows, who=f"own{n}") for n in range(IMPORTERS)], rows)
    half = rows // 2
    mixed = [
        chain.from_iterable(zip(people.rows(half, who="common"), people.rows(half, who=f"half{n}"), strict=True))
        for n in range(IMPORTERS)
    ]
    together = await _rate(client, stack, folder, mixed, half * 2)
    deadlocks = _deadlocks(stack) - before
    return [
        Figure(
            what=f"{IMPORTERS} importers, every other row of {rows:,} is everybody's",
            value=f"{together / apart:.2f} of no sharing ({together:,.0f} of {apart:,.0f} rows/s)",
            goal=">= 0.7, no deadlock",
            met=together / apart >= 0.7 and deadlocks == 0,
            detail={"deadlocks": deadlocks},
        )
    ]


async def _rate(client: Client, stack: Whole, folder: Path, files: Sequence[Iterator[str]], rows: int) -> float:
    paths = []
    for number, lines in enumerate(files):
        path = folder / f"sharing{number}.csv"
        path.write_text(people.HEADER + "".join(lines), encoding="utf-8", newline="")
        paths.append(path)
    timed = await asyncio.gather(*(import_file(client, stack, path) for path in paths))
    return len(paths) * rows / max(one.finished for one in timed)


def _deadlocks(stack: Whole) -> int:
    with psycopg.connect(stack.facts()["postgres"]["admin"]) as connection:
        row = connection.execute("select sum(deadlocks)::int from pg_stat_database").fetchone()
    return int(row[0]) if row else 0
