"""Accounts at Google and Microsoft, as people connect, use and leave them; both are simulated, pages included."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_core_python.async_playwright import Axe
from playwright.async_api import Browser, expect

from app.stack.whole import Whole
from bench.client import Client
from tests.browser import Visitor, signed_in
from tests.e2e.accounts import agree, card, connect

SHOTS = Path(__file__).parent / "shots"


@pytest.fixture(autouse=True)
async def nothing_connected(client: Client) -> AsyncIterator[None]:
    """The workspace is everybody's, so each test leaves it as it was."""
    yield
    for one in (await client.http.get("/api/v1/connections")).json()["connections"]:
        await client.http.delete(f"/api/v1/connections/{one['id']}")


async def test_an_account_is_connected_brought_in_and_brought_up_to_date(
    visitor: Visitor, admin: httpx.AsyncClient
) -> None:
    page = await visitor.open("/")
    await connect(page, "Gmail", "many-201@google.example")
    await expect(page.locator("[data-part=connected]")).to_contain_text("many-201@google.example is connected")
    await expect(page).to_have_url(f"{visitor.web}/")
    other = await visitor.open("/connections")
    await card(page, "Gmail").get_by_role("button", name="Import now").click()
    await expect(page.locator("[data-part=live]")).to_have_attribute("data-status", "finished", timeout=60_000)
    await expect(page.locator("[data-part=title]")).to_have_text("many-201@google.example")
    await expect(page.locator("[data-part=contacts-list] a").first).to_be_visible()
    again = card(other, "Gmail").get_by_role("button", name="Bring in what changed")
    await expect(again).to_be_visible()
    await admin.post("/mutate", json={"account": "many-201@google.example", "add": 2})
    await again.click()
    await expect(other.locator("[data-part=live]")).to_have_attribute("data-status", "finished", timeout=60_000)
    await expect(other.locator("[data-part=created]")).to_have_text("2")


@pytest.mark.parametrize(
    ("how", "told"),
    [({"decide": "Cancel"}, "You did not agree at Google"), ({"untick": True}, "was left empty at Google")],
    ids=["denied", "unticked"],
)
async def test_who_does_not_agree_is_told_and_can_try_again(visitor: Visitor, how: dict[str, Any], told: str) -> None:
    page = await visitor.open("/")
    await connect(page, "Gmail", "many-202@google.example", **how)
    await expect(page.locator("[data-part=connected]")).to_contain_text(told)
    await expect(page.locator("[data-part=connected]")).to_be_focused()
    await expect(page).to_have_url(f"{visitor.web}/")
    await page.reload()
    await expect(page.locator("[data-part=connected]")).to_have_count(0)
    await connect(page, "Gmail", "many-202@google.example", **how)
    await page.get_by_role("button", name="Try again").click()
    await agree(page, "many-202@google.example")
    await expect(page.locator("[data-part=connected]")).to_contain_text("is connected")


async def test_access_that_was_withdrawn_stops_the_import_and_one_button_mends_it(
    visitor: Visitor, admin: httpx.AsyncClient
) -> None:
    page = await visitor.open("/")
    await connect(page, "Outlook", "many-203@outlook.example")
    await admin.post("/revoke", json={"account": "many-203@outlook.example"})
    await card(page, "Outlook").get_by_role("button", name="Import now").click()
    await expect(page.locator("[data-part=live]")).to_have_attribute("data-status", "failed", timeout=60_000)
    home = await visitor.open("/")
    await expect(card(home, "Outlook")).to_contain_text("needs you")
    await page.get_by_role("link", name="Connect again").click()
    await agree(page, "many-203@outlook.example")
    await expect(page.locator("[data-part=connected]")).to_contain_text("is connected again")
    await card(page, "Outlook").get_by_role("button", name="Import now").click()
    await expect(page.locator("[data-part=live]")).to_have_attribute("data-status", "finished", timeout=60_000)


async def test_another_account_than_the_one_that_was_meant_changes_nothing(
    visitor: Visitor, admin: httpx.AsyncClient, client: Client
) -> None:
    page = await visitor.open("/")
    await connect(page, "Gmail", "many-204@google.example")
    (one,) = (await client.http.get("/api/v1/connections")).json()["connections"]
    url = await page.evaluate(
        """async (connection) => (await (await fetch("/api/v1/connections/google",
            {method: "POST", headers: {"Content-Type": "application/json"},
             body: JSON.stringify({connection})})).json()).url""",
        one["id"],
    )
    await page.goto(str(httpx.URL(url).copy_merge_params({"login_hint": ""})))
    await agree(page, "many-205@google.example")
    told = page.locator("[data-part=connected]")
    await expect(told).to_contain_text("Choose many-204@google.example")
    await expect(card(page, "Gmail").locator("[data-connection]")).to_have_count(1)


async def test_an_account_is_disconnected_and_the_page_says_what_is_left(visitor: Visitor) -> None:
    page = await visitor.open("/")
    await connect(page, "Gmail", "many-206@google.example")
    await connect(page, "Outlook", "many-206@outlook.example")
    page.on("dialog", lambda dialog: dialog.accept())
    await card(page, "Gmail").get_by_role("button", name="Disconnect").click()
    await expect(card(page, "Gmail").get_by_role("button", name="Connect Gmail")).to_be_visible()
    await expect(page.locator("[data-part=connection-trouble]")).to_be_hidden()
    await card(page, "Outlook").get_by_role("button", name="Disconnect").click()
    await expect(page.locator("[data-part=connection-trouble]")).to_contain_text("Microsoft may still list Addressbus")


async def test_an_account_is_connected_without_a_mouse(visitor: Visitor) -> None:
    page = await visitor.open("/")
    button = card(page, "Outlook").get_by_role("button", name="Connect Outlook")
    for _ in range(30):
        await page.keyboard.press("Tab")
        if await button.evaluate("element => element === document.activeElement"):
            break
    await page.keyboard.press("Enter")
    await agree(page, "many-207@outlook.example")
    await expect(page.locator("[data-part=connected]")).to_be_focused()
    await page.keyboard.press("Tab")
    label = await page.evaluate("document.activeElement.textContent.trim()")
    assert label == "Connect Gmail", "from what was told, on to the cards"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1440])
async def test_the_cards_are_fit_for_everybody(
    chromium: Browser, stack: Whole, admin: httpx.AsyncClient, width: int, scheme: Any
) -> None:
    look = await signed_in(chromium, stack, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = await look.open("/")
    await connect(page, "Gmail", "many-208@google.example")
    for path, name in (("/", "home"), ("/connections", "accounts")):
        if path != "/":
            await page.goto(look.web + path)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
        found = await Axe().run(page)
        assert [one["id"] for one in found["violations"]] == []
        await page.screenshot(path=SHOTS / f"connected-{name}-{width}-{scheme}.png")
    assert [one for one in look.troubles if "404" not in one] == [], "a provider has no icon, all else is there"
    await look.context.close()
