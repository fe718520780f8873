"""The life of a finding: it must persist to fire, and its cause must go before it resolves.

``FindingTracker`` follows one (service, signature) over the instances of the service. It knows
event time only, so a replay tells the same story.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from goleakprobe_agents.detection.fast_rise import PASSING_TURNOVER
from goleakprobe_agents.evidence import (
    FAST_GROWTH,
    GROWTH_DETECTORS,
    TRACE_DETECTORS,
    strongest,
)
from goleakprobe_agents.patterns import pattern_of
from goleakprobe_schemas import Evidence, FindingState, Grade, LeakFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from goleakprobe_schemas import SignatureAssessed

__all__ = ["FindingPolicy", "FindingTracker", "InstanceEvidence"]

_NS = 1_000_000_000
_NEVER_TOLD = -1
_MAX_INSTANCES_NAMED = 20
_HELD_SHARE = 0.5


class FindingPolicy(msgspec.Struct, frozen=True):
    """How long a verdict must hold before it counts, in event time."""

    fire_after_verdicts: int = 3
    """Consecutive assessments with evidence; proof needs none, it is two samples already."""
    fire_after_windows: int = 2
    """Traces of one process that must agree; each looks at growth in three thirds already."""
    trace_ttl_seconds: float = 12 * 3600.0
    """How long a trace's evidence stands without a later trace of the process."""
    fast_ttl_seconds: float = 1800.0
    """How long fast growth that has ended stands if no other detector came to see it: clients that
    connect anew after a deploy rise like a leak, and stay."""
    clear_after_seconds: float = 600.0
    """Time without any evidence, on any instance, before a finding resolves."""
    instance_ttl_seconds: float = 900.0
    """An instance unseen for longer is gone, and what it held with it."""
    refresh_seconds: float = 60.0
    """A firing finding is published again this often while its numbers move."""


class InstanceEvidence(msgspec.Struct):
    """What one instance holds against a signature."""

    time_ns: int
    process_start_ns: int | None
    build_id: str
    go_version: str
    count: int
    peak: int = 0
    """Highest count since the evidence came up in this process."""
    streak: int = 0
    oldest_seconds: float = 0.0
    first_seen_ns: int = 0
    onset_ns: int | None = None
    per_hour: float | None = None
    per_hour_low: float | None = None
    per_hour_high: float | None = None
    evidence: tuple[Evidence, ...] = ()
    fast_ns: int = 0
    """Event time of the newest evidence of fast growth; 0 where none stands."""
    windows: int = 0
    """Traces in a row that agree, as the latest one told."""
    traced_ns: int = 0
    """Event time of the latest trace with evidence; 0 where none stands."""
    counted: bool = True
    """Whether scrapes tell the count; else it is that of the latest trace."""

    def observe(self, signature: SignatureAssessed, evidence: tuple[Evidence, ...]) -> None:
        """Take in one more assessment of the same process.

        Evidence outlives its detector: a leak that stops growing still holds what it leaked.
        It is dropped when most of those goroutines are gone, and growth that has ended is when
        dumps show goroutines of the place ending: then none of them is held.
        """
        if not self.counted:
            # A trace counts the blocked goroutines of a place, a scrape those of a whole stack.
            self.counted, self.peak = True, signature.count
        self.count = signature.count
        self.oldest_seconds = signature.oldest_seconds
        self.first_seen_ns = signature.first_seen_ns
        self._take_growth(signature)
        if evidence:
            self.streak += 1
            self.evidence = _newest_of_each(self.evidence + evidence)
            self.peak = max(self.peak, signature.count)
            if any(reason.detector == FAST_GROWTH for reason in evidence):
                self.fast_ns = self.time_ns
            return
        self.streak = 0
        if signature.count < self.peak * _HELD_SHARE or not self.peak:
            self.evidence, self.peak = (), 0
            self.windows = self.traced_ns = 0
        elif signature.turnover > PASSING_TURNOVER:
            self.evidence = tuple(r for r in self.evidence if r.detector not in GROWTH_DETECTORS)

    def observe_trace(
        self, signature: SignatureAssessed, evidence: tuple[Evidence, ...], now_ns: int
    ) -> None:
        """Take in what a trace of the same process says; scrapes know the count better."""
        figures = signature.lifecycle
        if figures is None:
            return
        self.first_seen_ns = self.first_seen_ns or signature.first_seen_ns
        if not self.counted:
            self.count = signature.count
            self.per_hour = self.per_hour if figures.per_hour is None else figures.per_hour
        if evidence:
            others = tuple(r for r in self.evidence if r.detector not in TRACE_DETECTORS)
            self.evidence = _newest_of_each(others + evidence)
            self.peak = max(self.peak, self.count)
            self.windows, self.traced_ns = figures.windows, now_ns
        elif not self.counted and self.count < self.peak * _HELD_SHARE:
            self.forget_traces()

    def forget_traces(self) -> None:
        """A later trace does not show it any more, or there has been none for too long."""
        self.evidence = tuple(r for r in self.evidence if r.detector not in TRACE_DETECTORS)
        self.windows = self.traced_ns = 0

    def forget_fast_growth(self, now_ns: int, policy: FindingPolicy) -> None:
        """Drop fast growth that ended long ago and that nothing else has confirmed."""
        if self.fast_ns and now_ns - self.fast_ns >= policy.fast_ttl_seconds * _NS:
            self.evidence = tuple(r for r in self.evidence if r.detector != FAST_GROWTH)
            self.fast_ns = 0

    def unnamed(self, now_ns: int, policy: FindingPolicy) -> bool:
        """A scrape of the same process does not name the signature: whether a trace still does."""
        if not self.traced_ns or now_ns - self.traced_ns >= policy.trace_ttl_seconds * _NS:
            return False
        self.evidence = tuple(r for r in self.evidence if r.detector in TRACE_DETECTORS)
        self.streak = 0
        self.time_ns = max(self.time_ns, now_ns)
        return bool(self.evidence)

    def _take_growth(self, signature: SignatureAssessed) -> None:
        growth = signature.growth
        if growth is None:
            return
        self.per_hour = growth.per_hour
        self.per_hour_low = growth.per_hour_low
        self.per_hour_high = growth.per_hour_high
        if growth.alarm:
            self.onset_ns = self.onset_ns or growth.onset_ns


