"""Workbooks and ZIP archives, and files that are bigger than usual, from the upload to the contacts."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from bench.client import Client, ended, visible
from tests.e2e.test_api import WITHIN, counts
from tests.reading import FILES

CONTAINERS = FILES / "containers"
GERMAN = {"joerg@muessig.example", "aenne@oeztuerk.example", "zoe@strasse.example"}
ENGLISH = {"ann@lee.example", "bob@ray.example"}


async def imported(
    client: Client, data: bytes, name: str, until: Callable[[dict[str, Any]], bool] = visible
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The last state of an import in two steps, and all of its states on the way."""
    channel = await client.channel()
    async with client.watching(channel) as watched:
        made = await client.request_import(name, uuid4().hex, channel=channel["channel"], size=len(data))
        answer = await client.http.put(made["upload"]["url"], content=data, timeout=WITHIN)
        assert answer.status_code == 204, answer.text
        state = await watched.until(made["id"], until, WITHIN)
    return state, [frame["state"] for _, frame in watched.frames if frame["type"] == "event"]


@pytest.mark.parametrize(
    ("name", "people", "rejected"),
    [
        ("excel-german.xlsx", GERMAN, 0),
        ("old-excel.xls", GERMAN, 0),
        ("libreoffice.ods", GERMAN, 0),
        ("csvs.zip", ENGLISH | {"doerte@dorn.example"}, 1),
        ("cards-and-csv.zip", ENGLISH | {"doerte@dorn.example", "cy@fox.example"}, 0),
        ("workbook-and-others.zip", ENGLISH, 3),
    ],
)
async def test_a_container_becomes_contacts(client: Client, name: str, people: set[str], rejected: int) -> None:
    data = (CONTAINERS / name).read_bytes()
    state, _ = await imported(client, data, name)
    assert state["status"] == "finished"
    assert state["error"] is None
    assert state["rows"] == len(people) + rejected
    assert state["created"] + state["updated"] + state["unchanged"] == len(people)
    assert (state["duplicate"], state["rejected"]) == (0, rejected)
    assert (state["bytes_received"], state["bytes_done"], state["size"]) == (len(data), len(data), len(data))
    assert (state["parts_done"], state["plan"]["format"]) == (state["parts"], name.rpartition(".")[2])
    found = await client.get("/api/v1/contacts", **{"import": state["id"], "limit": 50})
    assert {contact["emails"][0]["value"] for contact in found["contacts"]} == people
    problems = await client.get(f"/api/v1/imports/{state['id']}/problems", limit=10)
    assert len(problems["problems"]) == rejected
    assert all(".zip" in name and ": " in problem["message"] for problem in problems["problems"])


async def test_the_figures_of_a_workbook_on_its_way_are_sensible(client: Client) -> None:
    data = (CONTAINERS / "excel-german.xlsx").read_bytes()
    _, states = await imported(client, data, "people.xlsx")
    for state in states:
        assert 0 <= state["bytes_done"] <= state["bytes_received"] <= state["size"] == len(data)
        assert state["rows"] == sum(counts(state).values()) - state["rows"]


async def test_one_line_of_fifty_megabytes_is_one_bad_row_between_good_ones(client: Client) -> None:
    tag = uuid4().hex[:8]
    line = b"Big,Bad,big@" + tag.encode() + b".example," + b"x" * 50_000_000 + b"\r\n"
    data = (
        b"First Name,Last Name,E-mail Address,Notes\r\nAnn,Lee,ann@%(tag)s.example,\r\n%(line)s"
        b"Bob,Ray,bob@%(tag)s.example,\r\n"
    ) % {b"tag": tag.encode(), b"line": line}
    state, _ = await imported(client, data, "long-line.csv", ended)
    assert counts(state) == {"rows": 3, "created": 2, "updated": 0, "unchanged": 0, "duplicate": 0, "rejected": 1}
    assert state["bytes_done"] == len(data)


async def test_an_upload_ends_with_what_came_when_its_person_says_so(client: Client) -> None:
    tag = uuid4().hex[:8]
    data = b"First Name,E-mail Address\r\n" + b"".join(
        b"Ann,ann%d@%s.example\r\n" % (n, tag.encode()) for n in range(99)
    )
    channel = await client.channel()
    async with client.watching(channel) as watched:
        made = await client.request_import("half.csv", uuid4().hex, channel=channel["channel"], size=10 * len(data))
        headers = {"Upload-Offset": "0", "Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
        assert (await client.http.patch(made["upload"]["url"], content=data, headers=headers)).status_code == 204
        assert (await client.http.post(f"/api/v1/imports/{made['id']}/finish")).status_code == 202
        state = await watched.until(made["id"], ended, WITHIN)
    assert (state["status"], state["created"], state["bytes_received"]) == ("finished", 99, len(data))
