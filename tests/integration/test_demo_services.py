"""The demo's Go services do what their ground truth says, on a real Go runtime."""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest

import goleakprobe
import goleakprobe_agents
import goleakprobe_schemas
from goleakprobe.demo.build import build_services, cache_directory, find_sources
from goleakprobe.demo.ground_truth import SHOP, ServiceTruth
from goleakprobe.demo.services import running_services
from goleakprobe.demo.toolchain import Toolchain, find_toolchain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

pytestmark = [
    pytest.mark.go,
    # The first build on a machine compiles the standard library.
    pytest.mark.timeout(900),
]

_PATIENCE_SECONDS = 120.0
_POLL_SECONDS = 0.25
_LEAKED_ENOUGH = 40
_LEAKY = [truth for truth in SHOP if truth.leaky]
# In shipping the transport's goroutines are healthy company of any idle connection.
_ONLY_THE_LEAK_WAITS_THERE = [truth for truth in _LEAKY if truth.service != "shipping"]


@pytest.fixture(scope="module")
def toolchain(require: Callable[[str], None]) -> Toolchain:
    require("go")
    return find_toolchain()


@pytest.fixture(scope="module")
def binaries(toolchain: Toolchain) -> Mapping[str, Path]:
    return asyncio.run(build_services(toolchain, cache_directory()))


def _name(truth: ServiceTruth) -> str:
    return truth.service


async def _text(address: str, path: str) -> str:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{address}{path}") as answer,
    ):
        assert answer.status == 200, f"{path}: {answer.status}"
        return await answer.text()


def _at(profile: str, places: tuple[str, ...]) -> int:
    """Goroutines of a debug=1 profile with one of the functions in their stack."""
    count = 0
    for record in profile.split("\n\n"):
        head = re.search(r"^(\d+) @", record, re.MULTILINE)
        functions = re.findall(r"^#\t\S+\t(\S+)\+0x", record, re.MULTILINE)
        if head and any(place in functions for place in places):
            count += int(head[1])
    return count


async def _until(measure: Callable[[], Awaitable[int]], wanted: Callable[[int], bool]) -> int:
    value = -1
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            # Another process' state: there is nothing to wait on but to ask again.
            while not wanted(value := await measure()):  # noqa: ASYNC110
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        pytest.fail(f"still {value} after {_PATIENCE_SECONDS:g} s")
    return value


