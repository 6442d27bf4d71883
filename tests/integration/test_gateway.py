"""The gateway on a real Kafka and a real Valkey: what clients hear, and who may."""

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import msgspec
import pytest
from redis.asyncio import Redis
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from app import bus
from app.core import channels
from app.core.events import Revocation
from app.core.topics import REVOCATIONS
from app.gateway.server import Gateway
from tests.integration.conftest import Servers
from tests.integration.listening import ORIGIN, Import, client, gateway, producing, settings
from tests.waiting import until


@pytest.fixture(scope="module")
async def producer(servers: Servers) -> AsyncIterator[bus.Producer]:
    async with producing(servers) as made:
        yield made


@pytest.fixture(scope="module")
async def one(servers: Servers) -> AsyncIterator[Gateway]:
    async with gateway(settings(servers, "gateway.1"), group=f"test-{uuid4()}") as running:
        yield running


async def test_a_client_hears_snapshot_then_progress_then_the_end(one: Gateway, producer: bus.Producer) -> None:
    work = Import(producer)
    async with client(one) as page:
        await until(lambda: bool(page.frames))
        assert page.frames[0]["type"] == "hello"
        assert page.frames[0]["heartbeat"] == 25
        answer = await page.subscribe(work.workspace, work.channel)
        assert (answer["recovered"], answer["states"], answer["events"], answer["offset"]) == (False, [], [], 0)
        await work.notice(1)
        await until(lambda: page.version(work.id) == 1)
        await work.notice(2, "finished")
        await work.notice(3, "visible")
        await until(lambda: page.version(work.id) == 3)
        assert page.kinds == [("progress", 1), ("finished", 2), ("visible", 3)]
    async with client(one) as late:
        answer = await late.subscribe(work.workspace, work.channel)
        assert [state["version"] for state in answer["states"]] == [3]


async def test_a_client_that_comes_back_hears_exactly_what_it_missed(one: Gateway, producer: bus.Producer) -> None:
    work = Import(producer)
    async with client(one) as page:
        await page.subscribe(work.workspace, work.channel)
        await work.notice(1)
        await until(lambda: page.version(work.id) == 1)
        position = page.position
    await work.notice(2, "finished")
    await work.notice(3, "visible")
    async with client(one, credential=page.credential) as again:
        await again.subscribe(work.workspace, work.channel)
        await until(lambda: again.version(work.id) == 3)
        answer = await again.subscribe(work.workspace, work.channel, **position)
        assert answer["recovered"]
        assert [(event["kind"], event["previous"], event["offset"]) for event in answer["events"]] == [
            ("finished", 1, 2),
            ("visible", 2, 3),
        ]
        answer = await again.subscribe(work.workspace, work.channel, epoch="another", offset=1)
        assert (answer["recovered"], answer["events"]) == (False, [])
        assert [state["version"] for state in answer["states"]] == [3]


async def test_a_workspace_channel_hears_every_import_and_no_other_workspace(
    one: Gateway, producer: bus.Producer
) -> None:
    first = Import(producer)
    second = Import(producer, workspace=first.workspace)
    foreign = Import(producer)
    everything = channels.workspace_channel(first.workspace)
    async with client(one) as page:
        await page.subscribe(first.workspace, everything)
        # Somebody else's notice, addressed to this channel, goes to a room of its own.
        await foreign.notice(1, to=everything)
        await first.notice(1)
        await second.notice(1)
        await until(lambda: page.version(first.id) == page.version(second.id) == 1)
        assert page.version(foreign.id) == -1


async def test_a_notice_taken_by_one_gateway_reaches_clients_of_the_other(
    servers: Servers, producer: bus.Producer
) -> None:
    group = f"test-{uuid4()}"
    async with (
        gateway(settings(servers, "gateway.1"), group) as here,
        gateway(settings(servers, "gateway.2"), group) as there,
    ):
        works = [Import(producer) for _ in range(6)]
        async with client(here) as left, client(there) as right:
            for work in works:
                await left.subscribe(work.workspace, work.channel)
                await right.subscribe(work.workspace, work.channel)
            for work in works:
                await work.notice(1, "finished")
            await until(lambda: all(left.version(work.id) == right.version(work.id) == 1 for work in works))


