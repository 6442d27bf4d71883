"""Requests for imports over real HTTP: written down once, told, answered the same, refused with a code."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4, uuid5

import httpx
import pytest

from app.core.events import CancelRequested, Requested
from app.core.imports import State
from tests.integration import intakes
from tests.integration.conftest import Servers
from tests.integration.intakes import FOREIGN_CHANNEL, Rig

FILE = b"E-mail,Name\nada@example.org,Ada\nbob@example.org,Bob\n"


@pytest.fixture
async def rig(servers: Servers) -> AsyncIterator[Rig]:
    async with intakes.running(servers) as made:
        yield made


async def request(client: httpx.AsyncClient, key: str = "k", **body: object) -> httpx.Response:
    return await client.post(
        "/api/v1/imports", json={"source": "file", "name": "a.csv", **body}, headers={"Idempotency-Key": key}
    )


async def test_a_request_is_told_before_it_is_answered(rig: Rig) -> None:
    async with rig.client() as client:
        answer = await request(client, "my key 1".replace(" ", "-"), channel="mine", size=50, plan={"existing": "skip"})
    assert answer.status_code == 202
    made = answer.json()
    assert UUID(made["id"]) == uuid5(rig.workspace, "my-key-1")
    assert made["upload"]["url"].endswith(f"/api/v1/uploads/{made['id']}")
    assert made["state"]["status"] == "requested"
    (told,) = (await rig.tape(made["id"])).of(Requested)
    assert (told.workspace, told.name, told.size, told.channel) == (rig.workspace, "a.csv", 50, "mine")
    assert told.plan.existing == "skip"
    assert told.requested_by == "ada@example.org"


async def test_fifty_submissions_of_one_key_are_one_import_and_fifty_equal_answers(rig: Rig) -> None:
    async with rig.client() as client:
        answers = await asyncio.gather(*(request(client) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    told = (await rig.tape(answers[0].json()["id"])).of(Requested)
    assert len(told) == 50
    assert len(set(map(repr, told))) == 1


async def test_a_key_used_for_another_request_is_refused(rig: Rig) -> None:
    async with rig.client() as client:
        await request(client, size=1)
        answer = await request(client, size=2)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_browser_needs_a_key_and_a_program_does_not(rig: Rig) -> None:
    body = {"source": "file", "name": "a.csv"}
    async with rig.client() as client:
        browser = await client.post("/api/v1/imports", json=body, headers={"X-By": "session"})
        program = await client.post("/api/v1/imports", json=body)
    assert (browser.status_code, browser.json()["code"]) == (400, "idempotency_key_required")
    assert program.status_code == 202


async def test_the_channel_of_another_workspace_is_refused_before_anything_is_written(rig: Rig) -> None:
    async with rig.client() as client:
        answer = await request(client, channel=FOREIGN_CHANNEL)
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign_channel")
        assert (await client.get(f"/api/v1/imports/{uuid5(rig.workspace, 'k')}")).status_code == 404


async def test_a_viewer_may_look_and_not_import(rig: Rig) -> None:
    async with rig.client(**{"X-Role": "viewer"}) as viewer, rig.client() as client:
        made = (await request(client)).json()
        assert (await request(viewer, "v")).status_code == 403
        assert (await viewer.put(f"/api/v1/uploads/{made['id']}", content=FILE)).status_code == 403
        assert (await viewer.post(f"/api/v1/imports/{made['id']}/cancel")).status_code == 403
        assert (await viewer.post("/api/v1/previews", content=FILE)).status_code == 403
        assert (await viewer.get(f"/api/v1/imports/{made['id']}")).status_code == 200


async def test_a_foreign_import_does_not_exist_on_any_route(rig: Rig) -> None:
    async with rig.client() as client, rig.client(**{"X-Workspace": str(uuid4())}) as foreign:
        made = (await request(client, size=len(FILE))).json()
        upload = f"/api/v1/uploads/{made['id']}"
        answers = [
            await foreign.get(f"/api/v1/imports/{made['id']}"),
            await foreign.post(f"/api/v1/imports/{made['id']}/cancel"),
            await foreign.head(upload),
            await foreign.put(upload, content=FILE),
            await foreign.patch(upload, content=FILE, headers={"Upload-Offset": "0"}),
            await client.get("/api/v1/imports/none"),
        ]
        assert [answer.status_code for answer in answers] == [404] * 6
        assert (await client.put(upload, content=FILE)).status_code == 204


async def test_an_import_is_shown_from_the_row_until_the_tracker_has_told_of_it(rig: Rig) -> None:
    async with rig.client() as client:
        made = (await request(client, size=len(FILE))).json()
        await client.patch(f"/api/v1/uploads/{made['id']}", content=FILE[:20], headers={"Upload-Offset": "0"})
        shown = (await client.get(f"/api/v1/imports/{made['id']}")).json()
        assert (shown["status"], shown["bytes_received"], shown["name"]) == ("requested", 20, "a.csv")
        rig.tell(State(id=UUID(made["id"]), workspace=rig.workspace, status="running", rows=7))
        shown = (await client.get(f"/api/v1/imports/{made['id']}")).json()
        assert (shown["status"], shown["rows"]) == ("running", 7)


async def test_what_the_tracker_has_forgotten_is_shown_from_the_history(rig: Rig) -> None:
    async with rig.client() as client:
        made = (await request(client)).json()
        rig.history[rig.workspace, UUID(made["id"])] = State(
            id=UUID(made["id"]), workspace=rig.workspace, status="finished", rows=5
        )
        shown = (await client.get(f"/api/v1/imports/{made['id']}")).json()
    assert (shown["status"], shown["rows"]) == ("finished", 5)


async def test_too_many_open_uploads_are_answered_with_when_to_come_back(servers: Servers) -> None:
    async with intakes.running(servers, max_open_uploads=2) as rig, rig.client() as client:
        made = [await request(client, key) for key in ("1", "2", "3")]
        assert [answer.status_code for answer in made] == [202, 202, 429]
        assert made[2].json()["code"] == "too_many_uploads"
        assert int(made[2].headers["retry-after"]) > 0
        await client.put(f"/api/v1/uploads/{made[0].json()['id']}", content=FILE)
        assert (await request(client, "3")).status_code == 202


async def test_a_file_that_is_too_large_is_refused_when_it_is_announced(servers: Servers) -> None:
    async with intakes.running(servers, max_upload_bytes=100) as rig, rig.client() as client:
        assert (await request(client, "1", size=100)).status_code == 202
        answer = await request(client, "2", size=101)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        assert answer.json()["max_bytes"] == 100


async def test_cancel_tells_everybody_and_takes_no_more_bytes(rig: Rig) -> None:
    async with rig.client() as client:
        made = (await request(client)).json()
        upload = f"/api/v1/uploads/{made['id']}"
        await client.patch(upload, content=FILE[:20], headers={"Upload-Offset": "0"})
        answers = [await client.post(f"/api/v1/imports/{made['id']}/cancel") for _ in range(2)]
        assert [answer.status_code for answer in answers] == [202, 202]
        later = [
            await client.patch(upload, content=FILE[20:], headers={"Upload-Offset": "20"}),
            await client.put(upload, content=FILE),
            await client.head(upload),
        ]
        assert [answer.status_code for answer in later] == [410] * 3
        assert later[0].json()["code"] == "cancelled"
    assert rig.preferences.values[str(rig.workspace), f"cancel:{made['id']}"] is True
    found = await rig.tape(made["id"])
    assert found.of(CancelRequested)[0].by == "ada@example.org"
    assert not found.segments


async def test_what_has_ended_is_not_cancelled_any_more(rig: Rig) -> None:
    async with rig.client() as client:
        made = (await request(client)).json()
        rig.tell(State(id=UUID(made["id"]), workspace=rig.workspace, status="finished"))
        answer = await client.post(f"/api/v1/imports/{made['id']}/cancel")
    assert (answer.status_code, answer.json()["state"]["status"]) == (202, "finished")
    assert not rig.preferences.values
    assert not (await rig.tape(made["id"])).of(CancelRequested)


async def test_a_preview_shows_how_a_file_would_be_understood(rig: Rig) -> None:
    async with rig.client() as client:
        raw = await client.post("/api/v1/previews?name=a.csv&size=50", content=FILE)
        form = await client.post(
            "/api/v1/previews",
            files={"head": ("a.csv", FILE), "plan": (None, '{"existing":"overwrite"}')},
        )
    assert raw.status_code == form.status_code == 200
    assert set(raw.json()) >= {"plan", "columns", "encodings", "contacts", "problems"}
    assert form.json()["plan"]["existing"] == "overwrite"
    assert raw.json()["plan"]["existing"] == "fill"


async def test_a_preview_is_of_a_head_only_and_of_a_readable_one(rig: Rig) -> None:
    async with rig.client() as client:
        answers = [
            await client.post("/api/v1/previews", content=b"x" * (256 * 1024 + 1)),
            await client.post("/api/v1/previews", files={"plan": (None, "{}")}),
            await client.post("/api/v1/previews?size=few", content=FILE),
            await client.post("/api/v1/previews", content=b""),
            await client.post("/api/v1/previews", content=b"%PDF-1.7 ..."),
        ]
    found = [(answer.status_code, answer.json()["code"]) for answer in answers]
    assert found == [
        (413, "too_large"),
        (400, "bad_request"),
        (400, "bad_request"),
        (422, "empty"),
        (415, "unsupported_type"),
    ]


async def test_previews_are_limited_per_minute(servers: Servers) -> None:
    async with intakes.running(servers, previews_per_minute=2) as rig, rig.client() as client:
        answers = [await client.post("/api/v1/previews", content=FILE) for _ in range(3)]
        other = await client.post("/api/v1/previews", content=FILE, headers={"X-Workspace": str(uuid4())})
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 0 < int(answers[2].headers["retry-after"]) <= 60
    assert other.status_code == 200
