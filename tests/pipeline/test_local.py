"""When a pipeline on one machine may be stopped."""

from __future__ import annotations

from typing import cast

import pytest

from goleakprobe.config import Config
from goleakprobe.local import LocalPipeline
from goleakprobe.problems import ProblemFeed
from goleakprobe_agents.launch import RunningStream
from goleakprobe_agents.status import PartitionStatus, RoleStatus, WorkerStatus


class _Workers:
    """A stream whose workers have read so far, and landed nothing yet."""

    def __init__(self, *, landed_to: tuple[int, int], detection_behind: int = 0) -> None:
        read = {
            f"shop.events.v1-{partition}": PartitionStatus(next_offset=offset)
            for partition, offset in enumerate(landed_to)
        }
        behind = {"shop.events.v1-0": PartitionStatus(next_offset=5, log_end=5 + detection_behind)}
        self._status = WorkerStatus(
            roles={
                "land": RoleStatus(role="land", pid=1, partitions=read),
                "detect": RoleStatus(role="detect", pid=2, partitions=behind),
            }
        )

    def status(self) -> WorkerStatus:
        return self._status


@pytest.mark.parametrize(
    ("workers", "drained"),
    [
        (_Workers(landed_to=(5, 4)), True),
        (_Workers(landed_to=(5, 3)), False),
        (_Workers(landed_to=(5, 4), detection_behind=1), False),
    ],
)
async def test_a_pipeline_is_drained_when_all_is_read_though_its_files_are_still_open(
    workers: _Workers, drained: bool
) -> None:
    pipeline = LocalPipeline(Config(), cast("RunningStream", workers), ProblemFeed([]))
    pipeline.collector.published["shop.events.v1"] = 9
    assert await pipeline.drain(seconds=0.4) is drained
