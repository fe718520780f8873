"""Why a report cannot be made."""

from __future__ import annotations

from goleakprobe.errors import GoLeakProbeError
from goleakprobe.reports.wording import moment
from goleakprobe_agents.alerting.plain_text import one_line

__all__ = ["NothingMeasuredError", "NothingTracedError", "ReportError"]


class ReportError(GoLeakProbeError):
    """Base of the errors of reports."""


class NothingMeasuredError(ReportError):
    """The lake has rows, but none that a report of this time can speak of."""

    def __init__(self, from_ns: int, to_ns: int) -> None:
        super().__init__(
            f"no target was scraped between {moment(from_ns)} and {moment(to_ns)} and no finding "
            "is known; look further back with --since, or at another time with --as-of"
        )


class NothingTracedError(ReportError):
    """No trace landed that a report of this time can speak of."""

    def __init__(self, from_ns: int, to_ns: int, service: str = "") -> None:
        whose = f" of service {one_line(service, 100)!r}" if service else ""
        super().__init__(
            f"no trace{whose} was taken between {moment(from_ns)} and {moment(to_ns)}; look "
            "further back with --since, and see that trace_interval of the job is not 0"
        )
