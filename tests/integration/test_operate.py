"""The operators' page: what was given up is seen, looked into and brought back there, by operators only."""

import logging
import re
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import msgspec
import pytest

from app.core.groups import CONSUMER
from app.core.topics import BULK, DEAD, IMPORTS
from app.settings import GLOBAL
from app.web import accounts
from tests.integration.conftest import Servers
from tests.integration.house import House, Person, house
from tests.waiting import eventually

SECRET = "Anna,anna@example.org"


@pytest.fixture(scope="module")
async def web(servers: Servers) -> AsyncIterator[House]:
    async with house(servers) as made:
        yield made


@pytest.fixture(scope="module")
async def operator(web: House) -> Person:
    person = await web.join(await web.workspace())
    address = person.principal.name
    assert await web.services.accounts.make_operator(address)
    link = await _link(web, person)
    return await web.enter(link)


async def _link(web: House, person: Person) -> str:

    assert person.principal.person is not None
    return await accounts.new_link(
        web.services.accounts, "http://localhost:8000", person.principal.workspace, person.principal.person
    )


@pytest.fixture
async def letter(web: House) -> tuple[str, UUID]:
    """A new letter: its reference, and whose import it is."""
    reference, import_id = f"{BULK.name}/0/{uuid4().int}", uuid4()
    await bury(web, reference, import_id)
    return reference, import_id


async def bury(web: House, reference: str, import_id: UUID) -> None:
    about = msgspec.json.encode({"workspace": str(uuid4()), "import_id": str(import_id)})
    headers = [
        ("segment", about),
        ("origin", reference.encode()),
        ("reason", b"ValueError at <b>:1"),
        ("attempts", b"3"),
    ]
    await web.services.producer.publish(DEAD, key=str(import_id).encode(), value=SECRET.encode(), headers=headers)


async def test_only_operators_come_in(web: House, operator: Person, letter: tuple[str, UUID]) -> None:
    stranger = await web.join(await web.workspace())
    for method, path in (
        ("GET", "/operate/dead"),
        ("GET", f"/operate/dead/letter?reference={letter[0]}"),
        ("POST", "/operate/dead/letter"),
        ("POST", "/operate/dead/replay"),
        ("POST", "/operate/consumers"),
    ):
        for client in (stranger.browser, operator.program):
            answer = await client.request(method, path, data={"reference": letter[0], "group": "importer"})
            assert answer.status_code == 404, (method, path)
    assert 'href="/operate"' not in (await stranger.browser.get("/")).text
    assert 'href="/operate"' in (await operator.browser.get("/")).text


async def test_letters_are_found_by_import_and_reason(operator: Person, letter: tuple[str, UUID]) -> None:
    reference, import_id = letter
    everything = await operator.browser.get("/operate/dead")
    assert reference in everything.text
    assert "ValueError at &lt;b&gt;:1" in everything.text
    mine = await operator.browser.get(
        "/operate/dead", params={"import": str(import_id), "reason": "ValueError at <b>:1"}
    )
    assert re.findall(r"<code>(import\.segments[^<]*)</code>", mine.text) == [reference]
    nobody = await operator.browser.get("/operate/dead", params={"import": str(uuid4())})
    assert "Nothing waits here" in nobody.text
    assert (await operator.browser.get("/operate/dead?import=x")).status_code == 404


async def test_the_bytes_are_shown_on_demand_and_that_is_written_down(
    web: House, operator: Person, letter: tuple[str, UUID], caplog: pytest.LogCaptureFixture
) -> None:
    reference, import_id = letter
    shown = await operator.browser.get("/operate/dead/letter", params={"reference": reference})
    assert str(import_id) in shown.text
    assert SECRET not in shown.text
    with caplog.at_level(logging.WARNING, "app.dead"):
        opened = await operator.browser.post("/operate/dead/letter", data={"reference": reference})
    assert SECRET in opened.text
    said = next(record for record in caplog.records if record.getMessage() == "bytes of a dead letter were shown")
    assert (said.__dict__["record"], said.__dict__["by"]) == (reference, operator.principal.name)
    workspace = (await web.services.letters.find(reference)).workspace
    assert workspace is not None
    (entry,) = (await web.services.audit.page(workspace, limit=9)).entries
    assert (entry.action, entry.subject, entry.actor) == ("letter.shown", reference, operator.principal.person)
    unknown = await operator.browser.get("/operate/dead/letter", params={"reference": "no/such/1"})
    assert unknown.status_code == 404


async def test_one_letter_is_brought_back(web: House, operator: Person, letter: tuple[str, UUID]) -> None:
    reference, _ = letter
    answer = await operator.browser.post("/operate/dead/replay", data={"reference": reference})
    assert (answer.status_code, answer.headers["location"]) == (303, "/operate/dead?replayed=1")
    assert "1 record is on its way again." in (await operator.browser.get(answer.headers["location"])).text
    found = await web.services.letters.find(reference)
    assert found.replayed_by == operator.principal.name


async def test_all_letters_of_an_import_are_brought_back_and_those_of_others_stay(
    web: House, operator: Person, letter: tuple[str, UUID]
) -> None:
    import_id, ours = uuid4(), [f"{BULK.name}/0/{uuid4().int}" for _ in range(3)]
    for reference in ours:
        await bury(web, reference, import_id)
    answer = await operator.browser.post("/operate/dead/replay", data={"import": str(import_id)})
    assert answer.headers["location"] == "/operate/dead?replayed=3"
    for reference in ours:
        assert (await web.services.letters.find(reference)).replayed_at is not None
    assert (await web.services.letters.find(letter[0])).replayed_at is None


async def test_a_letter_that_nobody_takes_back_has_no_button(web: House, operator: Person) -> None:
    reference = f"{IMPORTS.name}/0/{uuid4().int}"
    await bury(web, reference, uuid4())
    shown = await operator.browser.get("/operate/dead/letter", params={"reference": reference})
    assert "newer ones have replaced them" in shown.text
    assert "/operate/dead/replay" not in shown.text
    refused = await operator.browser.post("/operate/dead/replay", data={"reference": reference})
    assert refused.status_code == 409


async def test_a_group_is_paused_and_resumed(web: House, operator: Person) -> None:
    name = f"{CONSUMER}express"
    for do, paused in (("pause", True), ("resume", False)):
        answer = await operator.browser.post("/operate/consumers", data={"group": "express", "do": do})
        assert answer.status_code == 303
        assert web.services.settings.get(GLOBAL, name).get("paused", False) is paused
        shown = (await operator.browser.get("/operate/dead")).text
        row = shown[shown.index('data-group="express"') :].partition("</tr>")[0]
        assert (">Resume<" in row) is paused
    refused = await operator.browser.post("/operate/consumers", data={"group": "tracker", "do": "pause"})
    assert refused.status_code == 404


async def test_a_form_of_another_site_changes_nothing(web: House, operator: Person) -> None:
    async def paused() -> object:
        return web.services.settings.get(GLOBAL, f"{CONSUMER}projector")

    answer = await operator.browser.post(
        "/operate/consumers", data={"group": "projector", "do": "pause"}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403
    assert await eventually(paused, lambda value: not value) in (None, {})
