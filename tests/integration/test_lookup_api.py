"""The read side of the API, as programs and browsers ask it."""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import httpx
import msgspec
import pytest

from app.core.events import ProblemOut
from app.core.imports import State, Status
from app.core.reading.plan import Column, Plan
from app.web import lookup
from tests.integration.conftest import Servers
from tests.integration.house import House, Person, house
from tests.integration.projections import ReadModel, contact, email, read_model, source

STATUSES: tuple[Status, ...] = ("finished", "running")


@pytest.fixture(scope="module")
async def web(servers: Servers) -> AsyncIterator[House]:
    async with house(servers) as running:
        yield running


@dataclass(slots=True)
class Desk:
    """A new workspace with an owner and its read model."""

    owner: Person
    model: ReadModel

    async def get(self, path: str, **query: str) -> httpx.Response:
        return await self.owner.program.get(f"/api/v1/{path}", params=query)


@pytest.fixture
async def desk(servers: Servers, web: House) -> AsyncIterator[Desk]:
    workspace = await web.workspace()
    async with read_model(servers) as model:
        model.workspace = workspace
        yield Desk(await web.join(workspace), model)


async def test_a_list_answers_with_contacts_a_place_and_a_total(desk: Desk) -> None:
    people = [contact(f"Person {number}", labels=("VIP",), notes='"x" \\') for number in range(3)]
    await desk.model.show(*people)
    answer = await desk.get("contacts", sort="name", limit="2", label="VIP", q="per")
    assert answer.headers["content-type"] == "application/json"
    page = answer.json()
    assert page == {
        "contacts": [msgspec.json.decode(msgspec.json.encode(one)) for one in people[:2]],
        "after": page["after"],
        "total": 3,
        "about": False,
    }
    rest = (await desk.get("contacts", sort="name", limit="2", label="VIP", q="per", after=page["after"])).json()
    assert [one["name"] for one in rest["contacts"]] == ["Person 2"]
    assert rest["after"] is None


async def test_an_empty_workspace_has_an_empty_list(desk: Desk) -> None:
    assert (await desk.get("contacts")).json() == {"contacts": [], "after": None, "total": 0, "about": False}
    assert (await desk.get("imports")).json() == {"imports": [], "after": None}
    assert (await desk.get("contacts/counts", by="domain")).json() == {"counts": []}


async def test_one_contact_is_its_stored_json(desk: Desk) -> None:
    ann = contact("Ann", emails=(email("ann@example.com"),))
    await desk.model.show(ann)
    assert (await desk.get(f"contacts/{ann.id}")).content == msgspec.json.encode(ann)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("contacts", {"limit": "0"}),
        ("contacts", {"limit": "501"}),
        ("contacts", {"limit": "x"}),
        ("contacts", {"limit": "²"}),
        ("contacts", {"limit": "-1"}),
        ("contacts", {"sort": "age"}),
        ("contacts", {"import": "x"}),
        ("contacts", {"q": "x" * 201}),
        ("contacts", {"after": "x"}),
        ("contacts.csv", {"sort": "age"}),
        ("contacts/counts", {"by": "name"}),
        ("imports", {"status": "odd"}),
        ("imports", {"source": "odd"}),
        ("imports", {"limit": "501"}),
        ("imports", {"after": "x"}),
    ],
)
async def test_what_cannot_be_asked_is_refused(desk: Desk, path: str, query: dict[str, str]) -> None:
    answer = await desk.get(path, **query)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] in ("bad_query", "bad_after")


@pytest.mark.parametrize("odd", ["\x00", "\x1e", "'", "\\", "%", "' | 'x", "\ud7ff", "x" * 199])
async def test_odd_characters_find_nothing_and_break_nothing(desk: Desk, odd: str) -> None:
    for name in ("label", "company", "domain", "q"):
        assert (await desk.get("contacts", **{name: odd})).json()["contacts"] == []
    assert (await desk.get("imports", by=odd)).json()["imports"] == []


async def test_what_is_of_another_workspace_is_not_there(desk: Desk, web: House) -> None:
    ann = contact("Ann")
    state = State(id=uuid4(), workspace=desk.model.workspace, version=1, requested_at=1.0)
    await desk.model.show(ann)
    await desk.model.keep(state)
    stranger = await web.join(await web.workspace())
    for path in (f"contacts/{ann.id}", f"imports/{state.id}/problems", f"imports/{state.id}/problems.csv"):
        assert (await stranger.program.get(f"/api/v1/{path}")).status_code == 404
        assert (await desk.get(path)).status_code == 200
    for path in ("contacts/x", f"contacts/{uuid4()}", "imports/x/problems"):
        assert (await desk.get(path)).status_code == 404


