"""Telemetry on real servers: told by processes, measured from outside, heard by operators, and by them alone."""

import logging
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import cast
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec.structs import replace
from prometheus_client import REGISTRY

from app import config, membership, telemetry
from app.bus import LiveMap
from app.core.channels import OPERATORS, workspace_channel
from app.core.telemetry import AnySeen, GroupSeen, ProcessSeen, TopicSeen
from app.core.topics import BULK, DEAD
from app.observing import FORGOTTEN_SECONDS, SILENT_SECONDS
from app.stack.scaling import Scaling
from app.stack.supervision import Seen, Supervision
from app.web import accounts
from tests.integration.conftest import Servers
from tests.integration.house import House, Person, house
from tests.integration.listening import client, gateway, producing, settings
from tests.waiting import eventually, until

SESSION = 120
"""Seconds: far longer than a word of goodbye takes."""
KINDS = {"importer": ["importer.1", "importer.2"]}


@dataclass
class Supervisor:
    """As much of one as scaling needs."""

    states: dict[str, str] = field(default_factory=lambda: {"importer.1": "RUNNING", "importer.2": "STOPPED"})

    def processes(self) -> list[Seen]:
        return [Seen(name, state, 0) for name, state in self.states.items()]

    def start_process(self, name: str) -> None:
        self.states[name] = "RUNNING"

    def stop_process(self, name: str) -> None:
        self.states[name] = "STOPPED"


@pytest.fixture(scope="module")
def supervisor() -> Supervisor:
    return Supervisor()


@pytest.fixture(scope="module")
def scaling(supervisor: Supervisor) -> Iterator[Scaling]:
    with Scaling() as made:
        made.open(cast(Supervision, supervisor), KINDS, {"importer": 1})
        yield made


@pytest.fixture(scope="module")
async def web(servers: Servers, scaling: Scaling) -> AsyncIterator[House]:
    async with house(servers, scaling_socket=str(scaling.address)) as made:
        yield made


@pytest.fixture(scope="module")
async def operator(web: House) -> Person:
    person = await web.join(await web.workspace())
    who = person.principal
    assert who.person is not None
    assert await web.services.accounts.make_operator(who.name)
    return await web.enter(
        await accounts.new_link(web.services.accounts, "http://localhost:8000", who.workspace, who.person)
    )


@pytest.fixture(scope="module")
async def seen(servers: Servers) -> AsyncIterator[LiveMap[AnySeen]]:
    made = telemetry.followed(process(servers))
    await made.start()
    yield made
    await made.stop()


def process(servers: Servers, name: str | None = None) -> config.Process:
    return config.Process(process_name=name or f"test.{uuid4().hex[:8]}", kafka_bootstrap=servers.kafka)


async def test_a_process_tells_how_it_is_and_says_goodbye(servers: Servers, seen: LiveMap[AnySeen]) -> None:
    ours, missing = process(servers), ["partitions"]

    async def told() -> ProcessSeen | None:
        return cast(ProcessSeen | None, seen.get(f"process:{ours.process_name}"))

    async with telemetry.told(ours, "importer", lambda: ", ".join(missing) or None):
        found = await eventually(told, lambda one: one is not None)
        assert found is not None
        assert (found.status, found.kind, found.missing) == ("running", "importer", "partitions")
        assert found.memory > 0
        missing.clear()
        telemetry.assigned("importer", [TopicPartition(BULK.name, 3), TopicPartition(BULK.name, 1)])
        found = await eventually(told, lambda one: one is not None and one.missing == "")
        assert found is not None
        assert found.partitions == {BULK.name: (1, 3)}
    found = await eventually(told, lambda one: one is not None and one.status == "finished")
    assert found is not None
    assert found.partitions == {}


async def test_groups_and_topics_are_measured_from_outside(web: House, seen: LiveMap[AnySeen]) -> None:
    async def group() -> AnySeen | None:
        return seen.get("group:importer")

    reference = f"{BULK.name}/0/{uuid4().int}"
    headers = [("origin", reference.encode()), ("reason", b"ValueError")]
    await web.services.producer.publish(DEAD, key=b"k", value=b"x", headers=headers)

    async def dead() -> TopicSeen | None:
        return cast(TopicSeen | None, seen.get("topic:dead"))

    found = await eventually(group, lambda one: one is not None)
    assert isinstance(found, GroupSeen)
    assert len(found.topics[BULK.name]) == 12
    topic = await eventually(dead, lambda one: one is not None and one.letters > 0)
    assert topic is not None
    assert sum(topic.ends) > 0
    lag = {"group": "importer", "topic": BULK.name}
    await until(lambda: REGISTRY.get_sample_value("addressbus_lag_records", lag) is not None)


