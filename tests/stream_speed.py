"""What a process pays for a message: CPU time of whole processes, from outside.

Wall time on a machine that others use says little; CPU time of all threads of a process says what
one core could do. Every contender reads the same messages from the same broker.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from goleakprobe_agents.lifeline import dying_with_parent
from goleakprobe_agents.settings_file import write_settings
from goleakprobe_agents.status import RoleStatus, read_status
from goleakprobe_schemas import SNAPSHOTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goleakprobe_agents.settings import BrokerSettings, StreamSettings

CONTENDERS = Path(__file__).parent / "benchmarks" / "stream" / "contenders"
_LONG_SECONDS = 400.0


@dataclass(frozen=True)
class Speed:
    """What so many messages took."""

    name: str
    messages: int
    cpu_seconds: float
    wall_seconds: float

    @property
    def micros(self) -> float:
        """CPU microseconds a message."""
        return self.cpu_seconds / self.messages * 1e6

    @property
    def per_core(self) -> float:
        """Messages a second that one core could do."""
        return self.messages / self.cpu_seconds

    def __str__(self) -> str:
        return (
            f"{self.name:<44}{self.micros:8.1f} us/msg {self.per_core:9,.0f} msg/s a core "
            f"{self.messages / self.wall_seconds:9,.0f} msg/s here"
        )


def contender(
    name: str,
    script: str,
    broker: BrokerSettings,
    messages: int,
    *arguments: str,
    python: str = sys.executable,
) -> Speed:
    """Run a script of the contenders until it has seen so many messages."""
    command = [python, str(CONTENDERS / script), broker.bootstrap_servers[0], SNAPSHOTS.name]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    ran = subprocess.run(
        [*command, str(messages), *arguments],
        capture_output=True,
        text=True,
        timeout=_LONG_SECONDS,
        env=environment,
        check=False,
    )
    lines = [line for line in ran.stdout.splitlines() if line.startswith("{")]
    assert lines, f"{name}: {(ran.stdout + ran.stderr)[-1500:]}"
    measured = json.loads(lines[-1])
    return Speed(name, measured["messages"], measured["cpu"], measured["wall"])


class WatchedWorker:
    """One worker process of ours, watched by its status file."""

    def __init__(self, settings: StreamSettings, role: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._role, self._folder = role, folder
        path = folder / "settings.json"
        write_settings(path, settings)
        self._log = (folder / "log").open("ab")
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "goleakprobe_agents.worker", "--role", role),
                *("--settings", str(path), "--status", str(folder)),
            ],
            stdout=self._log,
            stderr=self._log,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            preexec_fn=dying_with_parent(signal.SIGTERM),
        )
        self._ps = psutil.Process(self.process.pid)

    def status(self) -> RoleStatus | None:
        """What it last said."""
        assert self.process.poll() is None, (self._folder / "log").read_text()[-2000:]
        status = read_status(self._folder).roles.get(self._role)
        return status if status is not None and status.pid == self.process.pid else None

    def cpu(self) -> float:
        """CPU seconds of all its threads so far."""
        times = self._ps.cpu_times()
        return float(times.user + times.system)

    def rss(self) -> int:
        """Resident bytes."""
        return int(self._ps.memory_info().rss)

    def done(self) -> int:
        """Snapshots worked through: applied and delivered, or landed."""
        status = self.status()
        return status.counts.get("events", {}).get(SNAPSHOTS.name, 0) if status else 0

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it and wait for that."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(60)
        self._log.close()


def worked_off(
    name: str, settings: StreamSettings, role: str, messages: int, folder: Path, workers: int = 1
) -> Speed:
    """Let workers of ours work off what the topic holds; start-up is not counted."""
    crew = [WatchedWorker(settings, role, folder / f"{role}-{n}") for n in range(workers)]
    try:
        _waited(lambda: all(_assigned(one) for one in crew))
        began = time.monotonic()
        at, spent = _look(crew)
        while _look(crew)[0] < messages:
            assert time.monotonic() - began < _LONG_SECONDS, f"{name} stands still"
            time.sleep(0.05)
        end, total = _look(crew)
        wall = time.monotonic() - began
    finally:
        for one in crew:
            one.stop()
    return Speed(name, end - at, total - spent, wall)


def _assigned(one: WatchedWorker) -> bool:
    status = one.status()
    return status is not None and status.state == "assigned" and bool(status.partitions)


def _look(crew: Sequence[WatchedWorker]) -> tuple[int, float]:
    return sum(one.done() for one in crew), sum(one.cpu() for one in crew)


def _waited(condition: object, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "no worker was given partitions"
        time.sleep(0.02)
