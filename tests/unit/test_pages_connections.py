"""The cards of Google and Microsoft, and what a person is told who comes back from a provider's page."""

import pytest

from app.core.imports import Failure
from app.web.pages.connections import GOOD, RESULTS
from app.web.words import known
from tests.unit.test_pages_routes import CONTACT, IMPORT, PERSON, Lookup, browser, state


async def test_a_provider_that_is_not_set_up_says_what_an_operator_has_to_do() -> None:
    async with browser() as client:
        for path in ("/", "/connections"):
            text = (await client.get(path)).text
            assert "<code>MICROSOFT_CLIENT_ID</code>" in text
            assert "<code>http://localhost:8000/connections/callback/microsoft</code>" in text
            assert "GOOGLE_CLIENT_ID" not in text


async def test_an_account_says_what_was_last_brought_in_and_offers_what_changed() -> None:
    async with browser() as client:
        text = (await client.get("/?part=sources")).text
    assert "<html" not in text
    assert f'href="/imports/{IMPORT}"' in text
    assert "Bring in what changed" in text
    assert f'data-connection="{PERSON}"' in text


async def test_an_account_that_is_being_imported_leads_there_and_begins_no_second_one() -> None:
    async with browser(lookup=Lookup([], []), live=(state(status="running", source="google"),)) as client:
        text = (await client.get("/?part=sources")).text
    assert "Watch it" in text
    assert 'data-part="import"' not in text
    assert 'data-status="running"' in text


async def test_an_account_that_needs_its_person_has_the_button_for_it() -> None:
    async with browser() as client:
        text = (await client.get("/?part=sources")).text
    assert "does not let us in any more" in text
    assert 'data-part="connect" data-provider="google"' in text


async def test_a_viewer_sees_what_is_connected_and_can_do_nothing_with_it() -> None:
    async with browser(role="viewer") as client:
        text = (await client.get("/connections")).text
        assert "data-connection" not in (await client.get("/")).text
    assert "data-connection" in text
    for part in ("connect", "import", "disconnect", "connect-new"):
        assert f'data-part="{part}"' not in text


async def test_only_who_connected_it_and_owners_may_disconnect() -> None:
    async with browser(role="member 2") as client:
        assert 'data-part="disconnect"' not in (await client.get("/connections")).text
    async with browser(role="member") as client:
        assert 'data-part="disconnect"' in (await client.get("/connections")).text


@pytest.mark.parametrize("kind", RESULTS)
async def test_who_comes_back_is_told_what_became_of_it_and_how_to_go_on(kind: str) -> None:
    assert known(f"connections.result_{kind}")
    async with browser() as client:
        text = (await client.get(f"/?provider=google&connected={kind}&connection={CONTACT}")).text
    assert 'data-part="connected"' in text
    assert ('data-part="try-again"' in text) is (kind not in GOOD)


@pytest.mark.parametrize(
    "query",
    [
        "connected=yes",
        "provider=google&connected=yes",
        f"provider=microsoft&connected=yes&connection={CONTACT}",
        "provider=yahoo&connected=denied",
        "provider=google&connected=<script>",
    ],
)
async def test_an_address_that_somebody_made_up_tells_nothing(query: str) -> None:
    async with browser() as client:
        text = (await client.get(f"/?{query}")).text
    assert 'data-part="connected"' not in text


async def test_an_import_that_stopped_for_the_persons_consent_leads_to_it() -> None:
    for code, shown in (("needs_consent", True), ("internal", False)):
        failed = state(status="failed", source="google", error=Failure(code=code, detail="Why."))
        async with browser(lookup=Lookup([failed], [])) as client:
            text = (await client.get(f"/imports/{IMPORT}")).text
            cards = (await client.get("/?part=sources")).text
        link = text.partition('data-part="reconnect"')[2].partition(">")[0]
        assert ("hidden" not in link) is shown
        assert ("Connected again." in cards) is shown, "the account itself is fine by now"
