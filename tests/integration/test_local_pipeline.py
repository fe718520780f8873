"""The pipeline on one machine: what was published is in the lake once it has been stopped."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest

from goleakprobe.config import Config
from goleakprobe.lake.verify import verify_lake
from goleakprobe.local import LocalPipeline, running_pipeline
from goleakprobe_agents.settings import Duration, LakeSettings, StateSettings
from goleakprobe_schemas import ASSESSMENTS, SNAPSHOTS
from stream_harness import Feed, leaking_fleet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600)]

_PATIENCE_SECONDS = 240


def _landed(pipeline: LocalPipeline, topic: str) -> int:
    offsets = pipeline.workers.next_offsets("land")
    return sum(offset for place, offset in offsets.items() if place.startswith(f"{topic}-"))


async def _until_assessed(pipeline: LocalPipeline) -> None:
    """Wait until landing has read every snapshot and every assessment of them."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            answers = pipeline.workers.count("detect", "outputs").get(ASSESSMENTS.name, 0)
            judged = sum(pipeline.workers.next_offsets("detect").values())
            if judged == pipeline.collector.published[SNAPSHOTS.name] and answers == _landed(
                pipeline, ASSESSMENTS.name
            ):
                return
            await asyncio.sleep(0.2)


async def test_findings_of_a_worker_that_was_late_are_waited_for(
    require: Callable[[str], None], tmp_path: Path
) -> None:
    """Nobody knows of a lag: the late worker has fetched nothing, and landing has all there is."""
    require("broker")
    config = Config(
        lake=LakeSettings(path=str(tmp_path / "lake"), roll_interval=Duration(1)),
        state=StateSettings(path=str(tmp_path / "state"), snapshot_interval=Duration(2)),
    )
    async with running_pipeline(config, tmp_path / "logs") as pipeline:
        late = pipeline.workers.roles["services"].pid
        os.kill(late, signal.SIGSTOP)
        try:
            with Feed(pipeline.config.broker) as feed:
                for key, snapshot in leaking_fleet(20):
                    feed.send(SNAPSHOTS, key, snapshot)
                feed.flush()
            pipeline.collector.published.update(feed.sent)
            await _until_assessed(pipeline)
            draining = asyncio.create_task(pipeline.drain())
            # Long enough for a look that would be content.
            await asyncio.wait({draining}, timeout=1)
            assert not draining.done()
        finally:
            os.kill(late, signal.SIGCONT)
        assert await draining
    verified = verify_lake(tmp_path / "lake")
    assert verified.exact
    assert verified.total("events", "findings") > 0
