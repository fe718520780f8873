"""The alerts agent: findings to the receivers until they are over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from goleakprobe_agents.alerting import AlertmanagerNotifier
from goleakprobe_agents.alerts import AlertRunner
from goleakprobe_agents.app import consume
from goleakprobe_agents.state import SnapshotFolder
from goleakprobe_agents.workers.parts import raw_topic

if TYPE_CHECKING:
    from goleakprobe_agents.shell import Shell
    from goleakprobe_agents.workers.parts import Parts

__all__ = ["build_shell", "declare_agent"]

# Outboxes are small, and a receiver should not be told the same again after every restart.
_SNAPSHOT_SECONDS = 5.0


def build_shell(parts: Parts) -> Shell:
    """Alerting over findings."""
    settings = parts.settings
    return AlertRunner(
        settings.alerting,
        [AlertmanagerNotifier(receiver) for receiver in settings.alerting.alertmanagers],
        folder=SnapshotFolder(settings.state.path, f"{settings.broker.group_prefix}-alert"),
        publisher=parts.publisher,
        log_ids=parts.log_ids,
        acknowledge=parts.acknowledge,
        patience=parts.patience,
        snapshot_interval=min(settings.state.snapshot_interval, _SNAPSHOT_SECONDS),
    )


def declare_agent(app: Any, shell: Shell, parts: Parts) -> None:
    """The agent over all findings."""

    @app.agent(raw_topic(app, shell.topics), name="alerts", concurrency=1)
    async def alerts(stream: Any) -> None:
        await consume(stream, shell, parts.settings.broker)
