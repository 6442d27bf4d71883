"""A real Chromium for the tests that look at pages."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect
from playwright.async_api import TimeoutError as NotThere

from app.stack.whole import Whole
from tests.chromium import executable

expect.set_options(timeout=40_000)  # a busy machine is slow; what is waited for is a fact
LET_IN_OR_NOT = """() =>
    !document.querySelector("[data-part=enter]") || !document.querySelector("[data-part=trouble]").hidden
"""
REST_SECONDS = 2
"""An open page asks at most a second later for what it was just told of."""

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    path = executable()
    if path is None:
        assert os.environ.get("CI") != "true", "CI must have a Chromium"
        pytest.skip("there is no Chromium on this machine: THE BROWSER TESTS ARE SKIPPED")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        await browser.close()


@dataclass(slots=True)
class Visitor:
    """One signed-in browser; `requests` are (seconds, method, URL) of all it asked for, `troubles` what went wrong."""

    context: BrowserContext
    web: str
    requests: list[tuple[float, str, str]]
    troubles: list[str]

    async def open(self, path: str, **options: Any) -> Page:
        """A new tab at `path`."""
        page = await self.context.new_page()
        page.set_default_timeout(60_000)
        await page.goto(self.web + path, **options)
        return page

    async def rest(self) -> None:
        """Waits until no page asks for anything any more. Raises TimeoutError."""
        async with asyncio.timeout(60):
            before = -1
            while len(self.requests) != before:
                before = len(self.requests)
                await asyncio.sleep(REST_SECONDS)


async def signed_in(browser: Browser, stack: Whole, **options: Any) -> Visitor:
    """A browser context that signed in with the link that the stack prints."""
    facts = stack.facts()
    context = await browser.new_context(**options)
    visitor = Visitor(context, facts["web"], [], [])

    def asked(request: Any) -> None:
        visitor.requests.append((request.timing["startTime"] / 1000, request.method, request.url))

    context.on("request", asked)
    context.on("weberror", lambda error: visitor.troubles.append(str(error.error)))
    context.on("console", lambda message: visitor.troubles.append(message.text) if message.type == "error" else None)
    page = await context.new_page()
    page.set_default_timeout(60_000)
    await enter(page, lambda: str(stack.facts()["sign_in"]))
    await page.locator("[data-part=home]").wait_for()
    await page.close()
    visitor.troubles.clear()  # a link that was used a moment ago is told as one
    return visitor


async def enter(page: Page, link: Callable[[], str]) -> None:
    """Signs in with the link of the moment: a link that was just used is replaced a moment later.

    All tests come from one address, so on a fast machine they may have to wait until it may try again.
    """
    door = page.locator("[data-part=enter]")
    async with asyncio.timeout(90):
        while True:
            await page.goto("about:blank")  # the same address with another fragment would not load anew
            await page.goto(link())
            try:
                await door.click(timeout=5_000)
            except NotThere:
                continue
            await page.wait_for_function(LET_IN_OR_NOT)
            if not await door.count():
                return


@pytest.fixture
async def visitor(chromium: Browser, stack: Whole) -> AsyncIterator[Visitor]:
    made = await signed_in(chromium, stack, viewport={"width": 1280, "height": 900})
    yield made
    await made.context.close()
