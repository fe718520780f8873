"""A process that does not answer once is asked again; one that is gone is not asked for ever."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from goleakprobe.check.sources import Endpoint
from goleakprobe.check.visit import Asking, visits
from goleakprobe.collect.scrape import Scraper
from goleakprobe.config.scraping import ScrapeConfig
from goleakprobe.errors import ScrapeError
from loopback import listening

DUMP = b"goroutine 1 [select]:\nmain.main()\n\t/srv/main.go:3 +0x1\n"


@asynccontextmanager
async def process(answers: Iterable[bool]) -> AsyncIterator[Endpoint]:
    """A server that answers with a dump, or an error, as told, and then with errors alone."""
    turns = iter(answers)

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=DUMP) if next(turns, False) else web.Response(status=500)

    app = web.Application()
    app.router.add_get("/debug/pprof/goroutine", answer)
    async with listening(app) as port:
        url = f"http://127.0.0.1:{port}/debug/pprof"
        yield Endpoint(name="app", base_url=url, profile_url=f"{url}/goroutine?debug=2")


async def visited(answers: Iterable[bool], rounds: int | None) -> tuple[int, list[Exception]]:
    missed: list[Exception] = []
    count = 0
    async with process(answers) as endpoint, Scraper(ScrapeConfig(job_name="check")) as scraper:
        asking = Asking(rounds=rounds, pause_seconds=0.0)
        async for _ in visits(scraper, endpoint, asking, missed.append):
            count += 1
    return count, missed


async def test_a_round_that_fails_between_others_is_told_and_left_out() -> None:
    count, missed = await visited([True, False, True, True], 4)
    assert (count, len(missed)) == (3, 1)


@pytest.mark.parametrize("answers", [[False], [True, True, False]])
async def test_the_first_and_the_last_round_must_be_answered(answers: list[bool]) -> None:
    with pytest.raises(ScrapeError, match="500"):
        await visited(answers, 3)


async def test_a_process_that_stays_silent_is_given_up() -> None:
    with pytest.raises(ScrapeError):
        await visited([True], None)
