"""Accounts over HTTP, on real servers: who gets in, who is who, and how it ends."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from uuid import uuid4

import msgspec
import psycopg
import pytest
from aiokafka import AIOKafkaConsumer

from app.core.channels import cookie_name, verify
from app.core.errors import Rejected, TryAgain
from app.core.events import Revocation
from app.core.topics import REVOCATIONS
from app.web import accounts
from app.web.endings import Endings
from app.web.limits import Rate
from tests.integration.conftest import Servers
from tests.integration.house import HOME, House, Person, house
from tests.waiting import eventually

COOKIE = cookie_name(HOME)


@pytest.fixture(scope="module")
async def web(servers: Servers) -> AsyncIterator[House]:
    async with house(servers) as running:
        yield running


@pytest.fixture
async def owner(web: House) -> Person:
    return await web.join(await web.workspace())


async def link_for(web: House, person: Person) -> str:
    who = person.principal
    assert who.person is not None
    link = await accounts.new_link(web.services.accounts, HOME, who.workspace, who.person)
    return link.partition("#")[2]


@pytest.fixture(scope="module")
async def revoked(servers: Servers) -> AsyncIterator[Callable[[str], Awaitable[None]]]:
    """Waits until Kafka has a revocation of this holder."""
    seen: set[str] = set()
    consumer = AIOKafkaConsumer(REVOCATIONS.name, bootstrap_servers=servers.kafka, auto_offset_reset="earliest")
    await consumer.start()

    async def wait_for(holder: str) -> None:
        async with asyncio.timeout(60):
            while holder not in seen:
                record = await consumer.getone()
                assert record.key is not None
                assert record.value is not None
                told = msgspec.json.decode(record.value, type=Revocation)
                assert record.key.decode() == told.holder, "a revocation is keyed by its holder"
                seen.add(told.holder)

    yield wait_for
    await consumer.stop()


# Signing in


async def test_a_code_names_address_and_workspace_and_is_used_up_by_the_button_only(web: House, owner: Person) -> None:
    code = await link_for(web, owner)
    browser = web.browser()
    for _ in range(2):
        offered = await browser.post("/api/v1/sign-in/offer", json={"code": code})
        assert offered.status_code == 200
        assert "set-cookie" not in offered.headers
    me = (await owner.browser.get("/api/v1/me")).json()
    assert offered.json()["address"] == me["address"]
    assert offered.json()["workspace_name"] == me["workspace"]["name"]
    signed_in = await browser.post("/api/v1/sign-in", json={"code": code.lower().replace("-", " ")})
    assert signed_in.status_code == 200
    assert (await browser.get("/api/v1/me")).json()["address"] == me["address"]
    again = await web.browser().post("/api/v1/sign-in", json={"code": code})
    assert (again.status_code, again.json()["code"]) == (410, "code_expired")


async def test_the_database_tells_when_a_code_was_used_up(web: House, owner: Person, servers: Servers) -> None:
    async with await psycopg.AsyncConnection.connect(servers.dsn("web"), autocommit=True) as connection:
        await connection.execute("listen web_signed_in")
        await web.browser().post("/api/v1/sign-in", json={"code": await link_for(web, owner)})
        assert [told.channel async for told in connection.notifies(timeout=60, stop_after=1)] == ["web_signed_in"]


async def test_of_two_who_use_a_code_at_once_one_gets_in(web: House, owner: Person) -> None:
    code = await link_for(web, owner)
    answers = await asyncio.gather(*(web.browser().post("/api/v1/sign-in", json={"code": code}) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 410, 410, 410]


async def test_an_old_code_opens_nothing(web: House, owner: Person, servers: Servers) -> None:
    code = await link_for(web, owner)
    await age(servers, "sign_in_links", owner, "expires_at = now() - interval '1 second'")
    for path in ("/api/v1/sign-in/offer", "/api/v1/sign-in"):
        answer = await web.browser().post(path, json={"code": code})
        assert (answer.status_code, answer.json()["code"]) == (410, "code_expired")


async def test_the_session_is_new_whatever_cookie_the_browser_brought(web: House, owner: Person) -> None:
    brought = "a-cookie-that-someone-planted"
    browser = web.browser(brought)
    answer = await browser.post("/api/v1/sign-in", json={"code": await link_for(web, owner)})
    given = answer.cookies[COOKIE]
    assert brought not in given
    assert (await web.browser(brought).get("/api/v1/me")).status_code == 401
    assert (await web.browser(given).get("/api/v1/me")).status_code == 200


async def test_signing_in_again_ends_the_session_before(
    web: House, owner: Person, revoked: Callable[[str], Awaitable[None]]
) -> None:
    before = owner.cookie
    answer = await owner.browser.post("/api/v1/sign-in", json={"code": await link_for(web, owner)})
    assert answer.status_code == 200
    assert (await web.browser(before).get("/api/v1/me")).status_code == 401
    await revoked(owner.principal.holder)


async def test_another_site_signs_nobody_in(web: House, owner: Person) -> None:
    code = await link_for(web, owner)
    elsewhere = web.client(**{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"})
    refused = await elsewhere.post("/api/v1/sign-in", json={"code": code})
    assert (refused.status_code, refused.json()["code"]) == (403, "cross_site")
    assert (await web.browser().post("/api/v1/sign-in", json={"code": code})).status_code == 200


async def test_codes_cannot_be_tried_one_after_another(web: House) -> None:
    strict = House(web.app, {**web.state, "services": replace(web.services, sign_ins=Rate(3))})
    answers = [await strict.browser().post("/api/v1/sign-in", json={"code": "x"}) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [410, 410, 410, 429, 429]
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_without_a_mail_server_a_link_cannot_be_mailed(web: House) -> None:
    answer = await web.browser().post("/api/v1/sign-in/link", json={"address": "ann@example.com"})
    assert (answer.status_code, answer.json()["code"]) == (422, "no_mail")


# The end of sessions and tokens


async def test_after_signing_out_the_cookie_is_worth_nothing(
    web: House, owner: Person, revoked: Callable[[str], Awaitable[None]]
) -> None:
    answer = await owner.browser.post("/api/v1/sign-out")
    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["set-cookie"]
    replay = await web.browser(owner.cookie).get("/api/v1/me")
    assert (replay.status_code, replay.json()["code"]) == (401, "not_signed_in")
    await revoked(owner.principal.holder)


async def test_a_token_cannot_sign_out(owner: Person) -> None:
    answer = await owner.program.post("/api/v1/sign-out")
    assert (answer.status_code, answer.json()["code"]) == (422, "not_a_session")


async def test_a_session_is_listed_and_ended_from_another(
    web: House, owner: Person, revoked: Callable[[str], Awaitable[None]]
) -> None:
    other = await web.enter(f"{HOME}/sign-in#{await link_for(web, owner)}")
    listed = (await owner.browser.get("/api/v1/sessions")).json()["sessions"]
    assert [session["agent"] for session in listed] == ["Firefox on Linux"] * 2
    assert [session["current"] for session in listed].count(True) == 1
    ended = next(session for session in listed if not session["current"])
    assert (await owner.browser.delete(f"/api/v1/sessions/{ended['id']}")).status_code == 204
    assert (await other.browser.get("/api/v1/me")).status_code == 401
    assert (await owner.browser.get("/api/v1/me")).status_code == 200
    await revoked(other.principal.holder)


async def test_nobody_ends_a_colleagues_session(web: House, owner: Person) -> None:
    colleague = await web.join(owner.principal.workspace, "member")
    theirs = (await colleague.browser.get("/api/v1/sessions")).json()["sessions"][0]["id"]
    assert (await owner.browser.delete(f"/api/v1/sessions/{theirs}")).status_code == 404
    assert (await colleague.browser.get("/api/v1/me")).status_code == 200


@pytest.mark.parametrize(
    "change",
    ["last_use = now() - interval '15 days'", "expires_at = now() - interval '1 second'"],
    ids=["idle for 14 days", "older than 90 days"],
)
async def test_a_session_ends_by_itself(web: House, owner: Person, servers: Servers, change: str) -> None:
    await age(servers, "sessions", owner, change)
    web.services.sessions.forget(owner.principal.holder)
    assert (await web.browser(owner.cookie).get("/api/v1/me")).status_code == 401


async def test_using_a_session_keeps_it_alive(web: House, owner: Person, servers: Servers) -> None:
    await age(servers, "sessions", owner, "last_use = now() - interval '13 days'")
    web.services.sessions.forget(owner.principal.holder)
    assert (await owner.browser.get("/api/v1/me")).status_code == 200
    await eventually(
        lambda: owner.browser.get("/api/v1/sessions"),
        lambda listed: listed.json()["sessions"][0]["last_use"] > time.time() - 60,
    )


async def test_a_token_is_shown_once_listed_used_and_revoked(
    web: House, owner: Person, revoked: Callable[[str], Awaitable[None]]
) -> None:
    made = await owner.browser.post("/api/v1/tokens", json={"name": "Nightly", "role": "viewer", "expires_in_days": 30})
    assert made.status_code == 201
    program = web.client(Authorization=f"Bearer {made.json()['token']}")
    me = (await program.get("/api/v1/me")).json()
    assert (me["name"], me["role"], me["by"]) == ("Nightly", "viewer", "token")
    listed = (await owner.browser.get("/api/v1/tokens")).json()["tokens"]
    found = next(token for token in listed if token["id"] == made.json()["id"])
    assert found["name"] == "Nightly"
    assert made.json()["token"] not in msgspec.json.encode(listed).decode()
    opened = await web.services.sessions.open("token", made.json()["token"])
    assert opened is not None
    assert (await owner.browser.delete(f"/api/v1/tokens/{found['id']}")).status_code == 204
    assert (await program.get("/api/v1/me")).status_code == 401
    assert (await owner.browser.delete(f"/api/v1/tokens/{found['id']}")).status_code == 404
    await revoked(opened.holder)


async def test_a_token_expires(web: House, owner: Person, servers: Servers) -> None:
    assert (await owner.program.get("/api/v1/me")).status_code == 200
    await age(servers, "tokens", owner, "expires_at = now() - interval '1 second'")
    web.services.sessions.forget(person=owner.principal.person)
    assert (await owner.program.get("/api/v1/me")).json()["code"] == "bad_token"


async def test_a_token_never_does_more_than_the_person_it_acts_for(web: House, owner: Person) -> None:
    colleague = await web.join(owner.principal.workspace, "owner")
    person = (await colleague.browser.get("/api/v1/me")).json()["id"]
    assert (await owner.browser.patch(f"/api/v1/members/{person}", json={"role": "viewer"})).status_code == 200
    assert (await colleague.program.get("/api/v1/me")).json()["role"] == "viewer"
    assert (await colleague.browser.get("/api/v1/me")).json()["role"] == "viewer"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": ""}, 422, "bad_name"),
        ({"name": "n" * 101}, 422, "bad_name"),
        ({"name": "a\nb"}, 422, "bad_name"),
        ({"name": "n", "expires_in_days": 0}, 422, "bad_days"),
        ({"name": "n", "role": "king"}, 422, "wrong_value"),
        ({}, 422, "wrong_value"),
    ],
)
async def test_a_token_needs_a_name_a_role_and_days_that_make_sense(
    owner: Person, body: dict[str, object], status: int, code: str
) -> None:
    answer = await owner.browser.post("/api/v1/tokens", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_what_could_not_be_told_at_once_is_told_as_soon_as_kafka_is_back(
    web: House, owner: Person, revoked: Callable[[str], Awaitable[None]]
) -> None:
    class Away:
        async def publish(self, *args: object, **more: object) -> None:
            raise TryAgain("Kafka is away")

    endings = Endings(web.services.accounts, Away(), web.services.sessions.forget)
    with pytest.raises(TryAgain):
        await accounts.sign_out(replace(web.services, endings=endings), owner.principal)
    assert (await owner.browser.get("/api/v1/me")).status_code == 401
    endings = Endings(web.services.accounts, web.services.producer, web.services.sessions.forget)
    running = asyncio.create_task(endings.run())
    await revoked(owner.principal.holder)
    await eventually(web.services.accounts.endings, lambda untold: untold == [])
    running.cancel()


async def test_another_web_process_forgets_a_revoked_session_within_a_second(
    web: House, owner: Person, servers: Servers
) -> None:
    async with house(servers) as second:
        browser = second.browser(owner.cookie)
        assert (await browser.get("/api/v1/me")).status_code == 200
        assert (await owner.browser.post("/api/v1/sign-out")).status_code == 204
        await eventually(lambda: browser.get("/api/v1/me"), lambda answer: answer.status_code == 401, within=1)


# Members and invitations


async def test_an_invitation_makes_a_member_of_its_role(web: House, owner: Person) -> None:
    invited = await owner.browser.post("/api/v1/invitations", json={"address": " Bob@Example.COM ", "role": "viewer"})
    assert invited.status_code == 201
    assert invited.json()["address"] == "bob@example.com"
    assert invited.json()["link"].startswith(f"{HOME}/sign-in#")
    listed = (await owner.browser.get("/api/v1/invitations")).json()["invitations"]
    assert [invitation["address"] for invitation in listed] == ["bob@example.com"]
    bob = await web.enter(invited.json()["link"])
    me = (await bob.browser.get("/api/v1/me")).json()
    assert (me["address"], me["role"]) == ("bob@example.com", "viewer")
    assert me["workspace"]["id"] == str(owner.principal.workspace)
    assert (await owner.browser.get("/api/v1/invitations")).json()["invitations"] == []
    members = (await bob.browser.get("/api/v1/members")).json()["members"]
    assert {"bob@example.com"} < {member["address"] for member in members}


async def test_an_invitation_is_good_for_seven_days(web: House, owner: Person) -> None:
    made = (await owner.browser.post("/api/v1/invitations", json={"address": "c@example.com"})).json()
    assert made["expires_at"] - made["created_at"] == pytest.approx(7 * 86400)


async def test_only_a_sign_in_link_gives_an_operator_their_rights(web: House, owner: Person) -> None:
    """Who invites an operator's address sees the link, and must not become one by using it."""
    address = (await owner.browser.get("/api/v1/me")).json()["address"]
    assert await web.services.accounts.make_operator(address)
    signed_in = await web.enter(f"{HOME}/sign-in#{await link_for(web, owner)}")
    invited = await web.join(await web.workspace(), "owner", address)
    assert (await signed_in.browser.get("/api/v1/me")).json()["operator"] is True
    assert (await signed_in.program.get("/api/v1/me")).json()["operator"] is False
    assert (await invited.browser.get("/api/v1/me")).json()["operator"] is False


