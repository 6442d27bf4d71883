"""A big import that somebody cancels while it runs and uploads."""

import asyncio
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import psycopg

from app.stack.whole import Whole
from bench.client import Client, ended

WITHIN = 120
PROMISED_SECONDS = 2.0
WATCHED_SECONDS = 3.5
PIECE_ROWS = 1_000


async def endless(enough: asyncio.Event) -> AsyncIterator[bytes]:
    """Some 20,000 rows a second."""
    tag, number = uuid4().hex[:8], 0
    yield b"First Name,Last Name,E-mail Address\r\n"
    while not enough.is_set():
        rows = (f"Ann{n},Lee,ann{n}@{tag}.example\r\n" for n in range(number, number + PIECE_ROWS))
        yield "".join(rows).encode()
        number += PIECE_ROWS
        await asyncio.sleep(0.05)


async def test_two_seconds_after_a_big_import_was_cancelled_no_row_of_it_is_written(
    client: Client, stack: Whole
) -> None:
    channel = await client.channel()
    made = await client.request_import("endless.csv", uuid4().hex, channel=channel["channel"])

    enough = asyncio.Event()
    admin = stack.facts()["postgres"]["admin"]
    async with client.watching(channel) as watched, await psycopg.AsyncConnection.connect(admin, autocommit=True) as pg:
        uploading = asyncio.create_task(client.http.put(made["upload"]["url"], content=endless(enough)))
        await watched.until(made["id"], lambda state: state["rows"] > 5 * PIECE_ROWS, WITHIN)
        answer = await client.http.post(f"/api/v1/imports/{made['id']}/cancel")
        answered = time.monotonic()
        assert answer.status_code == 202
        written, last = -1, answered
        while time.monotonic() < answered + WATCHED_SECONDS:
            cursor = await pg.execute("select count(*) from contacts.ledger where import_id = %s", [made["id"]])
            row = await cursor.fetchone()
            assert row is not None
            if row[0] != written:
                written, last = row[0], time.monotonic()
            await asyncio.sleep(0.05)
        assert last - answered <= PROMISED_SECONDS
        state = await watched.until(made["id"], ended, WITHIN)
        assert state["status"] == "cancelled"
        assert state["parts_done"] <= written
        enough.set()
        assert (await uploading).status_code == 410
    assert state["rows"] == sum(state[name] for name in ("created", "updated", "unchanged", "duplicate", "rejected"))
