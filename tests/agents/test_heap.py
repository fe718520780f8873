"""Memory that was freed goes back to the system although something small stays."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = """
import psutil
from goleakprobe_agents.heap import give_memory_back

def resident():
    return psutil.Process().memory_info().rss // 2**20

def wave():
    buffers = [bytearray(256 * 1024) for _ in range(400)]
    return resident(), buffers[-1]

wave()
if not give_memory_back():
    raise SystemExit("another malloc")
before = resident()
high, survivor = wave()
give_memory_back()
print(high - before, resident() - before)
"""


def test_a_wave_of_buffers_leaves_nothing_behind(require: Callable[[str], None]) -> None:
    require("linux")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    if "another malloc" in done.stderr:
        pytest.skip("malloc is not glibc's")
    assert done.returncode == 0, done.stderr
    rose, stayed = map(int, done.stdout.split())
    assert rose >= 90
    assert stayed <= 5
