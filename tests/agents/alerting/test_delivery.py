"""A round of delivery carries news to a receiver and remembers how it went."""

from __future__ import annotations

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from alert_receiver import AlertReceiver
from goleakprobe_agents.alerting import (
    AlertmanagerNotifier,
    AlertMetrics,
    Delivered,
    Outbox,
    Rejected,
    Retry,
    deliver_due,
    outcome_name,
)
from goleakprobe_agents.settings import AlertingSettings, AlertmanagerSettings
from leak_findings import NOON_NS, SECOND_NS, a_finding


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_ns = NOON_NS

    def __call__(self) -> int:
        return self.now_ns


async def test_news_survives_a_receiver_that_is_down_and_is_told_once_it_is_up() -> None:
    clock, outbox = Clock(), Outbox(AlertingSettings())
    async with AlertReceiver() as receiver:
        notifier = AlertmanagerNotifier(AlertmanagerSettings(url=receiver.url))
        receiver.answer = lambda _: web.Response(status=503)
        outbox.update(a_finding())
        (first,) = await deliver_due(outbox, notifier, clock)
        assert not first.answered
        assert await deliver_due(outbox, notifier, clock) == []
        receiver.answer = lambda _: web.Response(status=200)
        clock.now_ns += SECOND_NS
        (second,) = await deliver_due(outbox, notifier, clock)
        assert second.answered
        assert second.finding == a_finding()
        assert second.receiver == f"localhost:{receiver.port}"
        assert await deliver_due(outbox, notifier, clock) == []
        await notifier.close()
    assert len(receiver.posts) == 2


async def test_metrics_count_rounds_by_outcome() -> None:
    registry = CollectorRegistry()
    metrics, outbox = AlertMetrics(registry), Outbox(AlertingSettings())
    async with AlertReceiver() as receiver:
        notifier = AlertmanagerNotifier(AlertmanagerSettings(url=receiver.url))
        metrics.watch(notifier.name)
        outbox.update(a_finding())
        metrics.delivered(await deliver_due(outbox, notifier, Clock()))
        metrics.outbox(notifier.name, outbox)
        metrics.overflowed(notifier.name)
        await notifier.close()
    label = f'receiver="localhost:{receiver.port}"'
    lines = generate_latest(registry).decode().splitlines()
    assert f'goleakprobe_alert_posts_total{{outcome="delivered",{label}}} 1.0' in lines
    assert f'goleakprobe_alert_posts_total{{outcome="rejected",{label}}} 0.0' in lines
    assert f"goleakprobe_alert_outbox_overflows_total{{{label}}} 1.0" in lines
    assert f"goleakprobe_alerts_firing{{{label}}} 1.0" in lines


@pytest.mark.parametrize(
    ("outcome", "name"),
    [(Delivered(), "delivered"), (Retry("x"), "retry"), (Rejected("x"), "rejected")],
)
def test_an_outcome_has_one_name_everywhere(
    outcome: Delivered | Retry | Rejected, name: str
) -> None:
    assert outcome_name(outcome) == name
