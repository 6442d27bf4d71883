"""Both ports under uvicorn, in one process."""

import asyncio
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.providers.app import build, canary
from tests.providers.world import World


class Protocol(H11Protocol):
    """Lets a request know its connection, so that a fault can break it."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class Server(uvicorn.Server):
    """Takes the other one with it."""

    other: uvicorn.Server

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.other.should_exit = True
        super().handle_exit(sig, frame)


async def serve(host: str, port: int, canary_port: int, seed: int) -> None:
    """Until SIGINT or SIGTERM."""
    world = World(seed, f"http://{host}:{canary_port}")
    main = Server(_config(build(world), host, port))
    main.other = uvicorn.Server(_config(canary(world), host, canary_port))
    # `serve` of the other would take the signals for itself.
    await asyncio.gather(main.serve(), main.other._serve())


def _config(app: Any, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        app, host, port, log_level="error", access_log=False, http=Protocol, lifespan="off", ws="none", backlog=4_096
    )
