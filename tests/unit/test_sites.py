"""Several data centres: what is copied, who reads it, and that nothing goes in circles or ends differently."""

from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields
from types import SimpleNamespace
from typing import Any, get_args
from uuid import UUID, uuid4

import msgspec
import pytest
from aiokafka import TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from app import config, lag
from app.bus import Producer
from app.core import topics
from app.core.contacts import Contact, absorb, fold
from app.core.errors import Rejected
from app.core.events import AnyFact, Counts, Projected, Received, Requested, Sealed, SegmentDone, SegmentFailed, Setting
from app.core.folding import fold as fold_fact
from app.core.folding import holds_everywhere, unknown
from app.core.groups import GROUPS
from app.core.imports import ImportRecord, State, Status
from app.core.rights import SERVICES, rights
from app.core.topics import COPIED, FACTS, TOPICS, at_home, copy_of, every_topic, everywhere
from app.core.workspaces import workspace_id
from app.dead import Letter, back
from app.settings import Settings
from tests.importing import WORKSPACE, Segment, imports
from workers.harness import Record, set_aside
from workers.importer.stopped import Stopped
from workers.tracker.follow import together

EAST = ("east",)


def process(**values: Any) -> config.Process:
    return config.Process(process_name="importer.1", kafka_bootstrap="nowhere:1", **values)


def test_work_is_copied_and_what_came_of_it_is_not() -> None:
    assert {topic.name for topic in COPIED} == {
        "import.segments.express",
        "import.segments.bulk",
        "import.keys",
        "import.facts",
        "settings",
    }
    for topic in (topics.IMPORTS, topics.NOTICES, topics.CHANGED):
        assert everywhere(topic, EAST) == (topic,)


def test_no_topic_of_ours_has_the_name_of_a_copy_and_no_copy_is_copied_on() -> None:
    ours = {topic.name for topic in TOPICS}
    assert all(at_home(name) == name for name in ours)
    for topic in COPIED:
        copied = copy_of(topic, "east")
        assert at_home(copied.name) == topic.name
        assert copied.name not in ours
        assert copied not in COPIED
        assert everywhere(copied, ("west",)) == (copied,)


async def test_nobody_writes_to_what_was_copied() -> None:
    for name in SERVICES:
        written = {right.name for right in rights(name, EAST) if right.kind == "topic" and right.operation == "write"}
        assert all(at_home(topic) == topic for topic in written)
    producer = Producer(process())
    producer._producer = SimpleNamespace()  # connected, as far as it knows
    for topic in COPIED:
        with pytest.raises(AssertionError, match="only read"):
            await producer.send(copy_of(topic, "east"), key=b"k", value=b"v")


def test_who_reads_a_topic_reads_its_copies_and_how_far_they_are_is_known() -> None:
    for name in SERVICES:
        read = {right.name for right in rights(name, EAST) if right.kind == "topic" and right.operation == "read"}
        assert {at_home(topic) for topic in read} <= read
        assert read >= {f"east.{topic.name}" for topic in COPIED if topic.name in read}
    looked_at = lag.Lags(process(remote_sites="east"))
    assert looked_at._topics == every_topic(EAST)
    for group, read_by in GROUPS.items():
        assert looked_at._groups[group] == [each for topic in read_by for each in everywhere(topic, EAST)]


def test_one_data_centre_alone_reads_its_own_topics_and_nothing_else() -> None:
    assert process().others == ()
    assert every_topic(()) == list(TOPICS)
    for name in SERVICES:
        assert rights(name) == rights(name, process().others)


def test_one_list_of_all_sites_fits_each_of_them() -> None:
    assert process(site="east", remote_sites="east west  west").others == ("west",)
    assert process(site="west", remote_sites="east west").others == ("east",)


@pytest.mark.parametrize("names", ["eu.east", "East", "east,west", "-east", "import_"])
def test_a_site_whose_name_cannot_begin_a_topic_is_refused(names: str) -> None:
    environment = {"PROCESS_NAME": "tracker.1", "KAFKA_BOOTSTRAP": "here:9092", "REMOTE_SITES": names}
    with pytest.raises(config.BadConfig, match="REMOTE_SITES"):
        config.read(config.Tracker, environment)