async def test_who_fell_silent_is_told_to_be_gone_and_forgotten_in_the_end(web: House, seen: LiveMap[AnySeen]) -> None:
    now = time.time()
    silent = ProcessSeen(
        id="process:s",
        version=int((now - SILENT_SECONDS - 1) * 1000),
        site="local",
        name="s",
        kind="importer",
        started_at=now - 900,
    )
    gone = replace(silent, id="process:g", version=1, status="failed", finished_at=now - FORGOTTEN_SECONDS - 1)
    await telemetry.tell(web.services.producer, silent)
    await telemetry.tell(web.services.producer, gone)

    async def states() -> tuple[str | None, bool]:
        one = seen.get("process:s")
        return one.status if one else None, seen.get("process:g") is None

    await eventually(states, lambda found: found == ("failed", True))


async def test_the_operators_channel_opens_for_operators_alone(web: House, operator: Person) -> None:
    stranger = await web.join(await web.workspace())
    channel = workspace_channel(OPERATORS)
    for body in ({"scope": "operators"}, {"channel": channel}):
        granted = await operator.browser.post("/api/v1/channels", json=body)
        assert (granted.status_code, granted.json()["channel"]) == (201, channel)
        for other in (stranger.browser, operator.program):
            assert (await other.post("/api/v1/channels", json=body)).status_code == 404


async def test_what_is_told_is_heard_on_the_operators_channel(servers: Servers) -> None:
    ours = f"test.{uuid4().hex[:8]}"
    one = ProcessSeen(id=f"process:{ours}", version=1, site="local", name=ours, kind="importer", started_at=1.0)
    async with (
        producing(servers) as producer,
        gateway(settings(servers, f"gateway.{ours}"), group=f"test-{uuid4()}") as running,
        client(running) as page,
    ):
        await telemetry.tell(producer, one)
        await page.subscribe(OPERATORS, workspace_channel(OPERATORS))
        await until(lambda: one.id in page.states)
        await telemetry.tell(producer, telemetry.ended(one, "finished"))
        await until(lambda: page.states[one.id]["status"] == "finished")
        assert page.states[one.id]["name"] == ours


async def test_the_page_shows_all_of_it_to_operators_and_is_nothing_to_others(
    web: House, operator: Person, seen: LiveMap[AnySeen]
) -> None:
    told = ("group:importer", f"topic:{BULK.name}", "topic:contacts.changed.retry.5m")
    await until(lambda: all(web.services.telemetry.get(one) is not None for one in told))
    shown = (await operator.browser.get("/operate")).text
    for text in ("import.segments.bulk", 'data-id="group:importer"', "contacts.changed.retry.5m", 'data-most="8"'):
        assert text in shown
    stranger = await web.join(await web.workspace())
    for method, path in (("GET", "/operate"), ("POST", "/operate/scale"), ("POST", "/api/v1/operate/scale")):
        for other in (stranger.browser, operator.program):
            answer = await other.request(method, path)
            assert answer.status_code == 404, (method, path)


async def test_an_operator_scales_and_it_is_written_down(
    web: House, operator: Person, supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "app.web.pages.topology"):
        answer = await operator.browser.post("/operate/scale", data={"kind": "importer", "to": "2"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/operate")
    await until(lambda: supervisor.states["importer.2"] == "RUNNING")
    said = next(record for record in caplog.records if record.getMessage() == "scaled").__dict__
    assert (said["kind"], said["to"], said["by"]) == ("importer", 2, operator.principal.name)
    answer = await operator.browser.post("/api/v1/operate/scale", json={"kind": "importer", "to": 1})
    assert answer.status_code == 202
    await until(lambda: supervisor.states["importer.2"] == "STOPPED")
    refused = await operator.browser.post("/api/v1/operate/scale", json={"kind": "importer", "to": 99})
    assert (refused.status_code, refused.json()["code"]) == (422, "not_scaled")
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    foreign = await operator.browser.post("/operate/scale", data={"kind": "importer", "to": "2"}, headers=elsewhere)
    assert foreign.status_code == 403


async def test_a_static_member_that_leaves_gives_its_partitions_to_the_others_at_once(servers: Servers) -> None:
    group = f"test-{uuid4()}"
    members = [process(servers), process(servers)]
    consumers = [
        AIOKafkaConsumer(
            BULK.name,
            bootstrap_servers=servers.kafka,
            group_id=group,
            group_instance_id=member.process_name,
            session_timeout_ms=SESSION * 1000,
            heartbeat_interval_ms=200,
        )
        for member in members
    ]
    for consumer in consumers:
        await consumer.start()
    stays, goes = consumers
    try:
        await until(lambda: len(stays.assignment()) == len(goes.assignment()) == 6)
    finally:
        await goes.stop()
    began = time.monotonic()
    await membership.leave(members[1], group)
    await membership.leave(members[1], group)  # who is gone may say so again
    await until(lambda: len(stays.assignment()) == 12)
    assert time.monotonic() - began < SESSION / 2
    await stays.stop()
