"""What became of every signature of one process from sample to sample."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import chain

import msgspec

from goleakprobe.check.alignment import aligned
from goleakprobe.check.samples import Sample
from goleakprobe.profiles import Goroutine, Group

__all__ = ["SignatureHistory", "histories"]

_NOT_BLOCKED = frozenset({"running", "runnable"})


class SignatureHistory(msgspec.Struct, frozen=True, kw_only=True):
    """One signature over the samples of one process, in time order."""

    group: Group
    """Its newest and most numerous group: the example to show."""
    counts: tuple[int, ...]
    """In each whole profile (not the leak profiles), 0 where it is absent."""
    seconds: float | None = None
    """Between the first and the last whole profile."""
    labels: tuple[tuple[str, str], ...] = ()
    """Those that all its goroutines share."""
    with_ids: int = 0
    """How many profiles name goroutines one by one."""
    lasting_ids: tuple[int, ...] = ()
    """Goroutines blocked here in both of the last two profiles that name them."""
    stayed: float | None = None
    """Of the goroutines seen here twice in the first two thirds of such profiles, the share that
    is still here in the last. Who is seen once passes by."""
    oldest_seconds: float | None = None
    """How long a goroutine of the last profile has been seen here, by our own clock."""
    ids: tuple[int, ...] = ()
    """Goroutines here in the last profile that names them."""
    leak_profiles: int = 0
    """Leak profiles taken of the process."""
    leak_listed: int = 0
    """How many of them list this signature."""
    leaked: int = 0
    """Most goroutines one of them lists."""
    leaked_since: int = 0
    """Likewise, of those taken after the last whole profile."""

    @property
    def count(self) -> int:
        """Goroutines in the last whole profile; in a leak profile where that is newer or alone."""
        return max(self.leaked_since, self.counts[-1]) if self.counts else self.leaked

    @property
    def growth_per_hour(self) -> float | None:
        """From the first to the last whole profile; None for one, or without times."""
        if len(self.counts) < 2 or not self.seconds:
            return None
        return (self.counts[-1] - self.counts[0]) * 3600.0 / self.seconds

    @property
    def change(self) -> str:
        """``new``, ``gone``, ``growing``, ``shrinking`` or ``steady``; empty for one profile."""
        if len(self.counts) < 2:
            return ""
        first, last = self.counts[0], self.counts[-1]
        if first == 0 or last == 0:
            return "new" if last else "gone"
        return "growing" if last > first else "shrinking" if last < first else "steady"


def histories(samples: Sequence[Sample]) -> list[SignatureHistory]:
    """Follow every signature through the samples of one process, largest first.

    Marks that a dump carries count as a leak profile only where none was taken before: the
    runtime leaves them in place, so they repeat what it said last.
    """
    samples = aligned(samples)
    whole = [sample for sample in samples if not sample.is_leak_profile]
    leaks = _leak_counts(samples)
    newest = max((at for at, s in enumerate(samples) if not s.is_leak_profile), default=-1)
    since = [_leaked(sample) for sample in samples[newest + 1 :]]
    examples = _examples(samples)
    counts = [_counts(sample) for sample in whole]
    dumps = [(sample, _blocked(sample)) for sample in whole if sample.profile.goroutines]
    found = [
        msgspec.structs.replace(
            _history(group, counts, whole, dumps, leaks),
            leaked_since=max((leak.get(group.signature, 0) for leak in since), default=0),
        )
        for group in examples.values()
    ]
    return sorted(found, key=lambda history: (-history.count, history.group.signature))


def _history(
    group: Group,
    counts: list[dict[str, int]],
    whole: list[Sample],
    dumps: list[tuple[Sample, dict[str, set[int]]]],
    leaks: list[dict[str, int]],
) -> SignatureHistory:
    key = group.signature
    ids = [blocked.get(key, set()) for _, blocked in dumps]
    lasting = ids[-2] & ids[-1] if len(ids) > 1 else set()
    listed = [leak[key] for leak in leaks if key in leak]
    return SignatureHistory(
        group=group,
        counts=tuple(count.get(key, 0) for count in counts),
        seconds=_between(whole[0], whole[-1]) if len(whole) > 1 else None,
        labels=_shared_labels(key, whole),
        with_ids=len(dumps),
        lasting_ids=tuple(sorted(lasting)),
        stayed=_stayed(ids),
        oldest_seconds=_oldest(dumps, ids),
        ids=tuple(sorted(ids[-1])) if ids else (),
        leak_profiles=len(leaks),
        leak_listed=len(listed),
        leaked=max(listed, default=0),
    )


def _stayed(ids: list[set[int]]) -> float | None:
    seen = Counter(chain.from_iterable(ids[: len(ids) * 2 // 3]))
    settled = {number for number, times in seen.items() if times > 1}
    if not settled:
        return 0.0 if seen else None
    return len(settled & ids[-1]) / len(settled)


def _examples(samples: Sequence[Sample]) -> dict[str, Group]:
    """The newest of each signature, from a text dump if there is one: those name the creator."""
    examples: dict[str, Group] = {}
    newest_first = list(reversed(samples))
    for sample in sorted(newest_first, key=lambda sample: not sample.profile.goroutines):
        newest: dict[str, Group] = {}
        for group in sample.profile.groups:
            known = newest.get(group.signature)
            if known is None or known.count < group.count:
                newest[group.signature] = group
        examples = newest | examples
    return examples


def _counts(sample: Sample) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for group in sample.profile.groups:
        counts[group.signature] += group.count
    return counts


def _leak_counts(samples: Sequence[Sample]) -> list[dict[str, int]]:
    leaks: list[dict[str, int]] = []
    for sample in samples:
        if sample.is_leak_profile or (sample.profile.leaked and not leaks):
            leaks.append(_leaked(sample))
    return leaks


def _leaked(sample: Sample) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for group in sample.profile.groups:
        if group.leaked:
            counts[group.signature] += group.leaked
    return counts


def _blocked(sample: Sample) -> dict[str, set[int]]:
    blocked: dict[str, set[int]] = defaultdict(set)
    for goroutine in sample.profile.goroutines:
        if goroutine.state not in _NOT_BLOCKED:
            blocked[_signature(sample, goroutine)].add(goroutine.id)
    return blocked


def _signature(sample: Sample, goroutine: Goroutine) -> str:
    return sample.profile.groups[goroutine.group].signature


def _between(first: Sample, last: Sample) -> float | None:
    if first.time_seconds is None or last.time_seconds is None:
        return None
    return last.time_seconds - first.time_seconds


def _oldest(dumps: list[tuple[Sample, dict[str, set[int]]]], ids: list[set[int]]) -> float | None:
    """Walk back while at least one goroutine of the last dump stays in place."""
    if len(ids) < 2 or not ids[-1]:
        return None
    lasting, at = ids[-1], len(ids) - 1
    while at > 0 and lasting & ids[at - 1]:
        at -= 1
        lasting = lasting & ids[at]
    return _between(dumps[at][0], dumps[-1][0])


def _shared_labels(key: str, whole: list[Sample]) -> tuple[tuple[str, str], ...]:
    found = [
        set(group.labels)
        for sample in whole[-1:]
        for group in sample.profile.groups
        if group.signature == key
    ]
    return tuple(sorted(set.intersection(*found))) if found else ()
