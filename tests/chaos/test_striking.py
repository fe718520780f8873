"""Faults begin when the load has come far enough, and end when their time is over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from chaos.faults import Kind, Strike
from chaos.striking import Striking

if TYPE_CHECKING:
    from collections.abc import Iterator


class Recorded:
    """A disk, a clock, or a broker that notes what is done to it."""

    def __init__(self, pid: int = 0) -> None:
        self.pid = pid
        self.done: list[str] = []

    def __getattr__(self, name: str) -> object:
        return lambda *arguments: self.done.append(" ".join([name, *map(str, arguments)]))


class FakeScene:
    """One worker, which may be away."""

    def __init__(self, process: psutil.Process) -> None:
        self.process: psutil.Process | None = process
        self.disk, self.clock, self.broker = Recorded(), Recorded(), Recorded(process.pid)

    def worker(self, role: str) -> psutil.Process | None:
        assert role == "land"
        return self.process

    def processes(self) -> list[psutil.Process]:
        return [self.process] if self.process else []


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        process.kill()


@pytest.fixture
def scene(sleeper: subprocess.Popen[bytes]) -> FakeScene:
    return FakeScene(psutil.Process(sleeper.pid))


def wait_until_stopped(process: psutil.Process | None) -> None:
    assert process is not None
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)


def wait_until_continued(process: psutil.Process | None) -> None:
    assert process is not None
    os.waitid(os.P_PID, process.pid, os.WCONTINUED)


def test_a_kill_waits_for_its_share_of_the_load(
    scene: FakeScene, sleeper: subprocess.Popen[bytes]
) -> None:
    striking = Striking(scene, [Strike(at=0.5, kind=Kind.KILL_WORKER, role="land")])  # type: ignore[arg-type]
    striking.look(0.4)
    assert (striking.kills, striking.over) == (0, False)
    striking.look(0.5)
    assert (striking.kills, striking.over) == (1, True)
    assert sleeper.wait() == -signal.SIGKILL
    assert striking.struck == {Kind.KILL_WORKER: 1}


def test_a_worker_that_is_away_is_killed_when_it_is_back(scene: FakeScene) -> None:
    process, scene.process = scene.process, None
    striking = Striking(scene, [Strike(at=0.0, kind=Kind.KILL_WORKER, role="land")])  # type: ignore[arg-type]
    striking.look(0.1)
    assert (striking.kills, striking.over) == (0, False)
    scene.process = process
    striking.look(0.1)
    assert (striking.kills, striking.over) == (1, True)


def test_what_lasts_is_ended_when_its_time_is_over(scene: FakeScene) -> None:
    strikes = [
        Strike(at=0.0, kind=Kind.FREEZE_WORKER, role="land", seconds=0.0),
        Strike(at=0.0, kind=Kind.FILL_DISK, seconds=0.0),
        Strike(at=0.0, kind=Kind.KILL_BROKER, seconds=0.0),
    ]
    striking = Striking(scene, strikes)  # type: ignore[arg-type]
    striking.look(0.0)
    wait_until_stopped(scene.process)
    assert not striking.over
    striking.look(0.0)
    wait_until_continued(scene.process)
    assert striking.over
    assert scene.disk.done == ["fill", "free"]
    assert scene.broker.done == ["kill", "start"]
    assert striking.kills == 1


def test_a_clock_is_stepped_once_and_for_all(scene: FakeScene) -> None:
    striking = Striking(scene, [Strike(at=0.0, kind=Kind.STEP_CLOCK, seconds=-90.0)])  # type: ignore[arg-type]
    striking.look(1.0)
    assert striking.over
    assert scene.clock.done == ["step -90.0"]


def test_a_round_that_fails_leaves_nothing_frozen_or_full(scene: FakeScene) -> None:
    strikes = [
        Strike(at=0.0, kind=Kind.FREEZE_WORKER, role="land", seconds=600.0),
        Strike(at=0.0, kind=Kind.FILL_DISK, seconds=600.0),
    ]
    striking = Striking(scene, strikes)  # type: ignore[arg-type]
    striking.look(0.0)
    wait_until_stopped(scene.process)
    striking.end_all()
    wait_until_continued(scene.process)
    assert scene.disk.done == ["fill", "free"]
