"""The committed JSON Schemas are those of the code, and only ever grow."""

from __future__ import annotations

import msgspec
import pytest
from jsonschema import Draft202012Validator

from goleakprobe_schemas import TOPICS, Topic, encode
from goleakprobe_schemas.json_schemas import SCHEMA_FOLDER, documents
from schemas_examples import an_event_of


def test_the_committed_documents_are_up_to_date() -> None:
    committed = {
        path.name: msgspec.json.decode(path.read_bytes()) for path in SCHEMA_FOLDER.glob("*.json")
    }
    assert committed == documents(), "run: python -m goleakprobe_schemas.json_schemas"


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_an_event_on_the_wire_is_valid_against_its_document(topic: Topic) -> None:
    document = documents()[f"{topic.event.__name__}.schema.json"]
    Draft202012Validator.check_schema(document)
    body = msgspec.json.decode(encode(topic, an_event_of(topic)))
    Draft202012Validator(document).validate(body)
