"""The commands behind the Makefile."""

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

import msgspec

from app.stack import Refused, embedded


class _Ended(Exception):
    """Somebody asked us to end."""


def _servers(arguments: argparse.Namespace) -> None:
    with embedded.running(arguments.data_dir) as addresses:
        print(msgspec.json.encode(addresses).decode(), flush=True)
        sys.stdin.read()


def _end(number: int, frame: FrameType | None) -> None:
    raise _Ended


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m app.stack", description=__doc__)
    commands = parser.add_subparsers(required=True)
    servers = commands.add_parser("servers", help="Kafka, PostgreSQL and Valkey alone, until stdin is closed")
    servers.add_argument("--data-dir", type=Path, required=True)
    servers.set_defaults(run=_servers)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    try:
        arguments.run(arguments)
    except _Ended:
        pass
    except Refused as error:
        print(f"addressbus: {error}", file=sys.stderr)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
