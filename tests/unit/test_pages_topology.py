"""The operators' page as it leaves the server, with all that was told and with nothing."""

import time
from typing import Any

from app.core.telemetry import AnySeen, Behind, GroupSeen, ProcessSeen, TopicSeen
from app.web.pages import topology

NOW = time.time()


def process(name: str, **changes: Any) -> ProcessSeen:
    facts = {
        "id": f"process:{name}",
        "version": int(NOW * 1000),
        "site": "local",
        "name": name,
        "kind": name.partition(".")[0],
        "started_at": NOW - 60,
    }
    return ProcessSeen(**{**facts, **changes})


def group(*waiting: int) -> GroupSeen:
    places = tuple(Behind(end=10, done=10 - count, waiting=count, oldest=count / 2) for count in waiting)
    return GroupSeen(
        id="group:importer",
        version=int(NOW * 1000),
        site="local",
        name="importer",
        topics={"import.segments.bulk": places},
    )


def states(*seen: AnySeen) -> list[tuple[object, object]]:
    return [(one["name"], one["state"]) for one in topology._processes(seen)]


def test_processes_stand_in_the_order_of_the_work_and_by_number() -> None:
    seen = [process(name) for name in ("importer.10", "web", "importer.2", "gateway.1")]
    assert [name for name, _ in states(*seen)] == ["web", "gateway.1", "importer.2", "importer.10"]


def test_who_is_silent_is_said_to_be_and_who_went_long_ago_is_not_listed() -> None:
    silent = process("importer.1", version=int((NOW - 60) * 1000))
    gone = process("importer.2", status="finished", finished_at=NOW - 30)
    long_gone = process("importer.3", status="failed", finished_at=NOW - 3600)
    assert states(silent, gone, long_gone) == [("importer.1", "silent"), ("importer.2", "finished")]


def test_a_group_nobody_looked_at_is_not_known() -> None:
    importer, express, *_ = topology._groups([group(3, 0, 5)])
    assert (importer["known"], importer["behind"], importer["oldest"]) == (True, 8, 2.5)
    assert express["known"] is False


def test_partitions_are_told_as_runs() -> None:
    assert topology._runs((0, 1, 2, 3, 6, 8, 9)) == "0–3 6 8 9"


def test_a_topic_has_what_lies_in_it_and_who_reads_it() -> None:
    topic = TopicSeen(id="topic:dead", version=1, site="local", name="dead", begins=(1, 0), ends=(3, 0))
    (found,) = topology._topics([topic])
    assert (found["records"], found["partitions"], found["readers"], found["keep"]) == (2, 2, [], 30)
