"""Read and visit everything a check was pointed at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from goleakprobe.check.result import SourceReport
from goleakprobe.check.samples import Sample
from goleakprobe.check.sources import Endpoint, ProfileFile, read_file
from goleakprobe.check.visit import Asking, visits
from goleakprobe.collect.scrape import Scraper
from goleakprobe.config.scraping import ScrapeConfig
from goleakprobe.errors import ScrapeError
from goleakprobe.profiles import ProfileError
from goleakprobe_agents.errors import CredentialsError

__all__ = ["Gathered", "gather"]

_FILES = "files"
# A process that is watched for days keeps its first and its newest samples.
_SAMPLES_KEPT = 240


class Gathered(msgspec.Struct):
    """Samples by process, in time order, and what could not be had."""

    processes: dict[str, list[Sample]] = {}
    failed: list[SourceReport] = []

    def add(self, process: str, samples: Sequence[Sample]) -> None:
        """Keep samples of a process; the second oldest goes when they get too many."""
        kept = self.processes.setdefault(process, [])
        kept.extend(samples)
        while len(kept) > _SAMPLES_KEPT:
            del kept[1]

    def fail(self, source: str, error: Exception) -> None:
        """Note why a source gave nothing."""
        self.failed.append(SourceReport(source=source, process=source, error=str(error)))


async def gather(
    sources: Sequence[Endpoint | ProfileFile],
    job: ScrapeConfig,
    asking: Asking,
    gathered: Gathered,
    on_round: Callable[[Gathered], None] = lambda _: None,
) -> None:
    """Fill ``gathered``: files first, in the order given, then all endpoints side by side.

    Files are taken for dumps of one process; those of another build are kept apart. A source
    that fails is noted and the others go on. Cancelling leaves what was gathered.
    """
    for source in sources:
        if isinstance(source, ProfileFile):
            try:
                samples = await asyncio.to_thread(read_file, source)
            except (ProfileError, OSError) as error:
                gathered.fail(source.name, error)
            else:
                gathered.add(_process_of(samples[0], gathered), samples)
    endpoints = [source for source in sources if isinstance(source, Endpoint)]
    if endpoints:
        async with Scraper(job) as scraper, asyncio.TaskGroup() as group:
            for endpoint in endpoints:
                group.create_task(_watch(scraper, endpoint, asking, gathered, on_round))


async def _watch(
    scraper: Scraper,
    endpoint: Endpoint,
    asking: Asking,
    gathered: Gathered,
    on_round: Callable[[Gathered], None],
) -> None:
    try:
        missed = partial(gathered.fail, endpoint.name)
        async for samples in visits(scraper, endpoint, asking, missed):
            gathered.add(endpoint.name, samples)
            on_round(gathered)
    except (ScrapeError, ProfileError, CredentialsError) as error:
        gathered.fail(endpoint.name, error)


def _process_of(sample: Sample, gathered: Gathered) -> str:
    """Files of one build belong together; text dumps name no build and join the first."""
    build = sample.profile.build_id
    for name, samples in gathered.processes.items():
        builds = {known.profile.build_id for known in samples} - {""}
        if name.startswith(_FILES) and (not build or not builds or build in builds):
            return name
    count = sum(name.startswith(_FILES) for name in gathered.processes)
    return _FILES if not count else f"{_FILES} of build {build[:12]}"
