"""A person moves an address book in: Chromium against the whole stack."""

import asyncio
import time
from pathlib import Path
from uuid import uuid4

import pytest
from axe_core_python.async_playwright import Axe
from playwright.async_api import Page, Route, expect

from bench import people
from bench.client import Client, visible
from tests.browser import Visitor

QUIET_SECONDS = 6


async def choose(page: Page, path: Path) -> None:
    """Gives the page a file and waits until it says what it understood."""
    await page.locator("#file").set_input_files(path)
    await expect(page.locator("[data-part=go]")).to_be_enabled(timeout=30_000)


async def ended(page: Page, status: str = "finished") -> None:
    await page.locator(f"[data-part=live][data-status={status}]").wait_for(timeout=180_000)


async def shown(page: Page) -> dict[str, int]:
    """The five outcomes as the page shows them, and their sum."""
    names = ("rows", "created", "updated", "unchanged", "duplicate", "rejected")
    texts = {name: await page.locator(f"[data-part=equation-{name}]").inner_text() for name in names}
    return {name: int("".join(sign for sign in text if sign.isdigit())) for name, text in texts.items()}


async def test_a_hundred_thousand_rows_from_the_drop_zone_to_the_list(visitor: Visitor, tmp_path: Path) -> None:
    path = people.write(tmp_path / "people.csv", 100_000, who=f"web{uuid4().hex[:6]}x")
    wanted = people.expected(100_000)
    page = await visitor.open("/")
    await choose(page, path)
    await page.locator("[data-part=go]").click()
    await page.locator("[data-part=live]").wait_for()
    import_id = await page.locator("[data-part=live]").get_attribute("data-import")
    await expect(page.locator("[data-part=rows]")).not_to_have_text("0", timeout=60_000)
    second = await visitor.open(f"/imports/{import_id}")
    await ended(page)
    numbers = await shown(page)
    assert numbers["rows"] == 100_000
    assert numbers == {
        "rows": 100_000,
        "created": wanted.created,
        "updated": 0,
        "unchanged": 0,
        "duplicate": wanted.duplicate,
        "rejected": wanted.rejected,
    }
    await ended(second)
    assert await shown(second) == numbers
    await page.reload()
    await ended(page)
    assert await shown(page) == numbers
    await page.locator("[data-part=catching-up]").wait_for(state="hidden", timeout=120_000)
    await page.goto(f"{visitor.web}/contacts?import={import_id}")
    await expect(page.locator("body")).to_contain_text("Abara")
    assert visitor.troubles == []


async def test_no_page_asks_for_anything_on_a_timer(visitor: Visitor, tmp_path: Path) -> None:
    path = people.write(tmp_path / "people.csv", 2_000, who=f"timer{uuid4().hex[:6]}x")
    page = await visitor.open("/")
    await choose(page, path)
    await page.locator("[data-part=go]").click()
    await ended(page)
    await page.locator("[data-part=catching-up]").wait_for(state="hidden")
    await visitor.open("/")
    await visitor.open("/contacts")
    await visitor.rest()
    before = len(visitor.requests)
    # The fact waited for is silence; only time can show it.
    deadline = time.monotonic() + QUIET_SECONDS
    while time.monotonic() < deadline:
        await page.wait_for_timeout(500)
    assert visitor.requests[before:] == []


async def test_an_import_that_a_colleague_starts_appears_on_an_open_home_page(visitor: Visitor, client: Client) -> None:
    page = await visitor.open("/")
    await page.wait_for_load_state("networkidle")
    name = f"colleague-{uuid4().hex[:6]}.csv"
    await client.http.post(
        "/api/v1/imports",
        params={"name": name},
        content=f"E-mail Address\r\nann@{uuid4().hex[:8]}.example\r\n".encode(),
        headers={"Content-Type": "text/csv"},
    )
    await expect(page.locator("body")).to_contain_text(name)


async def test_the_whole_way_can_be_gone_by_keyboard_alone(visitor: Visitor, tmp_path: Path) -> None:
    path = people.write(tmp_path / "people.csv", 300, who=f"keys{uuid4().hex[:6]}x")
    page = await visitor.open("/")
    for _ in range(40):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.id") == "file":
            break
    else:
        pytest.fail("the file chooser cannot be reached by keyboard")
    async with page.expect_file_chooser() as chooser:
        await page.keyboard.press("Space")
    await (await chooser.value).set_files(path)
    go = page.locator("[data-part=go]")
    await expect(go).to_be_enabled(timeout=30_000)
    for _ in range(200):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.dataset.part") == "go":
            break
    else:
        pytest.fail("the import button cannot be reached by keyboard")
    await page.keyboard.press("Enter")
    await ended(page)
    assert (await shown(page))["rows"] == 300


PAGES = ("/", "/imports", "/contacts", "/settings", "/members", "/tokens", "/sessions", "/sign-in", "/nowhere")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_are_accessible(visitor: Visitor, client: Client, scheme: str) -> None:
    answer = await client.http.post(
        "/api/v1/imports",
        params={"name": "axe.csv"},
        content=f"First Name,E-mail Address\r\n李,li@{uuid4().hex}.example\r\nBad,not an address\r\n".encode(),
        headers={"Content-Type": "text/csv", "Prefer": "wait=30"},
    )
    import_id = answer.json()["id"]
    channel = await client.channel(scope="workspace")
    async with client.watching(channel) as watched:
        await watched.until(import_id, visible, 60)
    contact = (await client.get("/api/v1/contacts", **{"import": import_id}))["contacts"][0]["id"]
    page = await visitor.open("/")
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    found = []
    for path in (*PAGES, f"/imports/{import_id}", f"/contacts/{contact}"):
        await page.goto(visitor.web + path)
        await page.wait_for_load_state("networkidle")
        result = await Axe().run(page)
        found += [(path, one["id"], one["nodes"][0]["html"][:160]) for one in result["violations"]]
    assert found == []


async def test_a_button_that_is_pressed_before_its_script_has_come_is_not_lost(
    visitor: Visitor, client: Client
) -> None:
    made = await client.request_import("early.csv", uuid4().hex, size=1_000_000)
    page = await visitor.context.new_page()
    held = asyncio.Event()

    async def late(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await page.route("**/js/does/import-live.js", late)
    page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    await page.goto(f"{visitor.web}/imports/{made['id']}", wait_until="domcontentloaded")
    await page.wait_for_load_state("load")
    await page.locator("[data-part=cancel]").click()
    held.set()
    await ended(page, "cancelled")
