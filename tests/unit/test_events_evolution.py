"""Old readers with new events, new readers with old ones: releases run side by side, and the log remembers.

`recorded/events.jsonl` holds one record of each event as the first release wrote it. A line is never changed; a
new event gets a new line.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app import asyncapi
from app.core import events
from app.core.errors import Rejected
from app.core.reading import plans

LINES = (Path(__file__).parent / "recorded" / "events.jsonl").read_bytes().splitlines()
RECORDED = {json.loads(line)["type"]: line for line in LINES}
TYPES: dict[str, Any] = {**asyncapi.messages(), "segment": events.SegmentHeader}
MAPS = {"custom", "groups", "origins", "failed", "partitions", "figures", "delays", "topics"}
"""Members whose keys are data: whatever stands there is no unknown field."""


def newer(value: Any, *, is_map: bool = False) -> Any:
    """The same event from a release that knows more: each object has one more member."""
    if isinstance(value, list):
        return [newer(item) for item in value]
    if not isinstance(value, dict):
        return value
    grown = {name: newer(member, is_map=name in MAPS) for name, member in value.items()}
    return grown if is_map else {**grown, "of_a_later_release": {"mood": ["calm"]}}


def test_every_event_is_recorded() -> None:
    assert set(RECORDED) == set(TYPES)


@pytest.mark.parametrize("tag", sorted(TYPES))
def test_an_event_of_the_first_release_is_read_today(tag: str) -> None:
    found = msgspec.json.decode(RECORDED[tag], type=TYPES[tag])
    assert msgspec.json.decode(msgspec.json.encode(found), type=TYPES[tag]) == found


@pytest.mark.parametrize("tag", sorted(TYPES))
def test_an_event_of_a_later_release_is_read_today(tag: str) -> None:
    later = msgspec.json.encode(newer(json.loads(RECORDED[tag])))
    assert b"of_a_later_release" in later
    assert msgspec.json.decode(later, type=TYPES[tag]) == msgspec.json.decode(RECORDED[tag], type=TYPES[tag])


@pytest.mark.parametrize("tag", sorted(TYPES))
def test_what_was_added_since_the_first_release_has_a_default(tag: str) -> None:
    known = json.loads(RECORDED[tag])
    for field in msgspec.structs.fields(TYPES[tag]):
        assert field.encode_name in known or not field.required, field.name


@pytest.mark.parametrize("tag", sorted(TYPES))
def test_nothing_that_was_ever_said_is_forgotten(tag: str) -> None:
    """A renamed field would be dropped silently by readers that ignore what they do not know."""
    known = set(json.loads(RECORDED[tag])) - {"type"}
    assert known <= {field.encode_name for field in msgspec.structs.fields(TYPES[tag])}


@pytest.mark.parametrize(
    ("plan", "pointer"),
    [
        ({"mood": 1}, ""),
        ({"dialect": {"delimiter": ",", "quote": None, "escape": "doubled", "mood": 1}}, "/dialect"),
        ({"values": {"mood": 1}}, "/values"),
        ({"columns": [{"index": 0, "field": "name"}, {"index": 1, "field": "notes", "mood": 1}]}, "/columns/1"),
    ],
)
def test_a_client_is_told_what_is_not_understood_where_an_event_would_be_read(plan: Any, pointer: str) -> None:
    with pytest.raises(Rejected, match="unknown field `mood`") as refused:
        plans.parse(plan)
    assert refused.value.extra["pointer"] == pointer
