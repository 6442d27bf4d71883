"""What was uploaded is readable for a while and then nowhere: in the log, among the dead, on the pages."""

import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import crc32c
import httpx
import msgspec
import psycopg
import pytest

from app import config
from app.bus import Producer
from app.core.errors import Rejected
from app.core.events import Counts, Requested, SegmentDone, SegmentFailed, SegmentHeader
from app.core.imports import State
from app.core.topics import BULK, CHANGED, DEAD, FACTS
from app.dead import Letters
from app.keys import Keys
from app.sealing import HEADER, Vault
from tests.importing_kafka import plan
from tests.integration import intakes
from tests.integration.conftest import Servers
from tests.integration.intakes import Rig
from tests.integration.projections import read_model
from tests.integration.test_keys import FILES, delete, tell
from tests.remembering import Remembering
from tests.sealing import DATA_KEYS, EveryKey
from workers.harness import Harness, Policy, Record
from workers.importer.erasing import Erasures
from workers.importer.importing import Importing
from workers.importer.store import Store
from workers.projector.burying import Burying

FILE = b"E-mail,Name\r\nada.lovelace@example.org,Ada\r\n"
FINISHED = 1_900_000_000.0


@pytest.fixture
async def rig(servers: Servers) -> AsyncIterator[Rig]:
    async with intakes.running(servers) as made:
        yield made


