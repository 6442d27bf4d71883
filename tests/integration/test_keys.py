"""Whoever meets a sealed value reads it as long as its key is in the log, and never again afterwards."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID, uuid4

import msgspec
import pytest

from app import config
from app.bus import LiveMap, Producer
from app.core.errors import Rejected, TryAgain
from app.core.events import ImportKey
from app.core.topics import KEYS
from app.keys import KeyNotHere, Keys
from app.sealing import Files, Vault
from tests.integration.conftest import Servers
from tests.waiting import eventually

WORKSPACE = uuid4()
VAULT = Vault.parse(f"test:{'5a' * 32}")
FILES = Files(VAULT, "local")


@pytest.fixture
def process(servers: Servers) -> config.Process:
    return config.Process(process_name=f"test-{uuid4().hex[:6]}", kafka_bootstrap=servers.kafka)


@pytest.fixture
async def producer(process: config.Process) -> AsyncIterator[Producer]:
    made = Producer(process, linger_ms=0)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def keys(process: config.Process) -> AsyncIterator[Keys]:
    made = Keys(process, VAULT)
    await made.start()
    yield made
    await made.stop()


async def tell(producer: Producer, import_id: UUID, wrapped: bytes) -> None:
    key = ImportKey(workspace=WORKSPACE, import_id=import_id, at=1.0, site="local", wrapped=wrapped)
    await producer.publish(KEYS, key=str(import_id).encode(), value=msgspec.json.encode(key))


async def delete(producer: Producer, import_id: UUID) -> None:
    await producer.publish(KEYS, key=str(import_id).encode(), value=None)


async def test_a_value_that_overtakes_its_key_is_read_all_the_same(producer: Producer, keys: Keys) -> None:
    for _ in range(20):
        import_id = uuid4()
        wrapped = FILES.new_key(import_id)
        value, headers = FILES.seal(wrapped, WORKSPACE, import_id, b"Ada", [("segment", b"{}")])
        await tell(producer, import_id, wrapped)
        assert await keys.open(dict(headers), value) == b"Ada"


async def test_a_deleted_file_is_read_by_nobody_whenever_they_started(
    process: config.Process, producer: Producer, keys: Keys
) -> None:
    import_id = uuid4()
    wrapped = FILES.new_key(import_id)
    await tell(producer, import_id, wrapped)
    value, headers = await keys.seal(WORKSPACE, import_id, b"Ada")
    await delete(producer, import_id)

    async def refused() -> bool:
        try:
            await keys.open(dict(headers), value)
        except Rejected as error:
            return error.code == "file_deleted"
        return False

    await eventually(refused, bool)
    later = Keys(process, VAULT)
    await later.start()
    with pytest.raises(Rejected, match="file_deleted"):
        await later.open(dict(headers), value)
    with pytest.raises(Rejected, match="file_deleted"):
        await later.seal(WORKSPACE, import_id, b"Ada")
    await later.stop()


async def test_a_key_that_another_data_centre_made_may_still_come(producer: Producer, keys: Keys) -> None:
    import_id = uuid4()
    wrapped = FILES.new_key(import_id)
    value, headers = Files(VAULT, "elsewhere").seal(wrapped, WORKSPACE, import_id, b"Ada")
    with pytest.raises(KeyNotHere):
        await keys.open(dict(headers), value)
    await tell(producer, import_id, wrapped)
    assert await keys.open(dict(headers), value) == b"Ada"


async def test_what_was_never_sealed_is_read_as_it_is(keys: Keys) -> None:
    assert await keys.open({"segment": b"{}"}, b"Ada") == b"Ada"


async def test_nobody_says_that_a_key_is_gone_while_kafka_is_away(process: config.Process) -> None:
    value, headers = FILES.seal(FILES.new_key(WORKSPACE), WORKSPACE, WORKSPACE, b"Ada")
    away = Keys(replace(process, kafka_bootstrap="127.0.0.1:1"), VAULT)
    with pytest.raises(TryAgain):
        await away.open(dict(headers), value)


async def test_a_map_that_has_caught_up_knows_what_was_acknowledged_before(
    process: config.Process, producer: Producer
) -> None:
    known: LiveMap[bytes] = LiveMap(process, KEYS, lambda key, value: ((key.decode(),), value))
    with pytest.raises(TryAgain):
        await known.catch_up()
    await known.start()
    names = [f"{uuid4()}" for _ in range(50)]
    await asyncio.gather(*(producer.publish(KEYS, key=name.encode(), value=b"{}") for name in names))
    await known.catch_up()
    assert [name for name in names if known.get(name) is None] == []
    await known.stop()
