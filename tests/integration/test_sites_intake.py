"""Imports that another data centre was asked for, as the jobs service here knows them: from the tracker alone."""

import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.core.events import CancelRequested, Sealed
from app.core.imports import State, Status
from tests.integration import intakes
from tests.integration.conftest import Servers
from tests.integration.intakes import Rig
from tests.integration.test_files import import_file, kept_key
from tests.integration.test_intake_uploads import FILE, begin, url


@pytest.fixture
async def rig(servers: Servers) -> AsyncIterator[Rig]:
    async with intakes.running(servers, site="west", remote_sites="east", sites=2, site_number=1) as made:
        yield made


def from_elsewhere(rig: Rig, status: Status) -> UUID:
    import_id = uuid4()
    rig.tell(State(id=import_id, workspace=rig.workspace, status=status, version=3))
    return import_id


async def test_an_import_of_another_data_centre_can_be_cancelled_here(rig: Rig) -> None:
    import_id = from_elsewhere(rig, "running")
    async with rig.client() as client, rig.client(**{"X-Workspace": str(uuid4())}) as foreign:
        assert (await foreign.post(f"/api/v1/imports/{import_id}/cancel")).status_code == 404
        answer = await client.post(f"/api/v1/imports/{import_id}/cancel")
    assert (answer.status_code, answer.json()["id"]) == (202, str(import_id))
    (fact,) = (await rig.tape(import_id)).of(CancelRequested)
    assert (fact.by, fact.site) == ("ada@example.org", "west")
    assert rig.preferences.values[str(rig.workspace), f"cancel:{import_id}"] is True


async def test_an_upload_that_was_cancelled_at_another_data_centre_takes_no_more_bytes(rig: Rig) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield FILE[:600_000]
        rig.tell(State(id=UUID(made), workspace=rig.workspace, status="cancelled", version=9))
        yield FILE[600_000:]

    async with rig.client() as client:
        made = await begin(client, size=len(FILE))
        answer = await client.put(url(made), content=pieces())
    assert (answer.status_code, answer.json()["code"]) == (410, "cancelled")
    assert not (await rig.tape(made)).of(Sealed)


async def test_a_file_of_another_data_centre_can_be_deleted_here_once_its_import_has_ended(rig: Rig) -> None:
    running, ended = from_elsewhere(rig, "running"), from_elsewhere(rig, "finished")
    async with rig.client() as client, rig.client(**{"X-Workspace": str(uuid4())}) as foreign:
        assert (await client.delete(f"/api/v1/imports/{running}/file")).json()["code"] == "not_ended"
        assert (await foreign.delete(f"/api/v1/imports/{ended}/file")).status_code == 404
        answer = await client.delete(f"/api/v1/imports/{ended}/file")
    assert answer.json()["deleted_at"] == pytest.approx(time.time(), abs=60)
    assert (await rig.tape(ended)).keys == [None]
    assert (await rig.tape(running)).keys == []


async def test_a_file_that_was_deleted_at_another_data_centre_leaves_its_row_and_the_log_here(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig.client() as client:
        gone, kept = [await import_file(rig, client) for _ in range(2)]
        monkeypatch.setattr(rig.intake.sweeping, "_deleted", lambda: [UUID(gone), uuid4()])
        for _ in range(2):
            await rig.intake.sweeping.sweep(time.time(), quiet_since=0)
        assert (await client.get(f"/api/v1/imports/{gone}/file")).json()["deleted_at"] is not None
    assert [kept_key(rig.servers, each) for each in (gone, kept)] == [False, True]
    # Told once: what is deleted here is not deleted again because somebody said so.
    assert [key is None for key in (await rig.tape(gone)).keys] == [False, True]


async def test_a_request_that_is_sent_again_to_another_data_centre_is_an_import_of_its_own(
    servers: Servers, rig: Rig
) -> None:
    asked: dict[str, Any] = {"json": {"source": "file", "name": "a.csv"}, "headers": {"Idempotency-Key": "one"}}
    async with intakes.running(servers, site="east", remote_sites="west", sites=2) as east:
        ids = []
        for side in (rig, rig, east):
            async with side.client(**rig.headers) as client:
                ids.append((await client.post("/api/v1/imports", **asked)).json()["id"])
    assert ids[0] == ids[1] != ids[2]


async def test_whoever_goes_on_with_an_upload_of_another_data_centre_is_told_where_it_is(rig: Rig) -> None:
    import_id = from_elsewhere(rig, "running")
    async with rig.client() as client:
        answer = await client.put(url(str(import_id)), content=FILE[:100])
        nowhere = await client.put(url(str(uuid4())), content=FILE[:100])
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.json()["detail"].startswith("This import was taken by another data centre")
    assert nowhere.json()["detail"] == "There is no such import."
