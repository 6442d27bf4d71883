"""What one row costs, of everything: the measurement that capacity.py reckons with."""

import asyncio
import os
from pathlib import Path

import msgspec

from app.stack.whole import Whole
from bench import disk, people
from bench.capacity import Measured
from bench.client import Client
from bench.imports import import_file
from bench.report import Figure
from bench.usage import Usage, measured

IDLE_SECONDS = 10.0


async def capacity(client: Client, stack: Whole, folder: Path, rows: int) -> list[Figure]:
    """One import of new people, and how well the model foretells it: nobody can be faster than the cores."""
    path = people.write(folder / "costs.csv", rows, who="costs")
    idle = await _idle(stack)
    topics, schemas = disk.topics(stack), disk.schemas(stack)
    with measured(stack) as whole:
        timed = await import_file(client, stack, path)

    def each(usage: Usage, seconds: float) -> dict[str, float]:
        """Microseconds a row, beside what is spent anyway."""
        spent = {kind: cpu - idle.get(kind, 0.0) * seconds for kind, cpu in usage.cpu_by_kind().items()}
        return {kind: round(max(cpu, 0.0) / rows * 1e6, 2) for kind, cpu in spent.items()}

    found = Measured(
        cores=os.cpu_count() or 1,
        rows=rows,
        created=timed.state["created"],
        seconds=timed.finished,
        idle=idle,
        cpu_to_finished=each(timed.usage, timed.finished),
        cpu=each(whole, timed.visible),
        peak_mib=whole.peak_by_kind(),
        topics=disk.more(topics, disk.topics(stack), rows),
        schemas=disk.more(schemas, disk.schemas(stack), rows),
    )
    share = rows / timed.finished / found.foretold
    return [
        Figure(
            what=f"capacity model, {rows:,} rows: foretold by CPU alone, and what came of it",
            value=f"{found.foretold:,.0f} rows/s; {share:.0%}",
            goal="50 to 110 %, nothing else running",
            met=0.5 <= share <= 1.1,
            detail={"capacity": msgspec.to_builtins(found)},
        )
    ]


async def _idle(stack: Whole) -> dict[str, float]:
    """The share of a core that each kind of process takes while nothing happens."""
    with measured(stack) as usage:
        await asyncio.sleep(IDLE_SECONDS)
    return {kind: round(cpu / IDLE_SECONDS, 4) for kind, cpu in usage.cpu_by_kind().items()}
