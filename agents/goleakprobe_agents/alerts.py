"""The shell of alerting: findings into one outbox per receiver, and what is due to the receivers.

A finding is acknowledged once the outbox that knows of it is saved. Telling a receiver twice does
no harm (an alert is known by its labels), so nothing more is needed for a restart.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import msgspec
import structlog

from goleakprobe_agents.alerting import Outbox, Retry, deliver_due, outcome_name
from goleakprobe_agents.runner import StageRunner
from goleakprobe_schemas import FINDINGS, LeakFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from goleakprobe_agents.alerting import Notifier
    from goleakprobe_agents.patience import Patience
    from goleakprobe_agents.publisher import Publisher
    from goleakprobe_agents.runner import StagePartition
    from goleakprobe_agents.settings import AlertingSettings
    from goleakprobe_agents.shell import Acknowledge
    from goleakprobe_agents.stage import Output, Record
    from goleakprobe_agents.state import SnapshotFolder

__all__ = ["AlertRunner", "AlertStage"]

_VERSION = 1

_log = structlog.get_logger(__name__)


class _State(msgspec.Struct):
    version: int
    outboxes: dict[str, bytes]


class AlertStage:
    """The outboxes of one partition of findings: a stage without outputs."""

    def __init__(self, settings: AlertingSettings, receivers: Sequence[str]) -> None:
        self._settings = settings
        self.outboxes = {name: Outbox(settings) for name in receivers}
        self.overflows = 0

    def apply(self, records: Sequence[Record]) -> list[Output]:
        """Tell every outbox of every finding."""
        for record in records:
            finding = record.event
            assert isinstance(finding, LeakFound)
            for outbox in self.outboxes.values():
                self.overflows += not outbox.update(finding)
        return []

    def dump(self) -> bytes:
        """All outboxes as MessagePack."""
        outboxes = {name: outbox.dump() for name, outbox in self.outboxes.items()}
        return msgspec.msgpack.encode(_State(_VERSION, outboxes))

    def load(self, state: bytes) -> None:
        """Replace the outboxes of receivers that still exist; ValueError for damaged bytes."""
        try:
            loaded = msgspec.msgpack.decode(state, type=_State)
        except msgspec.DecodeError as error:
            raise ValueError(f"not an alert stage's state: {error}") from error
        if loaded.version != _VERSION:
            raise ValueError(f"alert stage state of version {loaded.version}, not {_VERSION}")
        for name, outbox in self.outboxes.items():
            if name in loaded.outboxes:
                outbox.load(loaded.outboxes[name])


class AlertRunner(StageRunner):
    """Runs alert stages and tells the receivers what is due."""

    def __init__(
        self,
        settings: AlertingSettings,
        notifiers: Sequence[Notifier],
        *,
        folder: SnapshotFolder,
        publisher: Publisher,
        log_ids: Mapping[str, str],
        acknowledge: Acknowledge,
        patience: Patience,
        snapshot_interval: float,
    ) -> None:
        super().__init__(
            FINDINGS,
            lambda: AlertStage(settings, [notifier.name for notifier in notifiers]),
            folder=folder,
            publisher=publisher,
            log_ids=log_ids,
            acknowledge=acknowledge,
            patience=patience,
            snapshot_interval=snapshot_interval,
        )
        self._notifiers = notifiers
        self._failing: set[str] = set()

    async def tick(self) -> None:
        """Tell every receiver what is due, then save what is due.

        Receivers may take their time: deliveries are broken off by a stop, and remain due.
        """
        deliveries = asyncio.gather(*(self._deliver(notifier) for notifier in self._notifiers))
        await self.patience.unless_stopped(deliveries)
        await super().tick()

    async def flush(self) -> None:
        """Save all outboxes and let go of the receivers."""
        await super().flush()
        await asyncio.gather(*(notifier.close() for notifier in self._notifiers))

    async def _deliver(self, notifier: Notifier) -> None:
        for partition in list(self.partitions.values()):
            if not await self._deliver_partition(notifier, partition):
                return  # it would refuse the others as well; they are tried at the next tick

    async def _deliver_partition(self, notifier: Notifier, partition: StagePartition) -> bool:
        stage = partition.stage
        assert isinstance(stage, AlertStage)
        outbox = stage.outboxes[notifier.name]
        due = outbox.next_due_ns()
        if due is None or due > time.time_ns():
            return True
        deliveries = await deliver_due(outbox, notifier, time.time_ns)
        partition.changed = partition.changed or bool(deliveries)
        for delivery in deliveries:
            self.counts.add(f"alerts_{outcome_name(delivery.outcome)}", notifier.name)
        reasons = [d.outcome.reason for d in deliveries if isinstance(d.outcome, Retry)]
        self._tell(notifier.name, reasons)
        return not reasons

    def _tell(self, receiver: str, reasons: Sequence[str]) -> None:
        if reasons and receiver not in self._failing:
            _log.error("alert_receiver_fails", receiver=receiver, reason=reasons[0])
            self._failing.add(receiver)
        elif not reasons and receiver in self._failing:
            _log.warning("alert_receiver_works_again", receiver=receiver)
            self._failing.discard(receiver)
