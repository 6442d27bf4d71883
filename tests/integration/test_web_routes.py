"""Every route of the web process, walked: headers, other sites, roles, and ids of another workspace."""

import re
from collections.abc import AsyncIterator
from typing import NamedTuple
from uuid import UUID, uuid4

import httpx
import pytest
from starlette.routing import BaseRoute, Mount, Route

from app.core.imports import State
from app.core.principals import Role
from app.web import main
from tests.integration.conftest import Servers
from tests.integration.house import HOME, House, Person, house
from tests.integration.projections import AT, contact, read_model
from tests.integration.tokens import Endpoint, connected


@pytest.fixture(scope="module")
async def web(servers: Servers) -> AsyncIterator[House]:
    async with house(servers) as running:
        yield running


@pytest.fixture(scope="module")
async def owner(web: House) -> Person:
    return await web.join(await web.workspace())


class Call(NamedTuple):
    method: str
    path: str


def calls(routes: list[BaseRoute]) -> list[Call]:
    """Every method and path that is served, parameters still in braces; files that never change are left out."""
    found = [
        Call(method, re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path))
        for route in routes
        if isinstance(route, Route) and not route.path.startswith("/static")
        for method in sorted(route.methods or ())
    ]
    assert all(isinstance(route, Route | Mount) for route in routes), "the walk knows these kinds of routes"
    return found


CALLS = calls(main.all_routes())
PUBLIC = {"/api/v1/openapi.json", "/api/v1/sign-in", "/api/v1/sign-in/offer", "/api/v1/sign-in/link"}
UNSAFE = [call for call in CALLS if call.method not in ("GET", "HEAD", "OPTIONS")]
API = [call for call in CALLS if call.path.startswith("/api/")]
NAMES = {"/api/v1/settings/{name}"}
"""Their parameter is a name that every workspace has, not an id."""


def filled(path: str) -> str:
    """The path with ids that nobody has."""
    return re.sub(r"\{\w+\}", lambda _: str(uuid4()), path)


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
async def test_every_answer_tells_the_browser_to_keep_others_out(web: House, owner: Person, call: Call) -> None:
    answers = [
        await web.browser().request(call.method, filled(call.path)),
        await owner.browser.request("GET", filled(call.path)),
    ]
    for answer in answers:
        assert answer.status_code < 500
        headers = answer.headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert "no-store" in headers["cache-control"]
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-" not in policy


@pytest.mark.parametrize("call", UNSAFE, ids=" ".join)
async def test_no_change_comes_from_another_site(web: House, owner: Person, call: Call) -> None:
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {},
    ):
        client = web.client(**headers, Cookie=f"addressbus_8000={owner.cookie}")
        answer = await client.request(call.method, filled(call.path))
        assert answer.status_code == 403
        if call.path.startswith("/api/"):
            assert answer.json()["code"] == "cross_site"


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
async def test_another_host_is_not_answered(web: House, owner: Person, call: Call) -> None:
    client = web.client(Host="evil.example", Authorization=owner.program.headers["authorization"])
    answer = await client.request(call.method, filled(call.path))
    if call.path.startswith("/api/") or call.method not in ("GET", "HEAD"):
        assert answer.status_code == 421
    else:
        assert answer.status_code == 307
        assert answer.headers["location"].startswith(f"{HOME}/")


@pytest.mark.parametrize("call", [call for call in API if call.path not in PUBLIC], ids=" ".join)
async def test_the_api_needs_a_credential(web: House, call: Call) -> None:
    answer = await web.client().request(call.method, filled(call.path))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("call", API, ids=" ".join)
async def test_session_and_token_at_once_are_refused(web: House, owner: Person, call: Call) -> None:
    client = web.client(
        Authorization=owner.program.headers["authorization"],
        Cookie=f"addressbus_8000={owner.cookie}",
        **{"Sec-Fetch-Site": "same-origin"},
    )
    assert (await client.request(call.method, filled(call.path))).status_code == 400


LEAST_ROLE: dict[Call, Role] = {
    Call("POST", "/api/v1/channels"): "viewer",
    Call("OPTIONS", "/api/v1/uploads/{id}"): "viewer",
    Call("GET", "/api/v1/me"): "viewer",
    Call("GET", "/api/v1/members"): "viewer",
    Call("GET", "/api/v1/imports"): "viewer",
    Call("GET", "/api/v1/contacts"): "viewer",
    Call("GET", "/api/v1/contacts/{id}"): "viewer",
    Call("GET", "/api/v1/contacts/counts"): "viewer",
    Call("GET", "/api/v1/imports/{id}"): "viewer",
    Call("GET", "/api/v1/imports/{id}/file"): "viewer",
    Call("GET", "/api/v1/imports/{id}/problems"): "viewer",
    Call("GET", "/api/v1/imports/{id}/problems.csv"): "viewer",
    Call("GET", "/api/v1/settings/{name}"): "viewer",
    Call("GET", "/api/v1/connections"): "viewer",
    Call("POST", "/api/v1/connections/google"): "member",
    Call("POST", "/api/v1/connections/microsoft"): "member",
    Call("DELETE", "/api/v1/connections/{id}"): "member",
    Call("POST", "/api/v1/previews"): "member",
    Call("POST", "/api/v1/imports"): "member",
    Call("POST", "/api/v1/imports/{id}/cancel"): "member",
    Call("POST", "/api/v1/imports/{id}/finish"): "member",
    Call("DELETE", "/api/v1/imports/{id}/file"): "member",
    Call("PUT", "/api/v1/uploads/{id}"): "member",
    Call("PATCH", "/api/v1/uploads/{id}"): "member",
    Call("PUT", "/api/v1/settings/{name}"): "owner",
    Call("PATCH", "/api/v1/members/{id}"): "owner",
    Call("DELETE", "/api/v1/members/{id}"): "owner",
    Call("GET", "/api/v1/invitations"): "owner",
    Call("POST", "/api/v1/invitations"): "owner",
    Call("DELETE", "/api/v1/invitations/{id}"): "owner",
    Call("GET", "/api/v1/tokens"): "owner",
    Call("POST", "/api/v1/tokens"): "owner",
    Call("DELETE", "/api/v1/tokens/{id}"): "owner",
    Call("DELETE", "/api/v1/contacts/{id}"): "owner",
    Call("GET", "/api/v1/audit"): "owner",
    Call("GET", "/api/v1/contacts.csv"): "owner",
    Call("GET", "/api/v1/contacts.vcf"): "owner",
}
ROLES: tuple[Role, ...] = ("viewer", "member", "owner")


