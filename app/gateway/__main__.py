"""`python -m app.gateway`: one process of the gateway. Several may share a port."""

import asyncio
import gc
import signal
import sys
from dataclasses import replace

import uvloop

from app import config, health, log, telemetry, trace
from app.core.channels import Keys
from app.gateway import descriptors
from app.gateway.limits import Limits
from app.gateway.server import Gateway
from app.watchdog import Watchdog


async def main(settings: config.Gateway) -> None:
    """Serves until SIGTERM or SIGINT, then drains."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    limits = Limits()
    gateway = Gateway(settings, limits=replace(limits, sockets=descriptors.room(limits.sockets)))
    told = telemetry.told(settings, "gateway", gateway.missing)
    async with health.served(settings, gateway.missing), told, Watchdog():
        await gateway.run(stop)


if __name__ == "__main__":
    settings = config.read_or_exit(config.Gateway)
    try:
        Keys.parse(settings.channel_keys)
    except ValueError as error:
        print(f"addressbus: CHANNEL_KEYS: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    log.set_up(settings.process_name, settings.log_level)
    trace.set_up(settings)
    # When ten thousand clients come back at once, full collections would stall them all for a third of a second.
    gc.set_threshold(50_000, 50, 1_000)
    # Beside asyncio's own loop: an eighth less memory for a connection, and no system call for each frame of a batch.
    uvloop.run(main(settings))