async def test_a_second_invitation_replaces_the_first(web: House, owner: Person) -> None:
    first = (await owner.browser.post("/api/v1/invitations", json={"address": "d@example.com"})).json()
    second = (await owner.browser.post("/api/v1/invitations", json={"address": "d@example.com"})).json()
    with pytest.raises(Rejected, match="code_expired"):
        await web.enter(first["link"])
    await web.enter(second["link"])
    third = await owner.browser.post("/api/v1/invitations", json={"address": "d@example.com"})
    assert (third.status_code, third.json()["code"]) == (409, "already_member")


async def test_a_withdrawn_invitation_opens_nothing(web: House, owner: Person) -> None:
    made = (await owner.browser.post("/api/v1/invitations", json={"address": "e@example.com"})).json()
    assert (await owner.browser.delete(f"/api/v1/invitations/{made['id']}")).status_code == 204
    with pytest.raises(Rejected, match="code_expired"):
        await web.enter(made["link"])


@pytest.mark.parametrize("address", ["", "nobody", "a@b@c", "a b@c", "a@b\r\nBcc: x@y", "a" * 65 + "@b", "<a@b>"])
async def test_an_address_has_to_look_like_one(owner: Person, address: str) -> None:
    answer = await owner.browser.post("/api/v1/invitations", json={"address": address})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_address")


