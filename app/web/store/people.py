"""Workspaces, people, and who belongs to which workspace as what."""

from uuid import UUID

import msgspec

from app import sql
from app.core.errors import Rejected
from app.core.principals import Principal, Role
from app.web import audit
from app.web.store.rows import Rows, every, note_endings, one, person_of, presenting


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    slug: str
    name: str


class Member(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    address: str
    role: Role
    since: float


class People(Rows):
    """Workspaces and their members."""

    async def found_workspace(self, workspace: Workspace, person: UUID, address: str) -> None:
        """Makes a workspace and its first owner; what exists stays as it is."""
        async with sql.tenant(self._pool, workspace.id) as connection:
            await connection.execute(
                "insert into web.workspaces (id, slug, name) values (%s, %s, %s) on conflict do nothing",
                [workspace.id, workspace.slug, workspace.name],
            )
            owner = await person_of(connection, person, address)
            await connection.execute(
                "insert into web.memberships (workspace, person, role) values (%s, %s, 'owner') on conflict do nothing",
                [workspace.id, owner],
            )

    async def workspace(self, workspace: UUID) -> Workspace | None:
        async with sql.tenant(self._pool, workspace) as connection:
            found = await every(
                connection, Workspace, "select id, slug, name from web.workspaces where id = %s", [workspace]
            )
            return found[0] if found else None

    async def workspaces_of(self, address: str) -> list[tuple[Workspace, UUID]]:
        """Where the person with this address is a member, and the person's id; oldest membership first."""
        async with sql.transaction(self._pool) as connection:
            person = await one(connection, "select id from web.people where address = %s", [address])
            if person is None:
                return []
            await presenting(connection, "person", str(person[0]))
            found = await every(
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

    async def members(self, workspace: UUID) -> list[Member]:
        async with sql.tenant(self._pool, workspace) as connection:
            return await every(
                connection,
                Member,
                "select p.id, p.address, m.role, extract(epoch from m.created_at)::float8 as since"
                " from web.memberships m join web.people p on p.id = m.person"
                " where m.workspace = %s order by p.address",
                [workspace],
            )

    async def change_role(self, by: Principal, person: UUID, role: Role) -> None:
        """Raises Rejected `not_found`, or `last_owner` when nobody would be left to own the workspace."""
        workspace = by.workspace
        async with sql.tenant(self._pool, workspace) as connection:
            await _keep_an_owner(connection, workspace, person, role)
            await connection.execute(
                "update web.memberships set role = %s where workspace = %s and person = %s", [role, workspace, person]
            )
            await audit.noted(connection, by, "member.role", f"{person} {role}")

    async def remove_member(self, by: Principal, person: UUID) -> list[str]:
        """Ends a membership with all its sessions and tokens; their holders. Raises Rejected like `change_role`."""
        workspace = by.workspace
        async with sql.tenant(self._pool, workspace) as connection:
            await _keep_an_owner(connection, workspace, person, None)
            cursor = await connection.execute(
                "select holder from web.sessions where workspace = %(workspace)s and person = %(person)s"
                " union all select holder from web.tokens where workspace = %(workspace)s and person = %(person)s",
                {"workspace": workspace, "person": person},
            )
            holders = [row[0] async for row in cursor]
            await note_endings(connection, holders)
            await connection.execute(
                "delete from web.memberships where workspace = %s and person = %s", [workspace, person]
            )
            await audit.noted(connection, by, "member.removed", str(person))
            return holders


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
