"""Connections for everybody who may use them: the web's pages and API, and the fetcher.

    access = await connections.access_token(workspace, connection)     # good for minutes; never keep it
    answer = await client.get(url, headers={"Authorization": f"Bearer {access}"})
    if answer.status_code == 401:
        await connections.refused(workspace, connection, access)       # the next access_token refreshes, once
        ...                                                            # a second 401: mark_reauthorise

A connection's id is made of its workspace, provider and account: who disconnects an account and connects it again
finds what was known of it. Any number of processes may ask at once; one of them refreshes, all get its token.
"""

from __future__ import annotations

from typing import Literal
from uuid import UUID

import msgspec

Provider = Literal["google", "microsoft"]
Reason = Literal["refused", "scope", "claims", "no_mailbox"]
"""Why a connection has to be made again: the provider refuses our grant; reading contacts is not (any more) part of
it; the provider wants the person to sign in again; the account has no address book."""


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """A connected account, without anything secret.

    `account` is the provider's stable name of the account and never changes, `address` what people know it by.
    `scopes` are those that were granted: full URLs, small letters. Times are Unix seconds. `last_import` is the
    import from this account that was begun last.
    """

    id: UUID
    workspace: UUID
    provider: Provider
    account: str
    address: str
    scopes: tuple[str, ...]
    state: Literal["connected", "reauthorise"]
    reason: Reason | None = None
    other_contacts: bool = False
    connected_by: str
    connected_at: float
    last_import: UUID | None = None


class Connections:
    """Every method may raise TryAgain while PostgreSQL is away."""

    async def access_token(self, workspace: UUID, connection: UUID) -> str:
        """A token that is good for at least a minute, refreshed where needed.

        Raises Gone, NeedsConsent (the connection is marked), NotSetUp, TryLater (with the seconds that the provider
        asked for, if it did), TryAgain.
        """
        raise NotImplementedError

    async def refused(self, workspace: UUID, connection: UUID, token: str) -> None:
        """The provider answered 401 to this token: the next `access_token` refreshes, unless somebody has already."""
        raise NotImplementedError

    async def mark_reauthorise(
        self, workspace: UUID, connection: UUID, reason: Reason, *, claims: str | None = None
    ) -> None:
        """Lets the person know that the account has to be connected again; `access_token` raises NeedsConsent now.

        `claims` is what a claims challenge asked for (decoded JSON); it goes along when the account is connected again.
        A connection that is gone stays gone.
        """
        raise NotImplementedError

    async def find(self, workspace: UUID, connection: UUID) -> Connection:
        """Raises Gone."""
        raise NotImplementedError

    async def list(self, workspace: UUID) -> list[Connection]:
        """All of a workspace, by provider, then address."""
        raise NotImplementedError

    async def begin_import(
        self, workspace: UUID, connection: UUID, import_id: UUID, *, after: UUID | None
    ) -> Connection | None:
        """Writes down that this import of the account begins, if the one before is still `after`.

        Two that begin at once cannot both be let through: the loser gets None and looks at `last_import` anew. The
        same import may begin again. Raises Gone.
        """
        raise NotImplementedError

    async def disconnect(self, workspace: UUID, connection: UUID) -> bool:
        """Forgets the account and its tokens, then takes our right back at the provider, as far as it has a way.

        Whether the provider agreed; False means that the person may want to look there. Raises Gone.
        """
        raise NotImplementedError
