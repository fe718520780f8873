"""Collectors against a real broker: everything published is there, once, and nothing piles up."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
import pytest

from collect_targets import GoTarget, go_target, grouped_text
from consumed_messages import consume
from goleakprobe.collect import CollectorStatus, publish, run_collector
from goleakprobe.collect.publish import KafkaPublisher
from goleakprobe.config import CollectSettings, Config, ScrapeConfig, StaticConfig
from goleakprobe.errors import ListenError
from goleakprobe_agents.broker import EmbeddedBroker, free_port
from goleakprobe_agents.errors import BrokerUnavailableError
from goleakprobe_agents.settings import BrokerSettings, Duration, Size
from goleakprobe_agents.stage import Output
from goleakprobe_schemas import (
    RUNTIMES,
    SNAPSHOTS,
    STACKS,
    RuntimeSampled,
    SnapshotCollected,
    decode,
    topic_named,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

pytestmark = pytest.mark.broker

PATIENCE_SECONDS = 60


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - counts come from the broker's threads
            await asyncio.sleep(0.02)


async def standstill(counts: Callable[[], list[int]]) -> None:
    """Wait until nothing has changed for many scrape intervals."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        before = None
        while before != (before := counts()):  # noqa: ASYNC110 - no event tells of nothing
            await asyncio.sleep(3)


def configuration(
    broker: BrokerSettings, targets: Sequence[GoTarget], collect: CollectSettings | None = None
) -> Config:
    return Config(
        broker=broker,
        collect=collect or CollectSettings(),
        scrape_configs=(
            ScrapeConfig(
                job_name="shop",
                scrape_interval=Duration(0.2),
                scrape_timeout=Duration(5),
                request_metric="http_requests_total",
                leak_profile_interval=Duration(1),
                leak_profile_min_interval=Duration(0.5),
                debug2_interval=Duration(1),
                static_configs=(StaticConfig(targets=tuple(t.address for t in targets)),),
            ),
        ),
    )


@asynccontextmanager
async def collecting(config: Config) -> AsyncIterator[CollectorStatus]:
    status, stop = CollectorStatus(), asyncio.Event()
    task = asyncio.create_task(run_collector(config, stop=stop, status=status))
    try:
        yield status
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE_SECONDS)


async def test_as_many_messages_are_consumed_as_were_published(
    broker_settings: BrokerSettings,
) -> None:
    async with go_target() as one, go_target() as two, go_target() as three:
        targets = [one, two, three]
        two.leak = grouped_text({"leak": 3}, kind="goroutineleak")
        three.goroutine["0"] = grouped_text({f"f{i}": i + 1 for i in range(200)})
        async with collecting(configuration(broker_settings, targets)) as status:
            await until(lambda: status.published[SNAPSHOTS.name] >= 40)
        assert status.down == 0, status.errors
    assert status.publish_failures == Counter()
    found = await asyncio.to_thread(consume, broker_settings, status.published)
    counts = {name: len(records) for name, records in found.items() if records}
    assert counts == dict(status.published)
    assert set(counts) == {SNAPSHOTS.name, STACKS.name, RUNTIMES.name}

    events = {
        name: [decode(topic_named(name), record.value) for record in records]
        for name, records in found.items()
    }
    for name in (SNAPSHOTS.name, RUNTIMES.name):
        ids = [event.id for event in events[name]]
        assert len(set(ids)) == len(ids)
    assert len({event.signature for event in events[STACKS.name]}) == counts[STACKS.name]
    sources = {event.source.value for event in events[SNAPSHOTS.name]}
    assert sources == {"debug1", "debug2", "leak"}
    for record, event in zip(found[SNAPSHOTS.name], events[SNAPSHOTS.name], strict=True):
        headers = dict(record.headers)
        assert record.key == f"default/shop/{event.instance}".encode()
        assert headers["ce_id"].decode() == event.id
        assert headers["ce_type"].decode() == SNAPSHOTS.name
        happened = datetime.fromisoformat(headers["ce_time"].decode())
        assert happened.timestamp() == pytest.approx(event.time_ns / 1e9, abs=1e-3)
        assert record.timestamp >= event.time_ns // 1_000_000
    by_target: dict[bytes, list[int]] = {}
    for record, event in zip(found[SNAPSHOTS.name], events[SNAPSHOTS.name], strict=True):
        by_target.setdefault(record.key, []).append(event.time_ns)
    assert len(by_target) == 3
    assert all(times == sorted(times) for times in by_target.values())


async def test_a_broker_that_hangs_holds_the_scrapes_back_and_loses_nothing(
    fresh_broker: EmbeddedBroker, broker_settings: BrokerSettings
) -> None:
    settings = CollectSettings(max_concurrent_scrapes=2, max_in_flight_messages=4)
    async with go_target() as one, go_target() as two, go_target() as three:
        targets = [one, two, three]
        async with collecting(configuration(broker_settings, targets, settings)) as status:
            await until(lambda: min(len(target.requests) for target in targets) >= 6)
            os.kill(fresh_broker.pid, signal.SIGSTOP)
            try:
                # Each target may finish one visit; then everything must come to a stand.
                await until(lambda: status.messages_in_flight > 0)
                await standstill(lambda: [len(target.requests) for target in targets])
                assert 0 < status.messages_in_flight <= settings.max_in_flight_messages
            finally:
                os.kill(fresh_broker.pid, signal.SIGCONT)
            before = status.published[SNAPSHOTS.name]
            await until(lambda: status.published[SNAPSHOTS.name] > before + 10)
    found = await asyncio.to_thread(consume, broker_settings, status.published)
    assert {name: len(records) for name, records in found.items() if records} == dict(
        status.published
    )