def test_a_site_that_does_not_count_the_others_is_refused() -> None:
    known = {field.name.upper(): "x" for field in fields(config.Web) if field.default is MISSING}
    assert config.read(config.Web, {**known, "REMOTE_SITES": "east", "SITES": "2"}).sites == 2
    with pytest.raises(config.BadConfig, match="SITES must count"):
        config.read(config.Web, {**known, "REMOTE_SITES": "east"})


def test_a_workspace_has_the_same_id_on_every_site() -> None:
    assert workspace_id("demo") == UUID("dcd7d888-0a8e-5869-abe3-31b583c6cd97")


async def test_a_segment_from_elsewhere_waits_for_its_next_attempt_here() -> None:
    sent: list[str] = []

    class Outlet:
        async def publish(self, topic: Any, **record: Any) -> None:
            sent.append(topic)

    copied = Record(topic="east.import.segments.bulk", partition=3, offset=17, key=b"k", value=b"v")
    await set_aside(copied, ZeroDivisionError(), Outlet(), ("5s",))
    assert sent == ["import.segments.bulk.retry.5s"]


def letter(topic: str) -> Letter:
    return Letter(
        reference=f"{topic}/0/1", topic=topic, reason="", attempts=1, at=0, size=0, partition=0, offset=0, headers={}
    )


def test_a_dead_segment_comes_back_here_and_a_dead_fact_where_it_was_told() -> None:
    assert back(letter("east.import.segments.bulk")) is topics.BULK
    assert back(letter("import.facts")) is FACTS
    with pytest.raises(Rejected, match="another data centre"):
        back(letter("east.import.facts"))


@given(st.integers(1, 14), st.integers(1, 3), st.integers(1, 12))
def test_all_facts_of_an_import_go_to_the_same_tracker(members: int, sites: int, partitions: int) -> None:
    names = [topic.name for topic in everywhere(FACTS, [f"site-{number}" for number in range(sites)])]
    cluster = SimpleNamespace(partitions_for_topic=lambda topic: set(range(partitions)))
    subscribed = {f"tracker.{number}": RangePartitionAssignor.metadata(names) for number in range(members)}
    assigned = RangePartitionAssignor.assign(cluster, subscribed)
    numbers: list[int] = []
    for one in assigned.values():
        given_to = [TopicPartition(topic, number) for topic, of_topic in one.assignment for number in of_topic]
        found = together(given_to)
        assert sum(map(len, found.values())) == len(given_to)
        assert all([place.topic for place in places] == sorted(names) for places in found.values())
        numbers += found
    assert sorted(numbers) == list(range(partitions))


def test_a_copy_whose_own_partition_another_tracker_has_waits() -> None:
    own, copied, other = TopicPartition(FACTS.name, 1), *(TopicPartition(f"east.{FACTS.name}", n) for n in (1, 2))
    assert together([other, copied, own]) == {1: [copied, own]}


IMPORT = uuid4()


@pytest.mark.parametrize(("sites", "stopping"), [("", {"cancelled", "failed"}), ("east", {"cancelled"})])
def test_what_came_of_a_failed_import_is_merged_by_all_data_centres(sites: str, stopping: set[str]) -> None:
    stopped = Stopped(process(remote_sites=sites))
    for status in get_args(Status):
        record = ImportRecord(state=State(id=IMPORT, workspace=WORKSPACE, status=status))
        stopped._ended.learn(str(IMPORT).encode(), msgspec.json.encode(record))
        assert stopped(WORKSPACE, IMPORT) == (status in stopping)
        stopped._ended.forget(str(WORKSPACE), str(IMPORT))


def where(site: str) -> dict[str, Any]:
    return {"workspace": WORKSPACE, "import_id": IMPORT, "at": 1000.0, "site": site}