async def test_removing_a_member_ends_everything_of_theirs_in_this_workspace_only(
    web: House, owner: Person, revoked: Callable[[str], Awaitable[None]]
) -> None:
    address = f"{uuid4().hex[:8]}@example.com"
    member = await web.join(owner.principal.workspace, "member", address)
    elsewhere = await web.join(await web.workspace(), "owner", address)
    token = await web.services.sessions.open("token", member.program.headers["authorization"].split()[1])
    assert token is not None
    assert (await owner.browser.delete(f"/api/v1/members/{member.principal.person}")).status_code == 204
    assert (await member.browser.get("/api/v1/me")).status_code == 401
    assert (await member.program.get("/api/v1/me")).status_code == 401
    assert (await elsewhere.browser.get("/api/v1/me")).status_code == 200
    await revoked(member.principal.holder)
    await revoked(token.holder)


async def test_anybody_may_leave(web: House, owner: Person) -> None:
    viewer = await web.join(owner.principal.workspace, "viewer")
    assert (await viewer.browser.delete(f"/api/v1/members/{viewer.principal.person}")).status_code == 204
    assert (await viewer.browser.get("/api/v1/me")).status_code == 401


async def test_the_last_owner_stays_and_stays_owner_even_when_two_leave_at_once(web: House) -> None:
    workspace = await web.workspace()
    first, second = await web.join(workspace), await web.join(workspace)
    founder = next(
        member
        for member in (await first.browser.get("/api/v1/members")).json()["members"]
        if member["id"] not in (str(first.principal.person), str(second.principal.person))
    )
    assert (await first.browser.delete(f"/api/v1/members/{founder['id']}")).status_code == 204
    left = await asyncio.gather(
        *(person.browser.delete(f"/api/v1/members/{person.principal.person}") for person in (first, second))
    )
    assert sorted(answer.status_code for answer in left) == [204, 409]
    last = first if left[0].status_code == 409 else second
    demoted = await last.browser.patch(f"/api/v1/members/{last.principal.person}", json={"role": "member"})
    assert (demoted.status_code, demoted.json()["code"]) == (409, "last_owner")


