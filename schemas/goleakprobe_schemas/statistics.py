"""``goroutine.statistics.computed.v1``: streaming statistics of one service."""

from __future__ import annotations

import msgspec

from goleakprobe_schemas.assessments import DualWindowFigures
from goleakprobe_schemas.bounds import Count, Name, TimeNs

__all__ = ["ModelScore", "StatisticsComputed"]


class ModelScore(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What the online model of the service says about the newest value."""

    model: Name
    score: float
    threshold: float
    alarm: bool = False


class StatisticsComputed(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Statistics over all instances of a service after one more assessment.

    ``id`` names the assessment message it was computed from (topic-partition-offset).
    """

    id: Name
    namespace: Name
    service: Name
    time_ns: TimeNs
    goroutines: Count
    """Newest totals of the live instances, added up."""
    instances: Count
    dual_window: DualWindowFigures
    model: ModelScore | None = None
    suspects: Count = 0
    """Signatures of the service that carry any evidence."""
