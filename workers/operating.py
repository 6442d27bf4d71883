"""What the commands for operators share: where Kafka is, and how their errors are told."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec
import psycopg

from app import bus, config, log, sql
from app.core.errors import Rejected, TryAgain
from app.keys import Keys
from app.sealing import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Databases(config.Process):
    """For commands that go through the stores of services, each with its own role."""

    importer_database_url: str
    projector_database_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AllDatabases(Databases):
    """For the command that goes through everything that is sealed."""

    jobs_database_url: str
    connections_database_url: str
    fetcher_database_url: str


D = TypeVar("D", bound=Databases)


def settings(environ: Mapping[str, str] = os.environ) -> config.Process:
    """How to reach Kafka: the environment, as for every process, or else the stack that runs here (DATA_DIR)."""
    return _read(config.Process, environ)


def _read(kind: type[config.C], environ: Mapping[str, str]) -> config.C:
    found = dict(environ)
    path = Path(environ.get("DATA_DIR") or ".data") / "stack.json"
    if not found.get("KAFKA_BOOTSTRAP") and path.is_file():
        stack = msgspec.json.decode(path.read_bytes())
        found |= stack["operator"]
        found |= {f"{role.upper()}_DATABASE_URL": dsn for role, dsn in stack["postgres"].items()}
    found["PROCESS_NAME"] = f"operator-{os.getpid()}"
    return config.read(kind, found)


def data_keys(environ: Mapping[str, str] = os.environ) -> str:
    """DATA_KEYS, or those of the stack that runs here; "" where nobody can say."""
    path = Path(environ.get("DATA_DIR") or ".data") / "secrets.json"
    if environ.get("DATA_KEYS") or environ.get("KAFKA_BOOTSTRAP") or not path.is_file():
        return environ.get("DATA_KEYS", "")
    found: str = msgspec.json.decode(path.read_bytes())["data_keys"]
    return found


def vault() -> Vault | None:
    """What the data keys open; None where there are none. Raises Rejected."""
    text = data_keys()
    try:
        return Vault.parse(text) if text else None
    except ValueError as error:
        raise Rejected("bad_data_keys", f"DATA_KEYS: {error}") from error


@asynccontextmanager
async def opening(settings: config.Process) -> AsyncIterator[Keys | None]:
    """What opens sealed values; None without DATA_KEYS, then they stay closed. Raises Rejected, TryAgain."""
    found = vault()
    if found is None:
        yield None
        return
    keys = Keys(settings, found)
    try:
        await keys.start()
        yield keys
    finally:
        await keys.stop()


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


@asynccontextmanager
async def alone(settings: Databases) -> AsyncIterator[None]:
    """No other command that goes through everything runs at the same time. Raises TryAgain.

    The lock is the session's: it ends with this process, whatever ends it.
    """
    with sql.translated():
        connection = await psycopg.AsyncConnection.connect(
            settings.projector_database_url, application_name=settings.process_name, autocommit=True
        )
    async with connection:
        cursor = await connection.execute("select pg_try_advisory_lock(hashtext('addressbus.operator'))")
        row = await cursor.fetchone()
        if row != (True,):
            raise TryAgain("another rebuild, replay or republish is running; wait for it to end, or stop it")
        yield


def work(kind: type[D], do: Callable[[D], Coroutine[Any, Any, None]], environ: Mapping[str, str] = os.environ) -> None:
    """Runs a command that goes through databases. Ctrl-C ends it at any moment: nothing is left half done."""
    try:
        found = _read(kind, environ)
    except config.BadConfig as error:
        end(str(error), 2)
    try:
        run(do(found))
    except KeyboardInterrupt:
        end("stopped; nothing is half done, and it can be begun anew", 130)


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
