"""Sessions and tokens: what they open, and how they end."""

from typing import Literal
from uuid import UUID

import msgspec

from app import sql
from app.core.principals import RANK, Principal, Role
from app.web import audit
from app.web.store.rows import Rows, ended, every, note_endings, one, presenting

IDLE = "14 days"
SPARSELY = "5 minutes"
"""How old a `last_use` may be before it is written again."""

Credential = Literal["session", "token"]


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What a credential opens. `name` is a token's name, `expires_at` None means never.

    `operator` needs a session that a sign-in link opened: an invitation may have been used by who wrote it.
    """

    by: Credential
    id: UUID
    workspace: UUID
    person: UUID
    address: str
    role: Role
    operator: bool
    holder: str
    name: str
    expires_at: float | None
    stale: bool
    """Whether its last use should be written again."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    agent: str
    created_at: float
    last_use: float
    expires_at: float
    current: bool


class Token(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    role: Role
    by: str
    created_at: float
    last_use: float | None
    expires_at: float | None


class Credentials(Rows):
    """What people and programs come with."""

    async def open(self, by: Credential, digest: bytes) -> Opened | None:
        """What the credential with this hash opens now; None if nothing (any more)."""
        async with sql.transaction(self._pool) as connection:
            await presenting(connection, "credential", digest.hex())
            row = await one(connection, _SESSION if by == "session" else _TOKEN, [digest])
            if row is None:
                return None
            await presenting(connection, "workspace", str(row[1]))
            member = await one(
                connection,
                "select p.address, p.operator, m.role from web.memberships m join web.people p on p.id = m.person"
                " where m.workspace = %s and m.person = %s",
                [row[1], row[2]],
            )
            assert member is not None, "a credential ends with its membership"
            return Opened(
                by=by,
                id=row[0],
                workspace=row[1],
                person=row[2],
                holder=row[3],
                name=row[4],
                role=_lower(row[5] or member[2], member[2]),
                expires_at=row[6],
                stale=row[7],
                address=member[0],
                operator=member[1] and row[8],
            )

    async def touch(self, workspace: UUID, by: Credential, digest: bytes) -> None:
        """Writes that a credential was used now."""
        table = "web.sessions" if by == "session" else "web.tokens"
        async with sql.tenant(self._pool, workspace) as connection:
            await connection.execute(
                f"update {table} set last_use = now() where workspace = %s and hash = %s", [workspace, digest]
            )

    async def sessions(self, workspace: UUID, person: UUID, current: str) -> list[Session]:
        """A person's sessions, the last used first; that of the holder `current` is marked."""
        async with sql.tenant(self._pool, workspace) as connection:
            return await every(
                connection,
                Session,
                "select id, agent, extract(epoch from created_at)::float8 as created_at,"
                " extract(epoch from last_use)::float8 as last_use, holder = %s as current,"
                f" extract(epoch from least(expires_at, last_use + interval '{IDLE}'))::float8 as expires_at"
                " from web.sessions where workspace = %s and person = %s and expires_at > now()"
                f" and last_use > now() - interval '{IDLE}' order by web.sessions.last_use desc",
                [current, workspace, person],
            )

    async def end_session(self, workspace: UUID, person: UUID, session: UUID) -> str:
        """Ends a session of this person; its holder. Raises Rejected `not_found`."""
        async with sql.tenant(self._pool, workspace) as connection:
            row = await one(
                connection,
                "delete from web.sessions where workspace = %s and person = %s and id = %s returning holder",
                [workspace, person, session],
            )
            return await ended(connection, row, "session")

    async def sign_out(self, by: Principal) -> None:
        """Ends the session that asks, if it has not ended yet."""
        async with sql.tenant(self._pool, by.workspace) as connection:
            cursor = await connection.execute(
                "delete from web.sessions where workspace = %s and holder = %s", [by.workspace, by.holder]
            )
            if cursor.rowcount:
                await note_endings(connection, [by.holder])
            await audit.noted(connection, by, "signed_out", "")

    async def tokens(self, workspace: UUID) -> list[Token]:
        async with sql.tenant(self._pool, workspace) as connection:
            return await every(
                connection,
                Token,
                "select t.id, t.name, t.role, p.address as by, extract(epoch from t.created_at)::float8 as created_at,"
                " extract(epoch from t.last_use)::float8 as last_use,"
                " extract(epoch from t.expires_at)::float8 as expires_at"
                " from web.tokens t join web.people p on p.id = t.person"
                " where t.workspace = %s and (t.expires_at is null or t.expires_at > now())"
                " order by t.created_at desc",
                [workspace],
            )

    async def add_token(
        self,
        workspace: UUID,
        person: UUID,
        token: UUID,
        digest: bytes,
        holder: str,
        name: str,
        role: Role,
        days: int | None,
        *,
        by: Principal | None = None,
    ) -> None:
        """Keeps a token of this person; `days` None means that it does not expire. A known one stays as it is.

        `by` is who makes it in a browser; None: whoever operates the installation.
        """
        async with sql.tenant(self._pool, workspace) as connection:
            await connection.execute(
                "insert into web.tokens (hash, id, workspace, person, holder, name, role, expires_at)"
                " values (%s, %s, %s, %s, %s, %s, %s, now() + make_interval(days => %s)) on conflict (hash) do nothing",
                [digest, token, workspace, person, holder, name, role, days],
            )
            if by is not None:
                await audit.noted(connection, by, "token.made", str(token))

    async def end_token(self, by: Principal, token: UUID) -> str:
        """Ends a token; its holder. Raises Rejected `not_found`."""
        async with sql.tenant(self._pool, by.workspace) as connection:
            row = await one(
                connection,
                "delete from web.tokens where workspace = %s and id = %s returning holder",
                [by.workspace, token],
            )
            holder = await ended(connection, row, "token")
            await audit.noted(connection, by, "token.revoked", str(token))
            return holder


_SESSION = (
    "select id, workspace, person, holder, '', null,"
    f" extract(epoch from least(expires_at, last_use + interval '{IDLE}'))::float8,"
    f" last_use < now() - interval '{SPARSELY}', way = 'sign_in'"
    f" from web.sessions where hash = %s and expires_at > now() and last_use > now() - interval '{IDLE}'"
)
_TOKEN = (
    "select id, workspace, person, holder, name, role, extract(epoch from expires_at)::float8,"
    f" last_use is null or last_use < now() - interval '{SPARSELY}', false"
    " from web.tokens where hash = %s and (expires_at is null or expires_at > now())"
)


def _lower(one: Role, other: Role) -> Role:
    """The lesser of two roles: a token never does more than the person it acts for."""
    return one if RANK[one] <= RANK[other] else other
