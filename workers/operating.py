"""What the commands for operators share: where Kafka is, and how their errors are told."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from app import bus, config, log
from app.core.errors import Rejected, TryAgain


def settings(environ: Mapping[str, str] = os.environ) -> config.Process:
    """How to reach Kafka: the environment, as for every process, or else the stack that runs here (DATA_DIR)."""
    found = dict(environ)
    path = Path(environ.get("DATA_DIR") or ".data") / "stack.json"
    if not found.get("KAFKA_BOOTSTRAP") and path.is_file():
        found["KAFKA_BOOTSTRAP"] = msgspec.json.decode(path.read_bytes())["kafka"]
    found["PROCESS_NAME"] = f"operator-{os.getpid()}"
    return config.read(config.Process, found)


def who() -> str:
    """Who types this command, for the records: user@host."""
    return f"{os.environ.get('USER') or os.getuid()}@{socket.gethostname()}"


@asynccontextmanager
async def producing(settings: config.Process) -> AsyncIterator[bus.Producer]:
    """A started producer. Raises TryAgain."""
    producer = bus.Producer(settings)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


def run(work: Coroutine[Any, Any, None]) -> None:
    """Runs a command; what it cannot do is one line on standard error and exit 1, or 2 for a wrong question."""
    log.set_up("operator", "warning")
    try:
        asyncio.run(work)
    except Rejected as error:
        end(error.detail, 2)
    except TryAgain as error:
        end(str(error), 1)


def end(why: str, status: int) -> NoReturn:
    """Says why, and ends the command."""
    print(f"addressbus: {why}", file=sys.stderr)
    raise SystemExit(status)
