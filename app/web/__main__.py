"""`python -m app.web`: the web process, and what an operator does with accounts.

python -m app.web                           serves until SIGTERM
python -m app.web bootstrap                 the workspace "demo": prints {"sign_in", "api_token"}
python -m app.web sign-in-link [ADDRESS]    a new sign-in link for each workspace of ADDRESS
python -m app.web workspace SLUG ADDRESS    makes a workspace with its owner
python -m app.web operator ADDRESS          gives this person the installation
"""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NoReturn
from uuid import uuid4

import uvicorn
import uvloop
from starlette.applications import Starlette

from app import config, health, log, sql, telemetry, trace
from app.core import channels
from app.core.channels import holder_of
from app.core.errors import Rejected, TryAgain
from app.sealing import Vault
from app.watchdog import Watchdog
from app.web import accounts, main
from app.web.authentication import digest, new_token
from app.web.origin import BadAddress, check_public_url
from app.web.store import Store

DEMO, DEMO_OWNER = "demo", "owner@example.com"
GRACE_SECONDS = 5
"""How long a request may go on after SIGTERM; an upload goes on with the next process."""


class _Server(uvicorn.Server):
    """Leaves the signals to us: SIGTERM is an orderly stop with exit 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(settings: config.Web) -> None:
    """Answers on WEB_PORT until SIGTERM or SIGINT; what it needs is waited for."""
    state: dict[str, Any] = {}

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        yield state

    server = _Server(
        uvicorn.Config(
            main.application(settings, lifespan),
            host=settings.web_host,
            port=settings.web_port,
            http="h11",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            forwarded_allow_ips=settings.trusted_proxies or "127.0.0.1",
            proxy_headers=bool(settings.trusted_proxies),
            # One request's line and headers; cookies and a long search fit, a flood of headers does not.
            h11_max_incomplete_event_size=32 * 1024,
            # A held `Prefer: wait` keeps its connection, so this is far above what is busy at once.
            limit_concurrency=2000,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    waiting = asyncio.current_task()

    def missing() -> str | None:
        if server.should_exit:
            return "stopping"
        return None if server.started else "waiting for Kafka and PostgreSQL"

    def stop() -> None:
        if state:
            server.force_exit = server.should_exit
            server.should_exit = True
        elif waiting is not None:
            waiting.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    told = telemetry.told(settings, "web", missing)
    async with health.served(settings, missing), told, Watchdog(), main.opened(settings) as opened:
        state.update(opened)
        await server.serve()


async def _with_store(settings: config.Web, command: str, arguments: argparse.Namespace) -> None:
    logging.getLogger("psycopg.pool").setLevel("ERROR")  # what is away is told once, at the end
    pool = sql.make_pool(settings.web_database_url, f"{settings.process_name} {command}", size=1)
    async with pool:
        await sql.check_schema(pool, "web")
        store = Store(pool)
        match command:
            case "bootstrap":
                print(json.dumps(await bootstrap(store, settings)))
            case "sign-in-link":
                await _print_links(store, settings, arguments.address)
            case "workspace":
                await accounts.found_workspace(store, arguments.slug, arguments.slug, arguments.address)
                await _print_links(store, settings, arguments.address)
            case _:
                if not await store.make_operator(accounts.address_of(arguments.address)):
                    raise Rejected("not_found", "Nobody here has this address.")


async def bootstrap(store: Store, settings: config.Web) -> dict[str, str]:
    """The workspace "demo", its owner, a new sign-in link, and the owner's token, which stays the same."""
    workspace = await accounts.found_workspace(store, DEMO, "Demo", DEMO_OWNER)
    person = next(who for found, who in await store.workspaces_of(DEMO_OWNER) if found.id == workspace.id)
    token = _demo_token(Path(settings.data_dir))
    await store.add_token(
        workspace.id, person, uuid4(), digest(token), holder_of(token), "Command line", "owner", days=None
    )
    link = await accounts.new_link(store, settings.public_url, workspace.id, person)
    return {"sign_in": link, "api_token": token}


def _demo_token(data_dir: Path) -> str:
    """The demo owner's token: kept in DATA_DIR for its owner's eyes, since the database has its hash only."""
    path = data_dir / "demo_api_token"
    with contextlib.suppress(FileExistsError):
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(new_token())
    return path.read_text()


async def _print_links(store: Store, settings: config.Web, address: str) -> None:
    found = await store.workspaces_of(accounts.address_of(address))
    if not found:
        raise Rejected("not_found", "Nobody here has this address.")
    for workspace, person in found:
        link = await accounts.new_link(store, settings.public_url, workspace.id, person)
        print(link if len(found) == 1 else f"{workspace.slug}  {link}")


def parser() -> argparse.ArgumentParser:
    commands = argparse.ArgumentParser(prog="python -m app.web", description="The web process and its accounts.")
    choices = commands.add_subparsers(dest="command")
    choices.add_parser("bootstrap", help="make the workspace demo; print its sign-in link and token")
    link = choices.add_parser("sign-in-link", help="print a new sign-in link")
    link.add_argument("address", nargs="?", default=DEMO_OWNER)
    workspace = choices.add_parser("workspace", help="make a workspace with its owner")
    workspace.add_argument("slug")
    workspace.add_argument("address")
    operator = choices.add_parser("operator", help="give a person the installation")
    operator.add_argument("address")
    return commands


def run(arguments: argparse.Namespace) -> None:
    """Raises SystemExit: 2 for what the operator can mend at once, 1 for what is away."""
    settings = config.read_or_exit(config.Web)
    log.set_up(settings.process_name, settings.log_level)
    trace.set_up(settings)
    _check(settings)
    try:
        if arguments.command is None:
            # Asked to stop while it still waited: nothing was begun, so nothing is left to be ended.
            with contextlib.suppress(asyncio.CancelledError):
                uvloop.run(serve(settings))
        else:
            asyncio.run(_with_store(settings, arguments.command, arguments))
    except Rejected as error:
        _end(error.detail, 2)
    except (TryAgain, sql.StaleSchema) as error:
        _end(str(error), 1)


def _check(settings: config.Web) -> None:
    try:
        check_public_url(settings.public_url)
    except BadAddress as error:
        _end(str(error), 2)
    try:
        channels.Keys.parse(settings.channel_keys)
    except ValueError as error:
        _end(f"CHANNEL_KEYS: {error}", 2)
    try:
        Vault.parse(settings.data_keys)
    except ValueError as error:
        _end(f"DATA_KEYS: {error}", 2)


def _end(why: str, status: int) -> NoReturn:
    print(f"addressbus: {why}", file=sys.stderr)
    raise SystemExit(status)


if __name__ == "__main__":
    run(parser().parse_args())
