"""Ask a running process: little enough that it does not mind, often enough to tell."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import msgspec

from goleakprobe.check.samples import Sample
from goleakprobe.collect.capabilities import LEAK_PROFILE_PROBE, Offer, leak_profile_offer
from goleakprobe.errors import ScrapeError
from goleakprobe.profiles import ProfileError, read_profile
from goleakprobe_schemas import SnapshotSource

if TYPE_CHECKING:
    from goleakprobe.check.sources import Endpoint
    from goleakprobe.collect.scrape import Scraper

__all__ = ["Asking", "visits"]

# So many rounds in a row without an answer: the process is gone.
_MISSES = 5


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask a process for."""

    rounds: int | None = 2
    """None until cancelled."""
    pause_seconds: float = 2.0
    """Between two rounds."""
    leak_profile: bool = True
    """Ask for the leak profile in the first and in the last round, where the runtime has it."""
    dump_limit: int = 1000
    """No debug=2 dump, which stops the world, of a process with more goroutines than this."""


async def visits(
    scraper: Scraper,
    endpoint: Endpoint,
    asking: Asking,
    on_miss: Callable[[Exception], None] = lambda _: None,
) -> AsyncIterator[list[Sample]]:
    """Yield the samples of one round after the other; requests follow one another.

    A round is the cheap grouped profile, then a dump with goroutine ids if the process is small
    enough. The leak profile costs a garbage collection and is taken twice at most per visit.
    A round that fails between others is told to ``on_miss`` and left out. Raises
    CredentialsError, and ScrapeError and ProfileError where the first or the last rounds fail.
    """
    offered = await _offer(scraper, endpoint, asking)
    leak_profiles = misses = 0
    number = 0
    while asking.rounds is None or number < asking.rounds:
        if number:
            await asyncio.sleep(asking.pause_seconds)
        number += 1
        try:
            samples = await _round(scraper, endpoint, asking)
            if offered and leak_profiles < 2:
                samples.append(await _sample(scraper, f"{endpoint.base_url}/goroutineleak"))
                leak_profiles += 1
        except (ScrapeError, ProfileError) as error:
            misses += 1
            if number in (1, asking.rounds) or misses == _MISSES:
                raise
            on_miss(error)
            continue
        misses = 0
        yield samples


async def _offer(scraper: Scraper, endpoint: Endpoint, asking: Asking) -> bool:
    if not asking.leak_profile or endpoint.profile_url:
        return False
    url = f"{endpoint.base_url}/goroutineleak?{LEAK_PROFILE_PROBE}"
    return leak_profile_offer(await scraper.status(url)) is Offer.OFFERED


async def _round(scraper: Scraper, endpoint: Endpoint, asking: Asking) -> list[Sample]:
    if endpoint.profile_url:
        return [await _sample(scraper, endpoint.profile_url)]
    grouped = await _sample(scraper, f"{endpoint.base_url}/goroutine")
    if grouped.profile.total > asking.dump_limit:
        return [grouped]
    dump = await _sample(scraper, f"{endpoint.base_url}/goroutine?debug=2")
    if dump.profile.source is not SnapshotSource.DEBUG2:
        return [grouped]
    # The dump says more than the grouped profile, but for the build.
    build, version = grouped.profile.build_id, grouped.profile.go_version
    profile = msgspec.structs.replace(
        dump.profile, build_id=build, go_version=version or dump.profile.go_version
    )
    return [msgspec.structs.replace(dump, profile=profile)]


async def _sample(scraper: Scraper, url: str) -> Sample:
    answer = await scraper.profile(url)
    profile = await asyncio.to_thread(read_profile, answer.body)
    return Sample(source=url, profile=profile, time_seconds=time.time())
