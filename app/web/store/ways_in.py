"""Sign-in links and invitations: codes that are good once."""

from typing import Literal
from uuid import UUID

import msgspec

from app import sql
from app.core.errors import Rejected
from app.core.principals import Principal, Role
from app.web import audit
from app.web.store.rows import Rows, every, one, person_of, presenting

SIGNED_IN = "web_signed_in"
"""The database tells on this channel that a code was used up, so that `stack.json` can name a new one."""


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


class WaysIn(Rows):
    """How somebody comes in who has no credential yet."""

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
            return await every(
                connection,
                Invitation,
                f"select {_INVITATION} from web.invitations where workspace = %s and expires_at > now()"
                " order by web.invitations.created_at desc",
                [workspace],
            )

    async def invite(
        self, by: Principal, invitation: UUID, digest: bytes, address: str, role: Role, days: int
    ) -> Invitation:
        """Invites an address; an earlier invitation of it is replaced. Raises Rejected `already_member`."""
        workspace = by.workspace
        async with sql.tenant(self._pool, workspace) as connection:
            member = await one(
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
            (invited,) = await every(
                connection,
                Invitation,
                "insert into web.invitations (hash, id, workspace, address, role, invited_by, expires_at)"
                f" values (%s, %s, %s, %s, %s, %s, now() + make_interval(days => %s)) returning {_INVITATION}",
                [digest, invitation, workspace, address, role, by.name, days],
            )
            await audit.noted(connection, by, "member.invited", str(invitation))
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
                who = await person_of(connection, person, offer.address)
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
        await presenting(connection, "credential", digest.hex())
        row = await one(
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
        await presenting(connection, "workspace", str(workspace))
        name = await one(connection, "select name from web.workspaces where id = %s", [workspace])
        if person is not None:
            member = await one(
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


_INVITATION = (
    "id, address, role, invited_by, extract(epoch from created_at)::float8 as created_at,"
    " extract(epoch from expires_at)::float8 as expires_at"
)
