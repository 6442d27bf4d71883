"""Files over real HTTP: however they arrive, the same segments stand on the topic."""

import asyncio
import random
import time
from asyncio import StreamReader
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from crc32c import crc32c

from app.core.errors import TryAgain
from app.core.events import Received, Sealed, SourceFailed
from app.core.imports import State
from app.core.topics import spread
from app.jobs import bodies
from app.jobs.upload import Upload
from tests.integration import intakes
from tests.integration.conftest import Servers
from tests.integration.intakes import Rig, Tape


@pytest.fixture
async def rig(servers: Servers) -> AsyncIterator[Rig]:
    async with intakes.running(servers) as made:
        yield made


def contacts(count: int, ending: bytes = b"\n") -> bytes:
    lines = [b"E-mail,Name,Note"]
    lines += [
        b'person%d@example.org,Person %d,"lives at ""Home"",' % (n, n) + ending + b'floor %d"' % (n % 9)
        for n in range(count)
    ]
    return ending.join(lines) + ending


FILE = contacts(30_000)
SMALL = contacts(3)


async def begin(client: httpx.AsyncClient, **body: Any) -> str:
    """A new import; returns its id."""
    answer = await client.post("/api/v1/imports", json={"source": "file", "name": "a.csv", **body})
    assert answer.status_code == 202, answer.text
    found: str = answer.json()["id"]
    return found


def url(import_id: str) -> str:
    return f"/api/v1/uploads/{import_id}"


def same_segments(one: Tape, two: Tape) -> None:
    """Equal but for what tells imports apart."""
    assert one.segments == two.segments
    for index, header in one.headers.items():
        other = two.headers[index]
        assert (header.start, header.end, header.first_line, header.crc32c, header.plan) == (
            other.start,
            other.end,
            other.first_line,
            other.crc32c,
            other.plan,
        )


async def whole(rig: Rig, data: bytes = FILE) -> Tape:
    """What an uninterrupted upload gives."""
    async with rig.client() as client:
        made = await begin(client)
        answer = await client.put(url(made), content=data)
        assert answer.status_code == 204, answer.text
    return await rig.tape(made)


async def writing(rig: Rig, import_id: str) -> Upload:
    """The inside of a request that writes, to be left where a killed process would leave it."""
    intake = rig.intake
    return intake.uploads.open(
        await intake._store.claim(await intake.uploads.find(rig.workspace, UUID(import_id)), time.time())
    )


