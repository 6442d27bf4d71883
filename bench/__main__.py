"""`make bench`: starts a stack of its own, measures, prints a table and writes JSON.

python -m bench [--rows 1000000] [--only imports,small,...] [--json bench/results/latest.json] [--against FILE]
"""

import argparse
import asyncio
import os
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path

from app.stack.whole import Whole, whole
from bench import against, costs, formats, gateway, imports, lookup, providers, reading, scaling, sharing, uploads
from bench.client import Client
from bench.report import Figure, save, show

SOCKETS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a part measures with: `rows` is the size that was asked for, `keys` opens the stack's channels."""

    client: Client
    stack: Whole
    keys: str
    folder: Path
    rows: int


Part = Callable[[Bench], Coroutine[None, None, list[Figure]]]
PARTS: dict[str, Part] = {
    "delays": lambda bench: imports.delays(bench.client, bench.folder, 200),
    "heard": lambda bench: gateway.delays(bench.client, bench.stack, bench.keys, bench.folder, SOCKETS // 10, count=50),
    "first": lambda bench: imports.first_contact(bench.client, bench.folder, max(bench.rows // 5, 1000)),
    "imports": lambda bench: imports.big(bench.client, bench.stack, bench.folder, bench.rows),
    "long": lambda bench: imports.long(bench.client, bench.stack, bench.folder, bench.rows),
    "capacity": lambda bench: costs.capacity(bench.client, bench.stack, bench.folder, max(bench.rows // 5, 1000)),
    "lookup": lambda bench: lookup.answers(bench.client, 10),
    "sockets": lambda bench: gateway.many(bench.stack, bench.keys, SOCKETS),
    "small": lambda bench: imports.small_beside_big(bench.client, bench.stack, bench.folder, bench.rows),
    "formats": lambda bench: formats.every_kind(bench.client, bench.stack, bench.folder, max(bench.rows // 20, 1000)),
    "uploads": lambda bench: uploads.big(bench.client, bench.stack, bench.folder, max(bench.rows // 1000, 20)),
}
"""What is measured with a whole stack, in an order in which each finds the contacts and the peace it needs."""
SHARING: dict[str, Part] = {
    "sharing": lambda bench: sharing.same_keys(bench.client, bench.stack, bench.folder, max(bench.rows // 10, 1000))
}
"""With a stack of its own, because it takes more importers."""
SCALING: dict[str, Part] = {
    "scaling": lambda bench: scaling.more_and_less(bench.client, bench.stack, bench.folder, bench.rows)
}
"""With a stack of its own, because it begins with one importer."""
ASKED = {"long"}
"""Only measured when it is named: ten times the rows."""
NAMES = ("reading", *PARTS, *SHARING, *SCALING, "providers")


async def measure(parts: dict[str, Part], stack: Whole, keys: str, folder: Path, rows: int) -> list[Figure]:
    """One part after the other; the table grows on the screen meanwhile."""
    facts = stack.facts()
    client = Client(facts["web"], facts["api_token"])
    bench = Bench(client=client, stack=stack, keys=keys, folder=folder, rows=rows)
    figures: list[Figure] = []
    try:
        for part in parts.values():
            figures += await part(bench)
            print(show(figures), "\n", flush=True)
    finally:
        await client.close()
    return figures


def on_a_stack(parts: dict[str, Part], wanted: set[str], folder: Path, rows: int, importers: str) -> list[Figure]:
    """Those of the parts that are wanted, with a stack that is started for them."""
    parts = {name: part for name, part in parts.items() if name in wanted}
    if not parts:
        return []
    settings = {
        "IMPORTERS": importers,
        "REQUESTS_PER_MINUTE": "1000000",
        "MAX_OPEN_UPLOADS": "30",
        "DRAIN_SECONDS": "20",
        "CHANNEL_KEYS": (keys := gateway.keys()),
    }
    folder.mkdir(mode=0o755)
    with whole(folder / "data", **settings) as stack:
        return asyncio.run(measure(parts, stack, keys, folder, rows))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the big imports; %(default)s")
    parser.add_argument(
        "--only",
        type=lambda text: [name for name in text.split(",") if name],
        default=[name for name in NAMES if name not in ASKED],
        help=f"separated by commas, of {', '.join(NAMES)}; all but {', '.join(ASKED)}",
    )
    parser.add_argument("--json", type=Path, default=Path("bench/results/latest.json"), help="%(default)s")
    parser.add_argument("--against", type=Path, help="the JSON of an earlier run, to compare with")
    parser.add_argument("--importers", default="2", help="%(default)s")
    given = parser.parse_args()
    if unknown := set(given.only) - set(NAMES):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    before = against.load(given.against) if given.against else []
    wanted = set(given.only)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="addressbus-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        if "reading" in wanted:
            figures += reading.speed(min(given.rows, 200_000))
        figures += on_a_stack(PARTS, wanted, folder / "one", given.rows, given.importers)
        figures += on_a_stack(SHARING, wanted, folder / "sharing", given.rows, str(sharing.IMPORTERS))
        figures += on_a_stack(SCALING, wanted, folder / "scaling", given.rows, "1")
        if "providers" in wanted:
            figures += providers.figures(folder)
    save(figures, given.json)
    print(show(figures))
    print(f"\nwritten to {os.path.relpath(given.json)}")
    if before:
        print(f"\nbeside {given.against}:\n{against.show(figures, before)}")


if __name__ == "__main__":
    main()
