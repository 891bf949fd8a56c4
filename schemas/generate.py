"""Writes what integrators read: a JSON Schema for each type, and one AsyncAPI document over all of them.

`python -m schemas.generate` writes schemas/generated/; a test fails when what is there is not what this would write.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from schemas.registry import MEETING_TOPICS, OTHER_MEETINGS, OUT_TYPES, TYPES, TypeEntry
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


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document: a channel per topic, a message per type, and whether Quorate takes or sends it."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for action, verb, types in (("receive", "take", TYPES), ("send", "send", OUT_TYPES)):
        for type_, entry in types.items():
            for topic in _topics(entry):
                channel = channels.setdefault(topic, {"address": topic, "messages": {}})
                channel["messages"][type_] = {"$ref": f"#/components/messages/{type_}"}
                operation = operations.setdefault(
                    f"{verb}-{topic}",
                    {"action": action, "channel": {"$ref": f"#/channels/{topic}"}, "messages": []},
                )
                operation["messages"].append({"$ref": f"#/channels/{topic}/messages/{type_}"})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Quorate",
            "version": "1",
            "description": "What travels in and out of Quorate: CloudEvents 1.0 in structured JSON, one per record.",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": {
                type_: {
                    "name": type_,
                    "contentType": "application/cloudevents+json",
                    "payload": {
                        "schemaFormat": "application/schema+json;version=draft-2020-12",
                        "schema": {"$ref": f"./{type_}.json"},
                    },
                }
                for type_ in (*TYPES, *OUT_TYPES)
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
