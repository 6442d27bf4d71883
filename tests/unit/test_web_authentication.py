"""Who asks, told from a request's headers; the store is a little dict."""

import asyncio
import time
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from app.core.channels import holder_of
from app.core.errors import Rejected
from app.core.principals import Role
from app.web.authentication import REMEMBERED_SECONDS, Authentication, Sessions, digest, give_cookie, take_cookie
from app.web.store import Credential, Opened
from tests.asgi import Answer, ask

HOME = "http://localhost:8000"
COOKIE = "addressbus_8000"


class Accounts:
    """What the middleware needs of the store, with a count of what it was asked."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Credential, bytes], Opened] = {}
        self.asked = 0
        self.touched: list[bytes] = []

    def add(
        self,
        by: Credential,
        credential: str,
        *,
        role: Role = "member",
        workspace: UUID | None = None,
        expires_at: float | None = None,
        stale: bool = False,
    ) -> Opened:
        opened = Opened(
            by=by,
            id=uuid4(),
            workspace=workspace or uuid4(),
            person=uuid4(),
            address="ann@example.com",
            role=role,
            operator=False,
            holder=holder_of(credential),
            name="script" if by == "token" else "",
            expires_at=expires_at,
            stale=stale,
        )
        self.rows[by, digest(credential)] = opened
        return opened

    async def open(self, by: Credential, key: bytes) -> Opened | None:
        self.asked += 1
        await asyncio.sleep(0)
        return self.rows.get((by, key))

    async def touch(self, workspace: UUID, by: Credential, key: bytes) -> None:
        self.touched.append(key)


class House:
    def __init__(self, per_minute: int = 600) -> None:
        self.accounts = Accounts()
        self.clock = 1000.0
        self.sessions = Sessions(self.accounts, lambda: self.clock)  # type: ignore[arg-type]
        self.app = Authentication(self._inner, HOME, per_minute)
        self.body_was_read = False

    async def _inner(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        self.body_was_read = True
        found = scope["principal"]
        await PlainTextResponse(f"{found.name} {found.role}" if found else "nobody")(scope, receive, send)

    async def ask(self, method: str = "GET", url: str = "/api/v1/me", **headers: str) -> Answer:
        state = {"services": SimpleNamespace(sessions=self.sessions)}
        return await ask(self.app, method, url, headers, state=state)


@pytest.fixture
async def house() -> House:
    return House()


async def test_a_session_is_the_person_and_a_token_its_name(house: House) -> None:
    house.accounts.add("session", "s", role="owner")
    house.accounts.add("token", "t")
    assert (await house.ask(cookie=f"a=b; {COOKIE}=s")).text == "ann@example.com owner"
    assert (await house.ask(authorization="Bearer t")).text == "script member"
    assert (await house.ask(authorization="bearer t")).text == "script member"
    assert (await house.ask()).text == "nobody"


async def test_a_session_is_no_token_and_a_token_no_session(house: House) -> None:
    house.accounts.add("session", "s")
    house.accounts.add("token", "t")
    assert (await house.ask(cookie=f"{COOKIE}=t")).text == "nobody"
    with pytest.raises(Rejected, match="bad_token"):
        await house.ask(authorization="Bearer s")


@pytest.mark.parametrize("authorization", ["Bearer x", "Bearer ", "Basic dDp0", "t", ""])
async def test_a_bearer_that_opens_nothing_is_refused_even_where_nobody_needs_one(
    house: House, authorization: str
) -> None:
    house.accounts.add("token", "t")
    with pytest.raises(Rejected, match="bad_token"):
        await house.ask(authorization=authorization)


async def test_both_credentials_at_once_are_refused(house: House) -> None:
    house.accounts.add("session", "s")
    house.accounts.add("token", "t")
    with pytest.raises(Rejected, match="two_credentials"):
        await house.ask(cookie=f"{COOKIE}=s", authorization="Bearer t")


async def test_the_cookie_of_another_stack_is_not_ours(house: House) -> None:
    house.accounts.add("session", "s")
    assert (await house.ask(cookie="addressbus_8010=s")).text == "nobody"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"sec_fetch_site": "same-origin"}, True),
        ({"origin": HOME}, True),
        ({"sec_fetch_site": "cross-site", "origin": "https://evil.example"}, False),
        ({"sec_fetch_site": "same-site"}, False),
        ({"sec_fetch_site": "none"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({}, False),
    ],
)
async def test_a_change_by_cookie_needs_a_page_of_ours_before_the_body_is_read(
    house: House, method: str, headers: dict[str, str], passes: bool
) -> None:
    house.accounts.add("session", "s")
    if passes:
        assert (await house.ask(method, cookie=f"{COOKIE}=s", **headers)).status == 200
        return
    with pytest.raises(Rejected, match="cross_site"):
        await house.ask(method, cookie=f"{COOKIE}=s", **headers)
    assert not house.body_was_read


async def test_an_unknown_cookie_is_held_to_the_same_rule(house: House) -> None:
    with pytest.raises(Rejected, match="cross_site"):
        await house.ask("POST", cookie=f"{COOKIE}=unknown")


async def test_a_program_with_a_token_needs_no_origin(house: House) -> None:
    house.accounts.add("token", "t")
    assert (await house.ask("POST", authorization="Bearer t", sec_fetch_site="cross-site")).status == 200


async def test_nobody_is_signed_in_by_another_site_but_a_program_may_sign_in(house: House) -> None:
    assert (await house.ask("POST", "/api/v1/sign-in")).status == 200
    for headers in ({"sec_fetch_site": "cross-site"}, {"origin": "https://evil.example"}):
        with pytest.raises(Rejected, match="cross_site"):
            await house.ask("POST", "/api/v1/sign-in", **headers)


async def test_reading_needs_no_origin(house: House) -> None:
    house.accounts.add("session", "s")
    assert (await house.ask("GET", cookie=f"{COOKIE}=s", sec_fetch_site="cross-site")).status == 200


async def test_requests_of_the_same_seconds_ask_the_database_once(house: House) -> None:
    house.accounts.add("token", "t")
    for _ in range(5):
        await house.ask(authorization="Bearer t")
    assert house.accounts.asked == 1
    house.clock += REMEMBERED_SECONDS
    await house.ask(authorization="Bearer t")
    assert house.accounts.asked == 2


async def test_what_was_revoked_is_not_believed_any_more(house: House) -> None:
    opened = house.accounts.add("token", "t")
    await house.ask(authorization="Bearer t")
    house.accounts.rows.clear()
    house.sessions.forget(opened.holder)
    with pytest.raises(Rejected, match="bad_token"):
        await house.ask(authorization="Bearer t")


async def test_what_was_read_before_a_revocation_is_not_remembered_after_it(house: House) -> None:
    opened = house.accounts.add("token", "t")
    reading = asyncio.create_task(house.sessions.open("token", "t"))
    await asyncio.sleep(0)
    assert house.accounts.asked, "the look-up is under way"
    house.sessions.forget(opened.holder)
    house.accounts.rows.clear()
    await reading
    assert await house.sessions.open("token", "t") is None


async def test_what_expires_ends_at_that_moment_though_it_is_remembered(house: House) -> None:
    house.accounts.add("token", "t", expires_at=time.time() - 0.001)
    with pytest.raises(Rejected, match="bad_token"):
        await house.ask(authorization="Bearer t")


async def test_a_last_use_is_written_when_it_is_old_and_not_with_every_request(house: House) -> None:
    house.accounts.add("token", "fresh")
    house.accounts.add("token", "stale", stale=True)
    for _ in range(3):
        await house.ask(authorization="Bearer fresh")
        await house.ask(authorization="Bearer stale")
    await asyncio.sleep(0)
    assert house.accounts.touched == [digest("stale")]


async def test_a_workspace_has_its_share_of_requests_and_another_has_its_own() -> None:
    house = House(per_minute=3)
    workspace = house.accounts.add("token", "a").workspace
    house.accounts.add("token", "b", workspace=workspace)
    house.accounts.add("token", "c")
    for token in ("a", "b", "a"):
        await house.ask(authorization=f"Bearer {token}")
    with pytest.raises(Rejected, match="too_many_requests"):
        await house.ask(authorization="Bearer b")
    assert (await house.ask(authorization="Bearer c")).status == 200


async def test_whoever_tries_credential_after_credential_is_slowed_down(house: House) -> None:
    codes: list[str] = []
    for number in range(130):
        with pytest.raises(Rejected) as refused:
            await house.ask(authorization=f"Bearer {number}")
        codes.append(refused.value.code)
    assert codes[0] == "bad_token"
    assert codes[-1] == "too_many_requests"


async def test_files_that_never_change_need_nobody(house: House) -> None:
    async def static(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("static")(scope, receive, send)

    app = Authentication(static, HOME, 600)
    assert (await ask(app, "GET", "/static/abc/page.css", {"cookie": f"{COOKIE}=s"})).text == "static"


def test_a_cookie_is_for_this_host_over_tls_and_out_of_reach_of_scripts() -> None:
    response = Response()
    give_cookie(response, "https://book.example", "secret")
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("__Host-addressbus=secret; ")
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_on_this_machine_a_cookie_is_named_for_its_port() -> None:
    response = Response()
    give_cookie(response, HOME, "secret")
    assert response.headers["set-cookie"].startswith("addressbus_8000=secret; HttpOnly;")
    assert "Secure" not in response.headers["set-cookie"]


def test_signing_out_takes_the_cookie_away() -> None:
    response = Response()
    take_cookie(response, HOME)
    assert "Max-Age=0" in response.headers["set-cookie"]
