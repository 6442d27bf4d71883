"""A jobs service in a process of its own: prints its port, works until its standard input is closed.

python -m tests.integration.intake_process ADDRESSES_JSON
"""

import asyncio
import sys

import msgspec

from app.stack import embedded
from tests.integration import intakes
from tests.integration.conftest import Servers


async def main() -> None:
    servers = Servers(msgspec.json.decode(sys.argv[1], type=embedded.Addresses))
    async with intakes.running(servers) as rig:
        # There is no tracker here that would tell of progress.
        rig.intake._backlog._most = 1_000_000
        print(rig.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
