"""The fleet's load: drawn from a seed, valid, and in an order that no race can change."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from chaos.load import Fleet, partition_of
from goleakprobe_schemas import (
    LIFECYCLES,
    RUNTIMES,
    SNAPSHOTS,
    STACKS,
    Service,
    SnapshotSource,
    decode,
    encode,
)


def test_the_same_seed_gives_the_same_rounds() -> None:
    one, other = Fleet("7"), Fleet("7")
    assert one.events(10) == other.events(10)
    assert one.events(10) == other.events(10)
    assert Fleet("7").events(10) != Fleet("8").events(10)


def test_every_kind_of_event_is_published_and_keeps_the_contract() -> None:
    load = Fleet("7").events(40)
    topics = Counter(output.topic.name for output in load)
    assert topics.keys() == {t.name for t in (SNAPSHOTS, STACKS, RUNTIMES, LIFECYCLES)}
    for output in load:
        assert decode(output.topic, encode(output.topic, output.event)) == output.event
    sources = {output.event.source for output in load if output.topic is SNAPSHOTS}  # type: ignore[attr-defined]
    assert sources == {SnapshotSource.DEBUG0, SnapshotSource.DEBUG2, SnapshotSource.LEAK}


def test_events_have_identities_of_their_own() -> None:
    fleet = Fleet("7")
    load = fleet.events(40) + fleet.events(40)
    ids = [(output.topic.name, output.event_id) for output in load]
    assert len(ids) == len(set(ids))


def test_what_a_service_publishes_is_read_in_one_order() -> None:
    """All its targets share a partition, and it has snapshots or traces, never both."""
    places: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for output in Fleet("7").events(40):
        if output.topic in (SNAPSHOTS, LIFECYCLES):
            event: Any = output.event
            service = Service(event.namespace, event.service)
            places[service.key].add((output.topic.name, partition_of(output.key)))
    assert len(places) > 4
    assert all(len(found) == 1 for found in places.values())


def test_clocks_of_collectors_step_in_some_rounds() -> None:
    fleet = Fleet("7")
    backwards = 0
    for _ in range(30):
        times = [output.time_ns for output in fleet.events(10) if output.topic is RUNTIMES]
        backwards += times != sorted(times)
    assert 0 < backwards <= fleet.clock_steps < 30
