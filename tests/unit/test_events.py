"""The words on the wire: documented, carried by a topic, readable by older and newer code."""

from pathlib import Path
from typing import get_args
from uuid import UUID

import msgspec
import pytest

from app.core import events, telemetry
from app.core.topics import BULK, EXPRESS, EXPRESS_SEGMENTS, SMALL_BYTES, TOPICS, segment_topic, spread

DOCS = (Path(__file__).parents[2] / "docs" / "events.md").read_text()
FACTS = get_args(events.AnyFact)
MESSAGES = (
    *FACTS,
    events.FetchRequested,
    events.ContactsChanged,
    events.ImportProblems,
    events.Notice,
    events.Setting,
    events.Revocation,
    *get_args(telemetry.AnySeen),
)


def tag(message: type) -> str:
    return str(msgspec.inspect.type_info(message).tag)  # type: ignore[attr-defined]  # every message is a Struct


@pytest.mark.parametrize("message", MESSAGES)
def test_every_event_is_documented_with_its_fields(message: type) -> None:
    assert f"`{tag(message)}`" in DOCS
    for field in msgspec.structs.fields(message):
        assert f"`{field.encode_name}`" in DOCS, field.name


@pytest.mark.parametrize("field", msgspec.structs.fields(events.SegmentHeader))
def test_every_field_of_a_segment_header_is_documented(field: msgspec.structs.FieldInfo) -> None:
    assert f"`{field.encode_name}`" in DOCS


@pytest.mark.parametrize("message", MESSAGES)
def test_every_event_is_carried_by_exactly_one_topic_apart_from_its_retries(message: type) -> None:
    assert len([topic for topic in TOPICS if tag(message) in topic.carries and ".retry." not in topic.name]) == 1


@pytest.mark.parametrize("topic", TOPICS)
def test_every_topic_is_documented(topic: object) -> None:
    name = topic.name  # type: ignore[attr-defined]
    assert name in DOCS or ".retry." in name


def test_a_reader_ignores_fields_that_it_does_not_know() -> None:
    fact = events.CancelRequested(workspace=UUID(int=1), import_id=UUID(int=2), at=1.0, site="a", by="me")
    newer = {**msgspec.to_builtins(fact), "mood": "calm"}
    assert msgspec.json.decode(msgspec.json.encode(newer), type=events.AnyFact) == fact


def test_the_first_segments_take_the_express_lane() -> None:
    lanes = [segment_topic(index).name.rsplit(".", 1)[1] for index in range(EXPRESS_SEGMENTS + 2)]
    assert lanes == ["express"] * 4 + ["bulk"] * 2


@pytest.mark.parametrize(("size", "urgent"), [(None, 4), (1, 4), (SMALL_BYTES, 4), (SMALL_BYTES + 1, 1)])
def test_of_an_import_that_is_known_to_be_great_only_the_first_segment_is_urgent(size: int | None, urgent: int) -> None:
    assert [segment_topic(index, size) for index in range(6)] == [EXPRESS] * urgent + [BULK] * (6 - urgent)


def test_neighbouring_segments_of_an_import_go_to_different_partitions() -> None:
    assert sorted(spread(UUID(int=7), index, 12) for index in range(12)) == list(range(12))
