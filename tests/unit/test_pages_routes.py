"""Every page as it leaves the server, for an owner, a viewer and a stranger, full and empty."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app import config
from app.connections.model import Connection
from app.connections.providers import providers
from app.core.errors import Rejected
from app.core.imports import Failure, State
from app.core.principals import Principal, Role
from app.core.reading.plan import Column, Plan
from app.core.settings import DEFAULTS
from app.web import pages, problems, store
from app.web.audit import Entry, Page
from app.web.lookup import Contacts, Count, Imports, Problem, Problems

WORKSPACE, OTHER = UUID(int=1), UUID(int=2)
PERSON, IMPORT, CONTACT = UUID(int=3), UUID(int=4), UUID(int=5)
EVIL = "<script>alert(1)</script>"
AT = 1_777_817_100.0


def state(**changes: Any) -> State:
    counts = {"rows": 98_214, "created": 90_010, "updated": 4_102, "unchanged": 3_900, "duplicate": 190, "rejected": 12}
    facts: dict[str, Any] = {
        **counts,
        "id": IMPORT,
        "workspace": WORKSPACE,
        "version": 7,
        "name": f"{EVIL}.csv",
        "status": "finished",
        "size": 1000,
        "requested_by": "anna@example.org",
        "requested_at": AT,
        "plan": Plan(columns=(Column(index=0, field="given", header=EVIL), Column(index=1, field="none"))),
    }
    return State(**{**facts, **changes})


def contact(**changes: Any) -> dict[str, Any]:
    source = {"import": str(IMPORT), "source": "file", "at": int(AT)}
    return {
        "id": str(CONTACT),
        "version": 1,
        "updated_at": AT,
        "name": EVIL,
        "emails": [{"value": "anna@example.org", "from": str(IMPORT)}],
        "phones": [{"value": "", "raw": "ask"}],
        "urls": [{"value": "javascript:alert(1)"}],
        "addresses": [{"city": "Leipzig"}],
        "custom": {EVIL: EVIL},
        "origins": {"name": source},
        "sources": [source],
        **changes,
    }


class Lookup:
    """A read model of one workspace."""

    def __init__(self, states: list[State], contacts: list[dict[str, Any]]) -> None:
        self.states, self.found = states, contacts
        self.asked: dict[str, Any] = {}

    async def imports(self, workspace: UUID, **asked: Any) -> Imports:
        self.asked = asked
        mine = [one for one in self.states if one.workspace == workspace]
        return Imports(docs=[msgspec.json.encode(one) for one in mine], after="next" if mine else None)

    async def import_(self, workspace: UUID, import_id: UUID) -> State | None:
        return next((one for one in self.states if (one.workspace, one.id) == (workspace, import_id)), None)

    async def contacts(self, workspace: UUID, **asked: Any) -> Contacts:
        self.asked = asked
        docs = [msgspec.json.encode(one) for one in self.found if workspace == WORKSPACE]
        return Contacts(docs=docs, after="next" if docs else None, total=len(docs), about=False)

    async def contact(self, workspace: UUID, contact_id: UUID) -> bytes | None:
        return msgspec.json.encode(self.found[0]) if (workspace, contact_id) == (WORKSPACE, CONTACT) else None

    async def counts(self, workspace: UUID, by: str) -> list[Count]:
        return [Count(value=EVIL, count=3)]

    async def latest(self, workspace: UUID) -> list[Count]:
        return [Count(value=str(IMPORT), count=3, name=EVIL)]

    async def problems(self, workspace: UUID, import_id: UUID, **asked: Any) -> Problems:
        found = Problem(line=42, column=0, code="bad", message=EVIL, suggestion="Mend it.", cells=(EVIL, ""))
        return Problems(problems=[found], after="next")


class Accounts:
    async def members(self, workspace: UUID) -> list[store.Member]:
        return [store.Member(id=PERSON, address="anna@example.org", role="owner", since=AT)]

    async def invitations(self, workspace: UUID) -> list[store.Invitation]:
        times = {"created_at": AT, "expires_at": AT + 9}
        return [store.Invitation(id=PERSON, address="new@example.org", role="viewer", invited_by="anna", **times)]

    async def tokens(self, workspace: UUID) -> list[store.Token]:
        token = store.Token(
            id=PERSON, name=EVIL, role="member", by="anna", created_at=AT, last_use=None, expires_at=None
        )
        return [token]

    async def sessions(self, workspace: UUID, person: UUID, holder: str) -> list[store.Session]:
        times = {"created_at": AT, "last_use": AT, "expires_at": AT}
        return [store.Session(id=PERSON, agent="Firefox on Linux", current=True, **times)]


class Connections:
    """One provider that is set up, with an account of each kind, and one that is not."""

    providers = providers(
        config.Providers(
            process_name="web",
            kafka_bootstrap="",
            connections_database_url="",
            data_keys="",
            google_client_id="id",
            google_client_secret="secret",
        )
    )

    async def list(self, workspace: UUID) -> tuple[Connection, ...]:
        if workspace != WORKSPACE:
            return ()
        good = Connection(
            id=PERSON,
            workspace=WORKSPACE,
            provider="google",
            account="7",
            address=EVIL,
            scopes=(),
            other_contacts=True,
            state="connected",
            reason=None,
            connected_by=EVIL,
            connected_by_person=PERSON,
            connected_at=AT,
            last_import=IMPORT,
        )
        changes = {"id": CONTACT, "state": "reauthorise", "reason": "refused", "last_import": None}
        return good, msgspec.structs.replace(good, **changes)


class Live(dict[tuple[str, ...], State]):
    """A LiveMap that stands still."""

    def get(self, *key: str) -> State | None:  # type: ignore[override]
        return super().get(key)

    def values(self) -> Mapping[tuple[str, ...], State]:  # type: ignore[override]
        return dict(self)


class Intake:
    """The jobs service, which knows one import that nobody else knows yet, and what became of files."""

    def __init__(self, **file: float) -> None:
        self._file = {"kept_until": None, "deleted_at": None, **file}

    async def file(self, workspace: UUID, import_id: UUID) -> dict[str, float | None]:
        return self._file

    async def state(self, workspace: UUID, import_id: UUID) -> State:
        if (workspace, import_id) != (WORKSPACE, UUID(int=9)):
            raise Rejected("not_found", "There is no such import.")
        return state(id=import_id, status="requested", rows=0, rejected=0, plan=None)


class As:
    """Authentication that believes the header `as`: "owner", "viewer 2" (of the other workspace), or nobody."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            said = dict(scope["headers"]).get(b"as", b"").decode().split()
            scope["principal"] = _principal(*said) if said else None
        await self._app(scope, receive, send)


