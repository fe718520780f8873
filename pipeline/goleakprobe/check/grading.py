"""From what was seen of a signature to a grade, and in words why.

The grades are those of the fleet, but one person's few samples seldom carry the stronger ones:
two dumps cannot tell a long wait from an endless one, and say so.
"""

from __future__ import annotations

from itertools import accumulate, pairwise

import msgspec

from goleakprobe.check.benign import benign_reason
from goleakprobe.check.history import SignatureHistory
from goleakprobe.profiles import wait_class
from goleakprobe_agents.evidence import NEVER_IDLE
from goleakprobe_schemas import Evidence, Grade

__all__ = ["Policy", "cleared", "grade"]

# What the runtime's leak profile can prove; network, sleep and system calls it cannot.
_PROVABLE = frozenset(
    {
        "chan receive", "chan send", "select", "sync.Mutex.Lock", "sync.RWMutex.Lock",
        "sync.RWMutex.RLock", "sync.WaitGroup.Wait", "sync.Cond.Wait", "waiting",
    }
)  # fmt: skip
_PROOFS = 2
_GROWTH_SAMPLES = 4
_GROWTH_SHARE = 0.2
# What a pool or a burst adds it adds at once; a leak goes on in every third of the samples, by at
# least this share of an even rise.
_STEADINESS = 0.2
# Where many of the early ones have left, departures keep up: that is traffic, not a leak.
_STAYED = 0.8


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The thresholds of a check."""

    stuck_seconds: float = 600.0
    """A goroutine that holds out in a place nobody idles in for so long is stuck.

    Where healthy processes keep goroutines ready, growth counts only if it lasts as long.
    """
    many: int = 100
    """So many goroutines at one place are worth a look by themselves."""
    growth: int = 10
    """Growth by less than so many goroutines is no growth."""


def cleared(history: SignatureHistory) -> bool:
    """Whether two leak profiles looked at this wait and did not list it."""
    return (
        history.leak_profiles >= _PROOFS
        and not history.leak_listed
        and wait_class(history.group.wait) in _PROVABLE
    )


def grade(history: SignatureHistory, policy: Policy) -> tuple[Grade | None, tuple[Evidence, ...]]:
    """The strongest grade the samples allow, and all the evidence, strongest first."""
    group = history.group
    if group.state in ("running", "runnable") or not history.count:
        return None, ()
    evidence = [*_proof(history), *_growth(history, policy)]
    if not benign_reason(group) and not cleared(history):
        evidence += [*_nil_channel(history), *_stuck(history, policy)]
        evidence += _lasting(history) or _many(history, policy)
    evidence.sort(key=lambda item: item.grade.rank)
    return (evidence[0].grade if evidence else None), tuple(evidence)


def _proof(history: SignatureHistory) -> list[Evidence]:
    # The runtime lists the main goroutine too where a program parks it for good.
    if not history.leak_listed or history.group.main:
        return []
    numbers = {"leaked": float(history.leaked), "leak_profiles": float(history.leak_listed)}
    if history.leak_listed >= _PROOFS:
        return [
            Evidence(
                grade=Grade.PROVEN,
                detector="leak_profile",
                summary=f"{_goroutines(history.leaked)} listed by {history.leak_listed} of "
                f"{history.leak_profiles} leak profiles: nothing reachable can wake them",
                numbers=numbers,
            )
        ]
    return [
        Evidence(
            grade=Grade.STUCK,
            detector="leak_profile",
            summary=f"{_goroutines(history.leaked)} listed by one of {history.leak_profiles} "
            "leak profiles: nothing reachable can wake them; a second one would prove it",
            numbers=numbers,
        )
    ]


def _growth(history: SignatureHistory, policy: Policy) -> list[Evidence]:
    counts = history.counts
    if len(counts) < 2 or counts[-1] - counts[0] < max(policy.growth, counts[0] * _GROWTH_SHARE):
        return []
    numbers = {"first": float(counts[0]), "last": float(counts[-1]), "samples": float(len(counts))}
    said = f"rose from {counts[0]} to {counts[-1]} over {len(counts)} samples"
    doubt = _doubt(history, policy)
    return [
        Evidence(
            grade=Grade.ANOMALOUS if doubt else Grade.GROWING,
            detector="growth",
            summary=f"{said}; {doubt}" if doubt else f"{said}, in every third of them, and stayed",
            numbers=numbers,
        )
    ]


def _doubt(history: SignatureHistory, policy: Policy) -> str:
    """Why a rise may be none of a leak's; empty if nothing speaks for it."""
    if len(history.counts) < _GROWTH_SAMPLES:
        return f"a burst of work looks the same, {_GROWTH_SAMPLES} samples or more would tell"
    if not _rises_throughout(history.counts):
        return "not in every third of them: pools that fill up and bursts look the same"
    if history.stayed is not None and history.stayed < _STAYED:
        return f"but only {history.stayed:.0%} of the earlier ones are still here"
    benign = benign_reason(history.group)
    if benign and (history.seconds or 0.0) < policy.stuck_seconds:
        minutes = policy.stuck_seconds / 60
        return f"each {benign}, so traffic does that too: growth over {minutes:g} min would tell"
    return ""


