"""A span of event time, and the daily folders it can lie in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec

__all__ = ["TimeWindow", "day_of"]

_DAY_SECONDS = 86_400
_EPOCH = date(1970, 1, 1)
# For a collector whose clock runs ahead of the broker's.
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
        """Whether a file of that day's folder can hold a row of this window.

        A file lies under the day its first message was published, hardly before the events it
        tells of but any time after them: scrapes may be replayed or published late.
        """
        return day >= day_of(self.from_ns) - timedelta(days=_SLACK_DAYS)


def day_of(time_ns: int) -> date:
    """The UTC day of a time; ValueError for one outside the years 1 to 9999."""
    try:
        return _EPOCH + timedelta(days=time_ns // (_DAY_SECONDS * 1_000_000_000))
    except OverflowError:
        moment = datetime.fromtimestamp(0, UTC).isoformat()
        raise ValueError(f"{time_ns} ns after {moment} is in no calendar year") from None
