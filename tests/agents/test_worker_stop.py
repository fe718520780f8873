"""A worker that was told to stop ends with all it took, whoever its threads still wait for."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

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


SETTINGS = StreamSettings()


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


async def test_a_stop_while_a_file_is_written_lands_everything_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = _SlowLake(tmp_path / "lake")
    built: list[Lander] = []

    def build_shell(parts: Parts) -> Lander:
        built.append(
            Lander(
                lake,
                LakeSettings(path=str(lake.root), roll_interval=Duration(0)),
                publisher=parts.publisher,
                log_ids={},
                acknowledge=parts.acknowledge,
                patience=parts.patience,
            )
        )
        return built[0]

    role = SimpleNamespace(build_shell=build_shell, declare_agent=lambda *_: None)
    monkeypatch.setattr(worker, "build_app", lambda *_: _Faust())
    monkeypatch.setattr(worker, "log_ids", lambda _: {})
    monkeypatch.setattr(worker, "is_embedded", lambda _: True)
    monkeypatch.setattr(worker, "read_from_shell", lambda *_: None)
    monkeypatch.setattr(worker, "role_named", lambda _: role)
    working = worker.Worker(SETTINGS, "land", tmp_path / "status")
    running = asyncio.create_task(working.run())
    places = [Place(RUNTIMES.name, 0), Place(RUNTIMES.name, 1)]
    for place, offset in (await built[0].positions(places)).items():
        built[0].begin(place, offset or 0)
    await built[0].take(samples(range(3)) + samples(range(5), partition=1))
    await asyncio.to_thread(lake.claiming.wait, 60)
    os.kill(os.getpid(), signal.SIGTERM)
    # The signal is heard, and whatever would write the file again has begun.
    await asyncio.wait({running}, timeout=0.5)
    lake.let_go.set()
    await running
    assert len(lake.names) == len(places), lake.names
    verified = verify_lake(lake.root)
    assert verified.exact
    assert verified.total("events", "runtime") == 8


@pytest.mark.timeout(120)
def test_a_thread_that_waits_for_a_broker_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    write_settings(path, StreamSettings())
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(path)], env=environment, check=False)
    assert done.returncode == 0
