"""`make bench`: starts a stack of its own, measures, prints a table and writes JSON.

python -m bench [--rows 1000000] [--only imports,small,...] [--json bench/results/latest.json]
"""

import argparse
import asyncio
import os
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path

from app.stack.whole import Whole, whole
from bench import formats, imports, lookup, providers, reading, sockets, uploads
from bench.client import Client
from bench.report import Figure, save, show

ALONE = {"reading", "providers"}
"""These need no stack, or bring their own."""
Measure = Callable[[], Coroutine[None, None, list[Figure]]]


async def run(stack: Whole, folder: Path, rows: int, only: set[str]) -> list[Figure]:
    """Every measurement, in the order in which they need each other's contacts."""
    facts = stack.facts()
    client = Client(facts["web"], facts["api_token"])
    measures: dict[str, Measure] = {
        "delays": lambda: imports.delays(client, folder, 200),
        "first": lambda: imports.first_contact(client, folder, max(rows // 5, 1000)),
        "imports": lambda: imports.big(client, stack, folder, rows),
        "lookup": lambda: lookup.answers(client, 10),
        "sockets": lambda: sockets.memory(client, stack, 1000),
        "small": lambda: imports.small_beside_big(client, stack, folder, rows // 10),
        "formats": lambda: formats.every_kind(client, stack, folder, max(rows // 20, 1000)),
        "uploads": lambda: uploads.big(client, stack, folder, max(rows // 1000, 20)),
    }
    figures: list[Figure] = []
    try:
        for name, measure in measures.items():
            if not only or name in only:
                figures += await measure()
                print(show(figures), "\n", flush=True)
    finally:
        await client.close()
    return figures


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--only", default="", help="names, separated by commas")
    arguments.add_argument("--json", type=Path, default=Path("bench/results/latest.json"))
    arguments.add_argument("--importers", default="2")
    given = arguments.parse_args()
    only = set(given.only.split(",")) - {""}
    with tempfile.TemporaryDirectory(prefix="addressbus-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        figures = reading.speed(min(given.rows, 200_000)) if not only or "reading" in only else []
        print(show(figures), flush=True)
        settings = {"IMPORTERS": given.importers, "REQUESTS_PER_MINUTE": "1000000", "MAX_OPEN_UPLOADS": "30"}
        if not only or only - ALONE:
            with whole(folder / "data", **settings) as stack:
                figures += asyncio.run(run(stack, folder, given.rows, only))
        if not only or "providers" in only:
            figures += providers.figures(folder)
    save(figures, given.json)
    print(show(figures))
    print(f"\nwritten to {os.path.relpath(given.json)}")


if __name__ == "__main__":
    main()
