"""`python -m workers pause|resume|skip`: orders to consumers that run; they follow within a moment.

python -m workers pause GROUP              begins no further record; what is in hand is finished
python -m workers resume GROUP             goes on where it stopped
python -m workers skip GROUP REFERENCE     gives this record up unseen: it becomes a dead letter and can be replayed
"""

import argparse
from collections.abc import Callable, Sequence

import msgspec

from app import config
from app.core.groups import CONSUMER, ORDERED, Orders, known_group, orders_of
from app.settings import GLOBAL, Settings
from workers import operating

MOST_SKIPPED = 1000
"""References that a group's orders hold; the oldest go first. Who was skipped stays so: it is acknowledged."""


def main(arguments: Sequence[str]) -> None:
    """Raises SystemExit: 2 for a group that takes no orders, 1 when Kafka is away."""
    asked = parser().parse_args(arguments)
    try:
        settings = operating.settings()
    except config.BadConfig as error:
        operating.end(str(error), 2)
    operating.run(_order(settings, asked))


def parser() -> argparse.ArgumentParser:
    commands = argparse.ArgumentParser(prog="python -m workers", description="Orders to consumers that run.")
    choices = commands.add_subparsers(required=True)
    for name, change, told in _ORDERS:
        order = choices.add_parser(name, help=told)
        order.add_argument("group", help=", ".join(ORDERED))
        order.set_defaults(change=change, reference=None)
        if name == "skip":
            order.add_argument("reference", help="topic/partition/offset")
    return commands


async def _order(settings: config.Process, asked: argparse.Namespace) -> None:
    name = f"{CONSUMER}{known_group(asked.group)}"
    dynamic = Settings(settings, keep=name.__eq__)
    await dynamic.start()
    try:
        orders: Orders = asked.change(orders_of(dynamic.get(GLOBAL, name)), asked.reference)
        async with operating.producing(settings) as producer:
            await dynamic.put(producer, GLOBAL, name, msgspec.to_builtins(orders))
    finally:
        await dynamic.stop()
    print(f"{asked.group}: {'paused' if orders.paused else 'running'}, {len(orders.skip)} to skip")


def _pause(orders: Orders, reference: str | None) -> Orders:
    return msgspec.structs.replace(orders, paused=True)


def _resume(orders: Orders, reference: str | None) -> Orders:
    return msgspec.structs.replace(orders, paused=False)


def _skip(orders: Orders, reference: str | None) -> Orders:
    skip = [*(known for known in orders.skip if known != reference), reference or ""]
    return msgspec.structs.replace(orders, skip=tuple(skip[-MOST_SKIPPED:]))


_ORDERS: tuple[tuple[str, Callable[[Orders, str | None], Orders], str], ...] = (
    ("pause", _pause, "begin no further record"),
    ("resume", _resume, "go on"),
    ("skip", _skip, "give up one record unseen"),
)
