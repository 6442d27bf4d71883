"""The commands behind the Makefile."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path
from types import FrameType

import msgspec

from app import config, scaling
from app.core.errors import Rejected, TryAgain
from app.scaling import Wish
from app.stack import Refused, embedded, links, places, run, sites

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class _Ended(Exception):
    """Somebody asked us to end."""


def _servers(arguments: argparse.Namespace) -> None:
    partitions = config.read_or_exit(config.Stack).partitions
    with embedded.running(arguments.data_dir, partitions=partitions) as addresses:
        print(msgspec.json.encode(addresses).decode(), flush=True)
        sys.stdin.read()


def _run(arguments: argparse.Namespace) -> None:
    run.run(config.read_or_exit(config.Stack))


def _two_datacenters(arguments: argparse.Namespace) -> None:
    sites.run(config.read_or_exit(config.Stack), os.environ)


def _sign_in(arguments: argparse.Namespace) -> None:
    data_dir = Path(config.read_or_exit(config.Stack).data_dir)
    raise SystemExit(links.web("sign-in-link", run.web_environment(data_dir)).returncode)


def _operator(arguments: argparse.Namespace) -> None:
    environment = run.web_environment(Path(config.read_or_exit(config.Stack).data_dir))
    raise SystemExit(links.web("operator", environment, arguments.address).returncode)


def _scale(arguments: argparse.Namespace) -> None:
    socket = run.web_environment(Path(config.read_or_exit(config.Stack).data_dir))["SCALING_SOCKET"]
    wishes = [Wish(kind, to) for kind in scaling.KINDS if (to := getattr(arguments, f"{kind}s")) is not None]
    if not wishes:
        raise Refused("how many? e.g. make scale IMPORTERS=4")
    for wish in wishes:
        try:
            asyncio.run(scaling.ask(socket, wish))
        except (Rejected, TryAgain) as error:
            raise Refused(str(error)) from error
        print(f"{wish.kind}: {wish.to} wanted; they come and go while everything runs on")


def _clean(arguments: argparse.Namespace) -> None:
    places.forget(Path(config.read_or_exit(config.Stack).data_dir))


def _end(number: int, frame: FrameType | None) -> None:
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)  # once is enough; impatience must not leave servers behind
    raise _Ended


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m app.stack", description=__doc__)
    commands = parser.add_subparsers(required=True)
    servers = commands.add_parser("servers", help="Kafka, PostgreSQL and Valkey alone, until stdin is closed")
    servers.add_argument("--data-dir", type=Path, required=True)
    servers.set_defaults(do=_servers)
    commands.add_parser("run", help="everything on this machine, until Ctrl-C").set_defaults(do=_run)
    both = commands.add_parser("two-datacenters", help="two of them, and MirrorMaker in between, until Ctrl-C")
    both.set_defaults(do=_two_datacenters)
    commands.add_parser("sign-in", help="a new sign-in link for what runs").set_defaults(do=_sign_in)
    operator = commands.add_parser("operator", help="give a person what runs here; the demo owner, if nobody is named")
    operator.add_argument("address", nargs="?", default="owner@example.com")
    operator.set_defaults(do=_operator)
    scale = commands.add_parser("scale", help="more or fewer processes of what runs here")
    for kind in scaling.KINDS:
        scale.add_argument(f"--{kind}s", type=int)
    scale.set_defaults(do=_scale)
    commands.add_parser("clean", help="remove DATA_DIR").set_defaults(do=_clean)
    arguments = parser.parse_args()
    for number in _SIGNALS:
        signal.signal(number, _end)
    try:
        arguments.do(arguments)
    except _Ended:
        pass
    except Refused as error:
        print(f"addressbus: {error}", file=sys.stderr)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
