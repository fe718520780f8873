"""Findings reach receivers, survive restarts, and a receiver that is down delays nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from goleakprobe_agents.alerting import Delivered, Retry
from goleakprobe_agents.alerts import AlertRunner, AlertStage
from goleakprobe_agents.patience import Patience
from goleakprobe_agents.settings import AlertingSettings, Duration
from goleakprobe_agents.shell import Place
from goleakprobe_agents.stage import Record
from goleakprobe_agents.state import SnapshotFolder
from goleakprobe_schemas import FINDINGS, LeakFound
from schemas_examples import an_event_of
from stream_messages import fetched

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goleakprobe_agents.alerting import Alert, Outcome
    from goleakprobe_agents.publisher import Outgoing

SETTINGS = AlertingSettings(resend_interval=Duration(3600))


class Receiver:
    """Takes alerts, or does not."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.down = False
        self.told: list[Alert] = []

    async def notify(self, alerts: Sequence[Alert]) -> Sequence[Outcome]:
        if self.down:
            return [Retry("connection refused") for _ in alerts]
        self.told += alerts
        return [Delivered() for _ in alerts]

    async def close(self) -> None:
        pass


class NoPublisher:
    async def publish(self, messages: Sequence[Outgoing]) -> None:
        assert not messages


def a_finding(signature: str = "a" * 32, **changes: object) -> LeakFound:
    event = an_event_of(FINDINGS, signature=signature, **changes)
    assert isinstance(event, LeakFound)
    return event


class Life:
    """One life of the alerts role on a folder that outlives it."""

    def __init__(self, folder: Path, receivers: Sequence[Receiver]) -> None:
        self.acknowledged: list[int] = []
        self.runner = AlertRunner(
            SETTINGS,
            receivers,
            folder=SnapshotFolder(str(folder), "alert"),
            publisher=NoPublisher(),  # type: ignore[arg-type]
            log_ids={},
            acknowledge=self._acknowledge,
            patience=Patience(),
            snapshot_interval=0.0,
        )

    def _acknowledge(self, place: Place, next_offset: int) -> None:
        self.acknowledged.append(next_offset)

    async def begin(self) -> int:
        place = Place(FINDINGS.name, 0)
        position = (await self.runner.positions([place]))[place] or 0
        self.runner.begin(place, position)
        return position


async def test_a_finding_is_delivered_then_recorded_then_acknowledged(tmp_path: Path) -> None:
    receiver = Receiver("one")
    life = Life(tmp_path, [receiver])
    await life.begin()
    await life.runner.take([fetched(FINDINGS, 0, a_finding())])
    assert life.acknowledged == []
    await life.runner.tick()
    assert len(receiver.told) == 1
    assert life.acknowledged == [1]
    assert life.runner.counts.by_kind["alerts_delivered"] == {"one": 1}


async def test_after_a_restart_what_was_told_is_not_told_again_at_once(tmp_path: Path) -> None:
    receiver = Receiver("one")
    life = Life(tmp_path, [receiver])
    await life.begin()
    await life.runner.take([fetched(FINDINGS, 0, a_finding())])
    await life.runner.tick()
    life = Life(tmp_path, [receiver])
    assert await life.begin() == 1
    await life.runner.tick()
    assert len(receiver.told) == 1


async def test_what_was_not_delivered_is_delivered_by_the_next_life(tmp_path: Path) -> None:
    receiver = Receiver("one")
    receiver.down = True
    life = Life(tmp_path, [receiver])
    await life.begin()
    await life.runner.take([fetched(FINDINGS, 0, a_finding())])
    await life.runner.flush()
    receiver.down = False
    life = Life(tmp_path, [receiver])
    assert await life.begin() == 1
    await life.runner.tick()
    assert len(receiver.told) == 1


async def test_a_receiver_that_is_down_delays_nobody_else(tmp_path: Path) -> None:
    down, up = Receiver("down"), Receiver("up")
    down.down = True
    life = Life(tmp_path, [down, up])
    await life.begin()
    await life.runner.take([fetched(FINDINGS, 0, a_finding())])
    await life.runner.tick()
    assert len(up.told) == 1
    assert life.runner.counts.by_kind["alerts_retry"] == {"down": 1}


def test_outboxes_of_receivers_that_are_gone_or_new_do_not_spoil_the_rest() -> None:
    stage = AlertStage(SETTINGS, ["old", "kept"])
    stage.apply([Record(FINDINGS.name, 0, 0, a_finding())])
    after = AlertStage(SETTINGS, ["kept", "new"])
    after.load(stage.dump())
    assert (after.outboxes["kept"].firing, after.outboxes["new"].firing) == (1, 0)