async def test_an_emptied_redis_begins_a_new_epoch_and_nobody_sees_less(
    one: Gateway, servers: Servers, producer: bus.Producer
) -> None:
    work = Import(producer)
    async with client(one) as page, client(one) as other:
        before = await page.subscribe(work.workspace, work.channel)
        await other.subscribe(work.workspace, work.channel)
        for version in (1, 2, 3):
            await work.notice(version)
        await until(lambda: page.version(work.id) == 3)
        async with Redis.from_url(servers.redis) as redis:
            await redis.flushall()
        await work.notice(4, "finished")
        await until(lambda: page.version(work.id) == other.version(work.id) == 4)
        after = await page.subscribe(work.workspace, work.channel, epoch=before["epoch"], offset=3)
        assert after["epoch"] != before["epoch"]
        assert not after["recovered"]
        assert [state["version"] for state in after["states"]] == [4]


async def test_an_emptied_redis_is_filled_again_without_any_notice(
    one: Gateway, servers: Servers, producer: bus.Producer
) -> None:
    work = Import(producer)
    async with client(one) as page:
        before = await page.subscribe(work.workspace, work.channel)
        await work.notice(1)
        await until(lambda: page.version(work.id) == 1)
        async with Redis.from_url(servers.redis) as redis:
            await redis.flushall()
        await until(lambda: page.position["epoch"] != before["epoch"])
        assert page.kinds == [("progress", 1)]


async def test_what_only_the_map_of_imports_knows_is_told(one: Gateway, producer: bus.Producer) -> None:
    work = Import(producer)
    async with client(one) as page:
        await page.subscribe(work.workspace, work.channel)
        await work.commit(5, "visible")
        await until(lambda: page.version(work.id) == 5)
        assert page.kinds == [("visible", 5)]
    async with client(one) as late:
        answer = await late.subscribe(work.workspace, channels.workspace_channel(work.workspace))
        assert [state["version"] for state in answer["states"]] == [5]


async def test_a_lost_pubsub_connection_loses_nothing(one: Gateway, servers: Servers, producer: bus.Producer) -> None:
    work = Import(producer)
    async with client(one) as page, Redis.from_url(servers.redis) as redis:
        await page.subscribe(work.workspace, work.channel)
        for version in range(1, 30):
            if version % 7 == 0:
                await redis.client_kill_filter(_type="pubsub")
            await work.notice(version, "finished" if version > 20 else "progress")
        await until(lambda: page.version(work.id) == 29)
        assert [version for kind, version in page.kinds if kind == "finished"] == list(range(21, 30))


async def test_a_revocation_closes_within_a_second_and_new_sockets_too(one: Gateway, producer: bus.Producer) -> None:
    work = Import(producer)
    async with client(one) as page, client(one) as friend:
        await page.subscribe(work.workspace, work.channel)
        holder = channels.holder_of(page.credential)
        revocation = Revocation(holder=holder, at=time.time())
        started = time.monotonic()
        await producer.publish(REVOCATIONS, key=holder.encode(), value=msgspec.json.encode(revocation))
        await until(lambda: page.code is not None, within=1.5)
        assert page.code == 4504
        assert time.monotonic() - started < 1
        assert friend.code is None
    async with client(one, credential=page.credential) as again:
        await until(lambda: again.code is not None)
        assert again.code == 4504


async def refused(one: Gateway, path: str = "/v1/ws", **headers: str) -> int:
    try:
        async with connect(
            f"ws://127.0.0.1:{one.port}{path}",
            subprotocols=[Subprotocol("addressbus.v1")],
            additional_headers=headers,
            ping_interval=None,
        ):
            return 101
    except InvalidStatus as error:
        return error.response.status_code


