"""Workbooks and ZIP archives over real HTTP: spooled, unpacked by a process of their own, on the topic as text."""

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from app import sql
from app.core.events import Received, Sealed, SourceFailed
from app.core.reading import segments
from app.jobs.containers import parts
from tests.integration import intakes
from tests.integration.conftest import Servers
from tests.integration.intakes import Rig, Tape
from tests.integration.test_intake_uploads import begin, contacts, url
from tests.reading import FILES
from tests.waiting import eventually

CONTAINERS = FILES / "containers"


@pytest.fixture
async def rig(servers: Servers) -> AsyncIterator[Rig]:
    async with intakes.running(servers) as made:
        yield made


def stored(name: str) -> bytes:
    return (CONTAINERS / name).read_bytes()


def sheet(count: int) -> bytes:
    """An XLSX with so many people."""
    template = zipfile.ZipFile(CONTAINERS / "formulas.xlsx")
    rows = ['<row><c t="inlineStr"><is><t>Name</t></is></c><c t="inlineStr"><is><t>E-Mail</t></is></c></row>']
    rows += [
        f'<row><c t="inlineStr"><is><t>Person {n}</t></is></c>'
        f'<c t="inlineStr"><is><t>person{n}@example.org</t></is></c></row>'
        for n in range(count)
    ]
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in template.namelist():
            text = template.read(name).decode()
            if name.endswith("sheet1.xml"):
                head, _, rest = text.partition("<sheetData>")
                text = head + "<sheetData>" + "".join(rows) + "</sheetData>" + rest.partition("</sheetData>")[2]
            archive.writestr(name, text)
    return written.getvalue()


