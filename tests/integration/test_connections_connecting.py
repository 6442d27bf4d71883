"""From "Connect" to a connected account, and everything that can come between."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from app.connections import connecting
from app.connections.connecting import Connected
from app.connections.errors import Gone, NotSetUp, TryLater
from app.connections.providers import Name
from app.connections.service import Connections
from app.core.errors import Rejected
from app.core.principals import Principal
from tests.integration.conftest import Servers
from tests.integration.tokens import KEYS, PUBLIC, Endpoint, connected, person, process, together


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
async def ours(servers: Servers, endpoint: Endpoint) -> AsyncIterator[Connections]:
    async with process(servers, endpoint) as made:
        yield made


async def begin(ours: Connections, who: Principal, name: Name = "google", **more: Any) -> str:
    return await connecting.begin(ours, who, name, PUBLIC, **more)


async def finish(ours: Connections, who: Principal, answer: dict[str, str], name: Name = "google") -> Connected:
    return await connecting.finish(ours, who, name, PUBLIC, answer)


async def refused(ours: Connections, who: Principal, answer: dict[str, str], name: Name = "google") -> str:
    with pytest.raises(Rejected) as error:
        await finish(ours, who, answer, name)
    return error.value.code


@pytest.mark.parametrize("name", ["google", "microsoft"])
async def test_an_account_is_connected_and_its_token_is_there(
    ours: Connections, endpoint: Endpoint, name: Name
) -> None:
    who = person()
    made = await finish(ours, who, endpoint.agree(await begin(ours, who, name)), name)
    assert (made.connection.address, made.again, made.fewer) == ("ann@gmail.com", False, False)
    (listed,) = await ours.list(who.workspace)
    assert (listed.id, listed.state, listed.connected_by) == (made.connection.id, "connected", "ann@example.com")
    assert (await ours.access_token(who.workspace, listed.id)).startswith("access-")
    assert (endpoint.exchanges, endpoint.refreshes) == (1, 0)


async def test_an_answer_is_good_once(ours: Connections, endpoint: Endpoint) -> None:
    who = person()
    answer = endpoint.agree(await begin(ours, who))
    results = await together(*(finish(ours, who, answer) for _ in range(5)))
    assert sum(isinstance(one, Connected) for one in results) == 1
    assert {one.code for one in results if isinstance(one, Rejected)} == {"too_late"}
    assert endpoint.exchanges == 1


async def test_an_answer_is_good_for_ten_minutes(ours: Connections, endpoint: Endpoint, servers: Servers) -> None:
    who = person()
    answer = endpoint.agree(await begin(ours, who))
    async with await psycopg.AsyncConnection.connect(servers.postgres, autocommit=True) as admin:
        cursor = await admin.execute(
            "select extract(epoch from expires_at - now())::float8 from connections.asked where workspace = %s",
            [who.workspace],
        )
        assert (await cursor.fetchone() or [0])[0] == pytest.approx(600, abs=10)
        await admin.execute("update connections.asked set expires_at = now() where workspace = %s", [who.workspace])
    assert await refused(ours, who, answer) == "too_late"
    await ours.store.tidy()
    async with await psycopg.AsyncConnection.connect(servers.postgres) as admin:
        cursor = await admin.execute("select 1 from connections.asked where workspace = %s", [who.workspace])
        assert await cursor.fetchone() is None


async def test_an_answer_is_good_for_who_asked_in_that_session_and_for_that_provider_only(
    ours: Connections, endpoint: Endpoint
) -> None:
    who = person()
    answer = endpoint.agree(await begin(ours, who))
    others = [
        person(who.workspace, person=who.person),
        person(who.workspace, holder=who.holder),
        person(holder=who.holder, person=who.person),
    ]
    for other in others:
        assert await refused(ours, other, answer) == "too_late"
    assert await refused(ours, who, answer, "microsoft") == "too_late"
    assert endpoint.exchanges == 0
    assert (await finish(ours, who, answer)).connection


@pytest.mark.parametrize("state", ["", "x" * 43, "0' or 1=1", "\x00"])
async def test_a_state_that_nobody_made_is_nothing(ours: Connections, endpoint: Endpoint, state: str) -> None:
    assert await refused(ours, person(), {"code": "c", "state": state}) == "too_late"
    assert endpoint.asked == []


async def test_a_code_of_somebody_else_is_worth_nothing_without_the_verifier(
    ours: Connections, endpoint: Endpoint
) -> None:
    victim, attacker = person(), person()
    stolen = endpoint.agree(await begin(ours, victim))
    mine = endpoint.agree(await begin(ours, attacker))
    assert await refused(ours, attacker, {"code": stolen["code"], "state": mine["state"]}) == "too_late"
    assert await ours.list(attacker.workspace) == ()


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"error": "access_denied"}, "denied"),
        ({"error": "invalid_scope"}, "not_understood"),
        ({"code": ""}, "not_understood"),
        ({"iss": "https://evil.example"}, "not_understood"),
        ({"iss": "http://accounts.google.com"}, "not_understood"),
    ],
)
async def test_what_the_provider_refuses_or_another_sends_is_told_and_not_exchanged(
    ours: Connections, endpoint: Endpoint, more: dict[str, str], code: str
) -> None:
    who = person()
    answer = endpoint.agree(await begin(ours, who))
    assert await refused(ours, who, {**answer, **more}) == code
    assert await refused(ours, who, answer) == "too_late", "it was used up"
    assert endpoint.exchanges == 0


async def test_an_answer_with_the_right_issuer_is_taken(ours: Connections, endpoint: Endpoint) -> None:
    who = person()
    answer = endpoint.agree(await begin(ours, who))
    assert (await finish(ours, who, {**answer, "iss": "https://accounts.google.com"})).connection


async def test_contacts_that_were_unticked_are_noticed_and_the_rest_is_given_back(
    ours: Connections, endpoint: Endpoint
) -> None:
    who = person()
    answer = endpoint.agree(await begin(ours, who), scope="openid email")
    assert await refused(ours, who, answer) == "unticked"
    assert await ours.list(who.workspace) == ()
    assert len(endpoint.revoked) == 1


async def test_other_contacts_that_were_unticked_are_told(ours: Connections, endpoint: Endpoint) -> None:
    who = person()
    url = await begin(ours, who, other_contacts=True)
    reading = "openid https://www.googleapis.com/auth/contacts.readonly"
    made = await finish(ours, who, endpoint.agree(url, scope=reading))
    assert (made.fewer, made.connection.other_contacts) == (True, False)
    made = await finish(ours, who, endpoint.agree(await begin(ours, who, other_contacts=True)))
    assert (made.fewer, made.connection.other_contacts, made.again) == (False, True, True)


async def test_without_a_lasting_permission_an_old_one_is_not_lost(ours: Connections, endpoint: Endpoint) -> None:
    who = person()
    made = await finish(ours, who, endpoint.agree(await begin(ours, who)))
    answer = endpoint.agree(await begin(ours, who), answer={"refresh_token": None})
    assert await refused(ours, who, answer) == "not_lasting"
    assert endpoint.revoked == [], "it would have ended the connection that works"
    assert await ours.access_token(who.workspace, made.connection.id)


@pytest.mark.parametrize(
    "claims", [{"sub": ""}, {"aud": "another-client"}, {"nonce": "another"}, {"answer": {"id_token": "?"}}]
)
async def test_an_account_that_is_not_named_for_sure_is_not_connected(
    ours: Connections, endpoint: Endpoint, claims: dict[str, Any]
) -> None:
    who = person()
    answer = endpoint.agree(await begin(ours, who))
    endpoint.script = []
    if "answer" in claims:
        endpoint.script = [httpx.Response(200, json={"access_token": "a", **claims["answer"]})]
    else:
        answer = endpoint.agree(await begin(ours, who), **claims)
    assert await refused(ours, who, answer) == "not_understood"
    assert await ours.list(who.workspace) == ()


async def test_a_provider_that_is_busy_for_a_moment_is_asked_again_while_the_person_waits(
    ours: Connections, endpoint: Endpoint
) -> None:
    who = person()
    answer = endpoint.agree(await begin(ours, who))
    endpoint.script = [httpx.Response(503)]
    assert (await finish(ours, who, answer)).connection


async def test_a_provider_that_is_away_is_told(ours: Connections, endpoint: Endpoint) -> None:
    who = person()
    answer = endpoint.agree(await begin(ours, who))
    endpoint.script = [httpx.Response(429, headers={"Retry-After": "60"})]
    with pytest.raises(TryLater):
        await finish(ours, who, answer)


# Again


async def test_connecting_again_mends_the_same_connection(ours: Connections, endpoint: Endpoint) -> None:
    who = person()
    made = await finish(ours, who, endpoint.agree(await begin(ours, who)))
    where = (who.workspace, made.connection.id)
    await ours.mark_reauthorise(*where, "claims", claims='{"access_token":{"nbf":1}}')
    url = await begin(ours, who, again=made.connection.id)
    assert "login_hint=ann%40gmail.com" in url
    assert "claims=%7B%22access_token" in url
    colleague = person(who.workspace, name="bob@example.com")
    url = await begin(ours, colleague, again=made.connection.id)
    again = await finish(ours, colleague, endpoint.agree(url))
    assert (again.again, again.connection.id) == (True, made.connection.id)
    row = await ours.store.find(*where)
    assert (row.connection.state, row.connection.reason, row.claims) == ("connected", None, None)
    assert row.connection.connected_by == "bob@example.com"
    assert await ours.access_token(*where)


async def test_another_account_is_noticed_and_mends_nothing(ours: Connections, endpoint: Endpoint) -> None:
    who = person()
    made = await finish(ours, who, endpoint.agree(await begin(ours, who)))
    await ours.mark_reauthorise(who.workspace, made.connection.id, "refused")
    url = await begin(ours, who, again=made.connection.id)
    assert await refused(ours, who, endpoint.agree(url, sub=uuid4().hex, email="bob@gmail.com")) == "another_account"
    (only,) = await ours.list(who.workspace)
    assert (only.id, only.state) == (made.connection.id, "reauthorise")
    assert len(endpoint.revoked) == 1, "what bob granted is given back"


async def test_a_second_account_stands_beside_the_first(ours: Connections, endpoint: Endpoint) -> None:
    who = person()
    for name in ("ann", "bob"):
        answer = endpoint.agree(await begin(ours, who), sub=uuid4().hex, email=f"{name}@gmail.com")
        await finish(ours, who, answer)
    assert [one.address for one in await ours.list(who.workspace)] == ["ann@gmail.com", "bob@gmail.com"]


async def test_an_account_that_comes_back_is_known(ours: Connections, endpoint: Endpoint) -> None:
    who = person()
    first = await finish(ours, who, endpoint.agree(await begin(ours, who)))
    await ours.disconnect(who.workspace, first.connection.id)
    second = await finish(ours, who, endpoint.agree(await begin(ours, who)))
    assert (second.connection.id, second.again) == (first.connection.id, False)


async def test_the_same_account_in_two_workspaces_is_two_connections(ours: Connections, endpoint: Endpoint) -> None:
    one, two = person(), person()
    ids = {(await finish(ours, who, endpoint.agree(await begin(ours, who)))).connection.id for who in (one, two)}
    assert len(ids) == 2


# Beginning


async def test_a_program_cannot_connect_an_account(ours: Connections) -> None:
    with pytest.raises(Rejected, match="needs_browser"):
        await begin(ours, person(by="token"))


async def test_a_connection_of_another_workspace_or_provider_cannot_be_connected_again(
    ours: Connections, endpoint: Endpoint
) -> None:
    found = await connected(ours, endpoint)
    with pytest.raises(Gone):
        await begin(ours, person(), again=found.id)
    with pytest.raises(Rejected, match="not_connected"):
        await begin(ours, person(found.workspace), "microsoft", again=found.id)


async def test_without_a_client_id_it_is_said_what_is_missing(servers: Servers, endpoint: Endpoint) -> None:
    async with process(servers, endpoint, google_client_secret="") as bare:
        with pytest.raises(NotSetUp, match="GOOGLE_CLIENT_SECRET"):
            await begin(bare, person())


async def test_the_verifier_and_the_state_are_not_in_the_database(
    ours: Connections, endpoint: Endpoint, servers: Servers
) -> None:
    who = person()
    answer = endpoint.agree(await begin(ours, who))
    async with await psycopg.AsyncConnection.connect(servers.postgres) as admin:
        cursor = await admin.execute(
            "select row_to_json(a)::text from connections.asked a where workspace = %s", [who.workspace]
        )
        text = str(await cursor.fetchone())
    await finish(ours, who, answer)
    verifier = endpoint.asked[-1].content.decode().partition("code_verifier=")[2].partition("&")[0]
    assert len(verifier) == 86
    assert verifier not in text
    assert verifier.encode().hex() not in text
    assert answer["state"] not in text


async def test_what_was_begun_before_the_keys_changed_is_begun_anew(servers: Servers, endpoint: Endpoint) -> None:
    who = person()
    async with process(servers, endpoint, data_keys=KEYS) as before:
        answer = endpoint.agree(await begin(before, who))
    async with process(servers, endpoint, data_keys=f"new:{'11' * 32}") as after:
        assert await refused(after, who, answer) == "too_late"
