"""Why a report cannot be made."""

from __future__ import annotations

from goleakprobe.errors import GoLeakProbeError
from goleakprobe.reports.wording import moment

__all__ = ["NothingMeasuredError", "ReportError"]


class ReportError(GoLeakProbeError):
    """Base of the errors of reports."""


class NothingMeasuredError(ReportError):
    """The lake has rows, but none that a report of this time can speak of."""

    def __init__(self, from_ns: int, to_ns: int) -> None:
        super().__init__(
            f"no target was scraped between {moment(from_ns)} and {moment(to_ns)} and no finding "
            "is known; look further back with --since, or at another time with --as-of"
        )
