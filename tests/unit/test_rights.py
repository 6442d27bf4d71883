"""Who may do what on Kafka: the table is whole, narrow, and becomes ACLs."""

from pathlib import Path

import pytest

from app import rights as kafka
from app.core import topics
from app.core.groups import GROUPS
from app.core.rights import OPERATOR, SERVICES, allows, rights
from app.core.topics import TOPICS
from app.stack.processes import procfile

ROOT = Path(__file__).resolve().parents[2]
UNUSED = {topics.COMMANDS.name}
"""Room is kept for it."""


def who(kind: str, name: str, operation: str) -> set[str]:
    return {service for service in SERVICES if allows(service, kind, name, operation)}  # type: ignore[arg-type]


def test_every_process_and_whoever_operates_them_has_a_row() -> None:
    assert set(SERVICES) == {*procfile((ROOT / "Procfile").read_text()), OPERATOR}


@pytest.mark.parametrize("topic", [topic.name for topic in TOPICS if topic.name not in UNUSED])
def test_somebody_writes_each_topic_and_somebody_reads_it(topic: str) -> None:
    # Room is kept for the longest wait of topics that do not use it.
    if "retry.5m" in topic and "segments" in topic:
        return
    assert who("topic", topic, "write")
    assert who("topic", topic, "read")


def test_each_group_has_one_service() -> None:
    for group, read in GROUPS.items():
        (service,) = who("group", group, "read")
        assert all(allows(service, "topic", topic.name, "read") for topic in read)


def test_only_the_tracker_says_how_an_import_stands() -> None:
    assert who("topic", topics.IMPORTS.name, "write") == {"tracker"}
    assert who("topic", topics.NOTICES.name, "write") == {"tracker"}
    assert who("transactional id", f"tracker-{topics.FACTS.name}-3", "write") == {"tracker"}


def test_only_those_who_handle_files_read_them_and_their_keys() -> None:
    look = {"web", OPERATOR}
    assert who("topic", topics.BULK.name, "read") == {"importer"} | look
    assert who("topic", topics.EXPRESS.name, "read") == {"express"} | look
    assert who("topic", topics.KEYS.name, "write") == look
    assert who("topic", topics.KEYS.name, "read") == {"importer", "express", "projector", "fetcher"} | look


def test_who_is_out_in_the_world_can_forge_nothing() -> None:
    written = {topic.name for topic in TOPICS if allows("gateway", "topic", topic.name, "write")}
    assert written == {topics.TELEMETRY.name}


def test_who_handles_records_can_set_them_aside_and_bring_them_back() -> None:
    for service, row in SERVICES.items():
        for topic in GROUPS.get(row.group, ()):
            for delay in topic.retries:
                waiting = topics.retry_topic(topic, delay).name
                assert allows(service, "topic", waiting, "write")
                assert allows(service, "topic", waiting, "read")
                assert allows(service, "group", waiting, "read")
                assert allows(service, "topic", topic.name, "write")
                assert allows(service, "topic", topics.DEAD.name, "write")


def test_reading_and_writing_let_one_describe() -> None:
    assert allows("gateway", "topic", topics.NOTICES.name, "describe")
    assert not allows("gateway", "topic", topics.FACTS.name, "describe")


def test_a_right_to_a_beginning_is_a_right_to_all_that_begin_so() -> None:
    assert allows(OPERATOR, "group", "operator-7", "read")
    assert not allows(OPERATOR, "group", "importer", "read")


def test_rights_become_acls_in_the_numbers_of_the_protocol() -> None:
    found = kafka.acls("tracker")
    assert len(found) == len(rights("tracker"))
    assert kafka.Acl(2, "imports", 3, "User:tracker", "*", 4, 3) in found
    assert kafka.Acl(5, "tracker-", 4, "User:tracker", "*", 4, 3) in found
    assert kafka.Acl(3, "tracker", 3, "User:tracker", "*", 3, 3) in found