def _rises_throughout(counts: tuple[int, ...]) -> bool:
    """Whether the floor, the least that is ever seen again, rises in every third."""
    floor = list(accumulate(reversed(counts), min))[::-1]
    last = len(floor) - 1
    marks = [floor[0], floor[last // 3], floor[last * 2 // 3], floor[last]]
    least = max(1.0, _STEADINESS * (floor[-1] - floor[0]) / 3)
    return all(after - before >= least for before, after in pairwise(marks))


def _nil_channel(history: SignatureHistory) -> list[Evidence]:
    if "(nil chan)" not in history.group.wait:
        return []
    return [
        Evidence(
            grade=Grade.STUCK,
            detector="nil_channel",
            summary=f"{_goroutines(history.count)} on a nil channel, which never becomes ready",
            numbers={"count": float(history.count)},
        )
    ]


def _stuck(history: SignatureHistory, policy: Policy) -> list[Evidence]:
    age = history.oldest_seconds
    busy = wait_class(history.group.wait) in NEVER_IDLE
    if age is None or age < policy.stuck_seconds or not busy:
        return []
    return [
        Evidence(
            grade=Grade.STUCK,
            detector="age",
            summary=f"{_goroutines(len(history.lasting_ids))} in {history.group.wait} for "
            f"{age:.0f} s by our clock, and nobody idles there",
            numbers={"oldest_seconds": age, "lasting": float(len(history.lasting_ids))},
        )
    ]


def _lasting(history: SignatureHistory) -> list[Evidence]:
    lasting = len(history.lasting_ids)
    if not lasting or wait_class(history.group.wait) not in _PROVABLE:
        return []
    age = history.oldest_seconds
    since = "" if age is None else f", seen here for {age:.1f} s"
    return [
        Evidence(
            grade=Grade.ANOMALOUS,
            detector="lasting",
            summary=f"{'the same ' * (lasting > 1)}{_goroutines(lasting)} blocked here in the last "
            f"two of {history.with_ids} dumps{since}; that cannot tell a long wait from an endless "
            "one",
            numbers={"lasting": float(lasting)},
        )
    ]


def _many(history: SignatureHistory, policy: Policy) -> list[Evidence]:
    if history.count < policy.many:
        return []
    return [
        Evidence(
            grade=Grade.ANOMALOUS,
            detector="many",
            summary=f"{_goroutines(history.count)} wait at one place; one look cannot tell a "
            "crowd from a leak",
            numbers={"count": float(history.count)},
        )
    ]


def _goroutines(count: int) -> str:
    return f"{count:,} goroutine{'' if count == 1 else 's'}"
