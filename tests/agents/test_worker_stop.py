"""A worker that was told to stop ends with all it took, whoever its threads still wait for."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import structlog

from goleakprobe.lake.verify import verify_lake
from goleakprobe_agents import worker
from goleakprobe_agents.landing import Lander, LocalLake
from goleakprobe_agents.settings import Duration, LakeSettings, StreamSettings
from goleakprobe_agents.settings_file import write_settings
from goleakprobe_agents.shell import Place
from goleakprobe_schemas import RUNTIMES
from stream_messages import samples

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from goleakprobe_agents.landing.files import Footer
    from goleakprobe_agents.workers.parts import Parts

PROGRAM = """
import asyncio
import sys
import threading
from goleakprobe_agents import worker

class Stopped:
    def __init__(self, *_):
        pass

    async def run(self):
        asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)

worker.Worker = Stopped
worker.check_topics = lambda broker: None
worker.main(["--role", "detect", "--settings", sys.argv[1]])
"""


class _Faust:
    """What a worker asks of its application."""

    crashed = should_stop = False

    def __init__(self) -> None:
        self.consumer = self
        self.log_ends: dict[Place, int] = {}
        self.on_rebalance_complete = self

    def connect(self, _: object) -> None:
        pass

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def commit(self) -> None:
        pass

    def note_durable(self, place: Place, next_offset: int) -> None:
        pass


class _SlowLake(LocalLake):
    """Its first claim waits until it is let go."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.names: list[str] = []
        self.claiming, self.let_go = threading.Event(), threading.Event()

    def claim(self, table: str, day: str, name: str, rows: pa.Table, footer: Footer) -> Path:
        self.names.append(name)
        self.claiming.set()
        assert self.let_go.wait(60)
        return super().claim(table, day, name, rows, footer)


class _FullLake(LocalLake):
    """No file fits in."""

    def claim(self, table: str, day: str, name: str, rows: pa.Table, footer: Footer) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")


class _Landing:
    """A worker that lands into a lake and has been given two partitions and eight samples."""

    def __init__(self, lake: LocalLake, status: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._lake = lake
        role = SimpleNamespace(build_shell=self._build_shell, declare_agent=lambda *_: None)
        monkeypatch.setattr(worker, "build_app", lambda *_: _Faust())
        monkeypatch.setattr(worker, "log_ids", lambda _: {})
        monkeypatch.setattr(worker, "is_embedded", lambda _: True)
        monkeypatch.setattr(worker, "read_from_shell", lambda *_: None)
        monkeypatch.setattr(worker, "role_named", lambda _: role)
        self._worker = worker.Worker(StreamSettings(), "land", status)

    def _build_shell(self, parts: Parts) -> Lander:
        self.lander = Lander(
            self._lake,
            LakeSettings(path=str(self._lake.root), roll_interval=Duration(0)),
            publisher=parts.publisher,
            log_ids={},
            acknowledge=parts.acknowledge,
            patience=parts.patience,
        )
        return self.lander

    async def begin(self) -> asyncio.Task[None]:
        running = asyncio.create_task(self._worker.run())
        places = [Place(RUNTIMES.name, 0), Place(RUNTIMES.name, 1)]
        for place, offset in (await self.lander.positions(places)).items():
            self.lander.begin(place, offset or 0)
        await self.lander.take(samples(range(3)) + samples(range(5), partition=1))
        return running


async def test_a_stop_while_a_file_is_written_lands_everything_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = _SlowLake(tmp_path / "lake")
    running = await _Landing(lake, tmp_path / "status", monkeypatch).begin()
    await asyncio.to_thread(lake.claiming.wait, 60)
    os.kill(os.getpid(), signal.SIGTERM)
    # The signal is heard, and whatever would write the file again has begun.
    await asyncio.wait({running}, timeout=0.5)
    lake.let_go.set()
    await running
    assert len(lake.names) == 2, lake.names
    verified = verify_lake(lake.root)
    assert verified.exact
    assert verified.total("events", "runtime") == 8


async def test_what_cannot_be_made_durable_before_a_stop_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing = _Landing(_FullLake(str(tmp_path / "lake")), tmp_path / "status", monkeypatch)
    with structlog.testing.capture_logs() as log:
        running = await landing.begin()
        while not landing.lander.patience.waiting_for:  # noqa: ASYNC110 - a plain attribute
            await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)
        await running
    (said,) = (each for each in log if each["event"] == "stopped_before_all_was_durable")
    assert (said["log_level"], said["reason"]) == ("warning", "told to stop while lake fails")


async def test_a_lake_that_answers_no_more_holds_a_stop_up_for_so_long_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_FLUSH_SECONDS", 0.2)
    lake = _SlowLake(tmp_path / "lake")
    with structlog.testing.capture_logs() as log:
        running = await _Landing(lake, tmp_path / "status", monkeypatch).begin()
        await asyncio.to_thread(lake.claiming.wait, 60)
        os.kill(os.getpid(), signal.SIGTERM)
        await running
    lake.let_go.set()
    assert len(lake.names) == 1, "the file that a thread may still write is not begun again"
    assert "stopped_before_all_was_durable" in [each["event"] for each in log]


@pytest.mark.timeout(120)
def test_a_thread_that_waits_for_a_broker_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    write_settings(path, StreamSettings())
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(path)], env=environment, check=False)
    assert done.returncode == 0
