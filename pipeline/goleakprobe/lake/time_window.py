"""A span of event time, and the daily folders it can lie in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec

__all__ = ["TimeWindow", "day_of"]

_DAY_SECONDS = 86_400
_EPOCH = date(1970, 1, 1)
# A folder is named for the day of the first event in a file; the file may run past midnight.
_SLACK_DAYS = 1


class TimeWindow(msgspec.Struct, frozen=True):
    """From and to, both inclusive, in UTC epoch nanoseconds."""

    from_ns: int
    to_ns: int

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.to_ns - self.from_ns) / 1e9

    def may_hold(self, day: date) -> bool:
        """Whether a file of that day's folder can hold a row of this window."""
        slack = timedelta(days=_SLACK_DAYS)
        return day_of(self.from_ns) - slack <= day <= day_of(self.to_ns) + slack


def day_of(time_ns: int) -> date:
    """The UTC day of a time; ValueError for one outside the years 1 to 9999."""
    try:
        return _EPOCH + timedelta(days=time_ns // (_DAY_SECONDS * 1_000_000_000))
    except OverflowError:
        moment = datetime.fromtimestamp(0, UTC).isoformat()
        raise ValueError(f"{time_ns} ns after {moment} is in no calendar year") from None
