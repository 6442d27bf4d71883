"""Whoever looks at a file that came in before is told so, by its beginning and its size."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from app.core.imports import State
from tests.integration import intakes
from tests.integration.conftest import Servers
from tests.integration.intakes import Rig
from tests.integration.test_intake_uploads import begin, contacts, url
from tests.reading import FILES

HEAD = 256 * 1024


@pytest.fixture
async def rig(servers: Servers) -> AsyncIterator[Rig]:
    async with intakes.running(servers) as made:
        yield made


async def sent(rig: Rig, data: bytes) -> str:
    """Sends a whole file; answers the id of its import."""
    async with rig.client() as client:
        import_id: str = await begin(client, size=len(data))
        assert (await client.put(url(import_id), content=data)).status_code == 204
    return import_id


async def seen_before(rig: Rig, data: bytes, *, whole: bool = False) -> str | None:
    """The import that a preview of the same file names."""
    async with rig.client() as client:
        head = data if whole else data[:HEAD]
        answer = await client.post("/api/v1/previews", params={"size": len(data)}, content=head)
    assert answer.status_code == 200, answer.text
    before = answer.json().get("before")
    return before["id"] if before else None


async def test_a_small_file_is_known_again(rig: Rig) -> None:
    data = contacts(30)
    assert await seen_before(rig, data) is None
    import_id = await sent(rig, data)
    assert await seen_before(rig, data) == import_id
    again = await sent(rig, data)
    assert await seen_before(rig, data) == again, "the last one is named"


async def test_of_a_big_file_its_beginning_and_its_size_are_enough(rig: Rig) -> None:
    data = contacts(20_000)
    assert len(data) > 2 * HEAD
    import_id = await sent(rig, data)
    assert await seen_before(rig, data) == import_id
    assert await seen_before(rig, data[:-100]) is None
    assert await seen_before(rig, b"X" + data[1:]) is None


async def test_a_workbook_is_known_again(rig: Rig) -> None:
    data = (FILES / "containers" / "excel-german.xlsx").read_bytes()
    import_id = await sent(rig, data)
    assert await seen_before(rig, data, whole=True) == import_id


async def test_an_import_that_came_to_nothing_is_not_named(rig: Rig) -> None:
    data = contacts(40)
    import_id = await sent(rig, data)
    rig.tell(State(id=UUID(import_id), workspace=rig.workspace, status="cancelled"))
    assert await seen_before(rig, data) is None


async def test_another_workspace_is_told_nothing(rig: Rig, servers: Servers) -> None:
    data = contacts(50)
    await sent(rig, data)
    async with intakes.running(servers) as stranger:
        assert await seen_before(stranger, data) is None
