"""Events to bytes and back, with limits."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

import msgspec

from goleakprobe_schemas.errors import EventInvalidError, EventTooLargeError
from goleakprobe_schemas.topics import Topic

__all__ = ["decode", "encode"]

E = TypeVar("E", bound=msgspec.Struct)

_encoder = msgspec.json.Encoder()


def encode(topic: Topic, event: msgspec.Struct) -> bytes:
    """One event as compact UTF-8 JSON.

    Raises EventTooLargeError over the topic's limit and EventInvalidError for another topic's
    event: such a message must not reach the broker.
    """
    if type(event) is not topic.event:
        raise EventInvalidError(topic.name, f"{type(event).__name__} does not belong here")
    body = _encoder.encode(event)
    if len(body) > topic.message_limit_bytes:
        raise EventTooLargeError(topic.name, len(body), topic.message_limit_bytes)
    return body


def decode(topic: Topic, body: bytes | None) -> Any:
    """The event of a message value.

    Unknown fields are ignored (a newer writer), missing optional ones take their defaults.
    Raises EventTooLargeError before parsing, EventInvalidError for anything that is no event:
    no value, no JSON, wrong types, missing fields.
    """
    if not body:
        raise EventInvalidError(topic.name, "the message has no value")
    if len(body) > topic.message_limit_bytes:
        raise EventTooLargeError(topic.name, len(body), topic.message_limit_bytes)
    try:
        return _decoder(topic.event).decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EventInvalidError(topic.name, str(error)) from error


@cache
def _decoder(event: type[E]) -> msgspec.json.Decoder[E]:
    return msgspec.json.Decoder(event)
