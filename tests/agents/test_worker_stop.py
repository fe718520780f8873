"""A worker that was told to stop ends, whoever its threads still wait for."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from goleakprobe_agents.settings import StreamSettings
from goleakprobe_agents.settings_file import write_settings

if TYPE_CHECKING:
    from pathlib import Path

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


@pytest.mark.timeout(120)
def test_a_thread_that_waits_for_a_broker_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    write_settings(path, StreamSettings())
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(path)], env=environment, check=False)
    assert done.returncode == 0
