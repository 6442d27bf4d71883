"""Who is asking. Made by the web's authentication, read by every route."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from app.core.errors import Rejected

Role = Literal["owner", "member", "viewer"]
RANK: dict[Role, int] = {"viewer": 0, "member": 1, "owner": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A signed-in person or a program with a token, in one workspace.

    `name` is shown as "who did it" (an address or a token's name); `holder` is the HMAC of the
    credential that binds sockets to it. `person` is who signed in, or who made the token.
    """

    workspace: UUID
    role: Role
    name: str
    holder: str
    by: Literal["session", "token"]
    operator: bool = False
    person: UUID | None = None

    def may(self, role: Role) -> bool:
        """Whether this principal's role is at least `role`."""
        return RANK[self.role] >= RANK[role]


def require(scope: Mapping[str, Any], role: Role = "viewer") -> Principal:
    """The principal of a request (ASGI scope). Raises Rejected `not_signed_in` (401) or `forbidden` (403)."""
    principal: Principal | None = scope.get("principal")
    if principal is None:
        raise Rejected("not_signed_in", "Please sign in first.")
    if not principal.may(role):
        raise Rejected("forbidden", f"This needs the role {role}; yours is {principal.role}.")
    return principal