async def test_the_door_takes_a_cookie_with_a_listed_origin_or_a_bearer_without_one(one: Gateway) -> None:
    cookie = "addressbus_8000=abc"
    assert await refused(one, Cookie=cookie, Origin=ORIGIN) == 101
    assert await refused(one, Authorization="Bearer abc") == 101
    assert await refused(one, Cookie=cookie) == 403
    assert await refused(one, Cookie=cookie, Origin="http://localhost:8001") == 403
    assert await refused(one, Authorization="Bearer abc", Origin=ORIGIN) == 403
    assert await refused(one, Authorization="Bearer abc", Cookie=cookie, Origin=ORIGIN) == 403
    assert await refused(one, Origin=ORIGIN) == 403
    assert await refused(one, path="/", Authorization="Bearer abc") == 404


async def raw(one: Gateway, request: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
    writer.write(request.replace("\n", "\r\n").encode())
    answer = await asyncio.wait_for(reader.read(4096), 60)
    writer.close()
    return answer.decode()


async def test_the_door_answers_no_other_method_and_names_no_server(one: Gateway) -> None:
    answer = await raw(one, "POST /v1/ws HTTP/1.1\nHost: localhost\nAuthorization: Bearer abc\n\n")
    assert answer.startswith("HTTP/1.1 405 ")
    assert "server:" not in answer.lower()


async def test_a_cookie_opens_what_its_token_was_made_for(one: Gateway, producer: bus.Producer) -> None:
    work = Import(producer)
    headers = {"Cookie": "addressbus_8000=secret; other=1", "Origin": ORIGIN}
    async with client(one, credential="secret", additional_headers=headers) as page:
        assert (await page.subscribe(work.workspace, work.channel))["type"] == "subscribed"


async def test_a_token_of_somebody_else_or_for_another_channel_ends_the_socket(
    one: Gateway, producer: bus.Producer
) -> None:
    work = Import(producer)
    async with client(one) as thief, client(one) as owner:
        token = owner.token(work.workspace, work.channel)
        await thief.say(type="subscribe", id=1, channel=work.channel, token=token)
        await until(lambda: thief.code is not None)
        assert thief.code == 4500
        assert thief.frames[-1] == {"type": "error", "id": 1, "code": "bad_token", "temporary": False}


async def test_a_socket_ends_with_its_token_unless_it_is_refreshed(one: Gateway, producer: bus.Producer) -> None:
    work = Import(producer)
    async with client(one) as page, client(one) as fresh:
        for reader in (page, fresh):
            token = reader.token(work.workspace, work.channel, seconds=4)
            await reader.say(type="subscribe", id=1, channel=work.channel, token=token)
        await fresh.say(type="refresh", id=2, channel=work.channel, token=fresh.token(work.workspace, work.channel))
        await until(lambda: page.code is not None)
        assert page.code == 4006
        await work.notice(1)
        await until(lambda: fresh.version(work.id) == 1)


@pytest.mark.parametrize(
    "text", ["not json", "[]", '{"type":"shout"}', '{"type":"subscribe","id":1}', '{"type":"pong","x":', "{}"]
)
async def test_what_nobody_can_understand_ends_the_socket(one: Gateway, text: str) -> None:
    async with client(one) as page:
        await page.socket.send(text)
        await until(lambda: page.code is not None)
        assert page.code == 4502


async def test_a_flood_of_commands_ends_the_socket(one: Gateway) -> None:
    async with client(one) as page:
        with contextlib.suppress(ConnectionClosed):
            for _ in range(100):
                await page.socket.send('{"type":"pong"}')
        await until(lambda: page.code is not None)
        assert page.code == 4005


async def test_an_oversized_frame_ends_the_socket(one: Gateway) -> None:
    async with client(one) as page:
        await page.socket.send(json.dumps({"type": "pong", "x": "y" * 5000}))
        await until(lambda: page.code is not None)
        assert page.code == 1009


async def test_one_holder_has_ten_sockets_and_no_more(one: Gateway) -> None:
    async with contextlib.AsyncExitStack() as stack:
        credential = secrets.token_urlsafe()
        crowd = [await stack.enter_async_context(client(one, credential=credential)) for _ in range(11)]
        await until(lambda: crowd[10].code is not None)
        assert crowd[10].code == 4503
        assert all(page.code is None for page in crowd[:10])
