"""From the assessments of one signature to reasons a person can check.

One instance at a time is judged here; ``findings`` follows the verdict over time and instances.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from goleakprobe_schemas import Evidence, Grade

if TYPE_CHECKING:
    from collections.abc import Iterable

    from goleakprobe_schemas import SignatureAssessed

__all__ = [
    "FAST_GROWTH",
    "GROWTH_DETECTORS",
    "NEVER_IDLE",
    "PROOF_SAMPLES",
    "STUCK_SECONDS",
    "STUCK_WAITS",
    "TRACE_DETECTORS",
    "judge",
    "strongest",
]

PROOF_SAMPLES = 2
"""Leak profiles that must agree: the profile is not monotonic, one may show a passing state."""

STUCK_SECONDS = 600.0
"""Longer than a sender or a lock waiter ever has a benign reason to wait."""

FAST_GROWTH = "fast_rise"
GROWTH_DETECTORS = frozenset({"rising_floor", FAST_GROWTH})

TRACE_DETECTORS = frozenset(
    {"trace_growth", "trace_outlasting", "trace_wakers_gone", "trace_wait_cycle"}
)
"""Reasons that rest on execution traces, and that only a later trace takes back."""

NEVER_IDLE = frozenset(
    {"chan send", "sync.Mutex.Lock", "sync.RWMutex.Lock", "sync.RWMutex.RLock"},
)
"""Waits in which nobody rests for long with good reason: there is work they cannot finish.

Receivers, selects, conditions and reads idle; a WaitGroup is waited for as long as its workers
live, which in ``main`` and in a connection's handler is for ever, and so does ``select {}``.
"""

STUCK_WAITS = NEVER_IDLE | {"chan send (nil chan)", "chan receive (nil chan)"}
"""Those, and waits that cannot end."""

_LEAST_FOREVER = 10
"""Who writes ``select {}`` means to stay for ever: a few do so by design, of many somebody errs."""

_LEAST_SENDERS = 3
"""One sender may well wait for ever: a generator hands out its next value when it is asked."""


def judge(signature: SignatureAssessed) -> tuple[Evidence, ...]:
    """The evidence that one assessment of one instance gives, strongest first; often none."""
    counted = (_proof(signature), _growth(signature), _stillness(signature))
    reasons = [reason for reason in counted if reason is not None]
    return tuple(sorted([*reasons, *_lifecycles(signature)], key=lambda one: one.grade.rank))


def strongest(evidence: Iterable[Evidence]) -> Grade | None:
    """The best grade among reasons; None where there are none."""
    return min((reason.grade for reason in evidence), key=lambda grade: grade.rank, default=None)


def _proof(signature: SignatureAssessed) -> Evidence | None:
    least = _LEAST_FOREVER if signature.wait == "select (no cases)" else 1
    if signature.leaked_samples < PROOF_SAMPLES or signature.leaked < least:
        return None
    return Evidence(
        grade=Grade.PROVEN,
        detector="leak_profile",
        summary=(
            f"the runtime's leak profile lists {signature.leaked} goroutines here that nothing "
            f"can wake, in {signature.leaked_samples} samples of this process"
        ),
        numbers={"leaked": signature.leaked, "samples": signature.leaked_samples},
    )


def _growth(signature: SignatureAssessed) -> Evidence | None:
    growth = signature.growth
    if growth is None or not growth.alarm:
        return None
    return Evidence(
        grade=Grade.GROWING,
        detector=FAST_GROWTH if growth.fast else "rising_floor",
        summary=(
            f"the lowest count rises by {growth.per_hour:,.0f} an hour "
            f"({growth.per_hour_low:,.0f} to {growth.per_hour_high:,.0f}), "
            f"{signature.count:,} now"
        ),
        numbers={
            "score": growth.score,
            "threshold": growth.threshold,
            "per_hour": growth.per_hour,
            "per_hour_low": growth.per_hour_low,
            "per_hour_high": growth.per_hour_high,
            "floor": growth.floor,
            "scale_seconds": growth.scale_seconds,
        },
    )


def _lifecycles(signature: SignatureAssessed) -> list[Evidence]:
    """What traces found, with how often they agreed and what that adds."""
    figures = signature.lifecycle
    if figures is None or not figures.evidence:
        return []
    agreed, numbers = "in one trace", {"windows": float(figures.windows)}
    if figures.windows > 1:
        agreed = f"in {figures.windows} traces of this process"
        numbers |= {"same_ids": float(figures.same_ids)}
        if figures.per_hour is not None:
            numbers["per_hour"] = figures.per_hour
    if figures.same_ids:
        agreed += f", {figures.same_ids} goroutines seen again by id"
    return [
        Evidence(
            grade=reason.grade,
            detector=reason.detector,
            summary=f"{reason.summary}; {agreed}",
            numbers=reason.numbers | numbers,
        )
        for reason in figures.evidence
    ]


def _stillness(signature: SignatureAssessed) -> Evidence | None:
    least = _LEAST_SENDERS if signature.wait == "chan send" else 1
    waits = signature.wait in STUCK_WAITS
    if not waits or signature.same_ids < least or signature.oldest_seconds < STUCK_SECONDS:
        return None
    return Evidence(
        grade=Grade.STUCK,
        detector="survival",
        summary=(
            f"{signature.same_ids} goroutines seen by id have waited in {signature.wait} for "
            f"{signature.oldest_seconds / 60:.0f} minutes by our own clock"
        ),
        numbers={"same_ids": signature.same_ids, "oldest_seconds": signature.oldest_seconds},
    )
