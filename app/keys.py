"""The keys of imports in memory: a file can be read as long as its key is here.

A key is acknowledged in `import.keys` before anything is sealed under it, so who meets a sealed value and does not
know its key reads that topic up to its end, and only then says that the file was deleted. Another data centre's topics
are copied at different speeds: a value whose key was made there may have overtaken it, so that one is waited for in
the retry topics. A tombstone is final, whatever site it is from and in whatever order they are read.
"""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import msgspec

from app import config
from app.bus import LiveMap
from app.core.errors import Rejected
from app.core.events import ImportKey
from app.core.topics import KEYS
from app.sealing import HEADER, Files, Headers, Vault, whose

_decoder = msgspec.json.Decoder(ImportKey)


class KeyNotHere(Exception):
    """A key of another data centre has not arrived yet, as it seems: tried again later, and buried in the end."""


class Keys:
    """Opens and seals what records carry of imports' files. `start` comes first.

    Raises Rejected `file_deleted` when the key is gone, KeyNotHere, Unreadable (a value that was tampered with, or
    DATA_KEYS that lack what it takes) and TryAgain.
    """

    def __init__(self, settings: config.Process, vault: Vault) -> None:
        self._files = Files(vault, settings.site)
        self._site = settings.site
        self._copies = bool(settings.others)
        self._deleted: set[str] = set()
        self._map: LiveMap[bytes] = LiveMap(settings, KEYS, self._decode)

    async def start(self) -> None:
        """Returns once every key is here."""
        await self._map.start()

    async def stop(self) -> None:
        await self._map.stop()

    def deleted(self) -> Collection[UUID]:
        """The imports whose files were deleted since this was started, or not long before, at any data centre.

        Of one data centre alone it is nobody's business: there is nothing to be brought together.
        """
        return tuple(map(UUID, self._deleted))

    async def open(self, headers: Mapping[str, bytes], value: bytes) -> bytes:
        """The value as it was before it was sealed; one that never was, as it is."""
        if HEADER not in headers:
            return value
        said = whose(headers)
        return self._files.open(await self._key(said.import_id, said.site), value, headers)

    async def seal(
        self, workspace: UUID, import_id: UUID, value: bytes, headers: Sequence[tuple[str, bytes]] = ()
    ) -> tuple[bytes, Headers]:
        """The value as it may travel, and its headers."""
        return self._files.seal(await self._key(import_id, self._site), workspace, import_id, value, headers)

    async def _key(self, import_id: UUID, site: str) -> bytes:
        found = self._map.get(str(import_id))
        if found is None:
            await self._map.catch_up()
            found = self._map.get(str(import_id))
        if found is not None:
            return found
        if site != self._site and str(import_id) not in self._deleted:
            raise KeyNotHere
        raise Rejected("file_deleted", "The file of this import was deleted.")

    def _decode(self, key: bytes, value: bytes | None) -> tuple[tuple[str, ...], bytes | None] | None:
        name = key.decode()
        if value is None and self._copies:
            self._deleted.add(name)
        if name in self._deleted:
            value = None
        return (name,), None if value is None else _decoder.decode(value).wrapped
