"""The main job through the command line: `up` on real Go programs, and ends in mid-course."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from goleakprobe.demo.build import build_services, cache_directory
from goleakprobe.demo.ground_truth import SHOP
from goleakprobe.demo.services import running_services, write_targets
from goleakprobe.demo.toolchain import find_toolchain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.broker,
    pytest.mark.go,
    pytest.mark.timeout(900),
    # Two pipelines at once on a small machine would starve each other.
    pytest.mark.xdist_group("main_job"),
]

_COMMAND = [sys.executable, "-m", "goleakprobe"]
_READY_SECONDS = 180
_FOUND_SECONDS = 240
_STOP_SECONDS = 180


class Running:
    """One `goleakprobe` command and everything it started."""

    def __init__(self, *arguments: str, log: Path) -> None:
        self.log = log
        self._stream = log.open("wb")
        self.process = subprocess.Popen(
            [*_COMMAND, *arguments], stdout=self._stream, stderr=subprocess.STDOUT
        )
        self._family: dict[int, psutil.Process] = {}

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_for(self, text: str, seconds: float) -> None:
        """Wait until the command has said something."""
        deadline = time.monotonic() + seconds
        while text not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, f"never said {text!r}: {self.said()}"
            self._meet_family()
            time.sleep(0.2)

    def interrupt(self, number: signal.Signals) -> int:
        self._meet_family()
        self.process.send_signal(number)
        return self.process.wait(_STOP_SECONDS)

    def survivors(self) -> list[str]:
        """Processes it started, directly or not, that still run a while after it ended."""
        _, alive = psutil.wait_procs(list(self._family.values()), timeout=90)
        return [" ".join(process.cmdline()) for process in alive if _runs(process)]

    def close(self) -> None:
        for process in [*self._family.values(), psutil.Process()]:
            if process.pid != os.getpid() and _runs(process):
                process.kill()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._stream.close()

    def _meet_family(self) -> None:
        for process in psutil.Process(self.process.pid).children(recursive=True):
            self._family[process.pid] = process


def _runs(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.fixture
def start(tmp_path: Path, require: Callable[[str], None]) -> Iterator[Callable[..., Running]]:
    require("broker")
    require("go")
    started: list[Running] = []

    def begin(*arguments: str) -> Running:
        started.append(Running(*arguments, log=tmp_path / f"command-{len(started)}.log"))
        return started[-1]

    yield begin
    for running in started:
        running.close()


def _config(folder: Path, targets: Path) -> Path:
    path = folder / "leak.yaml"
    path.write_text(
        f"""
lake: {{path: {folder / "lake"}, roll_interval: 1s}}
state: {{path: {folder / "state"}, snapshot_interval: 5s}}
scrape_configs:
  - job_name: shop
    scrape_interval: 1s
    leak_profile_interval: 3s
    leak_profile_min_interval: 3s
    file_sd_configs: [{{files: ["{targets}"]}}]
  - job_name: broken
    scrape_interval: 1s
    static_configs: [{{targets: ["127.0.0.1:9"]}}]
"""
    )
    return path


def test_up_finds_a_leak_in_a_running_program_and_lands_every_row_before_it_ends(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    truths = [truth for truth in SHOP if truth.service in ("catalog", "checkout")]

    async def work() -> tuple[int, str]:
        binaries = await build_services(find_toolchain(), cache_directory())
        async with running_services(binaries, tmp_path / "logs", truths=truths) as fleet:
            targets = tmp_path / "targets.json"
            write_targets(targets, fleet.services)
            up = start("up", "--config", str(_config(tmp_path, targets)))
            found = "leaky services found 1"
            await asyncio.to_thread(up.wait_for, found, _READY_SECONDS + _FOUND_SECONDS)
            return await asyncio.to_thread(up.interrupt, signal.SIGINT), up.said()

    code, said = asyncio.run(work())
    assert code == 0
    assert "finding firing proven checkout (shop) leaks goroutines" in said
    assert "warning: target down: target default/broken/127.0.0.1:9" in said
    assert "error: " not in said
    report = _json("report", "fleet", "--lake", str(tmp_path / "lake"), "--format", "json")
    services = {each["service"]: each for each in report["services"]}
    assert {name for name, each in services.items() if each["findings"]} == {"checkout"}
    (finding,) = services["checkout"]["findings"]
    assert finding["grade"] == "proven"
    assert "checkout.(*till).total.func1" in finding["blocking_site"]
    verified = _json("lake", "verify", "--lake", str(tmp_path / "lake"), "--format", "json")
    assert verified["violations"] == []


def test_up_ends_with_its_workers(start: Callable[..., Running], tmp_path: Path) -> None:
    """It would else scrape on for ever, and nobody would judge what it scrapes."""
    (tmp_path / "targets.json").write_text("[]")
    up = start("up", "--config", str(_config(tmp_path, tmp_path / "targets.json")))
    up.wait_for("running", _READY_SECONDS)
    status = json.loads((tmp_path / "state" / "status" / "supervisor.json").read_bytes())
    os.kill(status["pid"], signal.SIGKILL)
    assert up.process.wait(_STOP_SECONDS) == 3
    assert "the workers have ended: their supervisor is gone" in up.said()
    assert up.survivors() == []


def test_ctrl_c_in_the_demo_leaves_nothing_running(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    demo = start("demo", "--folder", str(tmp_path / "demo"))
    demo.wait_for("watching", _READY_SECONDS + 600)
    assert demo.interrupt(signal.SIGINT) == 128 + signal.SIGINT
    assert demo.survivors() == []
    assert "nothing is left running" in demo.said()


def test_a_demo_that_is_killed_takes_everything_with_it(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    demo = start("demo", "--folder", str(tmp_path / "demo"))
    demo.wait_for("watching", _READY_SECONDS + 600)
    demo.interrupt(signal.SIGKILL)
    assert demo.survivors() == []


def _json(*arguments: str) -> Any:
    done = subprocess.run([*_COMMAND, *arguments], capture_output=True, check=True, timeout=120)
    return json.loads(done.stdout)
