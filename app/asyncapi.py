"""The events described for other systems (AsyncAPI 3.0): `python -m app.asyncapi > docs/asyncapi.json`.

Made of `app/core/topics.py` and the types in `app/core/events.py`; a test holds docs/asyncapi.json against them. Topics
are described as Addressbus sees them: it sends. Whoever builds on the events receives.
"""

import inspect
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import msgspec

from app.core import events, imports, telemetry
from app.core.topics import DEAD, TOPICS, Topic

SCHEMAS = "#/components/schemas/{name}"
SEGMENT = "segment"
ANYTHING = "anything"
TRACEPARENT = {"type": "string", "description": "W3C trace context"}

Document = dict[str, Any]


def document() -> Document:
    """The whole description, as JSON-ready values."""
    types = messages()
    _, schemas = msgspec.json.schema_components([*types.values(), events.SegmentHeader], ref_template=SCHEMAS)
    described = [topic for topic in TOPICS if topic.carries and ".retry." not in topic.name]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Addressbus",
            "version": "1.0.0",
            "description": (
                "What travels on Kafka while contacts are imported. Within version 1 fields are only added, each "
                "with a default; readers ignore what they do not know. docs/events.md says how to build on it."
            ),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {_id(topic): _channel(topic) for topic in described},
        "operations": {f"send_{_id(topic)}": _operation(topic) for topic in described},
        "components": {
            "messages": {
                **{_name(tag): _message(tag, kind) for tag, kind in sorted(types.items())},
                SEGMENT: _segment(),
                ANYTHING: _anything(),
            },
            "schemas": schemas,
        },
    }


def messages() -> Mapping[str, type[msgspec.Struct]]:
    """Every type that travels as a JSON value, by its wire name."""
    return {kind.__struct_config__.tag: kind for module in (events, imports, telemetry) for kind in _tagged(module)}


def _tagged(module: ModuleType) -> Iterator[Any]:
    for _, kind in inspect.getmembers(module, inspect.isclass):
        if issubclass(kind, msgspec.Struct) and kind.__module__ == module.__name__ and _wire_name(kind):
            yield kind


def _wire_name(kind: type[msgspec.Struct]) -> bool:
    return isinstance(kind.__struct_config__.tag, str) and kind not in (events.Fact, telemetry.Seen)


def _channel(topic: Topic) -> Document:
    if topic.keep is None:
        kept: Document = {"cleanup.policy": ["compact"]}
        about = "compacted: the last record of each key"
    else:
        kept = {"cleanup.policy": ["delete"], "retention.ms": int(topic.keep.total_seconds() * 1000)}
        about = f"kept {topic.keep.days} days"
    return {
        "address": topic.name,
        "description": f"Key: {topic.key}; {about}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _carried(topic)},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "topicConfiguration": {**kept, "max.message.bytes": topic.record_bytes},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operation(topic: Topic) -> Document:
    channel = f"#/channels/{_id(topic)}"
    return {
        "action": "send",
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{name}"} for name in _carried(topic)],
    }


def _carried(topic: Topic) -> list[str]:
    return [ANYTHING] if topic == DEAD else [_name(tag) for tag in topic.carries]


def _message(tag: str, kind: type[msgspec.Struct]) -> Document:
    return {
        "name": tag,
        "title": kind.__name__,
        "summary": _first_line(kind),
        "contentType": "application/json",
        "headers": {"type": "object", "properties": {"traceparent": TRACEPARENT}},
        "payload": {"$ref": SCHEMAS.format(name=kind.__name__)},
    }


def _segment() -> Document:
    header = {
        "type": "string",
        "contentMediaType": "application/json",
        "description": "JSON; its schema is #/components/schemas/SegmentHeader",
    }
    return {
        "name": SEGMENT,
        "title": "Segment",
        "summary": "Text of a file from one record boundary to another; its header says all that is needed to read it.",
        "contentType": "text/plain; charset=utf-8",
        "headers": {
            "type": "object",
            "required": [SEGMENT],
            "properties": {SEGMENT: header, "traceparent": TRACEPARENT},
        },
        "payload": {"type": "string"},
    }


def _anything() -> Document:
    return {
        "name": ANYTHING,
        "title": "Dead letter",
        "summary": "A record that was given up, as it was; its headers say where it came from and why.",
        "contentType": "application/octet-stream",
        "payload": {},
    }


def _first_line(kind: type[msgspec.Struct]) -> str:
    return (inspect.getdoc(kind) or "").partition("\n")[0]


def _id(topic: Topic) -> str:
    return _name(topic.name)


def _name(text: str) -> str:
    """Names in the document have no dots, which are for addresses."""
    return text.replace(".", "_")


def written() -> str:
    """The document as it lies in docs/asyncapi.json."""
    return msgspec.json.format(msgspec.json.encode(document(), order="sorted"), indent=2).decode() + "\n"


if __name__ == "__main__":
    sys.stdout.write(written())