class Deliveries:
    def __init__(self) -> None:
        self.taken = 0
        self.refused: list[str] = []
        self.most_bytes = 0

    def delivered(self, topic: str) -> None:
        self.taken += 1

    def failed(self, topic: str, reason: str) -> None:
        self.refused.append(reason)

    def in_flight(self, messages: int, size_bytes: int) -> None:
        self.most_bytes = max(self.most_bytes, size_bytes)


def runtime(number: int, pad: str = "") -> Output:
    event = RuntimeSampled(
        id=f"{number}", namespace="n", service="s" + pad, instance="i", time_ns=number + 1
    )
    return Output(RUNTIMES, "n/s/i", event.id, event, event.time_ns)


async def test_bytes_in_flight_stay_within_their_bound(broker_settings: BrokerSettings) -> None:
    seen = Deliveries()
    publisher = KafkaPublisher(broker_settings, max_messages=1000, max_bytes=300_000, observer=seen)
    async with publisher:
        await asyncio.gather(*(publisher.publish([runtime(n, "x" * 100_000)]) for n in range(50)))
    assert seen.taken == 50
    assert 100_000 < seen.most_bytes <= 300_000
    assert publisher.undelivered == 0


async def test_what_was_handed_over_is_flushed_when_its_sender_is_cancelled(
    broker_settings: BrokerSettings,
) -> None:
    seen = Deliveries()
    publisher = KafkaPublisher(broker_settings, max_messages=100, max_bytes=10**6, observer=seen)
    accepted = asyncio.Event()
    async with publisher:
        task = asyncio.create_task(
            publisher.publish([runtime(n) for n in range(20)], accepted=accepted.set)
        )
        await accepted.wait()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert publisher.undelivered == 0
    assert seen.taken == 20
    found = await asyncio.to_thread(consume, broker_settings, {RUNTIMES.name: 20})
    assert len(found[RUNTIMES.name]) == 20


async def test_a_failed_delivery_is_told_and_sent_again(broker_settings: BrokerSettings) -> None:
    from kafka.errors import NotEnoughReplicasError

    seen = Deliveries()
    publisher = KafkaPublisher(broker_settings, max_messages=100, max_bytes=10**6, observer=seen)
    async with publisher:
        send, failures = publisher._producer.send, [NotEnoughReplicasError("two of three")]

        def failing_once(*arguments: object, **more: object) -> object:
            if failures:
                raise failures.pop()
            return send(*arguments, **more)

        publisher._producer.send = failing_once
        await publisher.publish([runtime(1)])
    assert seen.taken == 1
    assert len(seen.refused) == 1
    assert "two of three" in seen.refused[0]


class Forgotten:
    """The future of a message that the producer has lost sight of: it never tells."""

    def add_callback(self, _: object) -> None:
        """It is never called."""

    add_errback = add_callback


async def test_an_event_that_the_producer_forgot_is_sent_again_by_a_new_one(
    broker_settings: BrokerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kafka-python forgets batches when others expire, after a broker hung for minutes."""
    monkeypatch.setattr(publish, "_UNACKNOWLEDGED_SECONDS", 0.5)
    monkeypatch.setattr(publish, "_PATIENCE_SECONDS", 2.0)
    seen = Deliveries()
    publisher = KafkaPublisher(broker_settings, max_messages=100, max_bytes=10**6, observer=seen)
    async with publisher:
        forgetful = publisher._producer
        forgetful.send = lambda *_, **__: Forgotten()
        await publisher.publish([runtime(1)])
        assert publisher._producer is not forgetful
    assert seen.taken == 1
    assert publisher.undelivered == 0
    assert "no acknowledgement" in seen.refused[0]


async def test_without_a_broker_nothing_is_scraped_and_the_address_is_named() -> None:
    port = free_port()
    async with go_target() as target:
        config = configuration(BrokerSettings(bootstrap_servers=(f"127.0.0.1:{port}",)), [target])
        with pytest.raises(BrokerUnavailableError, match=f"127.0.0.1:{port}"):
            await run_collector(config, stop=asyncio.Event())
        assert target.requests == []


async def test_a_listen_address_that_is_taken_is_told_before_anything_starts(
    broker_settings: BrokerSettings,
) -> None:
    async with go_target() as target:
        taken = CollectSettings(listen_address=target.address)
        with pytest.raises(ListenError, match=target.address):
            await run_collector(
                configuration(broker_settings, [target], taken), stop=asyncio.Event()
            )


async def test_the_largest_snapshot_passes_the_broker(broker_settings: BrokerSettings) -> None:
    groups = {f"f{i}_{'x' * 400}": 1 for i in range(6000)}
    async with go_target() as target:
        target.goroutine["0"] = grouped_text(groups)
        config = configuration(
            broker_settings, [target], CollectSettings(max_groups_per_snapshot=6000)
        )
        job = msgspec.structs.replace(
            config.scrape_configs[0],
            scrape_interval=Duration(1),
            body_size_limit=Size(64 * 1024 * 1024),
            debug2_interval=Duration(0),
        )
        config = msgspec.structs.replace(config, scrape_configs=(job,))
        async with collecting(config) as status:
            await until(lambda: status.published[SNAPSHOTS.name] >= 1)
    found = await asyncio.to_thread(consume, broker_settings, status.published)
    record = found[SNAPSHOTS.name][0]
    event = decode(SNAPSHOTS, record.value)
    assert isinstance(event, SnapshotCollected)
    assert sum(group.count for group in event.groups) == event.total == 6000
    assert len(record.value) > 2 * 1024 * 1024
