"""kill -9 of each process while an import runs: exact counts, and an open page that shows them without a reload."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import Page

from app.stack.whole import Whole
from bench import people
from bench.client import Client
from tests.browser import Visitor
from tests.waiting import until
from tests.whole import remembered

ROWS = 100_000
WITHIN = 240


async def send_all(client: Client, url: str, data: bytes) -> None:
    """Sends the file, going on by offset after every loss, as the page does."""
    tus = {"Tus-Resumable": "1.0.0"}
    async with asyncio.timeout(WITHIN):
        offset = 0
        while offset < len(data):
            try:
                answer = await client.http.patch(
                    url,
                    content=data[offset:],
                    headers={
                        **tus,
                        "Upload-Offset": str(offset),
                        "Content-Type": "application/offset+octet-stream",
                    },
                )
                if answer.status_code == 204:
                    return
                answer = await client.http.head(url, headers=tus)
                offset = int(answer.headers["Upload-Offset"])
            except (httpx.HTTPError, KeyError):
                await asyncio.sleep(0.3)  # the web process is on its way back
                offset = await _offset(client, url, offset)


async def _offset(client: Client, url: str, known: int) -> int:
    try:
        answer = await client.http.head(url, headers={"Tus-Resumable": "1.0.0"})
        return int(answer.headers["Upload-Offset"])
    except (httpx.HTTPError, KeyError):
        return known


async def page_says(page: Page, name: str) -> int:
    text = await page.locator(f"[data-part={name}]").first.inner_text()
    return int("".join(sign for sign in text if sign.isdigit()) or 0)


@pytest.mark.parametrize("victim", ["importer.1", "express.1", "tracker.1", "projector.1", "gateway.1", "web"])
async def test_a_killed_process_costs_nothing(stack: Whole, client: Client, visitor: Visitor, victim: str) -> None:
    who = f"{victim.replace('.', '')}{uuid4().hex[:5]}x"
    data = (people.HEADER + "".join(people.rows(ROWS, who=who))).encode()
    wanted = people.expected(ROWS)
    made = await client.request_import(f"{victim}.csv", uuid4().hex, size=len(data))
    page = await visitor.open(f"/imports/{made['id']}")
    loads: list[Any] = []
    page.on("framenavigated", lambda frame: loads.append(frame.url))
    sending = asyncio.create_task(send_all(client, made["upload"]["url"], data))
    await page.wait_for_function(
        "() => Number(document.querySelector('[data-part=rows]').textContent.replace(/\\D/g, '')) > 0",
        timeout=WITHIN * 1000,
    )
    before = stack.pid(victim)
    stack.kill(victim)
    await sending
    await page.locator("[data-part=live][data-status=finished]").wait_for(timeout=WITHIN * 1000)
    await page.locator("[data-part=catching-up]").wait_for(state="hidden", timeout=WITHIN * 1000)
    state = await remembered(client, made["id"])
    assert (state["rows"], state["created"], state["duplicate"], state["rejected"]) == (
        ROWS,
        wanted.created,
        wanted.duplicate,
        wanted.rejected,
    )
    assert state["updated"] == state["unchanged"] == 0
    assert await page_says(page, "equation-created") == wanted.created
    assert await page_says(page, "equation-rejected") == wanted.rejected
    assert loads == []
    await until(lambda: stack.pid(victim) not in (0, before))
