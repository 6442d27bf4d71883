"""What the processes of a whole stack answer at /metrics once a file has come in."""

import asyncio

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.stack.whole import Whole
from bench.client import Client, ended
from tests.waiting import eventually

Figures = dict[str, float]
MOVED = {
    "web": {
        "addressbus_database_seconds_count",
        "addressbus_jobs_bytes_total",
        "addressbus_lag_records",
        "addressbus_lag_oldest_seconds",
        "addressbus_web_answer_seconds_count",
    },
    "express": {
        "addressbus_database_seconds_count",
        "addressbus_partition_owned",
        "addressbus_rebalances_total",
        "addressbus_rows_total",
        "addressbus_segment_seconds_count",
        "addressbus_segments_total",
    },
    "tracker": {"addressbus_facts_total", "addressbus_partition_owned", "addressbus_tracker_commit_seconds_count"},
    "projector": {"addressbus_contacts_shown_total", "addressbus_database_seconds_count"},
    "gateway": {
        "addressbus_gateway_delay_seconds_count",
        "addressbus_gateway_frames_total",
        "addressbus_gateway_notices_total",
    },
}
"""The figures of which each process has some after an import, in samples."""
MAY_BE_NOTHING = {"addressbus_lag_records", "addressbus_lag_oldest_seconds"}


async def figures(stack: Whole, kind: str) -> Figures:
    """Of all processes of a kind the sums over labels."""
    found: Figures = {}
    async with httpx.AsyncClient(timeout=60) as http:
        for process in stack.facts()["processes"]:
            if process["name"].partition(".")[0] == kind:
                text = (await http.get(f"http://127.0.0.1:{process['port']}/metrics")).text
                for family in text_string_to_metric_families(text):
                    for sample in family.samples:
                        found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


@pytest.fixture
async def heard(client: Client) -> None:
    """Somebody has watched a file come in."""
    channel = await client.channel()
    async with client.watching(channel) as watched:
        made = await client.http.post(
            "/api/v1/imports",
            params={"name": "a.csv", "channel": channel["channel"]},
            content=b"Name,E-mail\nAda,ada@metrics.example\n",
        )
        await watched.until(made.json()["id"], ended, within=60)


@pytest.mark.usefixtures("heard")
async def test_every_figure_moves_in_the_process_that_operators_are_told(stack: Whole) -> None:
    async def asked(kind: str) -> None:
        def missing(found: Figures) -> set[str]:
            return {name for name in MOVED[kind] if not (found.get(name) or (name in found and name in MAY_BE_NOTHING))}

        await eventually(lambda: figures(stack, kind), lambda found: not missing(found), within=60)

    await asyncio.gather(*map(asked, MOVED))
