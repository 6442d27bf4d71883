"""Dynamic configuration as a zero-latency store: a compacted topic, held in memory by every process."""

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec

from app import config
from app.bus import LiveMap, Producer
from app.core.events import Setting
from app.core.groups import CONSUMER
from app.core.settings import DEFAULTS
from app.core.topics import SETTINGS

GLOBAL = "global"
_decoder = msgspec.json.Decoder(Setting)


class Settings:
    """Reading is one look-up in memory: the workspace's value, else the global one, else the default.

    `keep` says which names this process holds (importers: only `cancel:`).
    """

    def __init__(
        self,
        settings: config.Process,
        *,
        keep: Callable[[str], bool] = lambda name: True,
        changed: Callable[[str, str], None] | None = None,
    ) -> None:
        self._keep = keep
        self._told = changed
        self._map: LiveMap[Setting] = LiveMap(
            settings,
            SETTINGS,
            self._decode,
            keep=lambda old, new: old is None or _rank(new) >= _rank(old),
            changed=self._changed,
            # Orders name records by their place in the log, and every log is another.
            travels=lambda key: not key[1].startswith(CONSUMER),
        )

    async def start(self) -> None:
        await self._map.start()

    async def stop(self) -> None:
        await self._map.stop()

    @property
    def ready(self) -> bool:
        return self._map.ready

    def get(self, workspace: UUID | str, name: str) -> Any:
        """The value as plain data (str, list, None ...)."""
        for scope in (str(workspace), GLOBAL):
            found = self._map.get(scope, name)
            if found is not None:
                return msgspec.json.decode(found.value)
        return DEFAULTS.get(name)

    def has(self, workspace: UUID | str, name: str) -> bool:
        """Whether this very workspace has a value under this name."""
        return self._map.get(str(workspace), name) is not None

    async def put(self, producer: Producer, workspace: UUID | str, name: str, value: Any) -> None:
        """Writes a value; this process reads it at once, every other within milliseconds. Raises TryAgain.

        The stamp is above that of the value it replaces, even if the clock went back.
        """
        scope = str(workspace)
        old = self._map.get(scope, name)
        stamp = max(time.time_ns() // 1_000_000, old.stamp + 1 if old else 0)
        setting = Setting(scope=scope, name=name, stamp=stamp, value=msgspec.Raw(msgspec.json.encode(value)))
        key, record = f"{scope}:{name}".encode(), msgspec.json.encode(setting)
        await producer.publish(SETTINGS, key=key, value=record)
        self._map.learn(key, record)

    def _decode(self, key: bytes, value: bytes | None) -> tuple[tuple[str, ...], Setting | None] | None:
        scope, _, name = key.decode().partition(":")
        if not self._keep(name):
            return None
        return (scope, name), _decoder.decode(value) if value is not None else None

    def _changed(self, key: tuple[str, ...], value: Setting | None) -> None:
        if self._told is not None:
            scope, name = key
            self._told(scope, name)


def _rank(setting: Setting) -> tuple[int, bytes]:
    """Of two values the later one holds; of two data centres in the same millisecond the greater one, at both."""
    return setting.stamp, bytes(setting.value)