async def import_file(rig: Rig, client: httpx.AsyncClient, *, ended: bool = True) -> str:
    """The id of an import whose file is sent; the tracker says that it has ended."""
    answer = await client.post("/api/v1/imports?name=a.csv", content=FILE, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 202, answer.text
    import_id: str = answer.json()["id"]
    state = State(id=UUID(import_id), workspace=rig.workspace, status="finished", finished_at=FINISHED)
    rig.tell(state if ended else msgspec.structs.replace(state, status="running", finished_at=None))
    return import_id


def kept_key(servers: Servers, import_id: str) -> bool:
    with psycopg.connect(servers.postgres) as connection:
        row = connection.execute("select file_key from jobs.imports where id = %s", [import_id]).fetchone()
    assert row is not None
    return row[0] is not None


async def test_what_travels_is_sealed_and_its_key_was_told_first(rig: Rig) -> None:
    async with rig.client() as client:
        tape = await rig.tape(await import_file(rig, client))
    assert tape.text == FILE
    assert len(tape.keys) == 1
    assert [value for value in tape.sealed if b"ada" in value or b"Ada" in value] == []


async def test_a_deleted_file_has_no_key_any_more_and_deleting_again_is_harmless(rig: Rig) -> None:
    async with rig.client() as client:
        import_id = await import_file(rig, client)
        path = f"/api/v1/imports/{import_id}/file"
        before = (await client.get(path)).json()
        assert before == {"kept_until": FINISHED + 7 * 86400, "deleted_at": None}
        first = await client.delete(path)
        again = await client.delete(path)
        assert (await client.get(path)).json() == again.json()
        # A repeat of the request is answered as always, and brings no key back.
        await client.post("/api/v1/imports?name=a.csv", content=FILE, headers={"Content-Type": "text/csv"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["deleted_at"] == pytest.approx(time.time(), abs=60)
    assert again.json() == first.json()
    assert (await rig.tape(import_id)).keys[-1] is None
    assert not kept_key(rig.servers, import_id)


async def test_a_repeated_request_brings_no_key_back(rig: Rig) -> None:
    asked: dict[str, Any] = {"json": {"source": "file", "name": "a.csv"}, "headers": {"Idempotency-Key": "again"}}
    async with rig.client() as client:
        import_id = (await client.post("/api/v1/imports", **asked)).json()["id"]
        await client.put(f"/api/v1/uploads/{import_id}", content=FILE)
        rig.tell(State(id=UUID(import_id), workspace=rig.workspace, status="finished", finished_at=FINISHED))
        await client.delete(f"/api/v1/imports/{import_id}/file")
        assert (await client.post("/api/v1/imports", **asked)).status_code == 202
    tape = await rig.tape(import_id)
    assert len(tape.of(Requested)) == 2
    assert [key is not None for key in tape.keys] == [True, False]


async def test_only_who_may_deletes_a_file_and_only_after_the_end(rig: Rig) -> None:
    async with rig.client() as client:
        import_id = await import_file(rig, client, ended=False)
        path = f"/api/v1/imports/{import_id}/file"
        assert (await client.get(path)).json() == {"kept_until": None, "deleted_at": None}
        running = await client.delete(path)
        assert (running.status_code, running.json()["code"]) == (409, "not_ended")
        async with rig.client(**{"X-Role": "viewer"}) as viewer:
            assert (await viewer.get(path)).status_code == 200
            assert (await viewer.delete(path)).status_code == 403
        async with rig.client(**{"X-Workspace": str(uuid4())}) as foreign:
            assert (await foreign.get(path)).status_code == 404
            assert (await foreign.delete(path)).status_code == 404
    assert kept_key(rig.servers, import_id)


async def test_a_file_goes_by_itself_when_its_time_is_over(rig: Rig) -> None:
    async with rig.client() as client:
        due, kept, begun = [await import_file(rig, client) for _ in range(3)]
    for import_id, finished in ((due, 1000.0), (kept, time.time() - 6 * 86400), (begun, time.time())):
        rig.tell(State(id=UUID(import_id), workspace=rig.workspace, status="finished", finished_at=finished))
    with psycopg.connect(rig.servers.postgres) as connection:
        connection.execute("update jobs.imports set active_at = 1000 where id = any(%s)", [[due, kept]])
        # Its process ended between the first step of a deletion and the second.
        connection.execute("update jobs.imports set file_deleted_at = 2000 where id = %s", [begun])
    await rig.intake.sweeping.sweep(time.time(), quiet_since=0)
    assert [kept_key(rig.servers, each) for each in (due, kept, begun)] == [False, True, False]
    assert [(await rig.tape(each)).keys[-1] is None for each in (due, kept, begun)] == [True, False, True]


class Shredded(EveryKey):
    """Keys that can be taken away."""

    def __init__(self) -> None:
        super().__init__()
        self.gone = False

    async def open(self, headers: object, value: bytes) -> bytes:
        if self.gone:
            raise Rejected("file_deleted", "The file of this import was deleted.")
        return await super().open(headers, value)  # type: ignore[arg-type]


async def _segment(keys: EveryKey, workspace: UUID, data: bytes) -> Record:
    header = SegmentHeader(
        workspace=workspace,
        import_id=uuid4(),
        index=9,
        order_second=1000,
        start=0,
        end=len(data),
        first_line=2,
        crc32c=crc32c.crc32c(data),
        plan=plan(),
    )
    given = [("segment", msgspec.json.encode(header))]
    value, headers = await keys.seal(workspace, header.import_id, data, given)
    return Record(BULK.name, 3, 17, str(header.import_id).encode(), value, dict(headers))


async def test_a_segment_of_a_deleted_file_is_buried_or_if_it_was_done_passed_over(servers: Servers) -> None:
    outlet, keys = Remembering(), Shredded()
    store = Store(servers.dsn("importer"), "test")
    await store.open()
    erasures = Erasures(store.pool, Vault.parse(DATA_KEYS))
    importing = Importing(store, outlet, keys, erasures, lambda workspace, import_id: False, "local")  # type: ignore[arg-type]
    harness = Harness(importing.handle, outlet, given_up=importing.given_up, policy=Policy(delays=("5s",)))
    workspace = uuid4()
    done = await _segment(keys, workspace, b"Ada,ada@example.org,,\r\nNobody,not an address,,\r\n")
    await harness.take(done)
    told = {one.topic: (one.value, one.headers) for one in outlet.sent}
    problems, headers = told["import.problems"]
    assert b"Nobody" not in (problems or b"")
    assert b"Nobody" in await keys.open(headers, problems or b"")
    keys.gone = True
    outlet.sent.clear()
    await harness.take(done)
    (fact,) = outlet.sent
    assert fact.topic == FACTS.name
    assert msgspec.json.decode(fact.value or b"", type=SegmentDone).counts == Counts(created=1, rejected=1)
    outlet.sent.clear()
    await harness.take(await _segment(keys, workspace, b"Bob,bob@example.org,,\r\n"))
    dead, fact = outlet.sent
    assert dead.topic == DEAD.name
    assert b"bob" not in (dead.value or b"")
    assert msgspec.json.decode(fact.value or b"", type=SegmentFailed).rows == 0
    assert b"Rejected file_deleted" in dead.headers["reason"]
    await store.close()


async def test_rejected_rows_go_with_their_file(servers: Servers) -> None:
    async with read_model(servers) as model:
        import_id, other = uuid4(), uuid4()
        keys = Shredded()
        model.projector._keys = keys  # type: ignore[assignment]
        for each in (import_id, other):
            value, headers = await keys.seal(model.workspace, each, model.problems(each))
            record = Record("import.problems", 0, 0, str(each).encode(), value, dict(headers))
            await model.projector.keep_problems(record)
        assert len((await model.lookup.problems(model.workspace, import_id)).problems) == 1
        whose = {"workspace": str(model.workspace).encode()}
        await model.projector.forget_file(Record("import.keys", 0, 0, str(import_id).encode(), None, whose))
        assert (await model.lookup.problems(model.workspace, import_id)).problems == []
        assert len((await model.lookup.problems(model.workspace, other)).problems) == 1
        keys.gone = True
        await model.projector.keep_problems(record)  # late, again, and nobody can read it
        key = b'{"type":"import.key"}'
        await model.projector.forget_file(Record("import.keys", 0, 0, str(other).encode(), key, whose))
        assert len((await model.lookup.problems(model.workspace, other)).problems) == 1


async def test_contacts_are_sealed_before_they_are_buried_and_opened_when_they_are_brought_back(
    servers: Servers,
) -> None:
    process = config.Process(process_name=f"test-{uuid4().hex[:6]}", kafka_bootstrap=servers.kafka)
    producer, keys = Producer(process), Keys(process, Vault.parse(DATA_KEYS))
    await producer.start()
    await keys.start()
    import_id, origin = uuid4(), f"{CHANGED.name}/0/{uuid4().int}"
    await tell(producer, import_id, FILES.new_key(import_id))
    contacts = msgspec.json.encode({"workspace": str(uuid4()), "contacts": [{"name": "Ada"}]})
    outlet = Remembering()
    given = [("origin", origin.encode()), ("reason", b"x")]
    await Burying(outlet, keys).publish(DEAD.name, key=str(import_id).encode(), value=contacts, headers=given)
    _, _, value, headers, _ = outlet.sent[0]
    assert b"Ada" not in (value or b"")
    await producer.publish(DEAD, key=str(import_id).encode(), value=value, headers=list(headers.items()))
    letters, closed = Letters(process, keys), Letters(process)
    letter = await letters.find(origin)
    assert letter.import_id == import_id
    assert await letters.bytes_of(letter, "me@here") == contacts
    with pytest.raises(Rejected, match="sealed"):
        await closed.bytes_of(letter, "me@here")
    back = Remembering()
    assert await letters.replay(back, letter, by="me@here") == 1  # type: ignore[arg-type]
    assert (back.sent[0].topic, back.sent[0].value) == (CHANGED.name, contacts)
    assert HEADER not in back.sent[0].headers
    await delete(producer, import_id)
    await keys._map.catch_up()
    with pytest.raises(Rejected, match="file_deleted"):
        await letters.replay(back, letter, by="me@here")  # type: ignore[arg-type]
    await Burying(outlet, keys).publish(DEAD.name, key=str(import_id).encode(), value=contacts, headers=given)
    assert outlet.sent[-1].value is None, "without a key nothing of it is kept"
    await keys.stop()
    await producer.stop()
