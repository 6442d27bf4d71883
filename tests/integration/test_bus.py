"""Compacted topics in memory, and settings on top of them, on a real Kafka."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from app import config
from app.bus import LiveMap, Producer
from app.core.settings import DEFAULTS
from app.core.topics import SETTINGS
from app.settings import GLOBAL, Settings
from tests.integration.conftest import Servers

WITHIN = 60


@pytest.fixture
def process(servers: Servers) -> config.Process:
    return config.Process(process_name=f"test-{uuid4().hex[:6]}", kafka_bootstrap=servers.kafka)


@pytest.fixture
async def producer(process: config.Process) -> AsyncIterator[Producer]:
    made = Producer(process)
    await made.start()
    yield made
    await made.stop()


async def test_a_changed_setting_reaches_every_process_at_once(process: config.Process, producer: Producer) -> None:
    workspace, heard = uuid4(), asyncio.Event()
    reader = Settings(process, changed=lambda scope, name: heard.set() if scope == str(workspace) else None)
    writer = Settings(process)
    await asyncio.gather(reader.start(), writer.start())
    assert reader.get(workspace, "phone_region") is None
    await writer.put(producer, workspace, "phone_region", "DE")
    async with asyncio.timeout(WITHIN):
        await heard.wait()
    assert reader.get(workspace, "phone_region") == "DE"
    assert reader.get(uuid4(), "phone_region") is None
    await asyncio.gather(reader.stop(), writer.stop())


async def test_a_process_that_starts_later_knows_what_was_set_before(
    process: config.Process, producer: Producer
) -> None:
    workspace = uuid4()
    writer = Settings(process)
    await writer.start()
    await writer.put(producer, workspace, "locale", "de")
    await writer.put(producer, workspace, "locale", "fr")
    await writer.put(producer, GLOBAL, "time_zone", "Europe/Paris")
    later = Settings(process)
    await later.start()
    assert (later.get(workspace, "locale"), later.get(workspace, "time_zone")) == ("fr", "Europe/Paris")
    only_cancels = Settings(process, keep=lambda name: name.startswith("cancel:"))
    await only_cancels.start()
    assert only_cancels.get(workspace, "locale") == "en"
    await writer.put(producer, GLOBAL, "time_zone", DEFAULTS["time_zone"])  # it would hold for every test after this
    await asyncio.gather(writer.stop(), later.stop(), only_cancels.stop())


async def test_a_record_that_cannot_be_read_does_not_stop_a_live_map(
    process: config.Process, producer: Producer
) -> None:
    workspace = str(uuid4())
    await producer.publish(SETTINGS, key=f"{workspace}:locale".encode(), value=b"{")
    followed: LiveMap[bytes] = LiveMap(process, SETTINGS, _must_be_json)
    await producer.publish(SETTINGS, key=f"{workspace}:labels".encode(), value=b"[]")
    await followed.start()
    assert followed.get(f"{workspace}:labels") == b"[]"
    assert followed.get(f"{workspace}:locale") is None
    await followed.stop()


def _must_be_json(key: bytes, value: bytes | None) -> tuple[tuple[str, ...], bytes | None] | None:
    if value == b"{":
        raise ValueError("not JSON")
    return (key.decode(),), value
