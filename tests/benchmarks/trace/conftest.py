"""Traces made on this machine, and Go's own reader beside ours in the same run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import trace_measure
from trace_peer import PEER
from trace_programs import PROGRAMS, ROOT, build, installed_go, record

_BUSY_BYTES = 50_000_000
ROUNDS = int(os.environ.get("ROUNDS", "3"))


@pytest.fixture(scope="session")
def peer(require, tmp_path_factory):
    require("go")
    folder = tmp_path_factory.mktemp("peer")
    for name in ("main.go", "go.mod", "go.sum"):
        shutil.copy(PEER / name, folder)
    try:
        return build(installed_go(), folder, folder / "peer")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"cannot build Go's reader; is the module proxy there? {error.stderr[-200:]}")


@pytest.fixture(scope="session")
def traces(require, tmp_path_factory):
    """``traces("busy")``: the path of a trace, made once."""
    require("go")
    folder = tmp_path_factory.mktemp("traces")
    programs = {
        "busy": ("busy", ["-seconds", "12", "-clients", "24"]),
        "parked": ("busy", ["-seconds", "3", "-clients", "0", "-parked", "50000"]),
        "switches": ("switches", ["-seconds", "0.7"]),
    }

    def make(name: str) -> Path:
        trace = folder / f"{name}.trace"
        if not trace.exists():
            program, arguments = programs[name]
            binary = build(installed_go(), PROGRAMS / program, folder / f"{name}.bin")
            record(binary, trace, *arguments)
            size = trace.stat().st_size
            if name == "busy" and size < _BUSY_BYTES:
                # A machine that others use too writes less a second.
                seconds = min(50.0, 12 * 1.3 * _BUSY_BYTES / size)
                record(binary, trace, "-seconds", f"{seconds:.0f}", *arguments[2:])
        return trace

    return make


@pytest.fixture(scope="session")
def rounds(peer):
    """Alternates all contestants for some rounds; the best (least CPU) of each."""

    def run(trace: Path, engines: list[str], modes: tuple[str, ...] = ("read", "cols")):
        best: dict[str, dict[str, float]] = {}
        contestants = [(name, [str(peer), name, str(trace)]) for name in modes]
        contestants += [(name, _ours(trace, name, "decode")) for name in engines]
        for _ in range(ROUNDS):
            for name, command in contestants:
                figures = _run(command)
                if name not in best or figures["cpu_seconds"] < best[name]["cpu_seconds"]:
                    best[name] = figures
        return best

    return run


@pytest.fixture(scope="session")
def analysed():
    """The cost of decoding with all statistics."""
    return lambda trace, engine: _run(_ours(trace, engine, "analyse"))


def _ours(trace: Path, engine: str, mode: str) -> list[str]:
    return [sys.executable, str(Path(trace_measure.__file__)), str(trace), engine, mode]


def _run(command: list[str]) -> dict[str, float]:
    paths = [str(ROOT / part) for part in ("pipeline", "agents", "schemas")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return json.loads(done.stdout)
