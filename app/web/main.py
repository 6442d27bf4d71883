"""The web process: everything is put together here, and started and stopped in order."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from app import bus, config, sql, telemetry
from app.bus import LiveMap, Producer
from app.connections import routes as connections_routes
from app.connections import service as connections_service
from app.connections.openapi import OPENAPI_PATHS as CONNECTIONS_PATHS
from app.connections.service import Connections
from app.core import channels
from app.core.errors import TryAgain
from app.core.events import Revocation
from app.core.imports import ImportRecord, State
from app.core.topics import IMPORTS, REVOCATIONS
from app.dead import Letters
from app.jobs import routes as jobs_routes
from app.jobs.intake import Intake
from app.jobs.openapi import OPENAPI_PATHS as JOBS_PATHS
from app.keys import Keys
from app.observing import Observer
from app.sealing import Vault
from app.settings import Settings
from app.web import accounts, audit_api, contacts_api, exports, imports_api, openapi, pages, problems, routes
from app.web.audit import Audit
from app.web.authentication import Authentication, Sessions
from app.web.endings import Endings
from app.web.limits import Rate
from app.web.lookup import Lookup
from app.web.origin import Host, SecurityHeaders
from app.web.services import Services
from app.web.store import Store

log = logging.getLogger(__name__)

TIDY_SECONDS = 3600
SIGN_INS_PER_MINUTE = 30


def application(settings: config.Web, lifespan: Any) -> Starlette:
    """All routes behind the layers that guard them, the outermost first."""
    app = Starlette(
        routes=all_routes(),
        lifespan=lifespan,
        middleware=[
            Middleware(SecurityHeaders, settings.public_url, settings.gateway_public_url),
            Middleware(problems.Door, show=pages.problem),
            Middleware(Host, settings.public_url),
            Middleware(Authentication, settings.public_url, settings.requests_per_minute),
        ],
        exception_handlers={HTTPException: problems.http_problem},
    )
    app.state.openapi = description(settings.public_url)
    return app


def all_routes() -> list[BaseRoute]:
    """Every route of the process: the API first, then the pages."""
    api = (routes, jobs_routes, connections_routes, imports_api, exports, contacts_api, audit_api)
    return [*(route for part in api for route in part.ROUTES), *pages.ROUTES]


def description(public_url: str) -> dict[str, Any]:
    """The OpenAPI document of all that `all_routes` serves below /api/."""
    ours = (imports_api.OPENAPI_PATHS, exports.OPENAPI_PATHS, contacts_api.OPENAPI_PATHS, audit_api.OPENAPI_PATHS)
    return openapi.document(public_url, JOBS_PATHS, CONNECTIONS_PATHS, *ours)


@asynccontextmanager
async def opened(settings: config.Web) -> AsyncIterator[dict[str, Any]]:
    """The state of the lifespan, all started; what is away is waited for."""
    async with AsyncExitStack() as stack:
        web = await _pool(stack, settings.web_database_url, settings.process_name, "web")
        jobs = await _pool(stack, settings.jobs_database_url, settings.process_name, "jobs")
        lookup = await _pool(stack, settings.lookup_database_url, settings.process_name, "lookup")
        elsewhere = await _pool(stack, settings.connections_database_url, settings.process_name, "connections")
        connections = connections_service.make(settings, elsewhere)
        stack.push_async_callback(connections.close)
        producer = Producer(settings)
        await bus.forever(producer.start, "Kafka")
        stack.push_async_callback(producer.stop)
        store, audit = Store(web), Audit(web)
        sessions = Sessions(store)
        dynamic = Settings(settings)

        def imports_changed(key: tuple[str, ...], state: State | None) -> None:
            intake.imports_changed(key, state)  # each needs the other; nothing changes before start

        imports = imports_map(settings, imports_changed)
        read_model = Lookup(lookup)
        owns_channel = partial(accounts.owns_channel, store)
        file_keys = Keys(settings, Vault.parse(settings.data_keys))
        intake = Intake(
            settings,
            jobs,
            producer,
            imports,
            dynamic,
            owns_channel,
            read_model.import_,
            connections,
            file_keys.deleted,
        )
        revocations = revocations_map(settings, sessions)
        seen = telemetry.followed(settings)
        for live in (dynamic, imports, revocations, seen, file_keys):
            await live.start()
            stack.push_async_callback(live.stop)
        await intake.start()
        stack.push_async_callback(intake.stop)
        letters = Letters(settings, file_keys)
        endings = Endings(store, producer, sessions.forget)
        services = Services(
            config=settings,
            producer=producer,
            accounts=store,
            audit=audit,
            connections=connections,
            lookup=read_model,
            imports=imports,
            settings=dynamic,
            keys=channels.Keys.parse(settings.channel_keys),
            sessions=sessions,
            endings=endings,
            sign_ins=Rate(SIGN_INS_PER_MINUTE),
            letters=letters,
            telemetry=seen,
        )
        works = (
            (endings.run(), "endings"),
            (_tidy(store, connections), "tidy"),
            (Observer(settings, producer, seen, dynamic, letters).run(), "observer"),
        )
        for work, name in works:
            stack.push_async_callback(_cancelled, asyncio.create_task(work, name=name))
        yield {
            "services": services,
            "intake": intake,
            "audit": audit.note,
            "connections": connections,
            "public_url": settings.public_url,
        }


def imports_map(
    settings: config.Process, changed: Callable[[tuple[str, ...], State | None], None] | None = None
) -> LiveMap[State]:
    """Every import that runs or ended lately, under (workspace, import id); `changed` is told of each change."""
    # A tombstone names the import only.
    workspaces: dict[str, str] = {}
    decoder = msgspec.json.Decoder(ImportRecord)

    def decode(key: bytes, value: bytes | None) -> tuple[tuple[str, ...], State | None] | None:
        import_id = str(UUID(key.decode()))
        if value is None:
            workspace = workspaces.pop(import_id, None)
            return ((workspace, import_id), None) if workspace else None
        state = decoder.decode(value).state
        workspaces[import_id] = str(state.workspace)
        return (workspaces[import_id], import_id), state

    return LiveMap(
        settings, IMPORTS, decode, changed=changed, keep=lambda old, new: old is None or new.version >= old.version
    )


def revocations_map(settings: config.Process, sessions: Sessions) -> LiveMap[Revocation]:
    """Keeps nothing: what another process revokes is forgotten here, too."""

    def decode(key: bytes, value: bytes | None) -> tuple[tuple[str, ...], Revocation | None] | None:
        return (key.decode(),), None

    return LiveMap(settings, REVOCATIONS, decode, changed=lambda key, value: sessions.forget(key[0]))


async def _pool(stack: AsyncExitStack, dsn: str, process: str, schema: str) -> sql.Pool:
    pool = sql.make_pool(dsn, process)
    await pool.open()
    stack.push_async_callback(pool.close)
    await bus.forever(lambda: sql.check_schema(pool, schema), f"PostgreSQL, schema {schema}")
    return pool


async def _tidy(store: Store, connections: Connections) -> None:
    """At the start and hourly: forgets what is over."""
    while True:
        try:
            await store.tidy()
            await connections.store.tidy()
        except TryAgain as error:
            log.warning("tidying was put off", extra={"why": str(error)})
        await asyncio.sleep(TIDY_SECONDS)


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
