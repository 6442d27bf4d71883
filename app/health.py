"""`/healthz`, `/readyz` and `/metrics` of a process, on a port of its own that only its machine reaches by default."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app import config

Ready = Callable[[], str | None]
"""What is still missing, in words; None once the process does its work."""


def application(ready: Ready) -> Starlette:
    async def healthz(request: Request) -> Response:
        return PlainTextResponse("ok")

    async def readyz(request: Request) -> Response:
        missing = ready()
        return PlainTextResponse(missing or "ready", status_code=503 if missing else 200)

    async def metrics(request: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)])


@asynccontextmanager
async def served(settings: config.Process, ready: Ready) -> AsyncIterator[None]:
    """Answers on HEALTH_HOST:HEALTH_PORT while the body runs; port 0 means nobody asked for it."""
    if settings.health_port == 0:
        yield
        return
    server = uvicorn.Server(
        uvicorn.Config(
            application(ready),
            host=settings.health_host,
            port=settings.health_port,
            log_config=None,
            access_log=False,
        )
    )
    # `serve()` would take the signals, which belong to the process.
    task = asyncio.create_task(server._serve(), name="health")
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)
