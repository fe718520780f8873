"""Events survive the wire; what is no event is refused with the reason."""

from __future__ import annotations

import msgspec
import pytest

from goleakprobe_schemas import (
    FINDINGS,
    RUNTIMES,
    SNAPSHOTS,
    TOPICS,
    EventInvalidError,
    EventTooLargeError,
    RuntimeSampled,
    SnapshotCollected,
    SnapshotGroup,
    SnapshotSource,
    Topic,
    decode,
    encode,
)


def a_snapshot(**changes: object) -> SnapshotCollected:
    fields: dict[str, object] = {
        "id": "default/checkout/127.0.0.1:80@1",
        "namespace": "default",
        "service": "checkout",
        "instance": "127.0.0.1:80",
        "time_ns": 1_700_000_000_000_000_000,
        "source": SnapshotSource.DEBUG0,
        "total": 3,
        "groups": (SnapshotGroup(signature="a" * 32, count=3, wait="chan send"),),
    }
    return SnapshotCollected(**(fields | changes))  # type: ignore[arg-type]


def test_an_event_comes_back_as_it_was() -> None:
    event = a_snapshot(process_start_ns=5, labels={"zone": "b"})
    assert decode(SNAPSHOTS, encode(SNAPSHOTS, event)) == event


def test_a_newer_writers_fields_are_ignored() -> None:
    body = msgspec.json.decode(encode(SNAPSHOTS, a_snapshot()))
    body["added_later"] = {"x": 1}
    assert decode(SNAPSHOTS, msgspec.json.encode(body)) == a_snapshot()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "no value"),
        (b"", "no value"),
        (b"not json", "invalid character"),
        (b"{}", "missing required field"),
        (b"[]", "Expected `object`"),
        (b'{"id": 7}', "Expected `str`"),
        (b'{"id": "\xff"}', "UTF-8|utf-8"),
        (b"[" * 100_000, "Expected `object`"),
        (b'{"id"', "truncated"),
    ],
)
def test_what_is_no_event_is_refused_with_the_reason(body: bytes | None, reason: str) -> None:
    with pytest.raises(EventInvalidError, match=reason) as caught:
        decode(SNAPSHOTS, body)
    assert str(caught.value).startswith(SNAPSHOTS.name)


def test_an_oversized_message_is_refused_on_both_sides() -> None:
    huge = b" " * (SNAPSHOTS.message_limit_bytes + 1)
    with pytest.raises(EventTooLargeError):
        decode(SNAPSHOTS, huge)
    event = a_snapshot(build_id="x" * SNAPSHOTS.message_limit_bytes)
    with pytest.raises(EventTooLargeError):
        encode(SNAPSHOTS, event)


def test_an_event_cannot_go_to_another_events_topic() -> None:
    with pytest.raises(EventInvalidError, match="SnapshotCollected does not belong here"):
        encode(FINDINGS, a_snapshot())


def test_absent_figures_stay_off_the_wire() -> None:
    sample = RuntimeSampled(
        id="1", namespace="default", service="s", instance="i", time_ns=1, goroutines=4
    )
    assert b"heap" not in encode(RUNTIMES, sample)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_topic_names_follow_the_convention(topic: Topic) -> None:
    domain, *_, version = topic.name.split(".")
    assert domain == "goroutine"
    assert version.startswith("v")
    assert "_" not in topic.name
    assert topic.dead_letter == f"{topic.name}.dlq"


@pytest.mark.parametrize(
    "absurd",
    [
        {"time_ns": -1},
        {"time_ns": 2**63},
        {"total": -3},
        {"total": 10**30},
        {"service": ""},
        {"service": "s" * 513},
        {"groups": [{"signature": "a" * 32, "count": -1}]},
        {"groups": [{"signature": "a" * 32, "count": 1, "blocking_site": "x" * 20_000}]},
        {"cost": {"wall_seconds": -0.5}},
    ],
    ids=str,
)
def test_an_absurd_value_is_no_event(absurd: dict[str, object]) -> None:
    body = msgspec.json.decode(encode(SNAPSHOTS, a_snapshot())) | absurd
    with pytest.raises(EventInvalidError):
        decode(SNAPSHOTS, msgspec.json.encode(body))
