"""When a pipeline on one machine may be stopped."""

from __future__ import annotations

from typing import cast

import pytest

from goleakprobe.config import Config
from goleakprobe.local import LocalPipeline
from goleakprobe.problems import ProblemFeed
from goleakprobe_agents.errors import WorkerFailedError
from goleakprobe_agents.launch import RunningStream
from goleakprobe_agents.status import (
    PartitionStatus,
    RoleStatus,
    SupervisedRole,
    SupervisorStatus,
    WorkerStatus,
)

EVENTS, FINDINGS = "shop.events.v1", "shop.findings.v1"
"""Nine events are published; detection answers two of them with a finding."""


class _Workers:
    """A stream whose workers have read so far, know of no more, and have landed nothing yet."""

    def __init__(
        self,
        *,
        landed: tuple[int, int] = (5, 4),
        landed_findings: int = 2,
        judged: int = 9,
        told: int = 2,
        log_end: int | None = None,
        restarting: bool = False,
        running: bool = True,
    ) -> None:
        read = {f"{EVENTS}-{n}": PartitionStatus(next_offset=at) for n, at in enumerate(landed)}
        read[f"{FINDINGS}-0"] = PartitionStatus(next_offset=landed_findings)
        detection = {f"{EVENTS}-0": PartitionStatus(next_offset=judged, log_end=log_end)}
        outputs = {"outputs": {FINDINGS: told}}
        self.running = running
        self._status = WorkerStatus(
            supervisor=SupervisorStatus(
                pid=1,
                roles={
                    "land": SupervisedRole(pid=2),
                    # What a process before this one told.
                    "detect": SupervisedRole(pid=4 if restarting else 3, counts=outputs),
                },
            ),
            roles={
                "land": RoleStatus(role="land", pid=2, state="assigned", partitions=read),
                "detect": RoleStatus(role="detect", pid=3, state="assigned", partitions=detection),
            },
        )

    def status(self) -> WorkerStatus:
        return self._status


@pytest.mark.parametrize(
    ("workers", "drained"),
    [
        (_Workers(), True),
        (_Workers(landed=(5, 3)), False),
        (_Workers(judged=8, told=2), False),
        (_Workers(landed_findings=1), False),
        (_Workers(log_end=10), False),
        (_Workers(restarting=True), False),
    ],
    ids=["all read", "not landed", "not judged", "answer not landed", "lag", "restarting"],
)
async def test_a_pipeline_is_drained_when_all_is_read_though_its_files_are_still_open(
    workers: _Workers, drained: bool
) -> None:
    pipeline = LocalPipeline(Config(), cast("RunningStream", workers), ProblemFeed([]))
    pipeline.collector.published[EVENTS] = 9
    assert await pipeline.drain(seconds=0.4) is drained


@pytest.mark.timeout(20)
async def test_workers_that_have_ended_are_not_waited_for_and_told() -> None:
    workers = _Workers(landed_findings=1, running=False)
    pipeline = LocalPipeline(Config(), cast("RunningStream", workers), ProblemFeed([]))
    assert not await pipeline.drain(seconds=3600)
    with pytest.raises(WorkerFailedError, match="their supervisor is gone"):
        await pipeline.watch_workers()