# Channels and settings


async def test_a_channel_comes_with_a_token_that_opens_it_for_this_credential_only(web: House, owner: Person) -> None:
    made = await owner.browser.post("/api/v1/channels", json={})
    assert made.status_code == 201
    assert set(made.json()) == {"channel", "token", "url", "expires_at"}
    assert made.json()["url"] == "ws://localhost:8001/v1/ws"
    channel, token = made.json()["channel"], made.json()["token"]
    keys, holder = web.services.keys, owner.principal.holder
    claim = verify(keys, token, channel=channel, holder=holder, now=time.time())
    assert claim.workspace == owner.principal.workspace
    assert claim.expires_at == made.json()["expires_at"] == pytest.approx(time.time() + 3600, abs=10)
    with pytest.raises(Rejected, match="bad_token"):
        verify(keys, token, channel=channel, holder="another", now=time.time())


async def test_a_channel_is_opened_again_by_a_colleague_and_by_nobody_else(web: House, owner: Person) -> None:
    channel = (await owner.browser.post("/api/v1/channels")).json()["channel"]
    colleague = await web.join(owner.principal.workspace, "viewer")
    again = await colleague.program.post("/api/v1/channels", json={"channel": channel})
    assert (again.status_code, again.json()["channel"]) == (201, channel)
    stranger = await web.join(await web.workspace())
    for foreign in (channel, "A" * 22, "", "../.."):
        refused = await stranger.program.post("/api/v1/channels", json={"channel": foreign})
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


