"""`python -m tests.providers --port 8090`: see the package's own words."""

import argparse
import asyncio

import uvloop

from tests.providers.server import serve


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.providers", description="Simulated Google and Microsoft")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--canary-port", type=int, help="default: port + 1")
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    canary_port = given.canary_port or given.port + 1
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(given.host, given.port, canary_port, given.seed))


main()
