"""Connections for everybody who may use them: the web's pages and API, and the fetcher.

    access = await connections.access_token(workspace, connection)     # good for minutes; never keep it
    answer = await http.ask(client, "GET", url, headers={"Authorization": f"Bearer {access}"})
    if answer.status == 401:
        await connections.refused(workspace, connection, access)       # the next access_token refreshes, once
        ...                                                            # a second 401: mark_reauthorise

Any number of processes may ask at once: one of them refreshes, under a lock of the connection's row, and all get its
token. What a refresh brought is kept before it is used, and again in a new transaction if the database went away
meanwhile, so that no rotated token is lost.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from uuid import UUID

from app import config
from app.connections import http, metrics, oauth
from app.connections.errors import NeedsConsent, NotSetUp, TryLater
from app.connections.http import Client
from app.connections.model import Connection, Reason, about
from app.connections.oauth import Grant
from app.connections.providers import Name, Provider, providers
from app.connections.store import Held, Renewed, Row, Store
from app.core.errors import TryAgain
from app.sealing import Unreadable, Vault
from app.sql import Pool

log = logging.getLogger(__name__)

LEEWAY_SECONDS = 60.0
"""A token that ends sooner is renewed first: it must last for a request, and clocks differ."""
_KEEPING_PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0)
_REVOKE_PAUSES = (0.5, 1.0)


class Connections:
    """Every method may raise TryAgain while PostgreSQL is away. `close` when all is done."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        known: dict[str, Provider],
        client: Client,
        clock: Callable[[], float] = time.time,
        *,
        at_once: int = 3,
    ) -> None:
        self.store = store
        self.vault = vault
        self.providers = known
        self.client = client
        self._clock = clock
        # A refresh holds a connection to the database while the provider answers; some must stay free for reading.
        self._slots = asyncio.Semaphore(at_once)
        # Refreshes of this process, each a task of its own: a caller that goes away does not end one half done.
        self._refreshing: dict[tuple[UUID, UUID], asyncio.Task[str]] = {}

    async def access_token(self, workspace: UUID, connection: UUID) -> str:
        """A token that is good for at least a minute, refreshed where needed.

        Raises Gone, NeedsConsent (the connection is marked), NotSetUp, TryLater (with the seconds that the provider
        asked for, if it did), TryAgain.
        """
        row = await self.store.find(workspace, connection)
        token = self._good(row)
        if token is not None:
            return token
        key = (workspace, connection)
        task = self._refreshing.get(key)
        if task is None:
            task = self._refreshing[key] = asyncio.create_task(self._refresh(*key), name="refresh")
            task.add_done_callback(lambda done: self._refreshed(key, done))
        return await asyncio.shield(task)

    async def refused(self, workspace: UUID, connection: UUID, token: str) -> None:
        """The provider answered 401 to this token: the next `access_token` refreshes, unless somebody has already.

        Raises Gone.
        """
        async with self.store.held(workspace, connection) as held:
            if self._access(held.row) == token:
                await held.drop_access()

    async def mark_reauthorise(
        self, workspace: UUID, connection: UUID, reason: Reason, *, claims: str | None = None
    ) -> None:
        """Lets the person know that the account has to be connected again; `access_token` raises NeedsConsent now.

        `claims` is what a claims challenge asked for (decoded JSON); it goes along when the account is connected
        again. A connection that is gone stays gone.
        """
        await self.store.mark(workspace, connection, reason, claims)
        log.info("an account has to be connected again", extra={"connection": str(connection), "reason": reason})

    async def find(self, workspace: UUID, connection: UUID) -> Connection:
        """Raises Gone."""
        return (await self.store.find(workspace, connection)).connection

    async def list(self, workspace: UUID) -> tuple[Connection, ...]:
        """All of a workspace, by provider, then address."""
        return await self.store.all(workspace)

    async def begin_import(
        self, workspace: UUID, connection: UUID, import_id: UUID, *, after: UUID | None
    ) -> Connection | None:
        """Writes down that this import of the account begins, if the one before is still `after`.

        Two that begin at once cannot both be let through: the loser gets None and looks at `last_import` anew. The
        same import may begin again. Raises Gone.
        """
        begun = await self.store.begin_import(workspace, connection, import_id, after)
        found = await self.find(workspace, connection)
        return found if begun else None

    async def disconnect(self, workspace: UUID, connection: UUID) -> bool:
        """Forgets the account and its tokens, then takes our right back at the provider, as far as it has a way.

        Whether nothing is left there: False means that the person may want to look. Raises Gone.
        """
        row = await self.store.forget(workspace, connection)
        metrics.DISCONNECTED.labels(row.connection.provider).inc()
        log.info("an account was disconnected", extra={"workspace": str(workspace), "connection": str(connection)})
        try:
            token = self._open(row, "refresh", row.refresh)
        except NotSetUp:
            return False
        return await self.withdraw(row.connection.provider, row.connection.account, token)

    async def withdraw(self, provider: Name, account: str, token: str) -> bool:
        """Takes our right back at the provider, unless a workspace still uses it: it ends for all of them at once."""
        known = self.providers[provider]
        try:
            if known.revoke is None or await self.store.is_known(provider, account):
                return False
            for pause in (*_REVOKE_PAUSES, None):
                try:
                    return await oauth.revoke(self.client, known, token)
                except TryLater:
                    if pause is None:
                        raise
                    await asyncio.sleep(pause)
        except (TryAgain, http.Foreign) as error:
            log.warning("a right could not be taken back", extra={"provider": provider, "why": str(error)})
        return False

    def seal(self, connection: Connection, grant: Grant) -> Renewed:
        """A grant as it is kept."""
        access = self.vault.seal(grant.access.encode(), about(connection, "access"))
        refresh = grant.refresh and self.vault.seal(grant.refresh.encode(), about(connection, "refresh"))
        scopes = None if grant.scopes is None else tuple(sorted(grant.scopes))
        return Renewed(access, self._clock() + grant.seconds, refresh or None, scopes)

    async def close(self) -> None:
        """Waits for refreshes under way, then lets go of the client."""
        await asyncio.gather(*self._refreshing.values(), return_exceptions=True)
        await self.client.aclose()

    async def _refresh(self, workspace: UUID, connection: UUID) -> str:
        grant: Grant | None = None
        failed: NeedsConsent | TryLater | None = None
        try:
            async with self._slots, self.store.held(workspace, connection) as held:
                row = held.row
                token = self._good(row)  # somebody else may have been quicker
                if token is not None:
                    return token
                try:
                    grant = await self._ask(row)
                    await held.renew(self.seal(row.connection, grant))
                except (NeedsConsent, TryLater) as error:
                    await self._note(held, error)
                    failed = error  # raised when what was noted is committed
        except TryAgain:
            if grant is None:
                raise
            await self._keep(row, grant)
        if failed is not None:
            raise failed
        assert grant is not None, "it came, or it failed"
        return grant.access

    async def _ask(self, row: Row) -> Grant:
        wait = row.pause_until - self._clock()
        if wait > 0:
            raise TryLater("the provider asked for a pause", wait)
        provider = self.ready(row.connection.provider)
        token = self._open(row, "refresh", row.refresh)
        try:
            grant = await oauth.refresh(self.client, provider, token)
            if grant.scopes is not None and not provider.may_read(grant.scopes):
                raise NeedsConsent("scope")
        except (NeedsConsent, NotSetUp, TryLater) as error:
            metrics.REFRESHES.labels(provider.name, type(error).__name__).inc()
            raise
        metrics.REFRESHES.labels(provider.name, "ok").inc()
        log.info("a token was refreshed", extra={"connection": str(row.connection.id), "provider": provider.name})
        return grant

    async def _note(self, held: Held, error: NeedsConsent | TryLater) -> None:
        """What others must know of a refresh that failed."""
        if isinstance(error, NeedsConsent):
            await held.mark(error.reason)
            log.info("a refresh was refused", extra={"connection": str(held.row.connection.id), "reason": error.reason})
        elif error.after:
            await held.wait_until(self._clock() + error.after)

    async def _keep(self, row: Row, grant: Grant) -> None:
        """Keeps a grant that came while the database went away; who has written the row since has a newer one."""
        renewed = self.seal(row.connection, grant)
        for pause in (*_KEEPING_PAUSES, None):
            try:
                if await self.store.renew(row, renewed):
                    return
                raise TryLater("somebody else wrote this connection meanwhile")
            except TryLater:
                raise
            except TryAgain:
                if pause is None:
                    raise
                await asyncio.sleep(pause)

    def _refreshed(self, key: tuple[UUID, UUID], task: "asyncio.Task[str]") -> None:
        del self._refreshing[key]
        if not task.cancelled():
            task.exception()  # whoever waits gets it; if nobody does any more, nobody needs it

    def ready(self, provider: Name) -> Provider:
        """Raises NotSetUp while the operator has not given this provider what it needs."""
        known = self.providers[provider]
        if known.needs:
            raise NotSetUp(f"{known.title} is not set up here: {' and '.join(known.needs)} are missing.")
        return known

    def _good(self, row: Row) -> str | None:
        """The access token, if it lasts. Raises NeedsConsent."""
        if row.connection.state == "reauthorise":
            raise NeedsConsent(row.connection.reason or "refused")
        if row.access is None or row.access_until - LEEWAY_SECONDS <= self._clock():
            return None
        return self._access(row)

    def _access(self, row: Row) -> str | None:
        return self._open(row, "access", row.access) if row.access is not None else None

    def _open(self, row: Row, column: str, sealed: bytes) -> str:
        try:
            return self.vault.open(sealed, about(row.connection, column)).decode()
        except Unreadable as error:
            log.error("a token cannot be read", extra={"connection": str(row.connection.id), "why": str(error)})
            raise NotSetUp("What is kept of this account cannot be read: DATA_KEYS has changed.") from error


def make(settings: config.Providers, pool: Pool, clock: Callable[[], float] = time.time) -> Connections:
    """All of it from the configuration, on an open pool. Raises ValueError for DATA_KEYS that cannot be used."""
    known = providers(settings)
    hosts = http.Hosts(url for one in known.values() for url in (one.token, one.revoke, one.api) if url)
    client, at_once = http.make_client(hosts), max(1, pool.max_size - 1)
    return Connections(Store(pool), Vault.parse(settings.data_keys), known, client, clock, at_once=at_once)