async def test_a_workspace_has_one_channel_of_its_own(web: House, owner: Person) -> None:
    channels = {
        (await person.program.post("/api/v1/channels", json={"scope": "workspace"})).json()["channel"]
        for person in (owner, await web.join(owner.principal.workspace, "viewer"))
    }
    assert len(channels) == 1
    renewed = await owner.program.post("/api/v1/channels", json={"channel": channels.pop()})
    assert renewed.status_code == 201
    stranger = await web.join(await web.workspace())
    assert (
        await stranger.program.post("/api/v1/channels", json={"channel": renewed.json()["channel"]})
    ).status_code == 404


async def test_a_setting_is_read_back_and_another_workspace_keeps_its_own(web: House, owner: Person) -> None:
    stranger = await web.join(await web.workspace())
    put = await owner.program.put("/api/v1/settings/phone_region", json={"value": "DE"})
    assert (put.status_code, put.json()) == (200, {"name": "phone_region", "value": "DE"})
    assert (await owner.program.get("/api/v1/settings/phone_region")).json()["value"] == "DE"
    assert (await stranger.program.get("/api/v1/settings/phone_region")).json()["value"] is None


@pytest.mark.parametrize(
    ("name", "body", "status", "code"),
    [
        ("colour", {"value": 1}, 404, "no_such_setting"),
        ("cancel:x", {"value": 1}, 404, "no_such_setting"),
        ("existing", {"value": "destroy"}, 422, "wrong_value"),
        ("existing", {}, 422, "wrong_value"),
    ],
)
async def test_a_setting_that_does_not_exist_or_does_not_fit_is_refused(
    owner: Person, name: str, body: dict[str, object], status: int, code: str
) -> None:
    answer = await owner.program.put(f"/api/v1/settings/{name}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def age(servers: Servers, table: str, person: Person, change: str) -> None:
    """Changes this person's rows of a table as if time had passed."""
    async with await psycopg.AsyncConnection.connect(servers.postgres, autocommit=True) as connection:
        await connection.execute(f"update web.{table} set {change} where person = %s", [person.principal.person])
