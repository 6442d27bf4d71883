"""Connections as programs and browsers see them: through every layer of the web process."""

from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.connections import http
from tests.integration.conftest import Servers
from tests.integration.house import HOME, House, Person, house
from tests.integration.tokens import Endpoint, connected


@pytest.fixture(scope="module")
async def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture(scope="module")
async def web(servers: Servers, endpoint: Endpoint) -> AsyncIterator[House]:
    """Google is set up here, Microsoft is not."""
    async with house(servers, google_client_id="our-id", google_client_secret="our-secret") as running:
        connections = running.services.connections
        await connections.client.aclose()
        hosts = http.Hosts(one.token for one in connections.providers.values())
        connections.client = http.make_client(hosts, transport=httpx.MockTransport(endpoint))
        yield running


@pytest.fixture
async def owner(web: House) -> Person:
    return await web.join(await web.workspace())


async def begin(person: Person, **wanted: object) -> str:
    answer = await person.browser.post("/api/v1/connections/google", json=wanted)
    assert answer.status_code == 201, answer.text
    assert answer.json()["expires_in"] == 600
    url: str = answer.json()["url"]
    return url


async def come_back(person: Person, answer: dict[str, str]) -> dict[str, str]:
    """What the page is told that the browser is sent on to."""
    back = await person.browser.get("/connections/callback/google", params=answer)
    assert back.status_code == 303, back.text
    assert "code" not in back.headers["location"]
    assert back.headers["location"].startswith("/?")
    return {name: values[0] for name, values in parse_qs(urlsplit(back.headers["location"]).query).items()}


async def test_an_account_is_connected_listed_and_disconnected(owner: Person, endpoint: Endpoint) -> None:
    url = await begin(owner)
    assert parse_qs(urlsplit(url).query)["redirect_uri"] == [f"{HOME}/connections/callback/google"]
    told = await come_back(owner, endpoint.agree(url))
    assert (told["provider"], told["connected"]) == ("google", "yes")
    listed = (await owner.program.get("/api/v1/connections")).json()
    (one,) = listed["connections"]
    assert (one["id"], one["address"], one["state"]) == (told["connection"], "ann@gmail.com", "connected")
    assert [(known["provider"], known["ready"]) for known in listed["providers"]] == [
        ("google", True),
        ("microsoft", False),
    ]
    gone = await owner.program.delete(f"/api/v1/connections/{one['id']}")
    assert (gone.status_code, gone.json()["revoked"]) == (200, True)
    assert (await owner.program.get("/api/v1/connections")).json()["connections"] == []
    assert (await owner.program.delete(f"/api/v1/connections/{one['id']}")).status_code == 404


async def test_nothing_secret_and_nothing_of_the_providers_own_is_told(owner: Person, endpoint: Endpoint) -> None:
    await come_back(owner, endpoint.agree(await begin(owner)))
    text = (await owner.program.get("/api/v1/connections")).text
    for secret in ("access-", "refresh-", endpoint.subject, "our-secret"):
        assert secret not in text


async def test_an_answer_is_taken_from_the_browser_that_asked_only(
    web: House, owner: Person, endpoint: Endpoint
) -> None:
    answer = endpoint.agree(await begin(owner))
    colleague = await web.join(owner.principal.workspace)
    assert (await come_back(colleague, answer))["connected"] == "too_late"
    stranger = web.browser()
    assert (await stranger.get("/connections/callback/google", params=answer)).headers["location"] == "/sign-in"
    assert (await come_back(owner, answer))["connected"] == "yes"


async def test_whose_session_ended_on_the_providers_page_is_told_after_signing_in(
    web: House, owner: Person, endpoint: Endpoint
) -> None:
    answer = endpoint.agree(await begin(owner))
    cookies = dict(owner.browser.cookies)
    owner.browser.cookies.clear()
    door = await owner.browser.get("/connections/callback/google", params=answer)
    assert door.headers["location"] == "/sign-in"
    assert answer["code"] not in door.headers["set-cookie"]
    for name, value in cookies.items():
        owner.browser.cookies.set(name, value)
    back = await owner.browser.get("/wanted")
    assert back.headers["location"] == "/connections/callback/google"
    told = await owner.browser.get(back.headers["location"])
    assert told.headers["location"] == "/?provider=google&connected=signed_out#connected"
    assert (await owner.browser.get("/wanted")).headers["location"] == "/", "only once"


