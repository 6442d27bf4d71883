"""Intake: the web's memory during a big upload, beside raw produce of the same bytes."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app.stack.whole import Whole
from bench import people
from bench.client import Client
from bench.report import Figure
from bench.usage import measured


async def big(client: Client, stack: Whole, folder: Path, megabytes: int) -> list[Figure]:
    """Uploads `megabytes` of CSV, cancelled afterwards; contacts do not matter here."""
    block = people.write(folder / "block.csv", 50_000, who="upload").read_bytes()
    header, _, body = block.partition(b"\r\n")
    repeats = megabytes * 2**20 // len(body)
    made = await client.request_import("big.csv", uuid4().hex)

    async def pieces() -> AsyncIterator[bytes]:
        yield header + b"\r\n"
        for _ in range(repeats):
            for start in range(0, len(body), 65_536):
                yield body[start : start + 65_536]

    with measured(stack) as usage:
        started = time.monotonic()
        answer = await client.http.put(made["upload"]["url"], content=pieces(), timeout=1800)
        answer.raise_for_status()
        seconds = time.monotonic() - started
    await client.http.post(f"/api/v1/imports/{made['id']}/cancel")
    web = usage.by_name["web"]
    grown = web.peak_mib - web.first_mib
    sent = repeats * len(body) / 2**20
    return [
        Figure(
            what=f"web's memory during an upload of {sent:,.0f} MiB",
            value=f"+{grown:.0f} MiB",
            goal="+50 MiB",
            met=grown <= 50,
            detail={"web_cpu_seconds_per_gib": round(web.cpu_seconds / sent * 1024, 1)},
        ),
        Figure(
            what="upload, cut into parts and acknowledged",
            value=f"{sent / seconds:,.0f} MiB/s (raw produce: {await _raw_produce(stack, body):,.0f})",
            goal="beside its limit",
            met=None,
        ),
    ]


async def _raw_produce(stack: Whole, body: bytes) -> float:
    kafka, topic = stack.facts()["kafka"], f"bench.{uuid4().hex}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka,
        acks="all",
        enable_idempotence=True,
        compression_type="zstd",
        max_request_size=2 * 2**20,
        max_batch_size=2**20,
    )
    await producer.start()
    try:
        piece = body[: 512 * 1024]
        started = time.monotonic()
        for _ in range(200):
            await producer.send_and_wait(topic, piece, partition=0)
        return 200 * len(piece) / 2**20 / (time.monotonic() - started)
    finally:
        await producer.stop()
        await admin.delete_topics([topic])
        await admin.close()
