"""What a run came to, as figures and as lines for people."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

import msgspec

from simulated_fleet.judgement import FalseFinding, FoundLeak
from simulated_fleet.processes import PartCost

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from goleakprobe.lake.verify import Verification
    from simulated_fleet.judgement import Judge
    from simulated_fleet.observation import Observation, Sample
    from simulated_fleet.plan import FleetPlan
    from simulated_fleet.processes import ProcessCosts

__all__ = ["Outcome", "lake_bytes", "outcome_lines"]

_MIB = 2**20


class Outcome(msgspec.Struct, kw_only=True):
    """All figures of one run."""

    services: int
    targets: int
    interval_seconds: float
    seconds: float
    routine_scrapes: int
    scrapes: dict[str, int]
    failures: dict[str, int]
    published: dict[str, int]
    landed: dict[str, int]
    lag_median: int
    lag_highest: int
    lag_at_end: int
    restarts: int
    dead_letters: int
    parts: dict[str, PartCost]
    steady_cpu_seconds: dict[str, float]
    """Of the second half of the run alone."""
    steady_routine_scrapes: int
    steady_seconds: float
    resident_at_half: dict[str, int]
    broker_bytes: dict[str, int]
    lake: dict[str, tuple[int, int]]
    """Table to files and bytes."""
    drained: bool
    leaks: tuple[FoundLeak, ...]
    vague: int
    false: tuple[FalseFinding, ...]
    alerts: int = 0
    lake_messages: int = 0
    violations: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        plan: FleetPlan,
        observation: Observation,
        costs: ProcessCosts,
        judge: Judge,
        *,
        seconds: float,
        interval_seconds: float,
        broker_bytes: dict[str, int],
        lake: dict[str, tuple[int, int]],
        drained: bool,
    ) -> Self:
        """Put the figures of a run together."""
        # After its last answer the collector's page is gone.
        watched = [s for s in observation.samples if s.events]
        half, last = observation.at(seconds / 2), watched[-1]
        lags = sorted(sum(s.lag.values()) for s in watched)
        return cls(
            services=len(plan.services),
            targets=plan.targets,
            interval_seconds=interval_seconds,
            seconds=seconds,
            routine_scrapes=last.routine,
            scrapes=last.scrapes,
            failures=last.failures,
            published=last.events,
            landed=observation.samples[-1].landed,
            lag_median=lags[len(lags) // 2],
            lag_highest=lags[-1],
            lag_at_end=sum(observation.samples[-1].lag.values()),
            restarts=observation.samples[-1].restarts,
            dead_letters=observation.samples[-1].dead_letters,
            parts=costs.parts,
            steady_cpu_seconds=_difference(half, last),
            steady_routine_scrapes=last.routine - half.routine,
            steady_seconds=last.seconds - half.seconds,
            resident_at_half=half.resident_bytes,
            broker_bytes=broker_bytes,
            lake=lake,
            drained=drained,
            leaks=tuple(judge.leaks.values()),
            vague=len(judge.vague),
            false=tuple(judge.false.values()),
        )

    def verified(self, verification: Verification) -> None:
        """Take over what the lake's files prove."""
        self.lake_messages = sum(
            log.last_offset - log.first_offset + 1 for log in verification.logs
        )
        self.violations = tuple(f"{v.path}: {v.what}" for v in verification.violations)


def lake_bytes(root: Path) -> dict[str, tuple[int, int]]:
    """Table to files and bytes of a lake folder."""
    found: dict[str, tuple[int, int]] = {}
    for table in sorted(root.glob("table=*")):
        sizes = [path.stat().st_size for path in table.rglob("*.parquet")]
        found[table.name.partition("=")[2]] = (len(sizes), sum(sizes))
    return found


def outcome_lines(outcome: Outcome) -> list[str]:
    """The end of a run, for people."""
    return [
        *_traffic(outcome),
        *_costs(outcome),
        *_stored(outcome),
        *_found(outcome),
        *_exactness(outcome),
    ]


