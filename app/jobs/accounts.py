"""Imports from connected accounts: asked for like a file's, and fetched by the fetcher instead of being uploaded."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from app.bus import Producer
from app.core.errors import Rejected
from app.core.events import FetchRequested, Source
from app.core.imports import TERMINAL, State
from app.core.principals import Principal
from app.core.topics import FETCHES
from app.jobs.asking import Asked
from app.jobs.jobs import Job
from app.jobs.outlet import Outlet
from app.jobs.store import Store
from app.jobs.understanding import Understanding


class Account(Protocol):
    """What is needed of `app.connections.model.Connection`."""

    @property
    def provider(self) -> Source: ...

    @property
    def address(self) -> str: ...

    @property
    def other_contacts(self) -> bool: ...

    @property
    def state(self) -> Literal["connected", "reauthorise"]: ...

    @property
    def last_import(self) -> UUID | None: ...


class Accounts(Protocol):
    """What is needed of `app.connections.service.Connections`."""

    async def find(self, workspace: UUID, connection: UUID) -> Account: ...

    async def begin_import(
        self, workspace: UUID, connection: UUID, import_id: UUID, *, after: UUID | None
    ) -> Account | None: ...


class AccountImports:
    """Writes down that an account is to be imported, and asks for its first page; one import of an account at a time.

    `state` is what the tracker told last, from memory.
    """

    def __init__(
        self,
        store: Store,
        outlet: Outlet,
        producer: Producer,
        understanding: Understanding,
        accounts: Accounts,
        state: Callable[[UUID, UUID], State | None],
    ) -> None:
        self._store = store
        self._outlet = outlet
        self._producer = producer
        self._understanding = understanding
        self._accounts = accounts
        self._state = state

    async def request(self, principal: Principal, asked: Asked, job: Job, *, kept_seconds: float) -> Job:
        """`job` as it is to be written, or the one that was; told again for `kept_seconds`.

        Raises Rejected `not_connected`, `needs_consent`, `import_running`, `idempotency_mismatch`, and TryAgain.
        """
        assert asked.connection is not None, "asking.py has looked"
        connection = UUID(asked.connection)
        known = await self._store.find(principal.workspace, job.id)
        account = await self._account(principal.workspace, connection, asked.source)
        if known is None:
            account = await self._begin(principal.workspace, connection, job.id, account)
        new = replace(job, name=job.name or account.address, phase="ended", told=True)
        found = await self._store.create(new, open_uploads=None, active_since=0.0)
        if time.time() - found.requested_at < kept_seconds:
            await self._outlet.requested(found)
            await self._ask(found, asked, connection, account)
        return found

    async def _account(self, workspace: UUID, connection: UUID, source: Source) -> Account:
        account = await self._accounts.find(workspace, connection)
        if account.provider != source:
            raise Rejected("bad_request", f"This account is not of {source}.", pointer="/connection")
        if account.state == "reauthorise":
            raise Rejected("needs_consent", "This account has to be connected again.")
        return account

    async def _begin(self, workspace: UUID, connection: UUID, import_id: UUID, account: Account) -> Account:
        before = account.last_import
        state = None if before is None else self._state(workspace, before)
        if before != import_id and state is not None and state.status not in TERMINAL:
            raise _running(before)
        begun = await self._accounts.begin_import(workspace, connection, import_id, after=before)
        if begun is None:
            raise _running(None)
        return begun

    async def _ask(self, job: Job, asked: Asked, connection: UUID, account: Account) -> None:
        plan, usually = self._understanding.account_plan(job.workspace, job.given)
        request = FetchRequested(
            workspace=job.workspace,
            connection=connection,
            import_id=job.id,
            source=job.source,
            order_second=job.order_second,
            plan=plan,
            usually=usually,
            full=asked.full,
            other_contacts=account.other_contacts,
            delete=asked.deletions == "apply",
        )
        await self._producer.publish(FETCHES, key=str(connection).encode(), value=msgspec.json.encode(request))


def _running(import_id: UUID | None) -> Rejected:
    extra = {} if import_id is None else {"import": str(import_id)}
    return Rejected("import_running", "This account is being imported already.", **extra)
