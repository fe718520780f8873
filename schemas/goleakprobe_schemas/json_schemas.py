"""JSON Schemas of all events; ``python -m goleakprobe_schemas.json_schemas`` writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from goleakprobe_schemas.topics import TOPICS

__all__ = ["SCHEMA_FOLDER", "documents"]

SCHEMA_FOLDER = Path(__file__).parent / "json"


def documents() -> dict[str, dict[str, Any]]:
    """File name to JSON Schema (draft 2020-12), one per topic of the contract."""
    return {f"{topic.event.__name__}.schema.json": _document(topic.event) for topic in TOPICS}


def _document(event: type[msgspec.Struct]) -> dict[str, Any]:
    # Through JSON once, so that defaults are what a reader of the file will see.
    schema = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(event)))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def write(folder: Path = SCHEMA_FOLDER) -> None:
    """Write every document in a form that diffs well."""
    folder.mkdir(exist_ok=True)
    for name, document in documents().items():
        text = msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=2)
        (folder / name).write_bytes(text + b"\n")


if __name__ == "__main__":
    write()
