"""Sessions and tokens that ended: known from the log, so that no database is asked when a socket opens."""

import time
from collections.abc import Callable

import msgspec

from app import config
from app.bus import LiveMap
from app.core.events import Revocation
from app.core.topics import REVOCATIONS

_decoder: msgspec.json.Decoder[Revocation] = msgspec.json.Decoder(Revocation)

KEPT_SECONDS = 2 * 86_400
"""As long as the topic keeps them: far longer than any channel token lives."""


class Revocations:
    """The holders that may no longer listen; `revoked(holder)` is called for each that ends while we listen."""

    def __init__(self, settings: config.Process, revoked: Callable[[str], None]) -> None:
        self._map: LiveMap[Revocation] = LiveMap(settings, REVOCATIONS, self._decode, changed=self._hear)
        self._revoked = revoked

    async def start(self) -> None:
        """Returns once the map has caught up."""
        await self._map.start()

    async def stop(self) -> None:
        await self._map.stop()

    @property
    def ready(self) -> bool:
        return self._map.ready

    def __contains__(self, holder: str) -> bool:
        return self._map.get(holder) is not None

    def _decode(self, key: bytes, value: bytes | None) -> tuple[tuple[str, ...], Revocation | None] | None:
        if value is None:
            return None
        revocation = _decoder.decode(value)
        return None if revocation.at < time.time() - KEPT_SECONDS else ((revocation.holder,), revocation)

    def _hear(self, key: tuple[str, ...], revocation: Revocation | None) -> None:
        self._revoked(key[0])
        for holder in self._expired():
            self._map.forget(holder)

    def _expired(self) -> list[str]:
        """The oldest, as far as they stand at the front: the map keeps the order in which they came."""
        found: list[str] = []
        for (holder,), revocation in self._map.values().items():
            if revocation.at > time.time() - KEPT_SECONDS:
                break
            found.append(holder)
        return found