@st.composite
def two_sites(draw: st.DrawFn) -> tuple[list[AnyFact], list[AnyFact]]:
    """What `east` tells, where the import was asked for, and what `west` tells, which counts otherwise."""
    segments = draw(st.integers(0, 8))
    asked: list[AnyFact] = [
        Requested(**where("east"), source="file", name="a.csv", order_second=1, requested_by="me", size=90),
        Received(**where("east"), bytes=50),
        Sealed(**where("east"), segments=segments, bytes=90, lines=10),
    ]

    def done(site: str) -> list[AnyFact]:
        facts: list[AnyFact] = []
        for index in draw(st.permutations(range(segments))):
            rows = draw(st.integers(1, 9))
            if draw(st.booleans()):
                facts.append(SegmentFailed(**where(site), index=index, bytes=9, rows=rows, reference=f"{site}/{index}"))
            facts.append(SegmentDone(**where(site), index=index, bytes=9, counts=Counts(updated=rows)))
            facts.append(Projected(**where(site), indexes=(index,)))
        return facts

    return mixed(draw, [asked, done("east")]), done("west")


def mixed(draw: Callable[..., list[int]], streams: Sequence[Sequence[AnyFact]]) -> list[AnyFact]:
    """The records of several partitions as a consumer may get them: the order within each is kept."""
    order = draw(st.permutations([number for number, stream in enumerate(streams) for _ in stream]))
    left = [iter(stream) for stream in streams]
    return [next(left[number]) for number in order]


def tracked(facts: Sequence[AnyFact], site: str) -> ImportRecord:
    """As the tracker of `site` folds them; whoever was told elsewhere comes from a copied topic."""
    record = unknown(WORKSPACE, IMPORT)
    for fact in facts:
        if fact.site == site or holds_everywhere(fact):
            record = fold_fact(record, fact)
    return replace(record, state=replace(record.state, version=0))


@settings(max_examples=60)
@given(st.data())
def test_both_sites_end_an_import_in_any_order_of_both_logs_each_with_its_own_counts(data: st.DataObject) -> None:
    east, west = data.draw(two_sites())
    rows = {
        site: sum(fact.counts.rows for fact in facts if isinstance(fact, SegmentDone))
        for site, facts in (("east", east), ("west", west))
    }
    for site in ("east", "west"):
        straight = tracked([*east, *west], site)
        assert tracked(mixed(data.draw, [east, west]), site) == straight
        assert (straight.state.status, straight.state.visible) == ("finished", True)
        assert (straight.state.rows, straight.state.updated) == (rows[site], rows[site])


def contacts_of(segments: Sequence[Segment]) -> dict[str, Contact]:
    stored: dict[str, Contact] = {}
    for segment in segments:
        for staged in fold(WORKSPACE, segment.rows, segment.existing):
            stored[staged.id], _ = absorb(stored.get(staged.id), staged.contact, segment.existing)
    return stored


@settings(max_examples=60)
@given(st.data())
def test_two_sites_that_get_the_same_segments_in_any_order_and_again_have_equal_contacts(data: st.DataObject) -> None:
    segments = data.draw(imports())
    cut = data.draw(st.integers(0, len(segments)))
    # Each does its own first, and the other's when the copies come: all of them twice where the copying began anew.
    east = [*segments[:cut], *data.draw(st.permutations(segments[cut:] * 2))]
    west = [*segments[cut:], *data.draw(st.permutations(segments[:cut] * 2))]
    assert contacts_of(east) == contacts_of(west)


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["a", "b", "c"])), min_size=1), st.randoms())
def test_both_sites_believe_the_same_setting_in_whatever_order_they_hear_of_it(
    values: list[tuple[int, str]], random: Any
) -> None:
    believed = set()
    for _ in range(2):
        random.shuffle(values)
        dynamic = Settings(process(remote_sites="east"))
        for stamp, value in values:
            raw = msgspec.Raw(msgspec.json.encode(value))
            setting = Setting(scope=str(WORKSPACE), name="locale", stamp=stamp, value=raw)
            dynamic._map.learn(f"{WORKSPACE}:locale".encode(), msgspec.json.encode(setting))
        believed.add(dynamic.get(WORKSPACE, "locale"))
    assert believed == {max(values)[1]}
