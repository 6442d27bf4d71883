"""Looks at a running campaign from outside: committed offsets against PostgreSQL, and what processes hold."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import psutil
import psycopg
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from redis.asyncio import Redis

from app import bus, config
from app.stack.whole import Whole
from tests.faults.course import Course, Sample, Usage

GROUPS = ("importer", "express")
"""Those whose effect is in the ledger."""
_AWAY_SECONDS = 5


@asynccontextmanager
async def sampling(course: Course, facts: Mapping[str, Any], every: float = 0.1) -> AsyncIterator[None]:
    """Adds a Sample to the course every so many seconds while the body runs; what is away is passed over."""
    task = asyncio.create_task(_sample_for_ever(course, facts, every), name="sampling")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _sample_for_ever(course: Course, facts: Mapping[str, Any], every: float) -> None:
    while True:
        with contextlib.suppress(KafkaError, OSError, psycopg.Error, TimeoutError):
            await _sample_while_there(course, facts, every)
        await asyncio.sleep(every)


async def _sample_while_there(course: Course, facts: Mapping[str, Any], every: float) -> None:
    settings = config.read(config.Process, {**facts["operator"], "PROCESS_NAME": "sampler"})
    admin = AIOKafkaAdminClient(**bus.connection(settings), request_timeout_ms=1000 * _AWAY_SECONDS)
    async with asyncio.timeout(_AWAY_SECONDS):
        await admin.start()
        connection = await psycopg.AsyncConnection.connect(facts["postgres"]["admin"], autocommit=True)
    try:
        while True:
            async with asyncio.timeout(_AWAY_SECONDS):
                course.samples.append(await _sample(admin, connection))
            await asyncio.sleep(every)
    finally:
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(_AWAY_SECONDS):
                await admin.close()
        await connection.close()


async def _sample(admin: AIOKafkaAdminClient, connection: psycopg.AsyncConnection[Any]) -> Sample:
    """First what is committed in Kafka, and only then what PostgreSQL has."""
    at, committed = time.time(), {}
    for group in GROUPS:
        for place, offset in (await admin.list_consumer_group_offsets(group)).items():
            committed[f"{place.topic}/{place.partition}"] = offset.offset
    cursor = await connection.execute("select pg_current_snapshot()::text")
    row = await cursor.fetchone()
    assert row is not None
    return Sample(at, committed, row[0])


async def usage(stack: Whole) -> Usage:
    """What each process and server of the stack holds now."""
    facts = stack.facts()
    memory, files = {}, {}
    for line in facts["processes"]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(line["pid"])
            memory[line["name"]] = process.memory_info().rss
            files[line["name"]] = process.num_fds()
    async with await psycopg.AsyncConnection.connect(facts["postgres"]["admin"]) as connection:
        cursor = await connection.execute(
            "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
        )
        row = await cursor.fetchone()
        assert row is not None
    redis = Redis.from_url(facts["redis"])
    try:
        clients = (await redis.info("clients"))["connected_clients"] - 1
    finally:
        await redis.aclose()
    return Usage(memory, files, {"postgres": row[0], "redis": clients})
