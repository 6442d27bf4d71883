"""docs/asyncapi.json is what the code says, and whole: every topic, every event, every reference."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import asyncapi
from app.core.topics import TOPICS

PATH = Path(__file__).parents[2] / "docs" / "asyncapi.json"
DOCUMENT = json.loads(PATH.read_text())
CARRYING = [topic for topic in TOPICS if topic.carries and ".retry." not in topic.name]


def found(reference: str) -> Any:
    """What a `$ref` of the document points to. Raises KeyError."""
    assert reference.startswith("#/")
    value: Any = DOCUMENT
    for name in reference[2:].split("/"):
        value = value[name]
    return value


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for member in value.values():
            yield from references(member)
    elif isinstance(value, list):
        for member in value:
            yield from references(member)


def test_the_document_is_up_to_date() -> None:
    assert PATH.read_text() == asyncapi.written(), "python -m app.asyncapi > docs/asyncapi.json"


def test_it_has_what_asyncapi_3_asks_for_and_nothing_else() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert set(DOCUMENT) == {"asyncapi", "info", "defaultContentType", "channels", "operations", "components"}
    assert {"title", "version"} <= set(DOCUMENT["info"])
    for channel in DOCUMENT["channels"].values():
        assert set(channel) == {"address", "description", "messages", "bindings"}
    for operation in DOCUMENT["operations"].values():
        assert set(operation) == {"action", "channel", "messages"}
        assert operation["action"] == "send"


def test_every_reference_leads_somewhere() -> None:
    named = list(references(DOCUMENT))
    assert len(named) > 50
    assert all(found(reference) for reference in named if reference != "#/components/messages/anything")


def test_every_name_is_one_that_asyncapi_allows() -> None:
    names = [*DOCUMENT["channels"], *DOCUMENT["operations"]]
    names += [name for part in DOCUMENT["components"].values() for name in part]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+", name) for name in names)


@pytest.mark.parametrize("topic", CARRYING, ids=lambda topic: topic.name)
def test_every_topic_is_a_channel_with_its_messages(topic: Any) -> None:
    (channel,) = [channel for channel in DOCUMENT["channels"].values() if channel["address"] == topic.name]
    told = {found(reference["$ref"])["name"] for reference in channel["messages"].values()}
    assert told == ({"anything"} if topic.carries == ("*",) else set(topic.carries))
    (operation,) = [one for one in DOCUMENT["operations"].values() if found(one["channel"]["$ref"]) == channel]
    of_operation = [found(found(message["$ref"])["$ref"])["name"] for message in operation["messages"]]
    assert set(of_operation) == told


@pytest.mark.parametrize("tag", sorted(asyncapi.messages()))
def test_every_event_says_its_name_and_what_it_needs(tag: str) -> None:
    (message,) = [one for one in DOCUMENT["components"]["messages"].values() if one["name"] == tag]
    schema = found(message["payload"]["$ref"])
    assert schema["properties"]["type"]["enum"] == [tag]
    assert "type" in schema["required"]
    assert message["summary"]


def test_readers_are_never_told_to_refuse_what_they_do_not_know() -> None:
    assert not [
        name
        for name, schema in DOCUMENT["components"]["schemas"].items()
        if schema.get("additionalProperties") is False
    ]
