"""What is known of a connected account."""

from typing import Literal
from uuid import UUID, uuid5

import msgspec

from app.connections.providers import Name

Reason = Literal["refused", "scope", "claims", "no_mailbox"]
"""Why an account has to be connected again: the provider refuses our grant; reading contacts is not (any more) part of
it; the provider wants the person to sign in again; the account has no address book."""


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """A connected account, without anything secret.

    `account` is the provider's stable name of the account and never changes, `address` what people know it by.
    `scopes` are those that were granted, in small letters; Microsoft's without their host ("contacts.read").
    `other_contacts`: the people one only wrote to are wanted, and may be read. `connected_at` is in Unix seconds.
    `last_import` is the import from this account that was begun last.
    """

    id: UUID
    workspace: UUID
    provider: Name
    account: str
    address: str
    scopes: tuple[str, ...]
    other_contacts: bool
    state: Literal["connected", "reauthorise"]
    reason: Reason | None
    connected_by: str
    connected_by_person: UUID
    connected_at: float
    last_import: UUID | None


def id_of(workspace: UUID, provider: Name, account: str) -> UUID:
    """The id of an account in a workspace: the same whenever it is connected, on every site."""
    return uuid5(workspace, f"connection {provider} {account}")


def about(connection: Connection, column: str) -> str:
    """What a sealed `column` of this connection is about."""
    return f"{column} {connection.workspace} {connection.id} {connection.provider}"
