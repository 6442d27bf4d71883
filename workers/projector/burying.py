"""Contacts that are given up are sealed before they are buried: what is dead is for operators, not for readers."""

from uuid import UUID

import msgspec

from app.bus import Headers
from app.core.errors import Rejected
from app.core.topics import CHANGED, DEAD, Topic
from app.keys import Keys
from app.sealing import HEADER
from workers.harness import Outlet

_NOBODY = UUID(int=0)


class _Owned(msgspec.Struct):
    workspace: UUID


class Burying:
    """The harness's outlet for a consumer of `contacts.changed`.

    What has no key, because its file was deleted or no import brought it, is buried without its value: all contacts
    can be told again (`python -m workers republish contacts`).
    """

    def __init__(self, outlet: Outlet, keys: Keys) -> None:
        self._outlet = outlet
        self._keys = keys

    async def publish(
        self,
        topic: Topic | str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        partition: int | None = None,
    ) -> None:
        """Raises TryAgain."""
        if topic == DEAD.name and value is not None and _is_contacts(headers):
            value, headers = await self._sealed(key, value, headers)
        await self._outlet.publish(topic, key=key, value=value, headers=headers, partition=partition)

    async def _sealed(self, key: bytes | None, value: bytes, headers: Headers) -> tuple[bytes | None, Headers]:
        try:
            return await self._keys.seal(_workspace(value), UUID((key or b"").decode()), value, headers)
        except (Rejected, ValueError):
            return None, headers


def _is_contacts(headers: Headers) -> bool:
    given = dict(headers)
    return HEADER not in given and given.get("origin", b"").startswith(f"{CHANGED.name}/".encode())


def _workspace(value: bytes) -> UUID:
    try:
        return msgspec.json.decode(value, type=_Owned).workspace
    except msgspec.DecodeError:
        return _NOBODY
