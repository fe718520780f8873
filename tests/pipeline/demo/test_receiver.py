"""The stand-in for Alertmanager takes what Alertmanager takes, and tells news from repetition."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import aiohttp
import pytest

from goleakprobe.demo.receiver import AlertHistory, PostedAlert, alert_line, alert_receiver
from goleakprobe_agents.alerting import AlertmanagerNotifier, Delivered, alert_of
from goleakprobe_agents.settings import AlertingSettings, AlertmanagerSettings
from leak_findings import NOON_NS, a_finding

if TYPE_CHECKING:
    from collections.abc import Sequence

_NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
_LATER = datetime(2026, 11, 24, 12, 5, tzinfo=UTC)
_FIRING = PostedAlert(labels={"service": "till"}, ends_at=_LATER)
_RESOLVED = PostedAlert(labels={"service": "till"}, ends_at=_NOW)


async def _post(url: str, body: bytes) -> int:
    """The status of the answer."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/api/v2/alerts", data=io.BytesIO(body)) as answer,
    ):
        return answer.status


async def test_our_own_notifier_delivers_to_it() -> None:
    posted: list[PostedAlert] = []
    async with alert_receiver(posted.extend) as url:
        notifier = AlertmanagerNotifier(AlertmanagerSettings(url=url))
        alert = alert_of(a_finding(), AlertingSettings(), now_ns=NOON_NS, lifetime_seconds=300)
        outcomes = await notifier.notify([alert])
        await notifier.close()
    assert outcomes == [Delivered()]
    assert [one.labels for one in posted] == [alert.labels]


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b'[{"annotations": {}}]', b'[{"labels": {}}]', b"[" * 100_000]
)
async def test_a_malformed_post_is_refused_and_not_handed_on(body: bytes) -> None:
    posted: list[PostedAlert] = []
    async with alert_receiver(posted.extend) as url:
        assert await _post(url, body) == 400
    assert posted == []


async def test_an_oversized_post_is_refused() -> None:
    posted: list[PostedAlert] = []
    async with alert_receiver(posted.extend) as url:
        assert await _post(url, b" " * (5 << 20)) == 413
    assert posted == []


@pytest.mark.parametrize(
    ("posts", "news"),
    [
        ([[_FIRING], [_FIRING]], [1, 0]),
        ([[_FIRING], [_RESOLVED], [_RESOLVED]], [1, 1, 0]),
        ([[_FIRING], [_RESOLVED], [_FIRING]], [1, 1, 1]),
        ([[_FIRING, PostedAlert(labels={"service": "desk"})], [_FIRING]], [2, 0]),
    ],
)
def test_only_changes_are_news(posts: Sequence[Sequence[PostedAlert]], news: list[int]) -> None:
    history = AlertHistory()
    assert [len(history.news(post, _NOW)) for post in posts] == news


def test_a_time_without_a_zone_is_utc() -> None:
    alert = PostedAlert(labels={"a": "b"}, ends_at=_NOW.replace(tzinfo=None))
    assert alert.resolved_at(_NOW)
    assert not alert.resolved_at(_NOW.replace(hour=11))


def test_a_line_cannot_drive_the_terminal() -> None:
    alert = PostedAlert(
        labels={"severity": "critical"}, annotations={"summary": "a\x1b[2J\nb" + "c" * 1000}
    )
    line = alert_line(alert, _NOW)
    assert line.startswith("alert firing critical a[2J b")
    assert line.isprintable()
    assert len(line) <= 240
