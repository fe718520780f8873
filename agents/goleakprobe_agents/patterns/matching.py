"""Which pattern a waiting goroutine matches."""

from __future__ import annotations

from functools import lru_cache

from goleakprobe_agents.patterns.pattern import LeakPattern
from goleakprobe_agents.patterns.places import PLACES, Place
from goleakprobe_agents.patterns.waits import WAITS

__all__ = ["pattern_named", "pattern_of"]

_NAMED = {
    pattern.name: pattern
    for pattern in (*WAITS.values(), *(pattern for pattern, _ in PLACES))
}  # fmt: skip


@lru_cache(maxsize=4096)
def pattern_of(wait: str, blocking_site: str, *started: str) -> LeakPattern | None:
    """The pattern of goroutines that wait for ``wait`` (the runtime's words) at a place.

    Sites read ``function file:line`` or ``function``. ``started`` are what is known of how the
    goroutine began: its creation site, its outermost function; either may be empty. None where
    the wait says nothing, as of goroutines that run.

    >>> pattern_of("chan send", "example.com/shop.(*Cart).Load.func1 cart.go:7").name
    'send-without-receiver'
    >>> pattern_of("select", "database/sql.(*Tx).awaitDone").name
    'sql-transaction-not-ended'
    """
    words = wait.partition(" (")[0]
    blocked = _function(blocking_site)
    starts = [_function(site) for site in started]
    for pattern, places in PLACES:
        if any(_fits(place, words, blocked, starts) for place in places):
            return pattern
    return WAITS.get(wait) or WAITS.get(words)


def pattern_named(name: str) -> LeakPattern | None:
    """The pattern of a name, as findings carry it; None for an unknown or empty one."""
    return _NAMED.get(name)


def _fits(place: Place, wait: str, blocked: str, started: list[str]) -> bool:
    if place.waits and wait not in place.waits:
        return False
    if place.blocked and not blocked.startswith(place.blocked):
        return False
    return not place.started or any(site.startswith(place.started) for site in started)


def _function(site: str) -> str:
    """The function of a site, without the folder that vendored it."""
    return site.partition(" ")[0].rpartition("/vendor/")[2]
