"""Tokens of connected accounts: refreshed once whoever asks, kept whatever happens, gone when it is over."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import httpx
import psycopg
import pytest

from app.connections.errors import Gone, NeedsConsent, NotSetUp, TryLater
from app.connections.service import Connections
from tests.integration.conftest import Servers
from tests.integration.tokens import KEYS, Clock, Endpoint, connected, process, together
from tests.waiting import eventually


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ours(servers: Servers, endpoint: Endpoint, clock: Clock) -> AsyncIterator[Connections]:
    async with process(servers, endpoint, clock) as made:
        yield made


async def test_a_token_that_lasts_is_given_without_asking_anybody(ours: Connections, endpoint: Endpoint) -> None:
    found = await connected(ours, endpoint, seconds=600)
    first = await ours.access_token(found.workspace, found.id)
    assert await ours.access_token(found.workspace, found.id) == first
    assert endpoint.asked == []


async def test_a_token_is_renewed_a_minute_before_it_ends(ours: Connections, endpoint: Endpoint, clock: Clock) -> None:
    found = await connected(ours, endpoint, seconds=600)
    first = await ours.access_token(found.workspace, found.id)
    clock.now += 541
    assert await ours.access_token(found.workspace, found.id) != first
    assert endpoint.refreshes == 1


async def test_google_keeps_its_refresh_token_and_microsoft_gets_a_new_one_each_time(
    ours: Connections, endpoint: Endpoint, clock: Clock
) -> None:
    for endpoint.rotates in (False, True):
        found = await connected(ours, endpoint)
        for _ in range(3):
            await ours.access_token(found.workspace, found.id)
            clock.now += 3600
    assert endpoint.refreshes == 6


@pytest.mark.parametrize("seed", range(6))
async def test_however_many_ask_at_once_one_refreshes_and_no_rotation_is_lost(
    servers: Servers, endpoint: Endpoint, clock: Clock, seed: int
) -> None:
    """The endpoint ends a grant whose old refresh token comes again, so a second refresh would be seen."""
    dice = random.Random(seed)

    async def takes_a_while() -> None:
        await asyncio.sleep(dice.random() / 20)

    endpoint.meanwhile = takes_a_while
    async with (
        process(servers, endpoint, clock) as one,
        process(servers, endpoint, clock) as two,
        process(servers, endpoint, clock) as three,
    ):
        found = await connected(one, endpoint)
        where = (found.workspace, found.id)
        for generation in range(1, 5):

            async def use(process: Connections) -> str:
                await asyncio.sleep(dice.random() / 50)
                return await process.access_token(*where)

            tokens = await together(*(use(dice.choice([one, two, three])) for _ in range(12)))
            assert len(set(tokens)) == 1, tokens
            assert endpoint.refreshes == generation
            if dice.random() < 0.5:
                clock.now += 3600
            else:  # the provider says 401 to many at once
                await together(*(dice.choice([one, two, three]).refused(*where, tokens[0]) for _ in range(6)))


async def test_many_accounts_that_refresh_leave_room_for_reading(ours: Connections, endpoint: Endpoint) -> None:
    """The pool has three connections, and each refresh holds one while the provider takes its time."""
    slow = [await connected(ours, endpoint) for _ in range(8)]
    quick = await connected(ours, endpoint, seconds=3600)
    go_on = asyncio.Event()

    async def wait() -> None:
        await go_on.wait()

    endpoint.meanwhile = wait
    refreshing = [asyncio.create_task(ours.access_token(one.workspace, one.id)) for one in slow]
    await eventually(_count(endpoint), lambda asked: asked == 2)
    async with asyncio.timeout(60):
        assert await ours.access_token(quick.workspace, quick.id)
    go_on.set()
    assert len(set(await asyncio.gather(*refreshing))) == 8


def _count(endpoint: Endpoint) -> Callable[[], Awaitable[int]]:
    async def look() -> int:
        return len(endpoint.asked)

    return look


async def test_a_refused_token_leads_to_one_refresh_and_an_old_complaint_to_none(
    ours: Connections, endpoint: Endpoint
) -> None:
    found = await connected(ours, endpoint, seconds=3600)
    where = (found.workspace, found.id)
    first = await ours.access_token(*where)
    await ours.refused(*where, first)
    second = await ours.access_token(*where)
    await ours.refused(*where, first)
    assert await ours.access_token(*where) == second != first
    assert endpoint.refreshes == 1


async def test_who_goes_away_while_it_refreshes_loses_nothing(ours: Connections, endpoint: Endpoint) -> None:
    found = await connected(ours, endpoint)
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        asked.set()
        await go_on.wait()

    endpoint.afterwards = wait
    caller = asyncio.create_task(ours.access_token(found.workspace, found.id))
    await asked.wait()
    caller.cancel()
    await together(caller)
    go_on.set()
    assert (await ours.access_token(found.workspace, found.id)).startswith("access-")
    assert endpoint.refreshes == 1


async def test_a_rotation_outlives_a_database_that_went_away_meanwhile(
    ours: Connections, endpoint: Endpoint, clock: Clock, servers: Servers
) -> None:
    found = await connected(ours, endpoint)

    async def cut() -> None:
        endpoint.meanwhile = None
        async with await psycopg.AsyncConnection.connect(servers.postgres, autocommit=True) as admin:
            await admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where usename = 'connections' and state = 'idle in transaction'"
            )

    endpoint.meanwhile = cut
    token = await ours.access_token(found.workspace, found.id)
    assert endpoint.refreshes == 1
    assert await ours.access_token(found.workspace, found.id) == token
    clock.now += 3600
    await ours.access_token(found.workspace, found.id)
    assert endpoint.refreshes == 2, "the refresh token of the first was kept"


async def test_a_grant_that_ended_is_marked_and_the_provider_is_left_in_peace(
    ours: Connections, endpoint: Endpoint
) -> None:
    found = await connected(ours, endpoint)
    endpoint.script = [httpx.Response(400, json={"error": "invalid_grant"})]
    for _ in range(3):
        with pytest.raises(NeedsConsent):
            await ours.access_token(found.workspace, found.id)
    assert len(endpoint.asked) == 1
    marked = await ours.find(found.workspace, found.id)
    assert (marked.state, marked.reason) == ("reauthorise", "refused")


async def test_a_permission_that_shrank_is_marked(ours: Connections, endpoint: Endpoint) -> None:
    found = await connected(ours, endpoint)
    endpoint.script = [httpx.Response(200, json={"access_token": "a", "expires_in": 9, "scope": "openid"})]
    with pytest.raises(NeedsConsent):
        await ours.access_token(found.workspace, found.id)
    assert (await ours.find(found.workspace, found.id)).reason == "scope"


async def test_nobody_asks_again_before_the_pause_is_over(
    ours: Connections, endpoint: Endpoint, clock: Clock, servers: Servers
) -> None:
    found = await connected(ours, endpoint)
    endpoint.script = [httpx.Response(429, json={"message": "slow down"}, headers={"Retry-After": "30.5"})]
    async with process(servers, endpoint, clock) as other:
        for anyone in (ours, other, ours):
            with pytest.raises(TryLater) as busy:
                await anyone.access_token(found.workspace, found.id)
            assert busy.value.after == pytest.approx(30.5)
    assert len(endpoint.asked) == 1
    clock.now += 31
    assert (await ours.access_token(found.workspace, found.id)).startswith("access-")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(503),
        httpx.Response(429, json={"message": "no error key"}),
        httpx.Response(200, text="<html>"),
        httpx.ReadError("reset"),
        httpx.ConnectTimeout("away"),
    ],
    ids=["503", "429", "html", "reset", "away"],
)
async def test_rubbish_changes_nothing_that_is_kept(
    ours: Connections, endpoint: Endpoint, answer: httpx.Response | Exception
) -> None:
    found = await connected(ours, endpoint)
    endpoint.script = [answer]
    with pytest.raises(TryLater):
        await ours.access_token(found.workspace, found.id)
    assert (await ours.find(found.workspace, found.id)).state == "connected"
    assert (await ours.access_token(found.workspace, found.id)).startswith("access-")


async def test_a_client_that_is_refused_is_the_operators_matter(ours: Connections, endpoint: Endpoint) -> None:
    found = await connected(ours, endpoint)
    endpoint.script = [httpx.Response(401, json={"error": "invalid_client"})]
    with pytest.raises(NotSetUp, match="GOOGLE_CLIENT_ID"):
        await ours.access_token(found.workspace, found.id)
    assert (await ours.find(found.workspace, found.id)).state == "connected"


async def test_a_provider_that_was_taken_out_of_the_configuration_is_not_asked(
    servers: Servers, ours: Connections, endpoint: Endpoint
) -> None:
    found = await connected(ours, endpoint)
    async with process(servers, endpoint, google_client_id="") as bare:
        with pytest.raises(NotSetUp, match="GOOGLE_CLIENT_ID"):
            await bare.access_token(found.workspace, found.id)
    assert endpoint.asked == []


async def test_what_was_marked_stays_marked_until_it_is_connected_again(ours: Connections, endpoint: Endpoint) -> None:
    found = await connected(ours, endpoint, seconds=3600)
    where = (found.workspace, found.id)
    await ours.mark_reauthorise(*where, "claims", claims='{"access_token":{}}')
    await ours.mark_reauthorise(*where, "no_mailbox")
    with pytest.raises(NeedsConsent) as needed:
        await ours.access_token(*where)
    assert needed.value.reason == "claims"
    assert (await ours.store.find(*where)).claims == '{"access_token":{}}'


# The end


async def test_disconnecting_deletes_the_tokens_and_takes_the_right_back(ours: Connections, endpoint: Endpoint) -> None:
    found = await connected(ours, endpoint, seconds=3600)
    assert await ours.disconnect(found.workspace, found.id) is True
    assert [token.partition("-")[0] for token in endpoint.revoked] == ["refresh"]
    for gone in (ours.access_token, ours.find, ours.disconnect):
        with pytest.raises(Gone):
            await gone(found.workspace, found.id)
    await ours.mark_reauthorise(found.workspace, found.id, "refused")
    assert await ours.list(found.workspace) == ()


@pytest.mark.parametrize("answer", [httpx.Response(500), httpx.ConnectError("away"), httpx.Response(400, text="?")])
async def test_a_provider_that_does_not_answer_holds_nothing_up(
    ours: Connections, endpoint: Endpoint, answer: httpx.Response | Exception
) -> None:
    found = await connected(ours, endpoint)
    endpoint.script = [answer] * 3
    assert await ours.disconnect(found.workspace, found.id) is False
    with pytest.raises(Gone):
        await ours.find(found.workspace, found.id)


async def test_a_right_is_not_taken_back_while_another_workspace_uses_it(ours: Connections, endpoint: Endpoint) -> None:
    """Google ends everything we hold of an account at once."""
    one = await connected(ours, endpoint, account="shared", seconds=3600)
    two = await connected(ours, endpoint, account="shared", seconds=3600)
    assert await ours.disconnect(one.workspace, one.id) is False
    assert endpoint.revoked == []
    assert await ours.access_token(two.workspace, two.id)
    assert await ours.disconnect(two.workspace, two.id) is True
    assert len(endpoint.revoked) == 1


async def test_microsoft_has_no_way_to_take_a_right_back(ours: Connections, endpoint: Endpoint) -> None:
    found = await connected(ours, endpoint, provider="microsoft")
    assert await ours.disconnect(found.workspace, found.id) is False
    assert endpoint.asked == []


async def test_disconnecting_waits_for_a_refresh_and_then_nothing_is_left(
    ours: Connections, endpoint: Endpoint
) -> None:
    found = await connected(ours, endpoint)
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        endpoint.meanwhile = None
        asked.set()
        await go_on.wait()

    endpoint.meanwhile = wait
    refreshing = asyncio.create_task(ours.access_token(found.workspace, found.id))
    await asked.wait()
    ending = asyncio.create_task(ours.disconnect(found.workspace, found.id))
    go_on.set()
    await together(refreshing)
    assert await ending is True
    assert len(endpoint.revoked) == 1
    with pytest.raises(Gone):
        await ours.access_token(found.workspace, found.id)


# Whose they are


async def test_another_workspace_sees_nothing_and_can_do_nothing(ours: Connections, endpoint: Endpoint) -> None:
    found = await connected(ours, endpoint, seconds=3600)
    stranger = uuid4()
    for work in (
        ours.access_token(stranger, found.id),
        ours.find(stranger, found.id),
        ours.disconnect(stranger, found.id),
        ours.refused(stranger, found.id, "x"),
        ours.begin_import(stranger, found.id, uuid4(), after=None),
    ):
        with pytest.raises(Gone):
            await work
    await ours.mark_reauthorise(stranger, found.id, "refused")
    assert await ours.list(stranger) == ()
    assert (await ours.find(found.workspace, found.id)).state == "connected"


async def test_the_database_holds_no_token_that_can_be_read(
    ours: Connections, endpoint: Endpoint, servers: Servers, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    found = await connected(ours, endpoint)
    token = await ours.access_token(found.workspace, found.id)
    async with await psycopg.AsyncConnection.connect(servers.postgres) as admin:
        cursor = await admin.execute("select refresh, access from connections.connections where id = %s", [found.id])
        row = await cursor.fetchone()
        assert row is not None
        assert all(b"refresh-" not in column and b"access-" not in column for column in row)
        # A row that somebody copies over another opens nothing.
        other = await connected(ours, endpoint, found.workspace, seconds=3600)
        await admin.execute("update connections.connections set access = %s where id = %s", [row[1], other.id])
        await admin.commit()
    with pytest.raises(NotSetUp):
        await ours.access_token(other.workspace, other.id)
    assert token not in caplog.text
    assert "refresh-" not in caplog.text


async def test_keys_can_be_changed_in_peace(servers: Servers, endpoint: Endpoint, clock: Clock) -> None:
    new = f"new:{'5a' * 32}"
    async with process(servers, endpoint, clock) as before:
        found = await connected(before, endpoint)
    async with process(servers, endpoint, clock, data_keys=f"{new},{KEYS}") as during:
        token = await during.access_token(found.workspace, found.id)
    async with process(servers, endpoint, clock, data_keys=new) as after:
        assert await after.access_token(found.workspace, found.id) == token
        clock.now += 3600
        await after.access_token(found.workspace, found.id)


async def test_of_two_imports_that_begin_at_once_one_is_let_through(ours: Connections, endpoint: Endpoint) -> None:
    found = await connected(ours, endpoint)
    imports = [uuid4() for _ in range(4)]
    begun = await together(
        *(ours.begin_import(found.workspace, found.id, import_id, after=None) for import_id in imports)
    )
    let = [import_id for import_id, it in zip(imports, begun, strict=True) if it is not None]
    assert len(let) == 1
    again = await ours.begin_import(found.workspace, found.id, let[0], after=None)
    assert again is not None
    assert again.last_import == let[0]
    assert await ours.begin_import(found.workspace, found.id, uuid4(), after=let[0]) is not None
