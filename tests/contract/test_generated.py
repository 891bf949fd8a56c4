"""What integrators read is what the code judges by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from schemas.generate import GENERATED, documents, main
from schemas.registry import OUT_TYPES, TYPES
from services.streams.rules import declared
from tests.contract.events import ALL_TYPES


def refs(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for below in node.values():
            yield from refs(below)
    elif isinstance(node, list):
        for below in node:
            yield from refs(below)


def found(name: str, ref: str) -> Any:
    """What a reference in the document `name` leads to; KeyError where it leads to nothing."""
    file, _, pointer = ref.partition("#")
    node = json.loads(documents()[file.removeprefix("./") or name])
    for step in pointer.split("/")[1:]:
        node = node[step]
    return node


def test_what_is_published_is_what_the_code_says() -> None:
    published = {path.name: path.read_text(encoding="utf-8") for path in GENERATED.iterdir()}
    assert published == documents(), "run: python -m schemas.generate"


def test_there_is_a_schema_for_every_type_and_one_document_over_all() -> None:
    assert set(documents()) == {f"{type_}.json" for type_ in ALL_TYPES} | {"asyncapi.json"}


@pytest.mark.parametrize("name", [*(f"{type_}.json" for type_ in ALL_TYPES), "asyncapi.json"])
def test_every_reference_leads_somewhere(name: str) -> None:
    there = list(refs(json.loads(documents()[name])))
    assert there
    assert all(found(name, ref) for ref in there)


@pytest.mark.parametrize("type_", ALL_TYPES)
def test_a_schema_requires_what_the_contract_requires(type_: str) -> None:
    schema = json.loads(documents()[f"{type_}.json"])
    data = found(f"{type_}.json", schema["properties"]["data"]["$ref"])
    fields = ALL_TYPES[type_].model.model_fields
    assert set(data["properties"]) == {field.alias or name for name, field in fields.items()}
    required = {field.alias or name for name, field in fields.items() if field.is_required()}
    assert set(data.get("required", ())) == required


def test_the_document_says_what_is_taken_and_what_is_sent() -> None:
    document = json.loads(documents()["asyncapi.json"])
    by_action: dict[str, set[str]] = {}
    for operation in document["operations"].values():
        types = {ref.rpartition("/")[2] for ref in refs(operation["messages"])}
        by_action.setdefault(operation["action"], set()).update(types)
    assert by_action == {"receive": set(TYPES), "send": {*OUT_TYPES, "quorate.dead-letter"}}
    assert set(document["channels"]) == {
        "quorate.directory",
        "quorate.children",
        "quorate.involvements",
        "quorate.strategy-discussions",
        "quorate.conferences",
        "quorate.core-groups",
        "quorate.other-meetings",
        "quorate.responses",
        "quorate.records",
        "quorate.plans",
        "quorate.outcomes",
        "quorate.dead-letters",
    }


def test_the_document_says_of_topics_what_is_declared_of_them_wherever_quorate_runs() -> None:
    channels = json.loads(documents()["asyncapi.json"])["channels"]
    here, elsewhere = (
        {topic.name: topic for topic in declared("quorate", *given)} for given in ((8, 3, 14), (1, 1, 2))
    )
    assert channels.keys() == here.keys()
    for name, channel in channels.items():
        said = channel["bindings"]["kafka"]["topicConfiguration"]
        told = {key: ",".join(value) if isinstance(value, list) else str(value) for key, value in said.items()}
        assert told.keys() == {"cleanup.policy", "max.message.bytes"}
        assert told.items() <= here[name].configs.items()
        assert told.items() <= elsewhere[name].configs.items()


def test_writing_again_changes_nothing_and_removes_types_that_are_no_more(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schemas.generate.GENERATED", tmp_path / "generated")
    main()
    (tmp_path / "generated" / "quorate.gone.v1.json").write_text("{}")
    main()
    written = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "generated").iterdir()}
    assert written == documents()
