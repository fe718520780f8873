"""A fleet's snapshots as bytes: what collectors would publish, made once and kept."""

from __future__ import annotations

import random
import time
from contextlib import closing, contextmanager
from itertools import islice
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from goleakprobe_agents.connection import client_options
from goleakprobe_schemas import (
    SNAPSHOTS,
    Headers,
    ScrapeCost,
    SnapshotCollected,
    SnapshotGroup,
    SnapshotSource,
    Target,
    cloud_event_headers,
    encode,
)
from stream_messages import START_NS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from goleakprobe_agents.settings import BrokerSettings

SCRAPE_SECONDS = 15
_INSTANCES = 20
_PACE_SECONDS = 0.05
_WAITS = ("chan receive", "select", "IO wait", "sync.Cond.Wait", "semacquire")


def fleet(
    targets: int, *, groups: int = 30, seed: int = 1, first: int = 0
) -> Iterator[tuple[str, bytes, int]]:
    """Key, body and event time of scrape after scrape of every target, endlessly.

    Key and event time together name an event. Scrapes are counted from ``first`` on.

    Twenty instances a service. A third of the places are as busy as traffic has it, the others are
    pools and listeners that stand still; one target in a hundred leaks at one of its places.
    """
    dice = random.Random(seed)
    number = first
    while True:
        for target in range(targets):
            event = _snapshot(target, number, groups, dice)
            key = Target(event.namespace, event.service, event.instance).key
            yield key, encode(SNAPSHOTS, event), event.time_ns
        number += 1


def _snapshot(target: int, number: int, groups: int, dice: random.Random) -> SnapshotCollected:
    service = target // _INSTANCES
    instance = f"10.{target // 62_500}.{target // 250 % 250}.{target % 250}:6060"
    counted = tuple(
        _group(service, place, _count(target, place, number, dice)) for place in range(groups)
    )
    time_ns = START_NS + number * SCRAPE_SECONDS * 10**9 + target * 1000
    return SnapshotCollected(
        id=f"shop/service-{service}/{instance}@{time_ns}",
        namespace="shop",
        service=f"service-{service}",
        instance=instance,
        time_ns=time_ns,
        source=SnapshotSource.DEBUG0,
        total=sum(group.count for group in counted),
        groups=counted,
        process_start_ns=START_NS - 7200 * 10**9,
        requests_total=float(1000 * number),
        go_version="go1.25.5",
        build_id=f"build-{service}",
        cost=ScrapeCost(
            wall_seconds=0.012, body_bytes=5200, decoded_bytes=21_000, decode_seconds=0.002
        ),
    )


def _count(target: int, place: int, number: int, dice: random.Random) -> int:
    steady = 1 + place * 7 % 40
    if place % 3 == 0:
        return steady + dice.randrange(8)
    leaks = target % 100 == 7 and place == 5
    return steady + (3 * number if leaks else 0)


def _group(service: int, place: int, count: int) -> SnapshotGroup:
    module = f"example.com/shop/service{service}/internal/worker{place}"
    return SnapshotGroup(
        signature=f"{service:016x}{place:016x}",
        count=count,
        wait=_WAITS[place % len(_WAITS)],
        blocking_site=f"{module}.(*Pool).run worker{place}/pool.go:{100 + place}",
        creation_site=f"{module}.(*Pool).Start worker{place}/pool.go:{40 + place}",
    )


def fleet_headers(key: str, time_ns: int) -> Headers:
    """The headers of a fleet's event."""
    return cloud_event_headers(
        SNAPSHOTS, event_id=f"{key}@{time_ns}", source="bench", subject=key, time_ns=time_ns
    )


def publish_fleet(broker: BrokerSettings, messages: int, targets: int, *, groups: int = 30) -> int:
    """Publish so many snapshots as a collector does; the size of one body in bytes."""
    size, futures = 0, []
    with closing(_producer(broker)) as producer:
        for key, body, time_ns in islice(fleet(targets, groups=groups), messages):
            futures.append(_send(producer, key, body, time_ns))
            size = len(body)
            if len(futures) == 2000:
                _settle(futures)
        _settle(futures)
    return size


@contextmanager
def publishing(
    broker: BrokerSettings, rate: int, targets: int, *, first: int = 0
) -> Iterator[None]:
    """Publish so many snapshots a second for the time of a ``with``, from that scrape on."""
    over = Event()

    def publish() -> None:
        load = fleet(targets, first=first)
        with closing(_producer(broker)) as producer:
            began, sent = time.monotonic(), 0
            while not over.wait(_PACE_SECONDS):
                due = int((time.monotonic() - began) * rate)
                _settle([_send(producer, *each) for each in islice(load, due - sent)])
                sent = due

    thread = Thread(target=publish, name="publishing")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _producer(broker: BrokerSettings) -> Any:
    from kafka import KafkaProducer

    return KafkaProducer(
        **client_options(broker),
        enable_idempotence=True,
        compression_type="lz4",
        linger_ms=20,
        batch_size=256 * 1024,
    )


def _send(producer: Any, key: str, body: bytes, time_ns: int) -> Any:
    return producer.send(
        SNAPSHOTS.name,
        key=key.encode(),
        value=body,
        headers=fleet_headers(key, time_ns),
        timestamp_ms=time_ns // 1_000_000,
    )


def _settle(futures: list[Any]) -> None:
    for future in futures:
        future.get(120)
    futures.clear()
