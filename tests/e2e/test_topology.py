"""The operators' page in a real browser: an import runs, importers come and go, and nothing is asked for twice."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from axe_core_python.async_playwright import Axe
from playwright.async_api import Browser, Locator, Page, Route, expect

from app.stack.whole import Whole
from bench.client import Client
from tests.browser import Visitor, enter, signed_in
from tests.e2e.test_operate import command

SHOTS = Path(__file__).parent / "shots"
ROWS = 60_000
WITHIN = 120_000
WITNESS = """() => {
  window.witnessed = {};
  new MutationObserver(() => {
    witnessed.rows ||= /[1-9]/.test(document.querySelector("[data-part=tiles] [data-part=rows]").textContent);
    witnessed.wanted ||= document.querySelector("[data-kind=importer] [data-part=wanted]").textContent === "4 wanted";
    witnessed.moves ||= document.querySelector(".way.moves") !== null;
  }).observe(document.querySelector("main"), { subtree: true, childList: true, characterData: true, attributes: true });
}"""
"""A wish, rows a second and what moves are shown for some seconds: whenever that is, it is noticed."""
MOVES = "(one) => one.playState === 'running' && one.effect.getTiming().iterations === Infinity"


@pytest.fixture
async def operator(stack: Whole, chromium: Browser) -> AsyncIterator[Visitor]:
    await command(stack, "app.stack", "operator")
    made = await signed_in(chromium, stack, viewport={"width": 1440, "height": 900})
    yield made
    await made.context.close()


@pytest.fixture
async def two_again(stack: Whole) -> AsyncIterator[None]:
    """Whatever happens here, others find as many importers as before."""
    yield
    await command(stack, "app.stack", "scale", "--importers", "2")


async def send(client: Client) -> None:
    who = f"topo{uuid4().hex[:6]}"
    rows = "".join(f"Ann,{who}{n},{who}{n}@example.org,+49 30 {1_000_000 + n}\r\n" for n in range(ROWS))
    text = f"First Name,Last Name,E-mail Address,Phone\r\n{rows}"
    answer = await client.http.post(
        "/api/v1/imports", params={"name": f"{who}.csv"}, content=text.encode(), headers={"Content-Type": "text/csv"}
    )
    answer.raise_for_status()


def row(page: Page, name: str) -> Locator:
    return page.locator(f'[data-part=processes] tr[data-id="process:{name}"]')


def owned(page: Page, name: str) -> Locator:
    """What a process says that it owns of the segments."""
    return row(page, name).locator(".owned", has_text="import.segments.bulk")


async def test_importers_come_and_go_on_the_open_page(
    stack: Whole, client: Client, operator: Visitor, two_again: None
) -> None:
    page = await operator.open("/operate")
    await expect(owned(page, "importer.2")).to_have_count(1, timeout=WITHIN)
    await expect(row(page, "importer.3")).to_have_count(0)
    picture = page.locator("[data-part=picture]")
    await expect(picture.locator(".box.process .name", has_text="importer.")).to_have_count(2)
    assert (await Axe().run(page))["violations"] == []
    asked = len(operator.requests)
    await page.evaluate(WITNESS)

    importing = asyncio.create_task(send(client))
    more = page.get_by_role("button", name="More importers")
    await more.focus()
    began = time.monotonic()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await page.wait_for_function("() => witnessed.wanted")
    for name in ("importer.3", "importer.4"):
        await expect(owned(page, name)).to_have_count(1, timeout=WITHIN)
    print(f"two more had partitions after {time.monotonic() - began:.1f} s")
    await expect(more).to_be_focused()
    await expect(picture.locator(".box.process .name", has_text="importer.")).to_have_count(4)
    await expect(page.locator("[data-kind=importer] [data-part=count]")).to_have_text("4")
    await page.screenshot(path=SHOTS / "topology.png", full_page=True)
    await importing
    await page.wait_for_function("() => witnessed.rows && witnessed.moves", timeout=WITHIN)

    fewer = page.get_by_role("button", name="Fewer importers")
    await fewer.focus()
    wishes: list[int] = []

    async def hold(route: Route) -> None:
        await asyncio.sleep(1)
        wishes.append(len(operator.requests) - asked)
        await route.continue_()

    await page.route("**/api/v1/operate/scale", hold, times=1)
    began = time.monotonic()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    for name in ("importer.3", "importer.4"):
        await expect(row(page, name)).to_have_attribute("data-state", "finished", timeout=WITHIN)
    half = re.compile(r"^import\.segments\.bulk( \d+){6}$")
    for name in ("importer.1", "importer.2"):
        await expect(owned(page, name)).to_have_text(half, timeout=WITHIN)
    print(f"the two left had all partitions after {time.monotonic() - began:.1f} s")

    assert wishes == [3], "the fourth wish waits until the third has arrived: what arrives last is what happens"
    news = [(method, url) for _, method, url in operator.requests[asked:]]
    assert [method for method, _ in news] == ["POST"] * 4, "nothing but the four wishes was asked for"
    assert operator.troubles == []


async def test_every_partition_is_told_to_who_cannot_see_the_picture(operator: Visitor) -> None:
    page = await operator.open("/operate")
    facts = page.locator('tr[data-id="topic:import.facts"]')
    await facts.locator("summary").focus()
    await page.keyboard.press("Enter")
    places = facts.locator("[data-part=places] tr")
    await expect(places).to_have_count(12)
    await expect(places.first).to_contain_text("tracker.1", timeout=WITHIN)
    await page.emulate_media(reduced_motion="reduce", color_scheme="dark")
    await page.set_viewport_size({"width": 360, "height": 800})
    await page.wait_for_function("() => document.documentElement.scrollWidth === 360")  # the picture is drawn anew
    await page.wait_for_function(f"() => !document.getAnimations().some({MOVES})")
    assert (await Axe().run(page))["violations"] == []


async def test_who_is_no_operator_finds_nothing(stack: Whole, client: Client, chromium: Browser) -> None:
    invited = await client.http.post(
        "/api/v1/invitations", json={"address": f"{uuid4().hex[:8]}@example.com", "role": "owner"}
    )
    context = await chromium.new_context()
    context.set_default_timeout(60_000)
    page = await context.new_page()
    await enter(page, lambda: str(invited.json()["link"]))
    await page.locator("[data-part=home]").wait_for()
    answer = await page.goto(stack.facts()["web"] + "/operate")
    assert answer is not None
    assert answer.status == 404
    assert (await client.http.get("/operate")).status_code == 404
    await context.close()
