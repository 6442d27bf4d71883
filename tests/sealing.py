"""Keys for tests: those of the installation, and a stand-in for the topic where every import has one."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from app.sealing import HEADER, Files, Headers, Vault, whose

DATA_KEYS = f"test:{'5a' * 32}"


class EveryKey:
    """What `app.keys.Keys` is to everybody, without Kafka: an import that nobody knew has a key from now on."""

    def __init__(self) -> None:
        self._files = Files(Vault.parse(DATA_KEYS), "test")
        self._keys: dict[UUID, bytes] = {}

    async def open(self, headers: Mapping[str, bytes], value: bytes) -> bytes:
        if HEADER not in headers:
            return value
        return self._files.open(self._key(whose(headers).import_id), value, headers)

    async def seal(
        self, workspace: UUID, import_id: UUID, value: bytes, headers: Sequence[tuple[str, bytes]] = ()
    ) -> tuple[bytes, Headers]:
        return self._files.seal(self._key(import_id), workspace, import_id, value, headers)

    def _key(self, import_id: UUID) -> bytes:
        if import_id not in self._keys:
            self._keys[import_id] = self._files.new_key(import_id)
        return self._keys[import_id]
