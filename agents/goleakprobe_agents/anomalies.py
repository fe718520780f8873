"""Grade ``anomalous``: the service's own series is unusual while no stack is guilty.

The dual-window threshold alone alarms on healthy noise many times an hour, and an online model
alone on every change of level. Both at once, for several verdicts in a row, is worth a look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from goleakprobe_agents.findings import FindingTracker, InstanceEvidence
from goleakprobe_schemas import Evidence, Grade, StatisticsComputed

if TYPE_CHECKING:
    from goleakprobe_schemas import TargetAssessed

__all__ = ["AnomalyGate"]

_NS = 1_000_000_000
_TOGETHER_NS = 120 * _NS
# The tracker follows instances; a service's series is one of its own.
_WHOLE_SERVICE = ""


class AnomalyGate(msgspec.Struct):
    """Remembers the two alarms of a service and holds its one finding without a stack."""

    window_alarm_ns: int = 0
    model_alarm_ns: int = 0
    model_score: float = 0.0
    newest: StatisticsComputed | None = None
    finding: FindingTracker = msgspec.field(default_factory=FindingTracker)

    def observe(self, statistics: StatisticsComputed) -> None:
        """Take in the newest statistics of the service."""
        self.newest = statistics
        if statistics.dual_window.alarm:
            self.window_alarm_ns = statistics.time_ns
        model = statistics.model
        if model is None:
            return
        # A drift model stays alarmed at the new level; only a further step is news.
        if model.alarm and model.score > self.model_score:
            self.model_alarm_ns = statistics.time_ns
        self.model_score = model.score

    def tracker(self, event: TargetAssessed, *, guilty: bool) -> FindingTracker:
        """The finding, brought up to date; a guilty stack explains the anomaly away."""
        evidence = () if guilty else self._evidence(event.time_ns)
        held = self.finding.instances.get(_WHOLE_SERVICE)
        if not evidence:
            self.finding.instances.pop(_WHOLE_SERVICE, None)
            return self.finding
        if held is None:
            held = InstanceEvidence(
                time_ns=event.time_ns,
                process_start_ns=None,
                build_id=event.build_id,
                go_version=event.go_version,
                count=0,
                first_seen_ns=event.time_ns,
            )
            self.finding.instances[_WHOLE_SERVICE] = held
        held.time_ns, held.evidence = event.time_ns, evidence
        held.count = self.newest.goroutines if self.newest else 0
        held.streak += 1
        return self.finding

    def _evidence(self, now_ns: int) -> tuple[Evidence, ...]:
        newest = self.newest
        if newest is None or newest.model is None:
            return ()
        oldest_alarm = min(self.window_alarm_ns, self.model_alarm_ns)
        if now_ns - oldest_alarm > _TOGETHER_NS:
            return ()
        figures = newest.dual_window
        return (
            Evidence(
                grade=Grade.ANOMALOUS,
                detector="dual_window",
                summary=(
                    f"{figures.value:,.1f} goroutines an instance broke the dual-window threshold "
                    f"and {newest.model.model} saw the level change within two minutes"
                ),
                numbers={
                    "value": figures.value,
                    "threshold": figures.threshold or 0.0,
                    "z": figures.z or 0.0,
                    "model_score": newest.model.score,
                },
            ),
        )
