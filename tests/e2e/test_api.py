"""Imports over the public API, with a token, on the whole stack."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from bench import people
from bench.client import Client, ended, size_of, visible

WITHIN = 120
HEADER = "First Name,Last Name,E-mail Address\r\n"


def counts(state: dict[str, Any]) -> dict[str, int]:
    return {name: state[name] for name in ("rows", "created", "updated", "unchanged", "duplicate", "rejected")}


def some_people(count: int, tag: str = "") -> bytes:
    tag = tag or uuid4().hex[:8]
    return (HEADER + "".join(f"Ann{n},Lee,ann{n}@{tag}.example\r\n" for n in range(count))).encode()


async def imported(client: Client, data: bytes, name: str = "people.csv", **query: str) -> dict[str, Any]:
    """One-call import that waits for the end; the final state."""
    answer = await client.http.post(
        "/api/v1/imports",
        params={"name": name, **query},
        content=data,
        headers={"Content-Type": "text/csv", "Prefer": "wait=60"},
    )
    assert answer.status_code in (200, 201, 202), answer.text
    state: dict[str, Any] = answer.json()["state"]
    assert ended(state), state
    return state


async def test_a_hundred_thousand_rows_come_in_exactly_and_are_told_live(client: Client, tmp_path: Path) -> None:
    path = people.write(tmp_path / "people.csv", 100_000)
    wanted = people.expected(100_000)
    channel = await client.channel()
    async with client.watching(channel) as watched:
        made = await client.request_import(
            path.name, uuid4().hex, channel=channel["channel"], size=size_of(path), plan={"existing": "fill"}
        )
        await client.upload(made["upload"]["url"], path)
        state = await watched.until(made["id"], visible, WITHIN)
    assert state["status"] == "finished"
    assert counts(state) == {
        "rows": 100_000,
        "created": wanted.created,
        "updated": 0,
        "unchanged": 0,
        "duplicate": wanted.duplicate,
        "rejected": wanted.rejected,
    }
    events = [frame for _, frame in watched.frames if frame["type"] == "event"]
    versions = [frame["state"]["version"] for frame in events]
    assert versions == sorted(versions)
    assert [frame["kind"] for frame in events if frame["kind"] != "progress"] == ["finished", "visible"]
    assert any(frame["kind"] == "progress" and 0 < frame["state"]["rows"] < 100_000 for frame in events)
    found = await client.get("/api/v1/contacts", **{"import": made["id"], "limit": 1})
    assert found["total"] >= 10_000
    problems = await client.get(f"/api/v1/imports/{made['id']}/problems", limit=10)
    first = problems["problems"][0]
    assert (first["line"], first["code"]) == (52, "email_invalid")


async def test_the_same_file_again_changes_nothing(client: Client) -> None:
    data = some_people(500)
    first, second = await imported(client, data), await imported(client, data)
    assert (first["created"], second["created"], second["unchanged"]) == (500, 0, 500)


async def test_every_contact_of_an_import_can_be_listed_page_by_page(client: Client) -> None:
    made = await imported(client, some_people(250))
    channel = await client.channel(scope="workspace")
    async with client.watching(channel) as watched:
        await watched.until(made["id"], visible, WITHIN)
    seen: set[str] = set()
    after: str | None = None
    while True:
        query = {"import": made["id"], "limit": "100", **({"after": after} if after else {})}
        page = await client.get("/api/v1/contacts", **query)
        seen |= {contact["id"] for contact in page["contacts"]}
        after = page["after"]
        if after is None:
            break
    assert len(seen) == 250


@pytest.mark.parametrize(
    ("data", "status", "rows", "code"),
    [
        (b"", "failed", 0, "empty"),
        (b"\xef\xbb\xbf", "failed", 0, "empty"),
        (HEADER.encode(), "finished", 0, None),
        (b"colour,size\r\nred,3\r\n", "failed", 0, "nothing_recognised"),
        ((HEADER + "Ann,Lee,ann@one.example").encode(), "finished", 1, None),
        (b"ann@headless.example,Ann\r\nbob@headless.example,Bob\r\n", "finished", 2, None),
    ],
    ids=["no bytes", "a byte order mark", "a header alone", "no contacts", "no final newline", "no header"],
)
async def test_odd_files_have_a_defined_end(
    client: Client, data: bytes, status: str, rows: int, code: str | None
) -> None:
    made = await client.request_import("odd.csv", uuid4().hex, size=len(data))
    channel = await client.channel(scope="workspace")
    async with client.watching(channel) as watched:
        await client.http.put(made["upload"]["url"], content=data)
        state = await watched.until(made["id"], ended, WITHIN)
    assert (state["status"], state["rows"]) == (status, rows)
    assert (state["error"] or {}).get("code") == code


async def test_an_upload_that_was_cut_goes_on_where_it_stopped(client: Client, stack: Any) -> None:
    data = some_people(20_000)
    made = await client.request_import("cut.csv", uuid4().hex, size=len(data))
    url = made["upload"]["url"]

    async def cut() -> Any:
        yield data[:300_000]
        raise ConnectionResetError("the cable was pulled")

    with pytest.raises((ConnectionResetError, httpx.HTTPError)):
        await client.http.put(url, content=cut(), headers={"Content-Length": str(len(data))})
    answer = await _gone_on(client, url, data, 300_000)
    assert answer.status_code == 204, answer.text
    channel = await client.channel(scope="workspace")
    async with client.watching(channel) as watched:
        state = await watched.until(made["id"], ended, WITHIN)
    assert (state["status"], state["rows"], state["created"]) == ("finished", 20_000, 20_000)


async def _gone_on(client: Client, url: str, data: bytes, most: int) -> httpx.Response:
    """Sends what is missing; the writer that lost its client may still store what it had, and then once more."""
    tus = {"Tus-Resumable": "1.0.0"}
    async with asyncio.timeout(WITHIN):
        while True:
            offset = int((await client.http.head(url, headers=tus)).headers["Upload-Offset"])
            assert offset <= most
            headers = {**tus, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
            answer = await client.http.patch(url, content=data[offset:], headers=headers)
            if answer.status_code != 409:
                return answer


async def test_a_cancelled_import_writes_nothing_more(client: Client, tmp_path: Path) -> None:
    path = people.write(tmp_path / "people.csv", 60_000, seed=31)
    channel = await client.channel()
    async with client.watching(channel) as watched:
        made = await client.request_import(path.name, uuid4().hex, channel=channel["channel"], size=size_of(path))
        uploading = asyncio.create_task(client.http.put(made["upload"]["url"], content=path.read_bytes()))
        await watched.until(made["id"], lambda state: state["rows"] > 0, WITHIN)
        answer = await client.http.post(f"/api/v1/imports/{made['id']}/cancel")
        assert answer.status_code == 202
        state = await watched.until(made["id"], ended, WITHIN)
        uploaded = await uploading
    assert state["status"] in ("cancelled", "finished")
    assert uploaded.status_code in (204, 410)
    assert state["rows"] == sum(counts(state).values()) - state["rows"]


async def test_a_changed_setting_is_used_by_the_next_import_at_once(client: Client) -> None:
    tag = uuid4().hex[:8]
    data = f"First Name,Last Name,Phone\r\nAnn,{tag},030 1234567\r\n".encode()
    await client.put_setting("phone_region", "DE")
    try:
        state = await imported(client, data)
    finally:
        await client.put_setting("phone_region", None)
    channel = await client.channel(scope="workspace")
    async with client.watching(channel) as watched:
        await watched.until(state["id"], visible, WITHIN)
    found = await client.get("/api/v1/contacts", q=tag)
    assert found["contacts"][0]["phones"][0]["value"] == "+49301234567"


async def test_a_file_that_is_sent_with_a_key_twice_is_one_import(client: Client) -> None:
    key = uuid4().hex
    first, second = await asyncio.gather(
        client.request_import("twice.csv", key, size=10), client.request_import("twice.csv", key, size=10)
    )
    assert first["id"] == second["id"]
    other = await client.http.post(
        "/api/v1/imports",
        json={"source": "file", "name": "other.csv", "size": 10},
        headers={"Idempotency-Key": key},
    )
    assert other.status_code == 422
    await client.cancel(first["id"])  # else it waits for its bytes all day, and others behind it
