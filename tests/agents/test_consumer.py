"""Fetches pass through Faust as bundles that keep every message and its order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from faust.types.tuples import TP

from goleakprobe_agents.consumer import Bundle, bundled


def records(values: list[bytes | None]) -> list[Any]:
    return [
        SimpleNamespace(
            topic="t",
            partition=3,
            offset=offset,
            timestamp=1_700_000_000_500,
            key=b"k",
            value=value,
            headers=((b"h", b"v"),),
        )
        for offset, value in enumerate(values)
    ]


def test_no_message_is_lost_or_moved_by_bundling() -> None:
    bundles = list(bundled(records([b"x"] * 1000)))
    assert len(bundles) > 1
    assert [m.offset for bundle in bundles for m in bundle] == list(range(1000))


def test_large_messages_make_short_bundles() -> None:
    sizes = [len(bundle) for bundle in bundled(records([b"x" * 700_000] * 5))]
    assert sizes == [2, 2, 1]


def test_a_message_keeps_its_parts_and_tells_time_in_seconds() -> None:
    ((message,),) = bundled(records([None]))
    assert (message.topic, message.partition, message.offset) == ("t", 3, 0)
    assert (message.key, message.value, message.headers) == (b"k", None, ((b"h", b"v"),))
    assert message.timestamp == 1_700_000_000.5


def test_nothing_fetched_makes_no_bundle() -> None:
    assert list(bundled([])) == []


def test_a_bundle_stands_for_its_newest_message() -> None:
    (messages,) = bundled(records([b"a", b"b", b"c"]))
    bundle = Bundle(TP("t", 3), messages, generation_id=7)
    assert (bundle.tp, bundle.offset, bundle.generation_id) == (TP("t", 3), 2, 7)
    assert bundle.messages is messages
