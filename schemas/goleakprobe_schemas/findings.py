"""``goroutine.leak.found.v1``: a leak, what it rests on, and whether it is still there."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from goleakprobe_schemas.bounds import Count, Name, Seconds, Text, TimeNs

__all__ = ["Evidence", "FindingState", "Grade", "LeakFound"]


class Grade(StrEnum):
    """How strong the evidence is, strongest first."""

    PROVEN = "proven"
    """Listed by the runtime's own leak profile on two samples."""
    GROWING = "growing"
    """The floor of the count rises and departures do not keep up."""
    STUCK = "stuck"
    """The same goroutines blocked at the same place longer than is ever benign there."""
    ANOMALOUS = "anomalous"
    """The service's series is unusual, and no stack is guilty yet."""

    @property
    def rank(self) -> int:
        """0 for the strongest."""
        return list(Grade).index(self)


class FindingState(StrEnum):
    """Alertmanager's two states."""

    FIRING = "firing"
    RESOLVED = "resolved"


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One reason for a finding: a sentence for people and the numbers behind it."""

    grade: Grade
    detector: Text
    summary: Text
    numbers: dict[str, float] = {}


class LeakFound(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The newest state of one finding; the newest message of a key wins (compacted topic).

    ``signature`` is empty for a finding of grade ``anomalous`` that names no stack. ``id`` names
    the message it was computed from (topic-partition-offset) and the rule.
    """

    id: Name
    namespace: Name
    service: Name
    signature: Text
    state: FindingState
    grade: Grade
    evidence: tuple[Evidence, ...]
    time_ns: TimeNs
    first_seen_ns: TimeNs
    """When the first sample of the suspicious series was taken."""
    fired_ns: TimeNs
    """When it first fired."""
    resolved_ns: TimeNs | None = None
    onset_ns: TimeNs | None = None
    """Estimated start of the leak."""
    count: Count = 0
    """Goroutines over all affected instances."""
    growth_per_hour: float | None = None
    growth_per_hour_low: float | None = None
    growth_per_hour_high: float | None = None
    oldest_seconds: Seconds | None = None
    wait: Text = ""
    blocking_site: Text = ""
    creation_site: Text = ""
    pattern: Text = ""
    """Name of the leak pattern that its place matches; empty for none."""
    instances: tuple[Text, ...] = ()
    """Affected instances, most affected first, at most twenty."""
    instances_affected: Count = 0
    instances_total: Count = 0
    builds: tuple[Text, ...] = ()
    go_versions: tuple[Text, ...] = ()
    clears_when: Text = ""
    """What would resolve it."""