class FindingTracker(msgspec.Struct):
    """One signature of one service: its instances' evidence and its published state."""

    wait: str = ""
    blocking_site: str = ""
    creation_site: str = ""
    instances: dict[str, InstanceEvidence] = {}
    firing: bool = False
    grade: Grade | None = None
    fired_ns: int = 0
    evidence_ns: int = 0
    """Event time of the newest evidence."""
    published_ns: int = 0
    published_count: int = 0

    def tell_again(self) -> None:
        """Publish at the next decision, if it fires, whether or not anything moves."""
        self.published_ns, self.published_count = 0, _NEVER_TOLD

    def expire(self, now_ns: int, policy: FindingPolicy) -> None:
        """Forget instances unseen for long, and fast growth that came to nothing."""
        oldest = now_ns - int(policy.instance_ttl_seconds * _NS)
        for instance in [n for n, held in self.instances.items() if held.time_ns < oldest]:
            del self.instances[instance]
        for held in self.instances.values():
            held.forget_fast_growth(now_ns, policy)

    def decide(self, now_ns: int, policy: FindingPolicy) -> FindingState | None:
        """What to publish now: a state, or None where nothing moved enough to tell."""
        held = [held for held in self.instances.values() if held.evidence]
        if held:
            self.evidence_ns = max(self.evidence_ns, now_ns)
        grade = strongest(reason for one in held for reason in one.evidence)
        if not self.firing:
            return self._fire(now_ns, grade, held, policy)
        if grade is None:
            return self._resolve(now_ns, policy)
        return self._refresh(now_ns, grade, held, policy)

    def _fire(
        self,
        now_ns: int,
        grade: Grade | None,
        held: list[InstanceEvidence],
        policy: FindingPolicy,
    ) -> FindingState | None:
        if grade is None:
            return None
        persistent = any(
            one.streak >= policy.fire_after_verdicts or one.windows >= policy.fire_after_windows
            for one in held
        )
        if grade is not Grade.PROVEN and not persistent:
            return None
        self.firing, self.grade, self.fired_ns = True, grade, now_ns
        return self._publish(now_ns, held, FindingState.FIRING)

    def _resolve(self, now_ns: int, policy: FindingPolicy) -> FindingState | None:
        if now_ns - self.evidence_ns < policy.clear_after_seconds * _NS:
            return None
        self.firing = False
        return self._publish(now_ns, [], FindingState.RESOLVED)

    def _refresh(
        self, now_ns: int, grade: Grade, held: list[InstanceEvidence], policy: FindingPolicy
    ) -> FindingState | None:
        # A grade is what the evidence reached; it does not fall while the finding fires.
        stronger = self.grade is None or grade.rank < self.grade.rank
        if stronger:
            self.grade = grade
        count = sum(one.count for one in held)
        due = now_ns - self.published_ns >= policy.refresh_seconds * _NS
        if stronger or (due and count != self.published_count):
            return self._publish(now_ns, held, FindingState.FIRING)
        return None

    def _publish(
        self, now_ns: int, held: list[InstanceEvidence], state: FindingState
    ) -> FindingState:
        self.published_ns = now_ns
        self.published_count = sum(one.count for one in held)
        return state

    def describe(
        self,
        *,
        event_id: str,
        namespace: str,
        service: str,
        signature: str,
        state: FindingState,
        now_ns: int,
        instances_total: int,
    ) -> LeakFound:
        """The finding as an event."""
        guilty = {name: held for name, held in self.instances.items() if held.evidence}
        ranked = sorted(guilty, key=lambda name: (-guilty[name].count, name))
        seen = [held.first_seen_ns for held in self.instances.values() if held.first_seen_ns]
        pattern = pattern_of(self.wait, self.blocking_site, self.creation_site)
        return LeakFound(
            id=event_id,
            namespace=namespace,
            service=service,
            signature=signature,
            state=state,
            grade=self.grade or Grade.ANOMALOUS,
            evidence=_best_of_each(guilty),
            time_ns=now_ns,
            first_seen_ns=min(seen, default=self.fired_ns),
            fired_ns=self.fired_ns,
            resolved_ns=now_ns if state is FindingState.RESOLVED else None,
            onset_ns=min((h.onset_ns for h in guilty.values() if h.onset_ns), default=None),
            count=sum(held.count for held in guilty.values()),
            growth_per_hour=_total(guilty, "per_hour"),
            growth_per_hour_low=_total(guilty, "per_hour_low"),
            growth_per_hour_high=_total(guilty, "per_hour_high"),
            # Zero is not an age: no dump with ids has been seen.
            oldest_seconds=max((h.oldest_seconds for h in guilty.values()), default=0.0) or None,
            wait=self.wait,
            blocking_site=self.blocking_site,
            creation_site=self.creation_site,
            pattern="" if pattern is None else pattern.name,
            instances=tuple(name for name in ranked if name)[:_MAX_INSTANCES_NAMED],
            instances_affected=len(guilty),
            instances_total=instances_total,
            builds=_distinct(guilty, "build_id"),
            go_versions=_distinct(guilty, "go_version"),
            clears_when=_clearing(self.grade),
        )