@pytest.mark.parametrize("path", ["//elsewhere.example", "/\\elsewhere.example", "https://elsewhere.example", "/a?b=c"])
async def test_after_signing_in_nobody_is_led_elsewhere(owner: Person, path: str) -> None:
    name = next(iter(owner.browser.cookies))
    owner.browser.cookies.set(f"{name}_wanted", path)
    assert (await owner.browser.get("/wanted")).headers["location"] == "/"


@pytest.mark.parametrize(
    ("more", "told"),
    [({"error": "access_denied"}, "denied"), ({"code": ""}, "not_understood"), ({"state": ""}, "too_late")],
)
async def test_what_went_wrong_is_told_on_the_page(
    owner: Person, endpoint: Endpoint, more: dict[str, str], told: str
) -> None:
    answer = {**endpoint.agree(await begin(owner)), **more}
    assert (await come_back(owner, answer))["connected"] == told


async def test_a_provider_that_is_away_is_told_on_the_page(owner: Person, endpoint: Endpoint) -> None:
    answer = endpoint.agree(await begin(owner))
    endpoint.script = [httpx.Response(503, headers={"Retry-After": "60"})]
    assert (await come_back(owner, answer))["connected"] == "busy"


async def test_another_account_is_told_with_the_one_that_was_meant(owner: Person, endpoint: Endpoint) -> None:
    first = await come_back(owner, endpoint.agree(await begin(owner)))
    url = await begin(owner, connection=first["connection"])
    told = await come_back(owner, endpoint.agree(url, sub="somebody else", email="bob@gmail.com"))
    assert told == {"provider": "google", "connected": "another_account", "connection": first["connection"]}
    text = (await owner.browser.get("/", params=told)).text
    assert "Choose ann@gmail.com" in text


async def test_a_program_is_told_to_open_a_browser(owner: Person) -> None:
    answer = await owner.program.post("/api/v1/connections/google")
    assert (answer.status_code, answer.json()["code"]) == (403, "needs_browser")
    assert HOME in answer.json()["detail"]


async def test_a_provider_that_is_not_set_up_says_what_is_missing(owner: Person) -> None:
    answer = await owner.browser.post("/api/v1/connections/microsoft")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_set_up")
    assert "MICROSOFT_CLIENT_ID and MICROSOFT_CLIENT_SECRET" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"other_contacts": "please"}', 422, "wrong_value"),
        (b'{"connection": "mine"}', 422, "wrong_value"),
        (b'{"connection": "00000000-0000-4000-8000-000000000000"}', 404, "not_connected"),
        (b'{"', 400, "bad_json"),
        (b" " * 5000, 413, "body_too_large"),
    ],
)
async def test_a_wish_that_makes_no_sense_is_refused(owner: Person, body: bytes, status: int, code: str) -> None:
    answer = await owner.browser.post("/api/v1/connections/google", content=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_who_connected_an_account_may_disconnect_it_and_so_may_an_owner(
    web: House, owner: Person, endpoint: Endpoint
) -> None:
    member = await web.join(owner.principal.workspace, "member")
    colleague = await web.join(owner.principal.workspace, "member")
    told = await come_back(member, endpoint.agree(await begin(member)))
    refused = await colleague.browser.delete(f"/api/v1/connections/{told['connection']}")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert (await member.browser.delete(f"/api/v1/connections/{told['connection']}")).status_code == 200
    told = await come_back(member, endpoint.agree(await begin(member)))
    assert (await owner.browser.delete(f"/api/v1/connections/{told['connection']}")).status_code == 200


@pytest.mark.parametrize("wrong", ["nonsense", "00000000-0000-4000-8000-000000000000"])
async def test_an_id_of_nothing_is_not_found(owner: Person, wrong: str) -> None:
    assert (await owner.program.delete(f"/api/v1/connections/{wrong}")).status_code == 404


async def test_the_pages_show_what_is_connected_here_and_nothing_of_others(
    web: House, owner: Person, endpoint: Endpoint
) -> None:
    stranger = await web.join(await web.workspace())
    found = await connected(web.services.connections, endpoint, owner.principal.workspace)
    for path in ("/", "/connections", "/?part=sources"):
        assert str(found.id) in (await owner.browser.get(path)).text
        assert str(found.id) not in (await stranger.browser.get(path)).text