def _principal(role: Role, workspace: str = "1") -> Principal:
    return Principal(
        workspace=UUID(int=int(workspace)), role=role, name="anna@example.org", holder="h", by="session", person=PERSON
    )


class Audit:
    """What was done: one import, and an export by somebody who is gone."""

    async def page(self, workspace: UUID, *, action: str | None, after: int | None, limit: int) -> Page:
        done = Entry(
            id=2,
            at=1_700_000_000.0,
            actor=PERSON,
            address="anna@example.org",
            by="session",
            action="import.requested",
            subject=str(IMPORT),
            request="4bf92f3577b34da6a3ce929d0e0e4736",
        )
        gone = msgspec.structs.replace(done, id=1, address=None, by="token", action="contacts.exported", subject="csv")
        return Page(entries=[each for each in (done, gone) if action in (None, each.action)], after="1")


@asynccontextmanager
async def browser(
    *, lookup: Lookup | None = None, live: tuple[State, ...] = (), role: str = "owner", intake: Intake | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    services = SimpleNamespace(
        config=SimpleNamespace(
            public_url="http://localhost:8000", smtp_url="", max_upload_bytes=2_000_000_000, file_retention_days=7
        ),
        lookup=lookup or Lookup([state()], [contact()]),
        accounts=Accounts(),
        audit=Audit(),
        connections=Connections(),
        settings=SimpleNamespace(get=lambda workspace, name: DEFAULTS[name]),
        imports=Live({(str(one.workspace), str(one.id)): one for one in live}),
    )
    app = Starlette(
        routes=pages.ROUTES,
        middleware=[Middleware(problems.Door, show=pages.problem), Middleware(As)],
        exception_handlers={HTTPException: problems.http_problem},
    )

    async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": {"services": services, "intake": intake or Intake()}}, receive, send)

    transport = httpx.ASGITransport(app=with_state)
    headers = {"as": role} if role else {}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
        yield client


PAGES = (
    *("/", "/imports", f"/imports/{IMPORT}", "/contacts", f"/contacts/{CONTACT}"),
    *("/connections", "/settings", "/members", "/tokens", "/sessions"),
)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("role", ["owner", "viewer"])
async def test_every_page_is_whole_and_trusts_no_data(path: str, role: str) -> None:
    async with browser(role=role) as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.text.count("<h1") == (2 if path == "/" and role == "owner" else 1) + (path == "/" and role == "owner")
    assert answer.text.rstrip().endswith("</html>")
    assert "<script>" not in answer.text
    assert 'href="javascript' not in answer.text
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", PAGES)
async def test_a_stranger_is_shown_the_door(path: str) -> None:
    async with browser(role="") as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


@pytest.mark.parametrize("path", [f"/imports/{IMPORT}", f"/imports/{IMPORT}?part=problems", f"/contacts/{CONTACT}"])
async def test_what_belongs_to_another_workspace_is_not_there(path: str) -> None:
    async with browser(role="owner 2", live=(state(),)) as client:
        answer = await client.get(path)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


async def test_the_home_page_shows_no_import_of_another_workspace() -> None:
    async with browser(role="owner 2", live=(state(status="running"),)) as client:
        assert str(IMPORT) not in (await client.get("/")).text


async def test_the_home_page_tells_the_limits_of_this_installation() -> None:
    async with browser() as client:
        text = (await client.get("/")).text
    assert "up to 2 GB" in text
    assert "deleted after 7 days" in text


async def test_a_first_visit_offers_the_sample() -> None:
    async with browser(lookup=Lookup([], [])) as client:
        assert "/sample.csv" in (await client.get("/")).text
        assert "No contacts yet" in (await client.get("/contacts")).text
        assert "No imports yet" in (await client.get("/imports")).text
    async with browser() as client:
        assert "/sample.csv" not in (await client.get("/")).text


async def test_a_viewer_is_not_offered_what_is_refused_to_viewers() -> None:
    async with browser(role="viewer", live=(state(status="running"),)) as client:
        assert 'type="file"' not in (await client.get("/")).text
        assert 'data-part="cancel"' not in (await client.get(f"/imports/{IMPORT}")).text
        assert 'data-part="new"' not in (await client.get("/tokens")).text
        assert "contacts.csv" not in (await client.get("/contacts")).text


async def test_memory_is_newer_than_the_read_model() -> None:
    old = state(version=3, status="running", rows=5, created=5)
    for path in ("/", "/imports", f"/imports/{IMPORT}"):
        async with browser(lookup=Lookup([old], []), live=(state(version=9),)) as client:
            text = (await client.get(path)).text
        assert 'data-status="finished"' in text
        assert 'data-version="9"' in text


async def test_an_import_that_was_only_just_asked_for_has_a_page() -> None:
    async with browser() as client:
        answer = await client.get(f"/imports/{UUID(int=9)}")
    assert answer.status_code == 200
    assert 'data-status="requested"' in answer.text


async def test_the_numbers_stand_on_the_page_without_javascript() -> None:
    async with browser() as client:
        text = (await client.get(f"/imports/{IMPORT}")).text
    for number in ("98,214", "90,010", "4,102", "3,900", "190"):
        assert f">{number}<" in text


async def test_a_failed_import_says_why() -> None:
    failed = state(status="failed", error=Failure(code="plan_mismatch", detail="The third column is another."))
    async with browser(lookup=Lookup([failed], [])) as client:
        text = (await client.get(f"/imports/{IMPORT}")).text
    assert 'data-status="failed"' in text
    assert "The third column is another." in text


async def test_parts_are_parts_and_not_pages() -> None:
    async with browser() as client:
        for path in (
            f"/imports/{IMPORT}?part=contacts",
            f"/imports/{IMPORT}?part=problems",
            "/contacts?part=found",
            f"/contacts/{CONTACT}?part=contact",
        ):
            answer = await client.get(path)
            assert answer.status_code == 200
            assert "<html" not in answer.text


async def test_filters_reach_the_read_model_and_stay_on_the_page() -> None:
    lookup = Lookup([state()], [contact()])
    async with browser(lookup=lookup) as client:
        text = (await client.get("/contacts?q=an&label=a%26b&sort=name")).text
        assert (lookup.asked["q"], lookup.asked["label"], lookup.asked["sort"]) == ("an", "a&b", "name")
        assert "/contacts?q=an&amp;label=a%26b&amp;sort=name&amp;after=next" in text
        text = (await client.get("/imports?status=failed")).text
        assert lookup.asked["status"] == "failed"
        assert '<option value="failed" selected>' in text


async def test_an_import_that_cannot_be_one_is_not_found() -> None:
    async with browser() as client:
        assert (await client.get("/contacts?import=nonsense")).status_code == 404
        assert (await client.get("/imports/nonsense")).status_code == 404


async def test_static_files_are_kept_for_ever_under_the_hash_of_their_bytes() -> None:
    async with browser(role="") as client:
        text = (await client.get("/sign-in")).text
        address = text.partition('<script type="module" src="')[2].partition('"')[0]
        answer = await client.get(address)
        assert "immutable" in answer.headers["cache-control"]
        older = await client.get("/static/0123456789ab/js/main.js")
        assert (older.status_code, older.headers["cache-control"]) == (200, "no-cache")
        assert (await client.get("/static/0123456789ab/../../words/en.json")).status_code == 404


async def test_owners_read_what_was_done_and_nobody_else() -> None:
    async with browser() as client:
        text = (await client.get("/audit")).text
        assert "Asked for an import" in text
        assert "somebody who is gone" in text
        assert "/audit?after=1" in text
        assert "Exported contacts</th>" not in (await client.get("/audit?action=import.requested")).text
        assert 'href="/audit"' in text
    async with browser(role="member") as client:
        assert (await client.get("/audit")).status_code == 403
        assert 'href="/audit"' not in (await client.get("/settings")).text


async def test_only_owners_can_erase_a_person() -> None:
    for role, may in (("owner", True), ("member", False)):
        async with browser(role=role) as client:
            assert ("Erase this person" in (await client.get(f"/contacts/{CONTACT}")).text) is may


async def test_the_page_of_an_import_says_how_long_what_is_kept_and_members_can_end_that() -> None:
    path = f"/imports/{IMPORT}?part=file"
    async with browser() as client:
        assert "7 days after the end" in (await client.get(path)).text
    async with browser(intake=Intake(kept_until=1_800_000_000.0)) as client:
        kept = (await client.get(path)).text
        assert "Delete it now" in kept
        assert "2027" in kept
        assert "download>" in (await client.get(f"/imports/{IMPORT}")).text
    async with browser(intake=Intake(kept_until=1_800_000_000.0), role="viewer") as client:
        assert "Delete it now" not in (await client.get(path)).text
    async with browser(intake=Intake(deleted_at=1_700_000_000.0)) as client:
        assert "nobody can read it any more" in (await client.get(path)).text
        page = (await client.get(f"/imports/{IMPORT}")).text
        assert "deleted with the file" in page
        assert "download hidden>" in page
