"""Numbers, times and places in the words of a report."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["amount", "growth", "interval", "moment", "short_site", "site_parts", "span"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = (("d", 86_400.0), ("h", 3600.0), ("min", 60.0))
_FINE_BELOW = 10.0


def moment(time_ns: int | None) -> str:
    """A UTC time to the minute; a dash for none or for one outside the calendar."""
    if time_ns is None:
        return "-"
    try:
        return f"{_EPOCH + timedelta(microseconds=time_ns // 1000):%Y-%m-%d %H:%M} UTC"
    except OverflowError:
        return "-"


def span(seconds: float | None) -> str:
    """A length of time in its largest fitting unit."""
    if seconds is None:
        return "-"
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{_figure(seconds / size)} {unit}"
    return f"{_figure(seconds)} s"


def amount(value: float | None) -> str:
    """A count with thousands separated."""
    return "-" if value is None else f"{value:,.0f}"


def growth(per_hour: float | None) -> str:
    """A signed rate."""
    if per_hour is None:
        return "-"
    figure = _figure(abs(per_hour))
    if figure == "0":
        return "0"
    return f"+{figure}" if per_hour > 0 else f"-{figure}"


def interval(low: float | None, high: float | None) -> str:
    """Both ends of a rate's interval; empty unless both are known."""
    if low is None or high is None:
        return ""
    return f"{growth(low)} to {growth(high)}"


def site_parts(site: str) -> tuple[str, str]:
    """``function`` and ``file:line`` of a site; the location is empty where it is not known."""
    function, _, location = site.partition(" ")
    return function, location


def short_site(site: str) -> str:
    """``folder/file:line package.function``: enough to find the place, and it fits a line."""
    function, location = site_parts(site)
    near = "/".join(location.replace("\\", "/").split("/")[-2:])
    return f"{near} {function.rpartition('/')[2]}".strip()


def _figure(value: float) -> str:
    if value < _FINE_BELOW:
        return f"{value:.1f}".removesuffix(".0")
    return f"{value:,.0f}"
