"""One full event of every topic, for tests that need any event at all."""

from __future__ import annotations

import msgspec

from goleakprobe_schemas import Topic


def an_event_of(topic: Topic, **changes: object) -> msgspec.Struct:
    """An event with every required field set to something of the right type."""
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(topic.event):
        if field.required:
            values[field.encode_name] = _EXAMPLES.get(field.encode_name, field.encode_name)
    return msgspec.convert(values | changes, topic.event)


_TIME_NS = 1_700_000_000_000_000_000
_EXAMPLES: dict[str, object] = {
    "signature": "0123456789abcdef" * 2,
    "time_ns": _TIME_NS,
    "first_seen_ns": _TIME_NS,
    "fired_ns": _TIME_NS,
    "origin_partition": 1,
    "origin_offset": 7,
    "source": "debug0",
    "total": 12,
    "window_seconds": 1.0,
    "goroutines": 12,
    "instances": 1,
    "state": "firing",
    "grade": "growing",
    "evidence": [
        {"grade": "growing", "detector": "rising_floor", "summary": "it rises", "numbers": {"n": 1}}
    ],
    "frames": [{"function": "main.main", "file": "main.go", "line": 3}],
    "dual_window": {"value": 3.0},
}
