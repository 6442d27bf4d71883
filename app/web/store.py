"""The schema `web`: every statement about accounts. The workspace comes first; times are Unix seconds.

Rows of a workspace are seen only inside `sql.tenant`. The few look-ups that find a workspace in the first place say
what they present (`_presenting`), and row-level security shows them just that.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeVar
from uuid import UUID

import msgspec
from psycopg.rows import kwargs_row

from app import sql
from app.core.errors import Rejected
from app.core.principals import RANK, Role
from app.web import audit

IDLE = "14 days"
SIGNED_IN = "web_signed_in"
"""The database tells on this channel that a code was used up, so that `stack.json` can name a new one."""
SPARSELY = "5 minutes"
"""How old a `last_use` may be before it is written again."""

T = TypeVar("T")
Credential = Literal["session", "token"]


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    slug: str
    name: str


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


class Member(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    address: str
    role: Role
    since: float


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


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    address: str
    role: Role
    invited_by: str
    created_at: float
    expires_at: float


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a code would do if it were used: sign `address` in to `workspace`. `kind` is sign_in or invitation."""

    kind: Literal["sign_in", "invitation"]
    workspace: UUID
    workspace_name: str
    address: str
    role: Role
    expires_at: float


class Store:
    """All accounts. Every method raises TryAgain while PostgreSQL is away."""

    def __init__(self, pool: sql.Pool) -> None:
        self._pool = pool

    # Workspaces and people

    async def found_workspace(self, workspace: Workspace, person: UUID, address: str) -> None:
        """Makes a workspace and its first owner; what exists stays as it is."""
        async with sql.tenant(self._pool, workspace.id) as connection:
            await connection.execute(
                "insert into web.workspaces (id, slug, name) values (%s, %s, %s) on conflict do nothing",
                [workspace.id, workspace.slug, workspace.name],
            )
            owner = await _person(connection, person, address)
            await connection.execute(
                "insert into web.memberships (workspace, person, role) values (%s, %s, 'owner') on conflict do nothing",
                [workspace.id, owner],
            )

    async def workspace(self, workspace: UUID) -> Workspace | None:
        async with sql.tenant(self._pool, workspace) as connection:
            found = await _all(
                connection, Workspace, "select id, slug, name from web.workspaces where id = %s", [workspace]
            )
            return found[0] if found else None

    async def workspaces_of(self, address: str) -> list[tuple[Workspace, UUID]]:
        """Where the person with this address is a member, and the person's id; oldest membership first."""
        async with sql.transaction(self._pool) as connection:
            person = await _one(connection, "select id from web.people where address = %s", [address])
            if person is None:
                return []
            await _presenting(connection, "person", str(person[0]))
            found = await _all(
                connection,
                Workspace,
                "select w.id, w.slug, w.name from web.memberships m join web.workspaces w on w.id = m.workspace"
                " where m.person = %s order by m.created_at",
                [person[0]],
            )
            return [(workspace, person[0]) for workspace in found]

    async def make_operator(self, address: str) -> bool:
        """Whether there was somebody with this address to be given the installation."""
        async with sql.transaction(self._pool) as connection:
            cursor = await connection.execute("update web.people set operator = true where address = %s", [address])
            return cursor.rowcount == 1

    # Members

    async def members(self, workspace: UUID) -> list[Member]:
        async with sql.tenant(self._pool, workspace) as connection:
            return await _all(
                connection,
                Member,
                "select p.id, p.address, m.role, extract(epoch from m.created_at)::float8 as since"
                " from web.memberships m join web.people p on p.id = m.person"
                " where m.workspace = %s order by p.address",
                [workspace],
            )

    async def change_role(self, workspace: UUID, person: UUID, role: Role) -> None:
        """Raises Rejected `not_found`, or `last_owner` when nobody would be left to own the workspace."""
        async with sql.tenant(self._pool, workspace) as connection:
            await _keep_an_owner(connection, workspace, person, role)
            await connection.execute(
                "update web.memberships set role = %s where workspace = %s and person = %s", [role, workspace, person]
            )

    async def remove_member(self, workspace: UUID, person: UUID) -> list[str]:
        """Ends a membership with all its sessions and tokens; their holders. Raises Rejected like `change_role`."""
        async with sql.tenant(self._pool, workspace) as connection:
            await _keep_an_owner(connection, workspace, person, None)
            cursor = await connection.execute(
                "select holder from web.sessions where workspace = %(workspace)s and person = %(person)s"
                " union all select holder from web.tokens where workspace = %(workspace)s and person = %(person)s",
                {"workspace": workspace, "person": person},
            )
            holders = [row[0] async for row in cursor]
            await _note_endings(connection, holders)
            await connection.execute(
                "delete from web.memberships where workspace = %s and person = %s", [workspace, person]
            )
            return holders

    # Credentials

    async def open(self, by: Credential, digest: bytes) -> Opened | None:
        """What the credential with this hash opens now; None if nothing (any more)."""
        async with sql.transaction(self._pool) as connection:
            await _presenting(connection, "credential", digest.hex())
            row = await _one(connection, _SESSION if by == "session" else _TOKEN, [digest])
            if row is None:
                return None
            await _presenting(connection, "workspace", str(row[1]))
            member = await _one(
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
            return await _all(
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
            row = await _one(
                connection,
                "delete from web.sessions where workspace = %s and person = %s and id = %s returning holder",
                [workspace, person, session],
            )
            return await _ended(connection, row, "session")

    async def end_holder(self, workspace: UUID, holder: str) -> None:
        """Ends the session of this holder, if it has not ended yet."""
        async with sql.tenant(self._pool, workspace) as connection:
            cursor = await connection.execute(
                "delete from web.sessions where workspace = %s and holder = %s", [workspace, holder]
            )
            if cursor.rowcount:
                await _note_endings(connection, [holder])

    async def tokens(self, workspace: UUID) -> list[Token]:
        async with sql.tenant(self._pool, workspace) as connection:
            return await _all(
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
    ) -> None:
        """Keeps a token of this person; `days` None means that it does not expire. A known one stays as it is."""
        async with sql.tenant(self._pool, workspace) as connection:
            await connection.execute(
                "insert into web.tokens (hash, id, workspace, person, holder, name, role, expires_at)"
                " values (%s, %s, %s, %s, %s, %s, %s, now() + make_interval(days => %s)) on conflict (hash) do nothing",
                [digest, token, workspace, person, holder, name, role, days],
            )

    async def end_token(self, workspace: UUID, token: UUID) -> str:
        """Ends a token; its holder. Raises Rejected `not_found`."""
        async with sql.tenant(self._pool, workspace) as connection:
            row = await _one(
                connection,
                "delete from web.tokens where workspace = %s and id = %s returning holder",
                [workspace, token],
            )
            return await _ended(connection, row, "token")

    # Ways in

    async def add_link(self, workspace: UUID, person: UUID, digest: bytes, seconds: int) -> None:
        """Keeps the hash of a sign-in code for so many seconds."""
        async with sql.tenant(self._pool, workspace) as connection:
            await connection.execute(
                "insert into web.sign_in_links (hash, workspace, person, expires_at)"
                " values (%s, %s, %s, now() + make_interval(secs => %s))",
                [digest, workspace, person, seconds],
            )

    async def invitations(self, workspace: UUID) -> list[Invitation]:
        async with sql.tenant(self._pool, workspace) as connection:
            return await _all(
                connection,
                Invitation,
                f"select {_INVITATION} from web.invitations where workspace = %s and expires_at > now()"
                " order by web.invitations.created_at desc",
                [workspace],
            )

    async def invite(
        self, workspace: UUID, invitation: UUID, digest: bytes, address: str, role: Role, invited_by: str, days: int
    ) -> Invitation:
        """Invites an address; an earlier invitation of it is replaced. Raises Rejected `already_member`."""
        async with sql.tenant(self._pool, workspace) as connection:
            member = await _one(
                connection,
                "select 1 from web.memberships m join web.people p on p.id = m.person"
                " where m.workspace = %s and p.address = %s",
                [workspace, address],
            )
            if member is not None:
                raise Rejected("already_member", "This person is a member already.")
            await connection.execute(
                "delete from web.invitations where workspace = %s and address = %s", [workspace, address]
            )
            (invited,) = await _all(
                connection,
                Invitation,
                "insert into web.invitations (hash, id, workspace, address, role, invited_by, expires_at)"
                f" values (%s, %s, %s, %s, %s, %s, now() + make_interval(days => %s)) returning {_INVITATION}",
                [digest, invitation, workspace, address, role, invited_by, days],
            )
            return invited

    async def withdraw_invitation(self, workspace: UUID, invitation: UUID) -> None:
        """Raises Rejected `not_found`."""
        async with sql.tenant(self._pool, workspace) as connection:
            cursor = await connection.execute(
                "delete from web.invitations where workspace = %s and id = %s", [workspace, invitation]
            )
            if cursor.rowcount == 0:
                raise Rejected("not_found", "There is no such invitation.")

    async def offer(self, digest: bytes) -> Offer | None:
        """What the code with this hash would do; None if it is used up, over, or never was one. Changes nothing."""
        async with sql.transaction(self._pool) as connection:
            found = await self._offer(connection, digest)
            return found[0] if found else None

    async def use(
        self, digest: bytes, person: UUID, session: UUID, session_digest: bytes, holder: str, agent: str, days: int
    ) -> Offer | None:
        """Uses a code up and opens a session of at most `days`; None as for `offer`.

        `person` is the id of a new person, if the invited one is not known yet.
        """
        async with sql.transaction(self._pool) as connection:
            found = await self._offer(connection, digest)
            if found is None:
                return None
            offer, who = found
            table = "web.sign_in_links" if offer.kind == "sign_in" else "web.invitations"
            cursor = await connection.execute(
                f"delete from {table} where workspace = %s and hash = %s", [offer.workspace, digest]
            )
            if cursor.rowcount == 0:
                return None  # someone else was faster: a code is good once
            if who is None:
                who = await _person(connection, person, offer.address)
                await connection.execute(
                    "insert into web.memberships (workspace, person, role) values (%s, %s, %s) on conflict do nothing",
                    [offer.workspace, who, offer.role],
                )
            await connection.execute(
                "insert into web.sessions (hash, id, workspace, person, holder, agent, way, expires_at)"
                " values (%s, %s, %s, %s, %s, %s, %s, now() + make_interval(days => %s))",
                [session_digest, session, offer.workspace, who, holder, agent, offer.kind, days],
            )
            await audit.note(connection, offer.workspace, who, "link", "signed_in", str(session))
            await connection.execute("select pg_notify(%s, '')", [SIGNED_IN])
            return offer

    async def _offer(self, connection: sql.Connection, digest: bytes) -> tuple[Offer, UUID | None] | None:
        await _presenting(connection, "credential", digest.hex())
        row = await _one(
            connection,
            "select 'sign_in', workspace, person, null, null, extract(epoch from expires_at)::float8"
            " from web.sign_in_links where hash = %(hash)s and expires_at > now()"
            " union all select 'invitation', workspace, null, address, role, extract(epoch from expires_at)::float8"
            " from web.invitations where hash = %(hash)s and expires_at > now()",
            {"hash": digest},
        )
        if row is None:
            return None
        kind, workspace, person, address, role, expires_at = row
        await _presenting(connection, "workspace", str(workspace))
        name = await _one(connection, "select name from web.workspaces where id = %s", [workspace])
        if person is not None:
            member = await _one(
                connection,
                "select p.address, m.role from web.memberships m join web.people p on p.id = m.person"
                " where m.workspace = %s and m.person = %s",
                [workspace, person],
            )
            assert member is not None, "a sign-in link ends with its membership"
            address, role = member
        assert name is not None, "a way in belongs to a workspace"
        offer = Offer(
            kind=kind, workspace=workspace, workspace_name=name[0], address=address, role=role, expires_at=expires_at
        )
        return offer, person

    # Channels

    async def add_channel(self, workspace: UUID, channel: str) -> None:
        async with sql.tenant(self._pool, workspace) as connection:
            await connection.execute(
                "insert into web.channels (channel, workspace) values (%s, %s)", [channel, workspace]
            )

    async def has_channel(self, workspace: UUID, channel: str) -> bool:
        """Whether this channel is the workspace's; asking counts as use."""
        async with sql.tenant(self._pool, workspace) as connection:
            cursor = await connection.execute(
                "update web.channels set last_use = now() where workspace = %s and channel = %s", [workspace, channel]
            )
            return cursor.rowcount == 1

    # What ended

    async def endings(self) -> list[str]:
        """Holders that ended and of which nobody has been told yet."""
        async with sql.transaction(self._pool) as connection:
            cursor = await connection.execute("select holder from web.endings order by ended_at")
            return [row[0] async for row in cursor]

    async def told(self, holders: Sequence[str]) -> None:
        """Everybody has been told of these endings."""
        async with sql.transaction(self._pool) as connection:
            await connection.execute("delete from web.endings where holder = any(%s)", [list(holders)])

    async def tidy(self) -> None:
        """Forgets credentials and ways in that are over, and channels nobody has used for 30 days."""
        async with sql.transaction(self._pool) as connection:
            await _presenting(connection, "tidy", "on")
            for table in ("sessions", "tokens", "sign_in_links", "invitations"):
                await connection.execute(f"delete from web.{table} where expires_at < now()")
            await connection.execute("delete from web.channels where last_use < now() - interval '30 days'")


_INVITATION = (
    "id, address, role, invited_by, extract(epoch from created_at)::float8 as created_at,"
    " extract(epoch from expires_at)::float8 as expires_at"
)
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


async def _presenting(connection: sql.Connection, what: str, value: str) -> None:
    """Says in this transaction what a look-up presents: a credential, a person, a workspace, tidy."""
    await connection.execute("select set_config(%s, %s, true)", [f"app.{what}", value])


async def _all(connection: sql.Connection, kind: type[T], statement: str, values: Sequence[object]) -> list[T]:
    """Every row as a `kind`, whose fields are named like the columns."""
    cursor = connection.cursor(row_factory=kwargs_row(kind))
    await cursor.execute(statement, values)
    return await cursor.fetchall()


async def _one(connection: sql.Connection, statement: str, values: Sequence[object] | dict[str, object]) -> Any:
    cursor = await connection.execute(statement, values)
    return await cursor.fetchone()


async def _person(connection: sql.Connection, person: UUID, address: str) -> UUID:
    """The id of the person with this address, who is made with the id `person` if need be."""
    await connection.execute(
        "insert into web.people (id, address) values (%s, %s) on conflict (address) do nothing", [person, address]
    )
    row = await _one(connection, "select id from web.people where address = %s", [address])
    found: UUID = row[0]
    return found


async def _keep_an_owner(connection: sql.Connection, workspace: UUID, person: UUID, role: Role | None) -> None:
    # The owners' rows are locked, so that two of them cannot leave at once.
    cursor = await connection.execute(
        "select person, role from web.memberships where workspace = %s and (role = 'owner' or person = %s)"
        " order by person for update",
        [workspace, person],
    )
    roles: dict[UUID, Role] = {row[0]: row[1] async for row in cursor}
    if person not in roles:
        raise Rejected("not_found", "There is no such member.")
    owners = {who for who, has in roles.items() if has == "owner"}
    if role != "owner" and owners == {person}:
        raise Rejected("last_owner", "A workspace needs an owner: make someone else one first.")


async def _note_endings(connection: sql.Connection, holders: Iterable[str]) -> None:
    await connection.execute(
        "insert into web.endings (holder) select unnest(%s::text[]) on conflict do nothing", [list(holders)]
    )


async def _ended(connection: sql.Connection, row: Any, what: str) -> str:
    if row is None:
        raise Rejected("not_found", f"There is no such {what}.")
    holder: str = row[0]
    await _note_endings(connection, [holder])
    return holder


def _lower(one: Role, other: Role) -> Role:
    """The lesser of two roles: a token never does more than the person it acts for."""
    return one if RANK[one] <= RANK[other] else other