@pytest.mark.slow
def test_the_sources_are_formatted_and_vetted(
    toolchain: Toolchain, binaries: Mapping[str, Path]
) -> None:
    environment = toolchain.environment(cache_directory())
    vetted = subprocess.run(
        [toolchain.command, "vet", "-trimpath", "./..."],
        cwd=find_sources(),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert vetted.returncode == 0, vetted.stderr
    root = subprocess.run(
        [toolchain.command, "env", "GOROOT"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    unformatted = subprocess.run(
        [Path(root.stdout.strip()) / "bin" / "gofmt", "-l", "."],
        cwd=find_sources(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert unformatted.stdout == ""


@pytest.mark.parametrize("truth", _LEAKY, ids=_name)
async def test_a_leak_grows_at_its_place_and_is_provable_or_not_as_stated(
    binaries: Mapping[str, Path], tmp_path: Path, truth: ServiceTruth
) -> None:
    async with running_services(binaries, tmp_path, truths=[truth], leaks_per_second=100) as fleet:
        (service,) = fleet.services

        async def leaking() -> int:
            profile = await _text(service.address, "/debug/pprof/goroutine?debug=1")
            return _at(profile, truth.places)

        # Other goroutines of a healthy pool are at these places too, but never so many.
        await _until(leaking, lambda count: count > 3 * 2 * _LEAKED_ENOUGH)
        proven = _at(
            await _text(service.address, "/debug/pprof/goroutineleak?debug=1"), truth.places
        )
        assert (proven > _LEAKED_ENOUGH) if truth.provable else (proven == 0)


@pytest.mark.parametrize("truth", _ONLY_THE_LEAK_WAITS_THERE, ids=_name)
async def test_without_faulty_requests_nothing_stays_at_the_place(
    binaries: Mapping[str, Path], tmp_path: Path, truth: ServiceTruth
) -> None:
    async with running_services(binaries, tmp_path, truths=[truth], leaks_per_second=0) as fleet:
        (service,) = fleet.services

        async def waiting() -> int:
            profile = await _text(service.address, "/debug/pprof/goroutine?debug=1")
            return _at(profile, truth.places)

        async def served() -> int:
            page = await _text(service.address, "/metrics")
            return sum(
                int(value)
                for value in re.findall(r"^http_requests_total\{.*?\} (\d+)$", page, re.MULTILINE)
            )

        await _until(served, lambda requests: requests > 100)
        await _until(waiting, lambda count: count == 0)


async def test_the_healthy_service_fills_its_pools_and_then_keeps_them(
    binaries: Mapping[str, Path], tmp_path: Path
) -> None:
    (catalog,) = [truth for truth in SHOP if not truth.leaky]
    pools = {
        "example.com/shop/catalog.(*shop).watch": 200,
        "example.com/shop/catalog.(*shop).work": 24,
    }
    async with running_services(binaries, tmp_path, truths=[catalog]) as fleet:
        (service,) = fleet.services
        for place, size in pools.items():

            async def pooled(place: str = place) -> int:
                profile = await _text(service.address, "/debug/pprof/goroutine?debug=1")
                return _at(profile, (place,))

            assert await _until(pooled, lambda count, size=size: count >= size) == size
        leaked = await _text(service.address, "/debug/pprof/goroutineleak?debug=1")
        assert leaked.startswith("goroutineleak profile: total 0")


async def test_the_metrics_page_holds_what_the_collector_reads(
    binaries: Mapping[str, Path], tmp_path: Path
) -> None:
    async with running_services(binaries, tmp_path, truths=SHOP[:1]) as fleet:
        (service,) = fleet.services
        page = await _text(service.address, "/metrics")
    samples = dict(re.findall(r"^(\w+)(?:\{.*\})? (\S+)$", page, re.MULTILINE))
    for name in (
        "process_start_time_seconds",
        "process_open_fds",
        "process_resident_memory_bytes",
        "go_goroutines",
        "go_sched_goroutines_created_goroutines_total",
        "go_memstats_heap_inuse_bytes",
        "go_memstats_stack_inuse_bytes",
        "go_gc_duration_seconds_count",
    ):
        assert float(samples[name]) >= 0, name
    assert float(samples["go_goroutines"]) > 5
    assert f'go_info{{version="{service.go_version}"}} 1' in page


async def test_ctrl_c_in_the_demo_leaves_no_service(
    binaries: Mapping[str, Path], tmp_path: Path
) -> None:
    started: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()

    async def demo() -> None:
        async with running_services(binaries, tmp_path) as fleet:
            started.set_result([service.pid for service in fleet.services])
            await asyncio.Event().wait()

    running = asyncio.create_task(demo())
    pids = await started
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_killed_demo_leaves_no_service(binaries: Mapping[str, Path], tmp_path: Path) -> None:
    owner = Path(__file__).with_name("demo_owner.py")
    roots = {Path(p.__file__).parents[1] for p in _PACKAGES}
    directory = next(iter(binaries.values())).parent
    with subprocess.Popen(
        [sys.executable, owner, directory, tmp_path],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, roots))},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        pids = json.loads(process.stdout.readline())
        assert len(pids) == len(SHOP)
        watched = [os.pidfd_open(pid) for pid in pids]
        process.send_signal(signal.SIGKILL)
    for pid, descriptor in zip(pids, watched, strict=True):
        # Readable once the process has ended.
        ended, _, _ = select.select([descriptor], [], [], _PATIENCE_SECONDS)
        os.close(descriptor)
        assert ended, f"process {pid} lives on"


@pytest.mark.parametrize("address", ["0.0.0.0:0", "192.0.2.1:0", ":0"])
def test_a_service_refuses_to_show_its_profiles_to_a_network(
    binaries: Mapping[str, Path], address: str
) -> None:
    refused = subprocess.run(
        [binaries["checkout"], "-addr", address],
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE_SECONDS,
    )
    assert refused.returncode == 1
    assert "is not a loopback address" in refused.stderr


@pytest.mark.slow
async def test_the_wheels_go_builds_them_with_nothing_on_the_path_and_the_profile_is_there(
    tmp_path: Path, require: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    require("go")
    monkeypatch.setenv("PATH", "")
    toolchain = find_toolchain()
    built = await build_services(toolchain, cache_directory())
    async with running_services(built, tmp_path, truths=SHOP[:1]) as fleet:
        (service,) = fleet.services
        assert service.go_version == toolchain.name
        profile = await _text(service.address, "/debug/pprof/goroutineleak?debug=1")
    assert profile.startswith("goroutineleak profile: total")


_PACKAGES = (goleakprobe, goleakprobe_agents, goleakprobe_schemas)
