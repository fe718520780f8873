"""The lifecycles agent: every trace window of a target becomes an assessment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from goleakprobe_agents.app import consume
from goleakprobe_agents.lifecycles import LifecycleStage
from goleakprobe_agents.runner import StageRunner
from goleakprobe_agents.state import SnapshotFolder
from goleakprobe_agents.workers.parts import raw_topic
from goleakprobe_schemas import LIFECYCLES

if TYPE_CHECKING:
    from goleakprobe_agents.shell import Shell
    from goleakprobe_agents.workers.parts import Parts

__all__ = ["build_shell", "declare_agent"]


def build_shell(parts: Parts) -> Shell:
    """Stage one over trace windows."""
    settings = parts.settings
    return StageRunner(
        LIFECYCLES,
        LifecycleStage,
        folder=SnapshotFolder(settings.state.path, f"{settings.broker.group_prefix}-lifecycles"),
        publisher=parts.publisher,
        log_ids=parts.log_ids,
        acknowledge=parts.acknowledge,
        patience=parts.patience,
        snapshot_interval=settings.state.snapshot_interval,
    )


def declare_agent(app: Any, shell: Shell, parts: Parts) -> None:
    """The agent over all trace windows."""

    @app.agent(raw_topic(app, shell.topics), name="lifecycles", concurrency=1)
    async def lifecycles(stream: Any) -> None:
        await consume(stream, shell, parts.settings.broker)
