"""Message headers: CloudEvents 1.0.2 (binary mode) and Kafka Connect's dead-letter names."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from goleakprobe_schemas.topics import Topic

__all__ = ["Headers", "cloud_event_headers", "dead_letter_headers"]

Headers = list[tuple[str, bytes]]

# Dead-letter viewers show a message; a target can make it as long as it likes.
_MAX_ERROR_BYTES = 1024
_CONTENT_TYPE = ("content-type", b"application/json")
_SPEC_VERSION = ("ce_specversion", b"1.0")


def cloud_event_headers(
    topic: Topic, *, event_id: str, source: str, subject: str, time_ns: int
) -> Headers:
    """Headers that make a message a CloudEvent (Kafka protocol binding, binary content mode)."""
    time = datetime.fromtimestamp(time_ns / 1e9, UTC).isoformat().replace("+00:00", "Z")
    kind, schema = _kind_and_schema(topic.name, topic.event.__name__)
    return [
        _CONTENT_TYPE,
        _SPEC_VERSION,
        ("ce_id", event_id.encode()),
        ("ce_source", source.encode()),
        kind,
        ("ce_time", time.encode()),
        ("ce_subject", subject.encode()),
        schema,
    ]


@lru_cache(maxsize=64)
def _kind_and_schema(topic: str, event: str) -> tuple[tuple[str, bytes], tuple[str, bytes]]:
    return ("ce_type", topic.encode()), ("ce_dataschema", f"{event}.schema.json".encode())


def dead_letter_headers(
    *, topic: str, partition: int, offset: int, stage: str, error: BaseException
) -> Headers:
    """Kafka Connect's error headers, which dead-letter viewers already know how to read."""
    message = str(error).encode("utf-8", "replace")[:_MAX_ERROR_BYTES]
    return [
        ("__connect.errors.topic", topic.encode()),
        ("__connect.errors.partition", str(partition).encode()),
        ("__connect.errors.offset", str(offset).encode()),
        ("__connect.errors.connector.name", b"goleakprobe"),
        ("__connect.errors.stage", stage.encode()),
        ("__connect.errors.exception.class.name", type(error).__name__.encode()),
        ("__connect.errors.exception.message", message),
    ]