async def send_and_cut(rig: Rig, import_id: str, offset: int, data: bytes, length: int) -> None:
    """A PATCH that announces `length` bytes, sends `data`, and then the connection is gone."""
    _, writer = await asyncio.open_connection("127.0.0.1", rig.port)
    writer.write(
        f"PATCH {url(import_id)} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Workspace: {rig.workspace}\r\n"
        f"Upload-Offset: {offset}\r\nContent-Length: {length}\r\n\r\n".encode()
        + data
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def reached(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what happens inside the service has no event of its own
            await asyncio.sleep(0.005)


@asynccontextmanager
async def begun(rig: Rig, import_id: str, length: int, *headers: str, sent: bytes = b"") -> AsyncIterator[StreamReader]:
    """A PUT by hand that announces `length` bytes; what is answered can be read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
    try:
        lines = (
            f"PUT {url(import_id)} HTTP/1.1",
            "Host: x",
            f"X-Workspace: {rig.workspace}",
            f"Content-Length: {length}",
        )
        writer.write("\r\n".join((*lines, *headers, "", "")).encode() + sent)
        async with asyncio.timeout(60):
            yield reader
    finally:
        writer.close()
        await writer.wait_closed()


async def stands_at(client: httpx.AsyncClient, import_id: str) -> int:
    answer = await client.head(url(import_id))
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


async def test_a_file_is_cut_into_segments_on_both_lanes_and_sealed(rig: Rig) -> None:
    async with rig.client() as client:
        made = await begin(client, size=len(FILE))
        answer = await client.put(url(made), content=FILE)
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(len(FILE)))
        assert answer.headers["upload-complete"] == "?1"
        assert await stands_at(client, made) == len(FILE)
        again = await client.put(url(made), content=FILE)
        assert (again.status_code, again.headers["upload-offset"]) == (204, str(len(FILE)))
    found = await rig.tape(made)
    assert found.text == FILE
    assert found.repeats == 0
    for index, header in found.headers.items():
        assert header.crc32c == crc32c(found.segments[index])
        assert header.workspace == rig.workspace
        topic, partition = found.partitions[index]
        if index == 0:
            assert topic == "import.segments.express"
        else:
            assert (topic, partition) == ("import.segments.bulk", spread(UUID(made), index, 12))
    (sealed,) = found.of(Sealed)
    assert (sealed.segments, sealed.bytes, sealed.lines) == (len(found.segments), len(FILE), FILE.count(b"\n"))
    received = found.of(Received)
    assert received[0].plan == found.headers[0].plan
    assert received[-1].bytes == len(FILE)
    assert [fact.bytes for fact in received] == sorted(fact.bytes for fact in received)


async def test_an_upload_cut_at_random_bytes_yields_the_same_segments(rig: Rig) -> None:
    expected = await whole(rig)
    chance = random.Random(20)
    async with rig.client() as client:
        made = await begin(client, size=len(FILE))
        for _ in range(20):
            offset = await stands_at(client, made)
            sent = chance.randrange(0, 200_000)
            await send_and_cut(rig, made, offset, FILE[offset : offset + sent], len(FILE) - offset)
        async with asyncio.timeout(60):
            while (offset := await stands_at(client, made)) < len(FILE):
                await client.patch(url(made), content=FILE[offset:], headers={"Upload-Offset": str(offset)})
    found = await rig.tape(made)
    same_segments(found, expected)
    assert len(found.of(Sealed)) >= 1
    assert {fact.segments for fact in found.of(Sealed)} == {len(expected.segments)}


async def test_what_came_before_a_cut_is_safe(rig: Rig) -> None:
    async with rig.client() as client:
        made = await begin(client, size=len(FILE))
        answer = await client.patch(url(made), content=FILE[:700_001], headers={"Upload-Offset": "0"})
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, "700001")
        assert answer.headers["upload-complete"] == "?0"
        assert answer.headers["tus-resumable"] == "1.0.0"
        head = await client.head(url(made))
        assert (head.headers["upload-offset"], head.headers["upload-length"]) == ("700001", str(len(FILE)))
        assert head.headers["cache-control"] == "no-store"


async def test_a_wrong_offset_changes_nothing_and_is_told_the_right_one(rig: Rig) -> None:
    async with rig.client() as client:
        made = await begin(client)
        await client.patch(url(made), content=FILE[:100], headers={"Upload-Offset": "0"})
        for offset in ("0", "99", "101"):
            answer = await client.patch(url(made), content=FILE[100:], headers={"Upload-Offset": offset})
            assert (answer.status_code, answer.headers["upload-offset"]) == (409, "100")
            assert (answer.json()["code"], answer.json()["upload_offset"]) == ("wrong_offset", 100)
        assert (await client.patch(url(made), content=b"x")).status_code == 400
        assert await stands_at(client, made) == 100


async def test_tus_clients_find_out_what_is_spoken(rig: Rig) -> None:
    async with rig.client() as client:
        made = await begin(client)
        abilities = await client.options(url(made))
        assert (abilities.status_code, abilities.headers["tus-version"]) == (204, "1.0.0")
        assert int(abilities.headers["tus-max-size"]) == 5 * 1024**3
        newer = {"Tus-Resumable": "2.0.0", "Upload-Offset": "0"}
        assert (await client.head(url(made), headers=newer)).status_code == 412
        assert (await client.patch(url(made), content=SMALL, headers=newer)).status_code == 412
        assert await stands_at(client, made) == 0


async def test_a_put_of_the_whole_file_goes_on_behind_what_is_safe(rig: Rig) -> None:
    expected = await whole(rig)
    async with rig.client() as client:
        made = await begin(client)
        await client.patch(url(made), content=FILE[:900_000], headers={"Upload-Offset": "0"})
        other = await client.put(url(made), content=b"x" + FILE[1:])
        assert (other.status_code, other.json()["code"]) == (409, "different_file")
        shorter = await client.put(url(made), content=FILE[:10])
        assert (shorter.status_code, shorter.json()["code"]) == (409, "different_file")
        assert (await client.put(url(made), content=FILE)).status_code == 204
    found = await rig.tape(made)
    same_segments(found, expected)
    assert found.repeats == 0


async def test_without_a_size_the_end_is_said_by_the_client(rig: Rig) -> None:
    async with rig.client() as client:
        made = await begin(client)
        await client.patch(url(made), content=SMALL[:50], headers={"Upload-Offset": "0"})
        assert not (await rig.tape(made)).of(Sealed)
        await client.put(url(made), content=SMALL[50:60], headers={"Upload-Offset": "50", "Upload-Complete": "?0"})
        assert not (await rig.tape(made)).of(Sealed)
        rest = {"Upload-Offset": "60", "Upload-Complete": "?1"}
        answer = await client.patch(url(made), content=SMALL[60:], headers=rest)
        assert (answer.status_code, answer.headers["upload-complete"]) == (204, "?1")
        more = await client.patch(url(made), content=b"more", headers={"Upload-Offset": str(len(SMALL))})
        assert (more.status_code, more.json()["code"]) == (422, "size_mismatch")
    assert (await rig.tape(made)).text == SMALL


async def test_two_clients_at_once_yield_the_same_segments_and_the_newer_wins(rig: Rig) -> None:
    expected = await whole(rig)
    go_on = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield FILE[:800_000]
        await go_on.wait()
        yield FILE[800_000:]

    async with rig.client() as old, rig.client() as new:
        made = await begin(new, size=len(FILE))
        first = asyncio.create_task(old.put(url(made), content=slowly()))
        async with asyncio.timeout(60):
            while (await new.get(f"/api/v1/imports/{made}")).json()["bytes_received"] == 0:
                pass
        second = await new.put(url(made), content=FILE)
        go_on.set()
        loser = await first
    assert second.status_code == 204
    assert loser.status_code in (204, 409)
    same_segments(await rig.tape(made), expected)


async def test_the_older_writer_is_told_that_it_was_overtaken(rig: Rig) -> None:
    go_on = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield SMALL[:40]
        await go_on.wait()
        yield SMALL[40:50]

    async with rig.client() as client:
        made = await begin(client, size=len(SMALL))
        old = asyncio.create_task(client.patch(url(made), content=slowly(), headers={"Upload-Offset": "0"}))
        await reached(lambda: UUID(made) in rig.intake.uploads.writing)
        assert await stands_at(client, made) == 0
        go_on.set()
        answer = await old
        assert (answer.status_code, answer.json()["code"], answer.headers["upload-offset"]) == (409, "overtaken", "0")


async def test_a_killed_process_is_continued_by_the_next_one(servers: Servers) -> None:
    """The first service loses its connections without storing anything more, like after kill -9."""
    async with intakes.running(servers) as first, first.client() as client:
        made = await begin(client, size=len(FILE))
        await client.patch(url(made), content=FILE[:1_000_000], headers={"Upload-Offset": "0"})
        upload = await writing(first, made)
        await upload.take(FILE[1_000_000:1_900_000])
        await upload.close()
        async with intakes.running(servers) as second:
            second.workspace = first.workspace
            async with second.client() as other:
                offset = await stands_at(other, made)
                assert offset >= 1_000_000
                rest = await other.patch(url(made), content=FILE[offset:], headers={"Upload-Offset": str(offset)})
                assert rest.status_code == 204
        same_segments(await first.tape(made), await whole(first))


async def test_what_is_complete_and_unsealed_is_sealed_at_head_at_a_repeated_post_and_at_the_start(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(self: Upload) -> None:
        raise TryAgain("killed before the end")

    async with rig.client() as client:
        ids: list[str] = []
        for key in ("head", "post", "start"):
            body = {"source": "file", "name": "a.csv", "size": len(SMALL)}
            answer = await client.post("/api/v1/imports", json=body, headers={"Idempotency-Key": key})
            ids.append(answer.json()["id"])
            with monkeypatch.context() as patch:
                patch.setattr(Upload, "finish", killed)
                assert (await client.put(url(ids[-1]), content=SMALL)).status_code == 503
                upload = await writing(rig, ids[-1])
                await upload.take(SMALL)
                await upload.pause()
        assert await stands_at(client, ids[0]) == len(SMALL)
        body = {"source": "file", "name": "a.csv", "size": len(SMALL)}
        await client.post("/api/v1/imports", json=body, headers={"Idempotency-Key": "post"})
        assert [len((await rig.tape(each)).of(Sealed)) for each in ids] == [1, 1, 0]
        await rig.intake.sweeping.sweep(0.0, quiet_since=2.0**40)
    for each in ids:
        found = await rig.tape(each)
        assert found.text == SMALL
        assert found.of(Sealed)[0].segments == 1


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "empty"),
        (b"\xef\xbb\xbf", 422, "empty"),
        (b"%PDF-1.7\n", 415, "unsupported_type"),
        (b"Shoe size\n42\n43\n", 422, "nothing_recognised"),
    ],
)
async def test_a_file_that_cannot_be_read_fails_its_import(rig: Rig, content: bytes, status: int, code: str) -> None:
    async with rig.client() as client:
        made = await begin(client, size=len(content))
        answers = [await client.put(url(made), content=content) for _ in range(2)]
        assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(status, code)] * 2
        assert (await client.head(url(made))).status_code == status
        shown = (await client.get(f"/api/v1/imports/{made}")).json()
        assert (shown["status"], shown["error"]["code"]) == ("failed", code)
    found = await rig.tape(made)
    assert [fact.code for fact in found.of(SourceFailed)] == [code]
    assert not found.segments
    assert not found.of(Sealed)


async def test_a_plan_that_does_not_fit_fails_the_import(rig: Rig) -> None:
    async with rig.client() as client:
        plan = (await client.post("/api/v1/previews", content=SMALL)).json()["plan"]
        made = await begin(client, plan=plan)
        answer = await client.put(url(made), content=b"Mail,Town\nada@example.org,Ghent\n")
    assert (answer.status_code, answer.json()["code"]) == (422, "plan_mismatch")
    assert [fact.code for fact in (await rig.tape(made)).of(SourceFailed)] == ["plan_mismatch"]


async def test_a_confirmed_mapping_is_remembered(rig: Rig) -> None:
    async with rig.client() as client:
        plan = (await client.post("/api/v1/previews", content=SMALL)).json()["plan"]
        plan["columns"][2] = {"index": 2, "header": "Note", "field": "none"}
        await client.put(url(await begin(client, plan=plan)), content=SMALL)
        again = (await client.post("/api/v1/previews", content=SMALL)).json()["plan"]
    assert again["columns"][2]["field"] == "none"


@pytest.mark.parametrize(
    "data",
    [
        b"E-mail,Name\n",
        b"E-mail,Name",
        b"\xef\xbb\xbfE-mail,Name\r\nada@example.org,Ada",
        b"ada@example.org,Ada\nbob@example.org,Bob\n",
        b"E-mail,Name\rada@example.org,Ada\rbob@example.org,B\x00b\r",
        b'E-mail,Name\nada@example.org,"never closed\nbob@example.org,Bob\n',
    ],
    ids=[
        "header only",
        "header without line end",
        "mark and no last line end",
        "no header",
        "CR and NUL",
        "open quote",
    ],
)
async def test_odd_files_are_whole_on_the_topic(rig: Rig, data: bytes) -> None:
    found = await whole(rig, data)
    assert found.text == data.removeprefix(b"\xef\xbb\xbf")
    (sealed,) = found.of(Sealed)
    assert sealed.bytes == len(found.text)


async def test_one_huge_line_goes_through_in_bounded_segments(rig: Rig) -> None:
    data = b"E-mail,Note\n" + b"ada@example.org," + b"x" * 12_000_000 + b"\nbob@example.org,\n"
    found = await whole(rig, data)
    assert found.text == data
    assert max(map(len, found.segments.values())) <= 512 * 1024
    headers = [found.headers[index] for index in sorted(found.headers)]
    assert any(header.opens for header in headers)
    assert [header.continues for header in headers[1:]] == [header.opens for header in headers[:-1]]


async def test_bytes_above_the_limit_are_refused_before_they_are_read_or_when_they_come(servers: Servers) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"x" * 1_000

    async with intakes.running(servers, max_upload_bytes=10_000) as rig, rig.client() as client:
        made = await begin(client)
        announced = await client.put(url(made), content=b"x" * 10_001)
        assert (announced.status_code, announced.json()["code"]) == (413, "too_large")
        assert await stands_at(client, made) == 0
        streamed = await client.put(url(made), content=endless())
        assert (streamed.status_code, streamed.json()["code"]) == (413, "too_large")
        sized = await begin(client, size=100)
        longer = await client.put(url(sized), content=b"x" * 101)
        assert (longer.status_code, longer.json()["code"]) == (422, "size_mismatch")
        exactly = contacts(30)[:100]
        assert (await client.put(url(sized), content=exactly)).status_code == 204
    assert [fact.code for fact in (await rig.tape(made)).of(SourceFailed)] == ["too_large"]


async def test_a_refusal_comes_before_the_body_is_asked_for(servers: Servers) -> None:
    async with intakes.running(servers, max_upload_bytes=10_000) as rig, rig.client() as client:
        made = await begin(client)
        async with begun(rig, made, 10_001, "Expect: 100-continue") as answer:
            assert (await answer.readline()).startswith(b"HTTP/1.1 413")


async def test_a_silent_client_is_left_and_what_it_sent_is_safe(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async with rig.client() as client:
        made = await begin(client, size=len(SMALL))
        monkeypatch.setattr(bodies, "SILENCE_SECONDS", 0.2)
        async with begun(rig, made, len(SMALL), sent=SMALL[:33]) as answer:
            assert (await answer.readline()).startswith(b"HTTP/1.1 408")
        assert await stands_at(client, made) == 33


async def test_a_cancelled_upload_stops_taking_bytes(rig: Rig) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield FILE[:600_000]
        assert (await other.post(f"/api/v1/imports/{made}/cancel")).status_code == 202
        yield FILE[600_000:]

    async with rig.client() as client, rig.client() as other:
        made = await begin(client, size=len(FILE))
        answer = await client.put(url(made), content=pieces())
    assert (answer.status_code, answer.json()["code"]) == (410, "cancelled")
    assert not (await rig.tape(made)).of(Sealed)


async def test_one_call_takes_the_file_and_holds_the_answer_until_the_end(rig: Rig) -> None:
    async with rig.client() as client:

        async def tracker() -> None:
            waiting = rig.intake._endings.waiting
            await reached(lambda: waiting)
            ((_, import_id),) = waiting
            rig.tell(State(id=UUID(import_id), workspace=rig.workspace, status="running", rows=1))
            rig.tell(State(id=UUID(import_id), workspace=rig.workspace, status="finished", rows=3, version=9))

        telling = asyncio.create_task(tracker())
        answer = await client.post(
            "/api/v1/imports?name=contacts.csv", content=SMALL, headers={"Prefer": "wait=60", "Idempotency-Key": "one"}
        )
        await telling
        made = answer.json()
        assert (answer.status_code, made["state"]["status"], made["state"]["rows"]) == (202, "finished", 3)
        again = await client.post(
            "/api/v1/imports?name=contacts.csv", content=SMALL, headers={"Idempotency-Key": "one"}
        )
        assert (again.status_code, again.json()["id"]) == (202, made["id"])
    found = await rig.tape(made["id"])
    assert found.text == SMALL
    assert len(found.of(Sealed)) == 1


async def test_one_call_is_refused_like_any_other(rig: Rig) -> None:
    async with rig.client() as client:
        form = await client.post("/api/v1/imports", files={"file": ("a.csv", SMALL)})
        assert (form.status_code, form.json()["code"]) == (415, "unsupported_media_type")
        picture = await client.post("/api/v1/imports?name=a.csv", content=b"\x89PNG\r\n")
        assert (picture.status_code, picture.json()["code"]) == (415, "unsupported_type")
        unread = await client.post("/api/v1/imports?name=a.csv", content=SMALL, headers={"X-By": "session"})
        assert (unread.status_code, unread.json()["code"]) == (400, "idempotency_key_required")
        held = await client.post("/api/v1/imports?name=b.csv", content=SMALL, headers={"Prefer": "wait=1"})
        assert (held.status_code, held.json()["state"]["status"]) == (202, "requested")


async def test_an_upload_that_nobody_continues_is_given_up_after_a_day(rig: Rig) -> None:
    async with rig.client() as client:
        made = await begin(client, size=len(SMALL))
        await client.patch(url(made), content=SMALL[:40], headers={"Upload-Offset": "0"})
        await rig.intake.sweeping.sweep(time.time() + 23 * 3600, quiet_since=0)
        assert not (await rig.tape(made)).of(SourceFailed)
        await rig.intake.sweeping.sweep(time.time() + 25 * 3600, quiet_since=0)
        assert [fact.code for fact in (await rig.tape(made)).of(SourceFailed)] == ["abandoned"]
        answer = await client.patch(url(made), content=SMALL[40:], headers={"Upload-Offset": "40"})
        assert (answer.status_code, answer.json()["code"]) == (422, "abandoned")


async def test_as_many_uploads_as_allowed_run_at_once(servers: Servers) -> None:
    async with intakes.running(servers, max_open_uploads=1) as rig, rig.client() as client:
        made = await begin(client)
        go_on = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield SMALL[:40]
            await go_on.wait()
            yield SMALL[40:]

        first = asyncio.create_task(client.put(url(made), content=slowly()))
        await reached(lambda: rig.intake.uploads.streams._open[rig.workspace])
        second = await client.put(url(made), content=SMALL)
        assert (second.status_code, second.json()["code"]) == (429, "too_many_uploads")
        assert int(second.headers["retry-after"]) > 0
        go_on.set()
        assert (await first).status_code == 204


async def test_uploads_of_another_workspace_do_not_wait_for_ours(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rig.intake._backlog, "_most", 5)
    async with rig.client() as ours, rig.client(**{"X-Workspace": str(uuid4())}) as theirs:
        made = await begin(ours, size=len(FILE))
        stuck = asyncio.create_task(ours.put(url(made), content=FILE))
        answer = await theirs.post("/api/v1/imports?name=a.csv", content=SMALL)
        assert answer.status_code == 202
        await reached(lambda: rig.intake._backlog.full(rig.workspace))
        assert not stuck.done()
        for done in range(1, 40):
            rig.tell(State(id=UUID(made), workspace=rig.workspace, status="running", parts_done=done, version=done))
            await asyncio.sleep(0)
        assert (await stuck).status_code == 204
    assert (await rig.tape(made)).text == FILE
