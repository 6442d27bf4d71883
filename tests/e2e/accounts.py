"""What a person does with accounts: the cards, and the pages of the simulated providers."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from playwright.async_api import Locator, Page, expect

from app.stack.whole import Whole


@pytest.fixture
async def admin(stack: Whole) -> AsyncIterator[httpx.AsyncClient]:
    """What only the simulated providers' keepers can do."""
    port = next(one["port"] for one in stack.facts()["processes"] if one["name"] == "providers")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/admin", timeout=120) as http:
        yield http


def card(page: Page, name: str) -> Locator:
    return page.locator("[data-part=source]", has=page.get_by_role("heading", name=name, exact=True))


async def agree(page: Page, account: str, *, decide: str = "Allow", untick: bool = False) -> None:
    """On the provider's pages, and back."""
    another = page.get_by_label("Another account")
    consent = page.get_by_role("button", name=decide)
    await expect(another.or_(consent)).to_be_visible()
    if await another.count():
        await another.fill(account)
        await page.get_by_role("button", name="Next").click()
    if untick:
        await expect(consent).to_be_visible()  # the boxes stand before it
        for box in await page.get_by_role("checkbox").all():
            await box.uncheck()
    await consent.click()
    await expect(page.locator("[data-part=connected]")).to_be_visible()


async def connect(page: Page, name: str, account: str, **how: Any) -> None:
    await card(page, name).get_by_role("button", name=f"Connect {name}").click()
    await agree(page, account, **how)
