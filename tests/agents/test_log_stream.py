"""Workers log what can be written and go on where nothing can."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from goleakprobe_agents.log_stream import LossyStream

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this machine has no /dev/full")


def test_what_is_written_arrives_at_once(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        print("ein Wört", file=LossyStream(file.fileno()), flush=True)
        assert (tmp_path / "log").read_text("utf-8") == "ein Wört\n"


def test_a_closed_file_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    print("lost", file=LossyStream(writer), flush=True)


@needs_full
def test_a_line_after_a_lost_one_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file, FULL.open("wb", buffering=0) as full:
        here = os.dup(file.fileno())
        stream = LossyStream(here)
        stream.write("before\n")
        os.dup2(full.fileno(), here)
        stream.write("lost\n")
        os.dup2(file.fileno(), here)
        stream.write("after\n")
        os.close(here)
    assert path.read_text() == "before\n\nafter\n"


@needs_full
def test_a_process_ends_even_if_it_cannot_say_why() -> None:
    program = (
        "from goleakprobe_agents.app import end_process\n"
        "from goleakprobe_agents.worker import configure_logging\n"
        "configure_logging('land')\n"
        "end_process('a test', RuntimeError('no room'))\n"
    )
    with FULL.open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program],
            stdout=full,
            stderr=full,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            check=False,
        )
    assert done.returncode == 70
