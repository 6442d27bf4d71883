"""What the API answers (its `openapi.json` describes it), as far as the command line looks at it."""

from typing import Any

import msgspec


class Failure(msgspec.Struct, frozen=True):
    code: str
    detail: str


class Column(msgspec.Struct, frozen=True):
    index: int
    header: str | None = None


class Plan(msgspec.Struct, frozen=True):
    columns: tuple[Column, ...] | None = None


class State(msgspec.Struct, frozen=True, kw_only=True):
    """An import as it is now. The five outcomes sum to `rows`; times are Unix seconds."""

    id: str
    version: int
    status: str
    name: str = ""
    source: str = "file"
    channel: str | None = None
    visible: bool = False
    size: int | None = None
    bytes_received: int = 0
    bytes_done: int = 0
    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicate: int = 0
    rejected: int = 0
    plan: Plan | None = None
    requested_by: str = ""
    requested_at: float | None = None
    finished_at: float | None = None
    error: Failure | None = None

    @property
    def ended(self) -> bool:
        return self.status in {"finished", "failed", "cancelled"}

    @property
    def told(self) -> bool:
        """Nothing more is to be waited for: rows that were not imported can be read once everything is visible."""
        return self.ended and (self.visible or not self.rejected)


class Accepted(msgspec.Struct, frozen=True):
    """The answer to a request for an import; `upload` says where the bytes go."""

    id: str
    state: State
    upload: dict[str, str]


class Ticket(msgspec.Struct, frozen=True):
    """A channel, the token that opens it, and where to hear it."""

    channel: str
    token: str
    url: str


class Workspace(msgspec.Struct, frozen=True):
    id: str
    name: str


class Me(msgspec.Struct, frozen=True):
    """Who a token is."""

    name: str
    role: str
    workspace: Workspace


class Imports(msgspec.Struct, frozen=True):
    imports: tuple[State, ...]
    after: str | None = None


class Problem(msgspec.Struct, frozen=True):
    """A row that was not imported. `column` counts from 0, None when the whole row is meant."""

    line: int
    column: int | None
    code: str
    message: str
    suggestion: str
    cells: tuple[str, ...]


class Problems(msgspec.Struct, frozen=True):
    problems: tuple[Problem, ...]
    after: str | None = None


class Value(msgspec.Struct, frozen=True):
    value: str


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str = ""
    given: str = ""
    family: str = ""
    emails: tuple[Value, ...] = ()
    phones: tuple[Value, ...] = ()
    company: str = ""

    @property
    def shown(self) -> str:
        """The name to list it under."""
        return self.name or " ".join(filter(None, (self.given, self.family)))


class Contacts(msgspec.Struct, frozen=True):
    """A page of contacts, as documents (`--json` prints them whole); `about`: there are more than `total`."""

    contacts: tuple[dict[str, Any], ...]
    after: str | None
    total: int
    about: bool
