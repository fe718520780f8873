"""A process' wall clock is set from outside while it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import chaos
from chaos.clock import VARIABLE, WorkersClock

PROGRAM = (
    "import sys, time\n"
    "for _ in sys.stdin:\n"
    "    print(time.time(), time.time_ns(), time.monotonic(), flush=True)\n"
)


def test_the_wall_clock_steps_and_the_monotonic_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.setattr(sys, "path", [*sys.path])
    clock = WorkersClock(tmp_path)
    path = os.pathsep.join([str(Path(chaos.__file__).parent / "stepped")])
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path, VARIABLE: clock.marker},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def read() -> tuple[float, float, float]:
            process.stdin.write("\n")
            process.stdin.flush()
            wall, wall_ns, monotonic = map(float, process.stdout.readline().split())
            return wall, wall_ns / 1e9, monotonic

        before = read()
        clock.step(86_400)
        ahead = read()
        clock.step(-2 * 86_400)
        behind = read()
        process.stdin.close()
    for which in (0, 1):
        assert ahead[which] - before[which] == pytest.approx(86_400, abs=60)
        assert behind[which] - before[which] == pytest.approx(-86_400, abs=60)
    assert before[2] <= ahead[2] <= behind[2] < before[2] + 60
