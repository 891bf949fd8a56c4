"""Writes what integrators read: a JSON Schema for each type, and one AsyncAPI document over all of them.

`python -m schemas.generate` writes schemas/generated/; a test fails when what is there is not what this would write.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from schemas.registry import (
    COMPACTED,
    DEAD_LETTERS,
    EVENT_RECORD,
    LETTER_RECORD,
    MEETING_TOPICS,
    OTHER_MEETINGS,
    OUT_TYPES,
    TYPES,
    TypeEntry,
)
from schemas.vocabulary import ID_PATTERN

GENERATED = Path(__file__).parent / "generated"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def event_schema(type_: str, entry: TypeEntry) -> dict[str, Any]:
    """The JSON Schema of a whole event of this type, envelope and data."""
    data = entry.model.model_json_schema(ref_template="#/$defs/{model}")
    parts = data.pop("$defs", {})
    description = data.pop("description", "")
    return {
        "$schema": DIALECT,
        "title": type_,
        "description": description,
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "subject", "partitionkey", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "pattern": ID_PATTERN, "description": "Unique per source."},
            "source": {"type": "string", "format": "uri-reference", "minLength": 1, "maxLength": 256},
            "type": {"const": type_},
            "time": {"type": "string", "format": "date-time", "description": "When it became true, with offset."},
            "subject": {"type": "string", "pattern": ID_PATTERN, "description": "What it is about: an id, no name."},
            "partitionkey": {"type": "string", "pattern": ID_PATTERN, "description": "The family, else the subject."},
            "datacontenttype": {"const": "application/json"},
            "data": {"$ref": f"#/$defs/{entry.model.__name__}"},
        },
        "$defs": {**parts, entry.model.__name__: data},
    }


def _topics(entry: TypeEntry) -> list[str]:
    if isinstance(entry.topic, str):
        return [entry.topic]
    return list(dict.fromkeys((*MEETING_TOPICS.values(), OTHER_MEETINGS)))


KAFKA = {"bindingVersion": "0.5.0"}
CLOUDEVENTS = "application/cloudevents+json"
DEAD_LETTER = "quorate.dead-letter"
JSON_TEXT = {"type": "string", "contentMediaType": "application/json"}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document: a channel per topic, a message per type, and whether Quorate takes or sends it."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}

    def say(action: str, verb: str, topic: str, message: str) -> None:
        channel = channels.setdefault(topic, {"address": topic, "messages": {}, "bindings": {"kafka": _kept(topic)}})
        channel["messages"][message] = {"$ref": f"#/components/messages/{message}"}
        operation = operations.setdefault(
            f"{verb}-{topic}", {"action": action, "channel": {"$ref": f"#/channels/{topic}"}, "messages": []}
        )
        operation["messages"].append({"$ref": f"#/channels/{topic}/messages/{message}"})

    for action, verb, types in (("receive", "take", TYPES), ("send", "send", OUT_TYPES)):
        for type_, entry in types.items():
            for topic in _topics(entry):
                say(action, verb, topic, type_)
    say("send", "send", DEAD_LETTERS, DEAD_LETTER)
    messages = {type_: _event(type_, sent=type_ in OUT_TYPES) for type_ in (*TYPES, *OUT_TYPES)}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Quorate",
            "version": "1",
            "description": "What travels in and out of Quorate: CloudEvents 1.0 in structured JSON, one per record, "
            "under the partition key. All who send have to choose the partition as Kafka's own clients do, by murmur2 "
            "over the key (librdkafka: partitioner=murmur2_random), or the events about one family lose their order. "
            "Topics are named as here unless QUORATE_TOPIC_PREFIX says otherwise; how many partitions and copies they "
            "have, and for how long they keep records, is set where Quorate runs.",
        },
        "defaultContentType": CLOUDEVENTS,
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages | {DEAD_LETTER: _dead_letter()}},
    }


def _kept(topic: str) -> dict[str, Any]:
    """How a topic is kept, as far as that is the same wherever Quorate runs."""
    return {
        "topicConfiguration": {
            "cleanup.policy": ["compact" if topic in COMPACTED else "delete"],
            "max.message.bytes": LETTER_RECORD if topic == DEAD_LETTERS else EVENT_RECORD,
        },
        **KAFKA,
    }


def _event(type_: str, *, sent: bool) -> dict[str, Any]:
    """The message of an event."""
    mode = "Structured content mode, the only one there is."
    kind = {"type": "string", "pattern": f"^{CLOUDEVENTS.replace('+', '[+]')}(;.*)?$", "description": mode}
    return {
        "name": type_,
        "contentType": CLOUDEVENTS,
        "headers": {
            "type": "object",
            "required": ["content-type"] if sent else [],
            "properties": {"content-type": kind},
        },
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./{type_}.json"},
        },
        "bindings": {
            "kafka": {
                "key": {"type": "string", "pattern": ID_PATTERN, "description": "The event's partitionkey."},
                **KAFKA,
            }
        },
    }


def _dead_letter() -> dict[str, Any]:
    """The message of what was rejected."""
    headers = {
        "quorate-deadletter-id": {
            "type": "string",
            "pattern": "^[0-9]+$",
            "description": "Its number in quorate deadletters.",
        },
        "quorate-from": {
            **JSON_TEXT,
            "description": "Where it came from.",
            "contentSchema": {
                "type": "object",
                "required": ["topic", "partition", "offset"],
                "properties": {
                    "topic": {"type": "string"},
                    "partition": {"type": "integer"},
                    "offset": {"type": "integer"},
                },
            },
        },
        "quorate-errors": {
            **JSON_TEXT,
            "description": "What is wrong with it: each field by its JSONPath from the envelope.",
            "contentSchema": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["path", "message"],
                    "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
                },
            },
        },
        "quorate-size": {"type": "string", "pattern": "^[0-9]+$", "description": "Its length in bytes."},
    }
    return {
        "name": DEAD_LETTER,
        "contentType": "application/octet-stream",
        "headers": {"type": "object", "required": list(headers), "properties": headers},
        "payload": {
            "description": "The record's value as it came, byte for byte, whatever it is. Null where it came without "
            f"one, and where it is longer than {EVENT_RECORD} bytes: then it is to be had from quorate deadletters."
        },
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": "topic/partition that it came from: their order is kept."},
                **KAFKA,
            }
        },
    }


def documents() -> dict[str, str]:
    """File name → text of everything under schemas/generated/."""
    made = {f"{type_}.json": event_schema(type_, entry) for type_, entry in (TYPES | OUT_TYPES).items()}
    made["asyncapi.json"] = asyncapi()
    return {name: json.dumps(document, indent=2, ensure_ascii=False) + "\n" for name, document in made.items()}


def main() -> None:
    """Write the documents, and remove those of types that are no more."""
    GENERATED.mkdir(exist_ok=True)
    made = documents()
    for old in GENERATED.glob("*.json"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (GENERATED / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
