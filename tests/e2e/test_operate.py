"""A segment that is given up: its import says so, an operator brings it back, the open page is right at once."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from aiokafka import AIOKafkaConsumer
from axe_core_python.async_playwright import Axe
from playwright.async_api import Browser, expect

from app.bus import partitions_of
from app.core.topics import EXPRESS
from app.stack.whole import Whole
from bench.client import Client
from tests.browser import signed_in

SHOTS = Path(__file__).parent / "shots"


async def command(stack: Whole, *arguments: str) -> str:
    """A command of ours, as an operator types it on this machine."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", *arguments],
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(stack.data_dir)},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def reference_of(kafka: str, import_id: str) -> str:
    """Where the first segment of an import lies."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)
    await consumer.start()
    consumer.assign(await partitions_of(consumer, EXPRESS))
    await consumer.seek_to_beginning()
    async with asyncio.timeout(40):
        async for record in consumer:
            if record.key == import_id.encode():
                break
    await consumer.stop()
    return f"{record.topic}/{record.partition}/{record.offset}"


async def test_what_was_given_up_is_brought_back_and_the_open_page_is_right_again(
    stack: Whole, client: Client, chromium: Browser
) -> None:
    await command(stack, "app.stack", "operator")
    await command(stack, "workers", "pause", "express")
    operator = await signed_in(chromium, stack, viewport={"width": 1280, "height": 900})  # and meanwhile it is heard of
    who = f"dead{uuid4().hex[:6]}x"
    text = "First Name,E-mail Address\r\n" + "".join(f"{who}{n},{who}{n}@example.org\r\n" for n in range(3))
    answer = await client.http.post(
        "/api/v1/imports", params={"name": f"{who}.csv"}, content=text.encode(), headers={"Content-Type": "text/csv"}
    )
    import_id = answer.json()["id"]
    watching = await operator.open(f"/imports/{import_id}")
    reference = await reference_of(stack.facts()["kafka"], import_id)
    await command(stack, "workers", "skip", "express", reference)
    await command(stack, "workers", "resume", "express")
    gave_up = watching.locator("[data-part=gave-up]")
    await expect(gave_up).to_contain_text(f"3 rows not imported: internal error ({reference})")

    page = await operator.open("/")
    await page.locator("details.menu summary").click()
    await page.get_by_role("link", name="Operate").click()
    await page.get_by_role("link", name="Dead letters").first.click()
    await page.locator("input[name=import]").fill(import_id)
    await page.locator("input[name=import]").press("Enter")
    await expect(page).to_have_url(re.compile(f"import={import_id}"))  # until then the unfiltered list is shown
    await page.wait_for_load_state()
    await expect(page.locator("main table").first.locator("tbody tr")).to_have_count(1)
    await page.screenshot(path=SHOTS / "operate.png", full_page=True)
    assert (await Axe().run(page))["violations"] == []
    await page.get_by_role("link", name=reference).click()
    await expect(page.get_by_role("heading", name=reference)).to_be_visible()
    await expect(page.locator("pre")).to_have_count(0)
    await page.get_by_role("button", name="Show the bytes").click()
    await expect(page.locator("pre")).to_contain_text(f"{who}2@example.org")
    assert (await Axe().run(page))["violations"] == []
    await page.get_by_role("button", name="Replay").click()
    await expect(page.get_by_role("status")).to_contain_text("1 record is on its way again.")

    await expect(gave_up).to_be_hidden()
    await expect(watching.locator("[data-part=equation-created]")).to_have_text("3")
    await expect(watching.locator("[data-part=equation-rejected]")).to_have_text("0")
    await operator.context.close()