def _newest_of_each(evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    newest = {reason.detector: reason for reason in evidence}
    return tuple(sorted(newest.values(), key=lambda reason: (reason.grade.rank, reason.detector)))


def _best_of_each(guilty: Mapping[str, InstanceEvidence]) -> tuple[Evidence, ...]:
    """Of every detector the reason of the most affected instance, strongest grade first."""
    best: dict[str, tuple[int, Evidence]] = {}
    for held in guilty.values():
        for reason in held.evidence:
            if reason.detector not in best or best[reason.detector][0] < held.count:
                best[reason.detector] = (held.count, reason)
    return tuple(sorted((r for _, r in best.values()), key=lambda r: (r.grade.rank, r.detector)))


def _total(guilty: Mapping[str, InstanceEvidence], figure: str) -> float | None:
    known = [value for held in guilty.values() if (value := getattr(held, figure)) is not None]
    return sum(known) if known else None


def _distinct(guilty: Mapping[str, InstanceEvidence], figure: str) -> tuple[str, ...]:
    values = {getattr(held, figure) for held in guilty.values()}
    return tuple(sorted(values - {""}))[:_MAX_INSTANCES_NAMED]


def _clearing(grade: Grade | None) -> str:
    if grade is Grade.PROVEN:
        return "the process restarts, and the new one's leak profiles do not list it"
    ways = ["the count falls below half of its peak", "the process restarts"]
    if grade is Grade.GROWING:
        ways += [
            "dumps show its goroutines ending",
            "it only rose fast, and stopped half an hour ago",
        ]
    return f"{', or '.join(ways)}; and no detector sees it for ten minutes"