def test_of_every_call_it_is_known_who_may_make_it() -> None:
    own = {Call("GET", "/api/v1/sessions"), Call("DELETE", "/api/v1/sessions/{id}"), Call("POST", "/api/v1/sign-out")}
    operators = {Call("POST", "/api/v1/operate/scale")}
    known = {call for call in API if call.method != "HEAD" and call.path not in PUBLIC} - own - operators
    assert set(LEAST_ROLE) == known


@pytest.mark.parametrize("call", sorted(LEAST_ROLE), ids=" ".join)
async def test_a_role_may_what_it_may_and_no_more(web: House, call: Call) -> None:
    workspace = await web.workspace()
    for role in ROLES:
        person = await web.join(workspace, role)
        answer = await person.program.request(call.method, filled(call.path))
        refused = answer.status_code == 403 and answer.json()["code"] == "forbidden"
        assert refused is (ROLES.index(role) < ROLES.index(LEAST_ROLE[call])), (role, answer.text)


class Ids(NamedTuple):
    """Things of one workspace."""

    member: str
    session: str
    invitation: str
    token: str
    imported: str
    contact: str
    connection: str

    def of(self, path: str) -> str:
        kinds = {
            "/members/": self.member,
            "/sessions/": self.session,
            "/invitations/": self.invitation,
            "/tokens/": self.token,
            "/imports/": self.imported,
            "/uploads/": self.imported,
            "/contacts/": self.contact,
            "/connections/": self.connection,
        }
        return next(found for part, found in kinds.items() if part in path)


async def furnish(web: House, servers: Servers, person: Person) -> Ids:
    """Makes one of everything in this person's workspace, and shows it in the read model."""

    def made(answer: httpx.Response) -> str:
        assert answer.is_success, answer.text
        found: str = answer.json()["id"]
        return found

    program, shown = person.program, contact("Ann Lee", id=uuid4())
    ids = Ids(
        member=str(person.principal.person),
        session=(await person.browser.get("/api/v1/sessions")).json()["sessions"][0]["id"],
        invitation=made(await program.post("/api/v1/invitations", json={"address": "y@example.com"})),
        token=made(await program.post("/api/v1/tokens", json={"name": "n"})),
        imported=made(await program.post("/api/v1/imports", json={"source": "file", "name": "a.csv"})),
        contact=str(shown.id),
        connection=str((await connected(web.services.connections, Endpoint(), person.principal.workspace)).id),
    )
    async with read_model(servers) as model:
        model.workspace = person.principal.workspace
        await model.show(shown, import_id=UUID(ids.imported))
        await model.keep(State(id=UUID(ids.imported), workspace=model.workspace, requested_at=AT))
    return ids


WITH_ID = [call for call in CALLS if "{" in call.path and call.path not in NAMES and call.method != "OPTIONS"]
"""OPTIONS says what of tus is spoken, of any id alike."""


@pytest.fixture(scope="module")
async def theirs(web: House, servers: Servers) -> tuple[Person, Ids]:
    person = await web.join(await web.workspace())
    return person, await furnish(web, servers, person)


@pytest.mark.parametrize("call", WITH_ID, ids=" ".join)
async def test_an_id_of_another_workspace_is_an_id_of_nothing(
    web: House, theirs: tuple[Person, Ids], call: Call
) -> None:
    person, ids = theirs
    stranger = await web.join(await web.workspace())
    path = re.sub(r"\{\w+\}", ids.of(call.path), call.path)
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0"} if "/uploads/" in path else {}
    body = {"role": "owner"} if call.path == "/api/v1/members/{id}" else None
    answer = await stranger.program.request(call.method, path, headers=headers, json=body)
    assert answer.status_code == 404, answer.text
    if call.method == "GET":
        assert (await person.program.get(path)).status_code == 200, "whose it is, finds it"


async def test_nothing_of_theirs_was_touched(theirs: tuple[Person, Ids]) -> None:
    person, ids = theirs
    for path, name, found in (
        ("members", "members", ids.member),
        ("sessions", "sessions", ids.session),
        ("invitations", "invitations", ids.invitation),
        ("tokens", "tokens", ids.token),
        ("connections", "connections", ids.connection),
    ):
        listed = (await person.browser.get(f"/api/v1/{path}")).json()[name]
        assert found in [item["id"] for item in listed]
    assert (await person.program.get(f"/api/v1/imports/{ids.imported}")).json()["status"] == "requested"
