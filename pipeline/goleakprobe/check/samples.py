"""A profile, where it came from and when."""

from __future__ import annotations

import msgspec

from goleakprobe.profiles import Profile
from goleakprobe_schemas import SnapshotSource

__all__ = ["LEAK_SOURCES", "Sample", "in_time"]

LEAK_SOURCES = frozenset({SnapshotSource.LEAK, SnapshotSource.LEAK_DELTA})


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One profile of one process."""

    source: str
    profile: Profile
    time_seconds: float | None
    """On one clock for all samples of a process, any zero; None if it cannot be told."""

    @property
    def is_leak_profile(self) -> bool:
        """Whether it lists leaked goroutines only."""
        return self.profile.source in LEAK_SOURCES


# Files unpacked or copied together were written faster than dumps can be taken.
_LEAST_STEP_SECONDS = 0.02


def in_time(samples: list[Sample]) -> list[Sample]:
    """The samples in the order given; times that cannot be those of taking them are unknown."""
    times = [sample.time_seconds for sample in samples]
    known = [time for time in times if time is not None]
    if not times or (
        len(known) == len(times)
        and known == sorted(known)
        and known[-1] - known[0] >= _LEAST_STEP_SECONDS * (len(known) - 1)
    ):
        return samples
    return [msgspec.structs.replace(sample, time_seconds=None) for sample in samples]