def _traffic(outcome: Outcome) -> list[str]:
    rate = outcome.routine_scrapes / outcome.seconds
    events = sum(outcome.published.values()) / outcome.seconds
    due = max(1.0, outcome.targets * outcome.steady_seconds / outcome.interval_seconds)
    share = 100 * outcome.steady_routine_scrapes / due
    others = ", ".join(f"{n} {c:,}" for n, c in sorted(outcome.scrapes.items()) if n != "debug0")
    failed = ", ".join(f"{n} {c:,}" for n, c in sorted(outcome.failures.items())) or "none"
    return [
        (
            f"{outcome.services} services, {outcome.targets:,} targets, every "
            f"{outcome.interval_seconds:g} s, for {outcome.seconds / 60:g} min, "
            f"{os.cpu_count()} cores"
        ),
        (
            f"routine scrapes {outcome.routine_scrapes:,} ({rate:.1f}/s; in the second half "
            f"{share:.1f} % of those due); "
            f"also {others}; failed: {failed}"
        ),
        (
            f"events published {sum(outcome.published.values()):,} ({events:.1f}/s); "
            f"lag median {outcome.lag_median}, highest {outcome.lag_highest}, "
            f"at the end {outcome.lag_at_end}"
        ),
    ]


def _costs(outcome: Outcome) -> list[str]:
    lines = [
        (
            "| part | CPU s | CPU % of a core, 2nd half | CPU ms/scrape, 2nd half "
            "| RSS MB | at half | peak | starts |"
        ),
        "|---|---|---|---|---|---|---|---|",
    ]
    for part, cost in sorted(outcome.parts.items()):
        steady = outcome.steady_cpu_seconds.get(part, 0.0)
        share = 100 * steady / max(1.0, outcome.steady_seconds)
        each = 1000 * steady / max(1, outcome.steady_routine_scrapes)
        half = outcome.resident_at_half.get(part, 0) / _MIB
        lines.append(
            f"| {part} | {cost.cpu_seconds:.1f} | {share:.1f} | {each:.2f} | "
            f"{cost.resident_bytes / _MIB:.0f} | {half:.0f} | "
            f"{cost.peak_resident_bytes / _MIB:.0f} | {cost.processes} |"
        )
    return lines


def _stored(outcome: Outcome) -> list[str]:
    lines = []
    each = max(1, outcome.routine_scrapes)
    if outcome.broker_bytes:
        total = sum(outcome.broker_bytes.values())
        parts = _sizes(outcome.broker_bytes.items())
        lines.append(f"broker: {total / _MIB:.1f} MB, {total / each:.0f} B a scrape ({parts})")
    total = sum(size for _, size in outcome.lake.values())
    files = sum(count for count, _ in outcome.lake.values())
    parts = _sizes([(table, size) for table, (_, size) in outcome.lake.items()])
    lines.append(
        f"lake: {total / _MIB:.1f} MB in {files:,} files, {total / each:.0f} B a scrape ({parts})"
    )
    return lines


def _sizes(sizes: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {size / _MIB:.1f}" for name, size in sorted(sizes) if size > 0)


def _found(outcome: Outcome) -> list[str]:
    found = [leak for leak in outcome.leaks if leak.found_seconds is not None]
    lines = [
        (
            f"leaks found {len(found)} of {len(outcome.leaks)}, alerts {outcome.alerts}, "
            f"false findings {len(outcome.false)}, leaky services called unusual {outcome.vague}"
        )
    ]
    for leak in sorted(outcome.leaks, key=lambda each: each.found_seconds or 1e9):
        rate = f"{leak.leaks_per_minute:g}/min an instance from {leak.onset_seconds:.0f} s on"
        if leak.found_seconds is None:
            lines.append(f"  MISSED {leak.service}: {rate}")
        else:
            after = leak.found_seconds - leak.onset_seconds
            lines.append(
                f"  {leak.service}: {rate}, found after {after / 60:.1f} min as {leak.grade}, "
                f"at last {leak.best_grade}"
            )
    lines += [
        f"  FALSE {each.service}: {each.grade} at {each.site} after {each.seconds / 60:.1f} min"
        for each in outcome.false
    ]
    return lines


def _exactness(outcome: Outcome) -> list[str]:
    state = "exact" if not outcome.violations else f"{len(outcome.violations)} VIOLATIONS"
    return [
        (
            f"lake verify: {state}, {outcome.lake_messages:,} messages; "
            f"everything landed before the stop: {'yes' if outcome.drained else 'NO'}; "
            f"workers restarted {outcome.restarts}, dead letters {outcome.dead_letters}"
        ),
        *outcome.violations[:20],
    ]


def _difference(before: Sample, after: Sample) -> dict[str, float]:
    return {
        part: cpu - before.cpu_seconds.get(part, 0.0) for part, cpu in after.cpu_seconds.items()
    }
