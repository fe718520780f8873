"""Execution traces of real Go programs: signatures that join, and a leak found by traces alone."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec
import pytest

from collect_targets import job, target_of
from goleakprobe.collect.assemble import ProcessIdentity, merged_groups
from goleakprobe.collect.scrape import Scraper
from goleakprobe.collect.traced_window import lifecycle_event
from goleakprobe.collect.tracing import take_trace
from goleakprobe.config import Config, FileSdConfig, ScrapeConfig
from goleakprobe.demo.build import build_services, cache_directory
from goleakprobe.demo.ground_truth import SHOP
from goleakprobe.demo.services import running_services, write_targets
from goleakprobe.demo.toolchain import find_toolchain
from goleakprobe.findings_feed import FindingsFeed
from goleakprobe.lake import Lake
from goleakprobe.lake.verify import verify_lake
from goleakprobe.local import running_pipeline
from goleakprobe.profiles import read_profile
from goleakprobe.reports import lifecycle_report
from goleakprobe_agents.settings import Duration, LakeSettings, StateSettings
from goleakprobe_schemas import Grade, LeakFound, LifecycleTraced, SnapshotGroup

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.go, pytest.mark.timeout(900)]

_PATIENCE_SECONDS = 300
_TRACE_BYTES = 1 << 24


async def _window_and_groups(address: str) -> tuple[LifecycleTraced, dict[str, SnapshotGroup]]:
    """A trace of one second, and the goroutine profile right behind it."""
    its_job = job(address)
    target = target_of(address, its_job)
    with ThreadPoolExecutor(1) as threads:
        async with Scraper(its_job) as scraper:
            traced = await take_trace(
                scraper,
                target.profile_url("trace", "seconds=1"),
                threads=threads,
                limit_bytes=_TRACE_BYTES,
                timeout_seconds=60,
            )
            answer = await scraper.profile(target.profile_url("goroutine", "debug=0"))
    output = lifecycle_event(traced, target, process=ProcessIdentity())
    assert isinstance(output.event, LifecycleTraced)
    groups = {group.signature: group for group in merged_groups(read_profile(answer.body))}
    return output.event, groups


async def test_a_trace_signs_the_places_of_leaks_as_snapshots_do(
    require: Callable[[str], None], tmp_path: Path
) -> None:
    require("go")
    binaries = await build_services(find_toolchain(), cache_directory())
    leaky = [truth for truth in SHOP if truth.leaks_per_second]
    assert leaky
    async with running_services(binaries, tmp_path, truths=leaky, leaks_per_second=20) as fleet:
        for service in fleet.services:
            window, groups = await _window_and_groups(service.address)
            assert window.damages == ()
            assert window.lost_bytes == 0
            born = [flow for flow in window.flows if flow.open_born]
            leak = max(born, key=lambda flow: flow.open_born)
            assert leak.open_born >= 5, service.instance
            assert leak.signature in groups, (service.instance, leak)
            joined = groups[leak.signature]
            assert joined.wait == leak.wait
            assert joined.blocking_site == leak.blocking_site
            assert joined.count >= leak.open_born


@pytest.mark.broker
async def test_a_leak_is_found_by_traces_alone_and_its_rate_stands_in_the_lake(
    require: Callable[[str], None], tmp_path: Path
) -> None:
    """No leak profile, no dump, and no time for a floor to rise: two windows tell."""
    require("go")
    require("broker")
    binaries = await build_services(find_toolchain(), cache_directory())
    truths = [truth for truth in SHOP if truth.service in ("catalog", "checkout")]
    async with running_services(
        binaries, tmp_path / "logs", truths=truths, leaks_per_second=20
    ) as fleet:
        write_targets(tmp_path / "targets.json", fleet.services)
        async with running_pipeline(_config(tmp_path), tmp_path) as pipeline:
            feed = FindingsFeed(pipeline.config.broker)
            async with asyncio.TaskGroup() as tasks:
                collecting = tasks.create_task(pipeline.collect())
                following = tasks.create_task(feed.follow())
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    while not (found := _traced(feed)):  # noqa: ASYNC110 - another process tells
                        await asyncio.sleep(0.5)
                pipeline.stop_collecting()
                await collecting
                following.cancel()
            assert await pipeline.drain()
    (finding,) = found
    _check_finding(finding)
    _check_lake(tmp_path / "lake", finding)


class _Joined(msgspec.Struct):
    both: int


def _traced(feed: FindingsFeed) -> list[LeakFound]:
    return [
        finding
        for finding in feed.newest.values()
        for reason in finding.evidence
        if reason.detector == "trace_growth" and reason.numbers["windows"] >= 2
    ]


def _check_finding(finding: LeakFound) -> None:
    assert finding.service == "checkout"
    assert finding.grade is Grade.GROWING
    assert finding.wait == "chan send"
    assert "checkout.(*till).total.func1" in finding.blocking_site
    (reason,) = (r for r in finding.evidence if r.detector == "trace_growth")
    assert reason.numbers["windows"] >= 2
    assert reason.numbers["same_ids"] > 0


def _check_lake(folder: Path, finding: LeakFound) -> None:
    verified = verify_lake(folder)
    assert verified.exact
    report = lifecycle_report(folder)
    (leak,) = (site for site in report.accused if site.signature == finding.signature)
    assert (leak.service, leak.wait) == ("checkout", "chan send")
    assert leak.windows_accusing >= 2
    assert leak.net_per_second is not None
    assert leak.net_per_second > 0
    assert leak.open >= leak.net
    with Lake(folder) as lake:
        (joined,) = lake.query(
            "SELECT count(DISTINCT l.signature) AS both FROM lifecycles l "
            "JOIN snapshots s USING (service, instance, signature) "
            "JOIN stacks USING (signature) WHERE l.signature = $signature",
            _Joined,
            signature=finding.signature,
        )
        assert joined.both == 1


def _config(folder: Path) -> Config:
    return Config(
        scrape_configs=(
            ScrapeConfig(
                job_name="shop",
                scrape_interval=Duration(1),
                leak_profile_interval=Duration(0),
                debug2_interval=Duration(0),
                trace_interval=Duration(6),
                trace_min_interval=Duration(6),
                file_sd_configs=(FileSdConfig(files=(str(folder / "targets.json"),)),),
            ),
        ),
        lake=LakeSettings(path=str(folder / "lake"), roll_interval=Duration(1)),
        state=StateSettings(path=str(folder / "state"), snapshot_interval=Duration(2)),
    )
