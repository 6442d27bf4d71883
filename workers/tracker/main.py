"""The tracker decides when all of an import is done: facts in, states and notices out."""

import asyncio
import os
import signal

from app import config, health, log, membership, telemetry, trace
from app.watchdog import Watchdog
from workers import crash
from workers.tracker.follow import GROUP, Follower


def main() -> None:
    """Runs until SIGTERM or SIGINT."""
    settings = config.read_or_exit(config.Tracker)
    log.set_up(settings.process_name, settings.log_level)
    trace.set_up(settings)
    crash.arm(os.environ)
    asyncio.run(run(settings))


async def run(settings: config.Tracker) -> None:
    """Follows the facts and answers for its health; returns on SIGTERM or SIGINT."""
    follower = Follower(settings)
    watchdog = Watchdog(follower.behind)
    follower.progress = watchdog.progress
    following = asyncio.create_task(follower.follow(), name="tracker")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, following.cancel)

    def lacks() -> str | None:
        return None if follower.ready else "no partitions yet"

    async with health.served(settings, lacks), telemetry.told(settings, "tracker", lacks), watchdog:
        await asyncio.gather(following, return_exceptions=True)
        if following.cancelled():
            await membership.leave(settings, GROUP)
    if not following.cancelled():
        following.result()