def zipped(**members: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return written.getvalue()


async def imported(rig: Rig, data: bytes, **body: Any) -> Tape:
    async with rig.client() as client:
        made = await begin(client, size=len(data), **body)
        answer = await client.put(url(made), content=data)
        assert answer.status_code == 204, answer.text
        assert answer.headers["Upload-Complete"] == "?1"
    return await rig.tape(made)


def people_of(tape: Tape) -> list[str]:
    """Who an importer would find, by the name or e-mail of each."""
    readings = [segments.read(tape.segments[index], tape.headers[index]) for index in sorted(tape.segments)]
    return [person.emails[0].value for reading in readings for person in reading.people]


def spooled(rig: Rig) -> list[Path]:
    return [path for path in rig.intake.spool.folder.iterdir() if "." in path.name]


@pytest.mark.parametrize(
    ("name", "kind", "sheet_name"),
    [
        ("excel-german.xlsx", "xlsx", "Kontakte"),
        ("libreoffice.ods", "ods", "Kontakte"),
        ("old-excel.xls", "xls", "Adressen"),
    ],
)
async def test_a_workbook_stands_on_the_topic_as_text(rig: Rig, name: str, kind: str, sheet_name: str) -> None:
    data = stored(name)
    tape = await imported(rig, data, name=name)
    plan = tape.headers[0].plan
    assert (plan.format, plan.sheet, plan.dialect) == (kind, sheet_name, parts.CANONICAL)
    assert people_of(tape) == ["joerg@muessig.example", "aenne@oeztuerk.example", "zoe@strasse.example"]
    (sealed,) = tape.of(Sealed)
    assert (sealed.segments, sealed.bytes) == (len(tape.segments), len(tape.text))
    assert not spooled(rig)


async def test_progress_is_told_in_bytes_of_the_uploaded_file(rig: Rig) -> None:
    data = sheet(20_000)
    tape = await imported(rig, data)
    assert [fact.bytes for fact in tape.of(Received)] == sorted(fact.bytes for fact in tape.of(Received))
    assert tape.of(Received)[-1].bytes == len(data)
    assert len(tape.headers) > 3
    done = sum(header.end - header.start for header in tape.headers.values())
    assert done == len(data) < len(tape.text)
    assert len(people_of(tape)) == 20_000


async def test_each_file_of_an_archive_has_its_own_plan_and_lines(rig: Rig) -> None:
    tape = await imported(rig, stored("csvs.zip"))
    assert sorted(tape.headers) == [0, 1]
    first, second = tape.headers[0], tape.headers[1]
    assert (first.member, second.member) == ("people/german.csv", "people/english.csv")
    assert (first.first_line, second.first_line, first.begins, second.begins) == (1, 1, True, True)
    assert first.plan.dialect is not None
    assert second.plan.dialect is not None
    assert (first.plan.dialect.delimiter, second.plan.dialect.delimiter) == (";", ",")
    assert people_of(tape) == ["doerte@dorn.example", "ann@lee.example", "bob@ray.example"]
    plan = next(fact.plan for fact in tape.of(Received) if fact.plan)
    assert (plan.format, plan.columns, plan.existing) == ("zip", None, "fill")


async def test_a_big_archive_counts_its_segments_through(rig: Rig) -> None:
    csv = b"Name,E-Mail\r\n" + b"".join(b"Person %d,p%d@example.org\r\n" % (n, n) for n in range(6_000))
    tape = await imported(rig, zipped(**{"a.csv": csv, "b.xlsx": sheet(4_000), "c.png": b"\x89PNG", "d.csv": csv}))
    assert sorted(tape.headers) == list(range(len(tape.headers)))
    begins = [header.member for _, header in sorted(tape.headers.items()) if header.begins]
    assert begins == ["a.csv", "b.xlsx", "d.csv"]
    assert len(people_of(tape)) == 16_000
    last = tape.headers[len(tape.headers) - 1]
    told = segments.read(tape.segments[last.index], last).problems
    assert [problem.code for problem in told] == ["file_not_read"]
    assert "c.png" in told[0].message


@pytest.mark.parametrize(
    ("name", "code", "status"),
    [
        ("password-xlsx.xlsx", "container_encrypted", 422),
        ("password-zip.zip", "container_encrypted", 422),
        ("damaged.xlsx", "container_unreadable", 422),
        ("letter.docx", "unsupported_type", 415),
        ("empty.xlsx", "empty", 422),
    ],
)
async def test_what_cannot_be_read_is_refused_in_a_sentence(rig: Rig, name: str, code: str, status: int) -> None:
    data = stored(name)
    async with rig.client() as client:
        made = await begin(client, size=len(data))
        answer = await client.put(url(made), content=data)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    (failed,) = (await rig.tape(made)).of(SourceFailed)
    assert (failed.code, failed.detail) == (code, answer.json()["detail"])
    assert not spooled(rig)


async def test_a_bomb_ends_its_import_and_nothing_else(rig: Rig) -> None:
    bomb = zipped(**{"a.csv": b"Name\r\n" + bytes(parts.MAX_UNPACKED_BYTES)})
    async with rig.client() as client:
        made = await begin(client, size=len(bomb))
        answer = await client.put(url(made), content=bomb)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert people_of(await imported(rig, stored("two-sheets.xlsx"))) == ["ann@lee.example", "bob@ray.example"]


async def test_a_cell_at_the_end_of_the_world_is_refused(rig: Rig) -> None:
    data = _far_cell()
    async with rig.client() as client:
        made = await begin(client, size=len(data))
        answer = await client.put(url(made), content=data)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert "far away" in answer.json()["detail"]


def _far_cell() -> bytes:
    template = zipfile.ZipFile(CONTAINERS / "formulas.xlsx")
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in template.namelist():
            text = template.read(name).decode()
            far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
            archive.writestr(name, text.replace("</sheetData>", far))
    return written.getvalue()


async def test_a_container_that_is_too_large_is_refused_before_its_bytes_come(rig: Rig) -> None:
    size = parts.MAX_CONTAINER_BYTES + 1
    async with rig.client() as client:
        answer = await client.post("/api/v1/imports", json={"source": "file", "name": "a.xlsx", "size": size})
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        assert "CSV" in answer.json()["detail"]
        made = await begin(client, size=size)
        answer = await client.patch(
            url(made), content=b"PK\x03\x04 and more", headers={"Upload-Offset": "0", "Tus-Resumable": "1.0.0"}
        )
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert [fact.code for fact in (await rig.tape(made)).of(SourceFailed)] == ["too_large"]


async def test_a_container_of_unknown_size_ends_where_it_is_too_large(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.jobs.upload.MAX_CONTAINER_BYTES", 100_000)

    async def long() -> AsyncIterator[bytes]:
        yield b"PK\x03\x04"
        for _ in range(30):
            yield bytes(10_000)

    async with rig.client() as client:
        made = await begin(client)
        answer = await client.put(url(made), content=long())
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert [fact.code for fact in (await rig.tape(made)).of(SourceFailed)] == ["too_large"]


async def patched(client: httpx.AsyncClient, made: str, data: bytes, offset: int) -> httpx.Response:
    headers = {
        "Upload-Offset": str(offset),
        "Tus-Resumable": "1.0.0",
        "Content-Type": "application/offset+octet-stream",
    }
    return await client.patch(url(made), content=data, headers=headers)


async def test_a_container_comes_in_any_pieces(rig: Rig) -> None:
    data = stored("excel-german.xlsx")
    whole = await imported(rig, data)
    async with rig.client() as client:
        made = await begin(client, size=len(data))
        at = 0
        for size in (3, 2, 1, 1000, 7, len(data)):
            answer = await patched(client, made, data[at : at + size], at)
            assert answer.status_code == 204, answer.text
            at = int(answer.headers["Upload-Offset"])
        assert at == len(data)
    tape = await rig.tape(made)
    assert tape.segments == whole.segments


async def test_after_a_restart_of_the_same_web_an_upload_goes_on_where_it_was(servers: Servers, tmp_path: Path) -> None:
    data = sheet(3_000)
    half = len(data) // 2
    async with intakes.running(servers, data_dir=str(tmp_path)) as first, first.client() as client:
        made = await begin(client, size=len(data))
        await patched(client, made, data[:half], 0)
    async with intakes.running(servers, data_dir=str(tmp_path)) as second:
        second.workspace = first.workspace
        async with second.client() as client:
            stands = await client.head(url(made))
            assert stands.headers["Upload-Offset"] == str(half)
            assert (await patched(client, made, data[half:], half)).status_code == 204
        assert len(people_of(await intakes.tape(servers, made, first.since))) == 3_000


async def test_on_another_web_the_upload_begins_anew(servers: Servers) -> None:
    data = sheet(3_000)
    half = len(data) // 2
    async with intakes.running(servers) as first, intakes.running(servers) as second:
        second.workspace = first.workspace
        async with first.client() as client, second.client() as other:
            made = await begin(client, size=len(data))
            await patched(client, made, data[:half], 0)
            answer = await patched(other, made, data[half:], half)
            assert (answer.status_code, answer.json()["upload_offset"]) == (409, 0)
            stands = await other.head(url(made))
            assert stands.headers["Upload-Offset"] == "0"
            assert (await patched(other, made, data, 0)).status_code == 204
            # Whoever comes back to the first one hears that all is done.
            assert (await client.head(url(made))).headers["Upload-Complete"] == "?1"
        assert len(people_of(await intakes.tape(servers, made, first.since))) == 3_000


async def test_what_was_complete_when_the_web_died_is_cut_at_its_next_start(
    servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = sheet(3_000)
    async with intakes.running(servers, data_dir=str(tmp_path)) as first:
        async with first.client() as client:
            made = await begin(client, size=len(data))
            with monkeypatch.context() as patch:
                patch.setattr("app.jobs.upload.Segmenter.batches", _dies)
                assert (await client.put(url(made), content=data)).status_code == 500
        assert len(spooled(first)) == 1
    async with intakes.running(servers, data_dir=str(tmp_path)) as second:

        async def tape() -> Tape:
            return await intakes.tape(servers, made, first.since)

        found = await eventually(tape, lambda seen: bool(seen.of(Sealed)))
        assert len(people_of(found)) == 3_000
        await eventually(lambda: _here(second), lambda left: not left)


def _dies(segmenter: object, texts: object) -> None:
    raise RuntimeError("killed")


async def _here(rig: Rig) -> list[Path]:
    return spooled(rig)


async def test_orphans_in_the_spool_are_removed_at_start(servers: Servers, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    (folder / f"{'0' * 32}.{'1' * 32}").write_bytes(b"of an import that nobody knows")
    async with intakes.running(servers, data_dir=str(tmp_path)) as rig:
        await eventually(lambda: _here(rig), lambda left: not left)


async def test_a_cancelled_container_leaves_nothing_on_the_disk(rig: Rig) -> None:
    data = sheet(100)
    async with rig.client() as client:
        made = await begin(client, size=len(data))
        await patched(client, made, data[:500], 0)
        (path,) = spooled(rig)
        assert path.stat().st_mode & 0o777 == 0o600
        assert (await client.post(f"/api/v1/imports/{made}/cancel")).status_code == 202
        assert not spooled(rig)
        assert (await patched(client, made, data[500:], 500)).status_code == 410


async def test_a_plan_for_another_kind_of_file_does_not_fit(rig: Rig) -> None:
    async with rig.client() as client:
        made = await begin(client, plan={"format": "csv"})
        answer = await client.put(url(made), content=stored("two-sheets.xlsx"))
        assert answer.json()["code"] == "plan_mismatch"
        made = await begin(client, plan={"sheet": "Nowhere"})
        answer = await client.put(url(made), content=stored("two-sheets.xlsx"))
        assert answer.json()["code"] == "plan_mismatch"
        assert "Nowhere" in answer.json()["detail"]


# --- previews


async def test_the_preview_of_a_workbook_names_its_sheets_and_its_plan_imports(rig: Rig) -> None:
    data = stored("chosen-sheet.xlsx")
    async with rig.client() as client:
        seen = (await client.post("/api/v1/previews", content=data)).json()
        assert seen["sheets"] == ["People", "More"]
        assert (seen["plan"]["format"], seen["plan"]["sheet"], seen["estimated_rows"]) == ("xlsx", "People", 2)
        assert [contact["given"] for contact in seen["contacts"]] == ["Ann", "Bob"]
        files = {"head": data, "plan": json.dumps({"sheet": "More"}).encode()}
        chosen = (await client.post("/api/v1/previews", files=files)).json()
        assert [contact["given"] for contact in chosen["contacts"]] == ["Cy"]
    assert people_of(await imported(rig, data, plan=chosen["plan"])) == ["cy@fox.example"]


async def test_the_preview_of_an_archive_names_its_files(rig: Rig) -> None:
    async with rig.client() as client:
        seen = (await client.post("/api/v1/previews", content=stored("workbook-and-others.zip"))).json()
    assert [(member["name"], member.get("code")) for member in seen["members"]] == [
        ("people.xlsx", None),
        ("photo.png", "unsupported_type"),
        ("inner.zip", "unsupported_type"),
        ("readme.txt", "nothing_recognised"),
    ]
    assert (seen["plan"]["format"], len(seen["contacts"])) == ("zip", 2)


async def test_all_of_a_big_container_is_previewed(rig: Rig) -> None:
    data = sheet(60_000)
    assert len(data) > parts.HEAD_BYTES
    async with rig.client() as client:
        alone = await client.post("/api/v1/previews", content=data)
        form = await client.post("/api/v1/previews", files={"head": data, "plan": b"{}"})
    assert alone.status_code == form.status_code == 200
    assert alone.json() == form.json()
    assert alone.json()["estimated_rows"] == 60_000


async def test_a_damaged_container_is_told_in_the_preview(rig: Rig) -> None:
    async with rig.client() as client:
        answer = await client.post("/api/v1/previews", content=stored("damaged.xlsx"))
    assert (answer.status_code, answer.json()["code"]) == (422, "container_unreadable")


# --- what is no contacts file, and uploads that end early


@pytest.mark.parametrize("name", ["picture.png", "letter.docx"])
async def test_a_file_of_another_kind_makes_no_import_when_it_is_the_request(rig: Rig, name: str) -> None:
    data = stored(name) if name == "letter.docx" else b"\x89PNG\r\n\x1a\n" + bytes(5000)
    async with rig.client(**{"Content-Type": "application/octet-stream"}) as client:
        answer = await client.post("/api/v1/imports", params={"name": name}, content=data)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_type")
    assert "Export the contacts" in answer.json()["detail"]
    async with sql.tenant(rig.pool, rig.workspace) as connection:
        cursor = await connection.execute("select count(*) from jobs.imports")
        assert await cursor.fetchone() == (0,)


async def test_a_file_of_another_kind_ends_its_import_with_a_sentence(rig: Rig) -> None:
    data = b"%PDF-1.7\n" + bytes(5000)
    async with rig.client() as client:
        made = await begin(client, size=len(data))
        answer = await client.put(url(made), content=data)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_type")
    assert [fact.code for fact in (await rig.tape(made)).of(SourceFailed)] == ["unsupported_type"]


async def test_an_upload_can_be_finished_with_what_came(rig: Rig) -> None:
    data = contacts(10_000)
    half = len(data) // 2
    async with rig.client() as client:
        made = await begin(client, size=len(data))
        await patched(client, made, data[:half], 0)
        for _ in range(2):
            answer = await client.post(f"/api/v1/imports/{made}/finish")
            assert answer.status_code == 202
        assert (await client.head(url(made))).headers["Upload-Complete"] == "?1"
    tape = await rig.tape(made)
    assert tape.text == data[:half]
    assert [fact.bytes for fact in tape.of(Sealed)] == [half]


async def test_a_container_cannot_be_finished_with_a_part_of_it(rig: Rig) -> None:
    data = sheet(100)
    async with rig.client() as client:
        made = await begin(client, size=len(data))
        await patched(client, made, data[:2000], 0)
        answer = await client.post(f"/api/v1/imports/{made}/finish")
        assert (answer.status_code, answer.json()["code"]) == (409, "incomplete")
        assert (await patched(client, made, data[2000:], 2000)).status_code == 204
    assert len(people_of(await rig.tape(made))) == 100


async def test_nobody_but_its_workspace_finishes_an_upload(rig: Rig) -> None:
    async with rig.client() as client:
        made = await begin(client, size=10)
    async with rig.client(**{"X-Workspace": "00000000-0000-0000-0000-00000000000a"}) as stranger:
        assert (await stranger.post(f"/api/v1/imports/{made}/finish")).status_code == 404
    async with rig.client(**{"X-Role": "viewer"}) as viewer:
        assert (await viewer.post(f"/api/v1/imports/{made}/finish")).status_code == 403


async def test_a_finished_upload_whose_writer_still_sends_stops_him(rig: Rig) -> None:
    data = contacts(20_000)
    going = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield data[:400_000]
        await going.wait()
        yield data[400_000:]

    async with rig.client() as client:
        made = await begin(client, size=len(data))
        sending = asyncio.create_task(client.put(url(made), content=slow(), headers={"Content-Length": str(len(data))}))

        async def received() -> int:
            job = await rig.intake.uploads.find(rig.workspace, UUID(made))
            return job.received

        # What is stored goes with each acknowledged segment.
        await eventually(received, lambda count: count > 0)
        answer = await client.post(f"/api/v1/imports/{made}/finish")
        assert answer.status_code == 202
        going.set()
        assert (await sending).status_code in {204, 409}
    tape = await rig.tape(made)
    assert tape.text == data[: len(tape.text)]
    assert len(tape.of(Sealed)) == 1


async def test_a_line_of_five_megabytes_is_one_problem_and_its_neighbours_are_people(rig: Rig) -> None:
    good = b"ann@lee.example,Ann,\n"
    data = b"E-mail,Name,Note\n" + good + b"big@bad.example,Big," + b"x" * 5_000_000 + b"\nbob@ray.example,Bob,\n"
    tape = await imported(rig, data)
    assert people_of(tape) == ["ann@lee.example", "bob@ray.example"]
    readings = [segments.read(tape.segments[index], tape.headers[index]) for index in sorted(tape.segments)]
    problems = [problem for reading in readings for problem in reading.problems]
    assert [(problem.line, problem.code) for problem in problems] == [(3, "row_too_long")]
    assert sum(reading.rows for reading in readings) == 3
