"""The real Alertmanager takes our alerts, tells its receiver, and hears when they are over."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from alert_receiver import AlertReceiver, Post
from goleakprobe_agents.alerting import (
    Alert,
    AlertmanagerNotifier,
    AlertMetrics,
    Delivered,
    Outbox,
    Rejected,
    alert_of,
    deliver_due,
)
from goleakprobe_agents.settings import AlertingSettings, AlertmanagerSettings
from goleakprobe_schemas import FindingState, Grade
from leak_findings import SECOND_NS, SIGNATURE, a_finding

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

pytestmark = pytest.mark.alertmanager

_CONFIG = """
route:
  receiver: page
  group_by: [alertname, service]
  group_wait: 1s
  group_interval: 1s
receivers:
  - name: page
    webhook_configs:
      - url: {url}/page
        send_resolved: true
"""


class RunningAlertmanager:
    """An Alertmanager process and the receiver it pages."""

    def __init__(self, url: str, receiver: AlertReceiver) -> None:
        self.url = url
        self.receiver = receiver
        self.notifier = AlertmanagerNotifier(AlertmanagerSettings(url=url))

    async def alerts(self, service: str) -> list[dict[str, Any]]:
        """What it holds for one service, active ones only."""
        query = {"filter": f'service="{service}"', "active": "true"}
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/api/v2/alerts", params=query) as response,
        ):
            found: list[dict[str, Any]] = await response.json()
            return found

    async def page(self, service: str, status: str) -> dict[str, Any]:
        """The first page about a service in a state."""

        def wanted(post: Post) -> bool:
            return any(
                alert["labels"]["service"] == service and alert["status"] == status
                for alert in post.json["alerts"]
            )

        post = await self.receiver.wait_for(wanted)
        alert: dict[str, Any] = post.json["alerts"][0]
        return alert


def _start(*command: str, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=output)


async def _ready(url: str, process: subprocess.Popen[bytes]) -> None:
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        while process.poll() is None:
            try:
                async with session.get(f"{url}/-/ready") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            # There is no event to await: another program opens its port when it likes.
            await asyncio.sleep(0.05)
    raise AssertionError(f"Alertmanager ended with {process.returncode} as it started")


@pytest.fixture
async def running(
    require: Callable[[str], None], tmp_path: Path, free_port: int
) -> AsyncIterator[RunningAlertmanager]:
    require("alertmanager")
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    async with AlertReceiver() as receiver:
        config = tmp_path / "alertmanager.yml"
        config.write_text(_CONFIG.format(url=receiver.url))
        process = _start(
            str(program),
            f"--config.file={config}",
            f"--storage.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{free_port}",
            "--cluster.listen-address=",
            log=tmp_path / "log",
        )
        try:
            url = f"http://127.0.0.1:{free_port}"
            await _ready(url, process)
            alertmanager = RunningAlertmanager(url, receiver)
            yield alertmanager
            await alertmanager.notifier.close()
        finally:
            process.kill()
            process.wait(30)


async def test_a_finding_pages_and_its_end_is_told_with_all_it_said(
    running: RunningAlertmanager,
) -> None:
    outbox = Outbox(
        AlertingSettings(
            external_labels={"cluster": "eu-1"}, report_url="https://leaks.example/fleet.html"
        )
    )
    now_ns = time.time_ns()
    finding = a_finding(time_ns=now_ns, fired_ns=now_ns - 30 * SECOND_NS)
    outbox.update(finding)
    (delivery,) = await deliver_due(outbox, running.notifier, time.time_ns)
    assert delivery.outcome == Delivered()

    page = await running.page("checkout", "firing")
    assert page["labels"] == {
        "alertname": "GoroutineLeak",
        "severity": "warning",
        "namespace": "shop",
        "service": "checkout",
        "signature": SIGNATURE,
        "cluster": "eu-1",
    }
    assert page["annotations"]["blocking_site"].endswith("hub.go:42")
    assert page["generatorURL"].startswith("https://leaks.example/fleet.html#finding-")

    outbox.update(
        a_finding(state=FindingState.RESOLVED, fired_ns=finding.fired_ns, resolved_ns=now_ns)
    )
    await deliver_due(outbox, running.notifier, time.time_ns)
    over = await running.page("checkout", "resolved")
    assert over["labels"] == page["labels"]
    assert over["annotations"] == page["annotations"]
    assert await running.alerts("checkout") == []


async def test_repeats_are_one_alert_with_the_newest_numbers(running: RunningAlertmanager) -> None:
    outbox = Outbox(AlertingSettings())
    for count in (10, 20, 30):
        outbox.update(a_finding(count=count, id=f"message-{count}"))
        due = outbox.due(time.time_ns() + count * 60 * SECOND_NS)
        await running.notifier.notify([item.alert for item in due])
    (alert,) = await running.alerts("checkout")
    assert "30 goroutines" in alert["annotations"]["description"]


async def test_an_escalation_leaves_only_the_louder_alert(running: RunningAlertmanager) -> None:
    outbox = Outbox(AlertingSettings())
    outbox.update(a_finding(grade=Grade.STUCK, time_ns=time.time_ns()))
    await deliver_due(outbox, running.notifier, time.time_ns)
    outbox.update(a_finding(grade=Grade.PROVEN, time_ns=time.time_ns()))
    await deliver_due(outbox, running.notifier, time.time_ns)
    active = await running.alerts("checkout")
    assert [alert["labels"]["severity"] for alert in active] == ["critical"]


async def test_hostile_names_and_clocks_are_accepted(running: RunningAlertmanager) -> None:
    hostile = [
        a_finding(service="\x00\x1b[2J\u202eevil", namespace="<script>alert(1)</script>"),
        a_finding(service="x" * 100_000, blocking_site="y" * 100_000),
        a_finding(service="future", fired_ns=2**62),
        a_finding(service="past", fired_ns=-(2**62)),
        a_finding(service="backwards", state=FindingState.RESOLVED, resolved_ns=1),
        a_finding(service='"}\n{', signature="", grade=Grade.ANOMALOUS),
        a_finding(service="", namespace="\ud800"),
    ]
    alerts = [
        alert_of(finding, AlertingSettings(), now_ns=time.time_ns(), lifetime_seconds=300)
        for finding in hostile
    ]
    assert await running.notifier.notify(alerts) == [Delivered()] * len(hostile)


async def test_an_alert_it_refuses_does_not_take_others_along(
    running: RunningAlertmanager,
) -> None:
    def alert(service: str) -> Alert:
        return alert_of(
            a_finding(service=service),
            AlertingSettings(),
            now_ns=time.time_ns(),
            lifetime_seconds=300,
        )

    bad = Alert(labels={}, annotations={}, starts_at=alert("a").starts_at, ends_at="never")
    outcomes = await running.notifier.notify([alert("a"), bad, alert("b")])
    assert [type(outcome) for outcome in outcomes] == [Delivered, Rejected, Delivered]
    assert len(await running.alerts("a")) == len(await running.alerts("b")) == 1


async def test_what_was_due_while_it_was_away_arrives_when_it_is_back(
    running: RunningAlertmanager,
) -> None:
    outbox = Outbox(AlertingSettings())
    outbox.update(a_finding())
    away = AlertmanagerNotifier(AlertmanagerSettings(url="http://127.0.0.1:9"))
    (delivery,) = await deliver_due(outbox, away, time.time_ns)
    assert not delivery.answered
    await away.close()
    later = outbox.next_due_ns()
    assert later is not None
    (delivery,) = await deliver_due(outbox, running.notifier, lambda: later)
    assert delivery.outcome == Delivered()
    assert len(await running.alerts("checkout")) == 1


def test_metrics_of_delivery_pass_prometheus_own_check(require: Callable[[str], None]) -> None:
    require("promtool")
    registry = CollectorRegistry()
    AlertMetrics(registry).watch("alertmanager.example:9093")
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=generate_latest(registry),
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr.decode()
