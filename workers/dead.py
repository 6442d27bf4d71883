"""`python -m workers dead`: the records that were given up.

python -m workers dead list [--import ID] [--reason TEXT] [--all]   what waits, the newest first (--all: replayed, too)
python -m workers dead show REFERENCE [--bytes]                     its headers; its bytes to standard output
python -m workers dead replay REFERENCE                             brings it back
python -m workers dead replay --import ID | --all                   brings back all of an import, or all that wait

A reference is what an import names as its internal error: import.segments.bulk/3/17.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from app import config, dead
from app.dead import Letters
from workers import operating


def main(arguments: Sequence[str]) -> None:
    """Raises SystemExit: 2 for a question that has no answer, 1 when Kafka is away."""
    asked = parser().parse_args(arguments)
    try:
        settings = operating.settings()
    except config.BadConfig as error:
        operating.end(str(error), 2)
    operating.run(asked.do(settings, asked))


def parser() -> argparse.ArgumentParser:
    commands = argparse.ArgumentParser(prog="python -m workers dead", description="Records that were given up.")
    choices = commands.add_subparsers(required=True)
    listing = choices.add_parser("list", help="what waits, the newest first")
    listing.add_argument("--import", dest="import_id", type=UUID, metavar="ID")
    listing.add_argument("--reason", default="", metavar="TEXT", help="reasons that have this text")
    listing.add_argument("--all", action="store_true", help="also those that were replayed")
    listing.set_defaults(do=_list)
    show = choices.add_parser("show", help="one record's headers")
    show.add_argument("reference")
    show.add_argument("--bytes", action="store_true", help="its bytes, and nothing else (people's data; it is logged)")
    show.set_defaults(do=_show)
    replay = choices.add_parser("replay", help="bring records back to the topics they came from")
    which = replay.add_mutually_exclusive_group(required=True)
    which.add_argument("reference", nargs="?")
    which.add_argument("--import", dest="import_id", type=UUID, metavar="ID")
    which.add_argument("--all", action="store_true")
    replay.set_defaults(do=_replay)
    return commands


async def _list(settings: config.Process, asked: argparse.Namespace) -> None:
    letters = dead.chosen(
        await Letters(settings).read(), import_id=asked.import_id, reason=asked.reason, waiting=not asked.all
    )
    for letter in letters:
        replayed = f"  replayed {_time(letter.replayed_at)} by {letter.replayed_by}" if letter.replayed_at else ""
        about = letter.import_id or "-"
        print(
            f"{letter.reference}  {_time(letter.at)}  import {about}  {letter.size:,} bytes  {letter.reason}{replayed}"
        )
    if not letters:
        print("no dead letters", file=sys.stderr)


async def _show(settings: config.Process, asked: argparse.Namespace) -> None:
    async with operating.opening(settings) as keys:
        letters = Letters(settings, keys)
        letter = await letters.find(asked.reference)
        if asked.bytes:
            sys.stdout.buffer.write(await letters.bytes_of(letter, operating.who()))
            return
    lines = {
        "reference": letter.reference,
        "import": letter.import_id or "",
        "workspace": letter.workspace or "",
        "given up": _time(letter.at),
        "replayed": f"{_time(letter.replayed_at)} by {letter.replayed_by}" if letter.replayed_at else "",
        "key": letter.key,
        "bytes": f"{letter.size:,}",
    }
    for name, said in [*lines.items(), *((f"header {name}", said) for name, said in letter.headers.items())]:
        print(f"{name}: {said}")


async def _replay(settings: config.Process, asked: argparse.Namespace) -> None:
    async with operating.opening(settings) as keys, operating.producing(settings) as producer:
        letters = Letters(settings, keys)
        if asked.reference:
            wanted = [await letters.find(asked.reference)]
            dead.back(wanted[0])
        else:
            wanted = dead.chosen(await letters.read(), import_id=asked.import_id, waiting=True)
        ready = [letter for letter in wanted if letter.topic in dead.BACK]
        back = await letters.replay(producer, *ready, by=operating.who())
    stay, gone = len(wanted) - len(ready), len(ready) - back
    print(
        f"{back} replayed"
        + (f", {stay} of topics that take nothing back" if stay else "")
        + (f", {gone} of files that were deleted" if gone else "")
    )


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
