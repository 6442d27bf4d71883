"""A real Chromium for the tests that look at pages."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from playwright.async_api import TimeoutError as NotThere

from app.stack.whole import Whole
from tests.chromium import executable

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
    await enter(page, stack)
    await page.locator("[data-part=home]").wait_for()
    await page.close()
    return visitor


async def enter(page: Page, stack: Whole) -> None:
    """Signs in with the link of the moment: a link that was just used is replaced a moment later."""
    async with asyncio.timeout(90):
        while True:
            await page.goto("about:blank")  # the same address with another fragment would not load anew
            await page.goto(stack.facts()["sign_in"])
            try:
                return await page.locator("[data-part=enter]").click(timeout=5_000)
            except NotThere:
                continue


@pytest.fixture
async def visitor(chromium: Browser, stack: Whole) -> AsyncIterator[Visitor]:
    made = await signed_in(chromium, stack, viewport={"width": 1280, "height": 900})
    yield made
    await made.context.close()
