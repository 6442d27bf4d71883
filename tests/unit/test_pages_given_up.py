"""An import of which something was given up says so on its page: how many rows, and under which reference."""

from uuid import UUID

import pytest

from app.core.imports import Failure
from tests.unit.test_pages_routes import browser, state

SAID = "2,000 rows not imported: internal error (import.segments.bulk/3/17)"


@pytest.mark.parametrize("error", [Failure(code="internal", detail=SAID), None])
async def test_what_was_given_up_is_said_and_otherwise_nothing(error: Failure | None) -> None:
    live = state(id=UUID(int=77), version=9, status="finished", error=error)
    async with browser(live=(live,)) as client:
        text = (await client.get(f"/imports/{live.id}")).text
    notice = text[text.index('data-part="gave-up"') :].partition("</div>")[0]
    assert (SAID in notice) is (error is not None)
    assert (" hidden" in notice.partition(">")[0]) is (error is None)