async def test_the_history_lists_whole_states(desk: Desk) -> None:
    states = [
        State(id=uuid4(), workspace=desk.model.workspace, version=1, requested_at=float(at), status=status)
        for at, status in enumerate(STATUSES)
    ]
    for state in states:
        await desk.model.keep(state)
    assert (await desk.get("imports")).json()["imports"] == [msgspec.to_builtins(one) for one in reversed(states)]
    page = (await desk.get("imports", status="finished", source="file")).json()
    assert [one["id"] for one in page["imports"]] == [str(states[0].id)]


async def test_counts_are_values_and_numbers(desk: Desk) -> None:
    await desk.model.show(*(contact(f"P{number}", company="Acme", sources=(source(uuid4()),)) for number in range(2)))
    assert (await desk.get("contacts/counts", by="company")).json() == {"counts": [{"value": "Acme", "count": 2}]}


async def test_rejected_rows_can_be_read_and_mended(desk: Desk) -> None:
    columns = (Column(index=0, field="name", header="Name"), Column(index=1, field="emails", header="Mail, private"))
    state = State(
        id=uuid4(), workspace=desk.model.workspace, version=1, requested_at=1.0, plan=Plan(columns=columns, header=1)
    )
    await desk.model.keep(state)
    await desk.model.refuse(
        state.id,
        [
            ProblemOut(
                row=1, line=2, column=1, code="email_invalid", message="No.", suggestion="So?", cells=("Ann", "=x@")
            ),
            ProblemOut(
                row=4, line=7, column=None, code="too_many_cells", message="Odd.", suggestion="", cells=("B", "", "c")
            ),
        ],
    )
    first = (await desk.get(f"imports/{state.id}/problems", limit="1")).json()
    assert first["problems"] == [
        {
            "line": 2,
            "column": 1,
            "code": "email_invalid",
            "message": "No.",
            "suggestion": "So?",
            "cells": ["Ann", "=x@"],
        }
    ]
    rest = (await desk.get(f"imports/{state.id}/problems", after=first["after"])).json()
    assert [one["line"] for one in rest["problems"]] == [7]
    assert rest["after"] is None
    answer = await desk.get(f"imports/{state.id}/problems.csv")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))) == [
        ["Name", "Mail, private", "Column 3", "addressbus:line", "addressbus:code", "addressbus:message"],
        ["Ann", "'=x@", "", "2", "email_invalid", "No. So?"],
        ["B", "", "c", "7", "too_many_cells", "Odd."],
    ]


async def test_an_export_has_everybody_who_fits(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "CHUNK", 7)
    await desk.model.show(
        *(contact(f"Person {number:02}", labels=("VIP",), custom={"Shoe size": str(number)}) for number in range(30)),
        contact("Nobody", custom={"Rare": "x"}),
    )
    answer = await desk.get("contacts.csv", label="VIP", sort="name")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="contacts-')
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert [(row["Name"], row["Labels"], row["Shoe size"]) for row in rows] == [
        (f"Person {number:02}", "VIP", str(number)) for number in range(30)
    ]
    cards = (await desk.get("contacts.vcf", q="person 1")).content
    assert cards.count(b"BEGIN:VCARD\r\n") == 10
    assert (await desk.get("contacts.vcf", label="none")).content == b""


async def test_exports_belong_to_the_owner(desk: Desk, web: House) -> None:
    member = await web.join(desk.model.workspace, "member")
    for path in ("contacts.csv", "contacts.vcf"):
        assert (await member.program.get(f"/api/v1/{path}")).status_code == 403


async def test_asking_for_the_head_of_an_export_starts_none(desk: Desk) -> None:
    answer = await desk.owner.program.head("/api/v1/contacts.csv")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_only_some_exports_run_at_a_time_and_lists_go_on(desk: Desk, web: House) -> None:
    await desk.model.show(contact("Ann"))
    found = web.services.lookup
    workspace, everybody = desk.model.workspace, lookup.Filter()
    async with found.export(workspace, everybody, "newest"), found.export(workspace, everybody, "newest"):
        refused = await desk.get("contacts.csv")
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "10"
        assert (await desk.get("contacts")).json()["total"] == 1
    assert (await desk.get("contacts.csv")).status_code == 200
