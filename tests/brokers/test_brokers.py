"""Three brokers (BROKERS=3): losing any one costs nothing, and nobody may do what `app.core.rights` does not say."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import InitProducerIdRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from app import bus, config
from app.core.groups import GROUPS
from app.core.rights import OPERATOR, SERVICES, Operation, allows
from app.core.topics import BULK, FACTS, TOPICS, retry_topic
from app.stack.whole import Whole
from bench import people
from bench.client import Client, size_of, visible

ROWS = 20_000
WITHIN = 180
NOWHERE = 9_999
"""A partition that no topic has: whoever may write is told so, and nothing is written."""
TOPIC_FORBIDDEN, GROUP_FORBIDDEN, TRANSACTION_FORBIDDEN = 29, 30, 53
THINGS = [topic.name for topic in TOPICS]
GROUP_NAMES = [
    *GROUPS,
    *(retry_topic(topic, delay).name for topics in GROUPS.values() for topic in topics for delay in topic.retries),
    "operator-1",
    "somebody-elses",
]
TRANSACTIONS = [f"tracker-{FACTS.name}-0", "importer-1"]


def settings(stack: Whole, service: str) -> config.Process:
    """As this service connects."""
    passwords = json.loads((stack.data_dir / "secrets.json").read_text())["kafka"]
    known = {**stack.facts()["operator"], "KAFKA_USERNAME": service, "KAFKA_PASSWORD": passwords[service]}
    return config.read(config.Process, {**known, "PROCESS_NAME": f"test-{service}"})


@asynccontextmanager
async def connected(stack: Whole, service: str) -> AsyncIterator[AIOKafkaClient]:
    made = AIOKafkaClient(**bus.connection(settings(stack, service)))
    await made.bootstrap()
    try:
        yield made
    finally:
        await made.close()


# Who may do what


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_may_do_what_the_table_says_and_nothing_else(stack: Whole, service: str) -> None:
    async with connected(stack, service) as client:
        node = client.get_random_node()
        read = await client.send(node, FetchRequest(0, 0, 1024, 0, [(name, [(NOWHERE, 0, 1024)]) for name in THINGS]))
        written = await client.send(
            node, ProduceRequest(None, -1, 1000, [(name, [(NOWHERE, batch())]) for name in THINGS])
        )
        joined = {name: await client.send(node, HeartbeatRequest(name, 1, "nobody")) for name in GROUP_NAMES}
        begun = {name: await client.send(node, InitProducerIdRequest(name, 1000)) for name in TRANSACTIONS}
    found: dict[tuple[str, str, Operation], bool] = {
        **{("topic", name, "read"): parts[0][1] != TOPIC_FORBIDDEN for name, parts in read.topics},
        **{("topic", name, "write"): parts[0][1] != TOPIC_FORBIDDEN for name, parts in written.topics},
        **{("group", name, "read"): answer.error_code != GROUP_FORBIDDEN for name, answer in joined.items()},
        **{
            ("transactional id", name, "write"): answer.error_code != TRANSACTION_FORBIDDEN
            for name, answer in begun.items()
        },
    }
    assert len(found) == 2 * len(THINGS) + len(GROUP_NAMES) + len(TRANSACTIONS)
    wanted = {(kind, name, operation): allows(service, kind, name, operation) for kind, name, operation in found}  # type: ignore[arg-type]
    assert found == wanted


async def test_nobody_is_let_in_without_a_password_or_unseen(stack: Whole) -> None:
    good = bus.connection(settings(stack, "importer"))
    wrong = {**good, "sasl_plain_password": "guessed"}
    for arguments in (wrong, {"bootstrap_servers": good["bootstrap_servers"], "request_timeout_ms": 3000}):
        stranger = AIOKafkaProducer(**arguments)
        with pytest.raises(KafkaError):
            await stranger.start()
        await stranger.stop()


async def test_a_broker_that_nobody_vouches_for_is_not_believed(stack: Whole) -> None:
    arguments = {**bus.connection(settings(stack, "importer")), "ssl_context": ssl.create_default_context()}
    trusting_the_world = AIOKafkaProducer(**arguments)
    with pytest.raises(KafkaConnectionError):
        await trusting_the_world.start()
    await trusting_the_world.stop()


def batch() -> bytes:
    made = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1024)
    made.append(0, 0, b"key", b"value", [])
    return bytes(made.build())


# Who may die


async def victims(stack: Whole) -> list[str]:
    """The active controller, and, unless it leads a part of the segments as well, a broker that does."""
    controller = active_controller(stack)
    async with connected(stack, OPERATOR) as client:
        await client.set_topics([BULK.name])
        parts = client.cluster.partitions_for_topic(BULK.name) or set()
        leaders = {client.cluster.leader_for_partition(TopicPartition(BULK.name, part)) for part in parts}
    return [f"kafka.{node}" for node in (controller, *({min(leaders)} if controller not in leaders else ()))]


def active_controller(stack: Whole) -> int:
    """By what each node writes of the quorum beside the cluster's own log: the newest knows."""
    states = (stack.data_dir / "servers").resolve().glob("kafka.*/data/__cluster_metadata-0/quorum-state")
    said = [json.loads(path.read_text()) for path in states]
    return int(max(said, key=lambda one: (one["leaderEpoch"], one["leaderId"]))["leaderId"])


async def test_the_loss_of_leaders_while_an_import_runs_costs_nothing(
    stack: Whole, client: Client, tmp_path: Path
) -> None:
    for victim in await victims(stack):
        await lose(stack, client, tmp_path / "people.csv", victim)


async def lose(stack: Whole, client: Client, data: Path, victim: str) -> None:
    """Kills a broker once the first rows of an import are told, and holds the import to its counts."""
    people.write(data, ROWS, who=f"broker{uuid4().hex[:6]}x")
    wanted = people.expected(ROWS)
    before = stack.pid(victim)
    channel = await client.channel()
    async with client.watching(channel) as watched:
        made = await client.request_import("people.csv", uuid4().hex, channel=channel["channel"], size=size_of(data))
        uploading = asyncio.create_task(client.upload(made["upload"]["url"], data))
        state = await watched.until(made["id"], lambda state: state["rows"] > 0, WITHIN)
        stack.kill(victim)
        assert state["status"] == "running"
        await uploading
        state = await watched.until(made["id"], visible, WITHIN)
    counts = {name: state[name] for name in ("rows", "created", "duplicate", "rejected", "updated", "unchanged")}
    assert counts == {
        "rows": wanted.rows,
        "created": wanted.created,
        "duplicate": wanted.duplicate,
        "rejected": wanted.rejected,
        "updated": 0,
        "unchanged": 0,
    }
    assert stack.pid(victim) != before


async def test_no_process_was_refused_what_its_work_asks_for(stack: Whole) -> None:
    """Comes after the import, which all have worked on."""
    logs = {path.name: path.read_text(errors="replace") for path in (stack.data_dir / "logs").glob("*.log")}
    assert {"web.log", "tracker.1.log", "importer.1.log"} <= set(logs)
    assert [name for name, said in logs.items() if "AuthorizationFailed" in said] == []
