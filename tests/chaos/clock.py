"""The workers' wall clock, set forward and back while they run."""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

__all__ = ["VARIABLE", "WorkersClock"]

VARIABLE = "GOLEAKPROBE_CHAOS_CLOCK"
_PATCH = Path(__file__).parent / "stepped"


class WorkersClock:
    """Steps ``time.time`` of all processes started from here on (see stepped/sitecustomize.py)."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "clock"
        self._offset = 0.0
        self._write()
        os.environ[VARIABLE] = str(self._path)
        # The path of modules is handed down to the workers.
        if str(_PATCH) not in sys.path:
            sys.path.insert(0, str(_PATCH))

    @property
    def marker(self) -> str:
        """What stands in the environment of every process that has this clock."""
        return str(self._path)

    def step(self, seconds: float) -> None:
        """Set it forward, or back."""
        self._offset += seconds
        self._write()

    def _write(self) -> None:
        # In place: the readers have mapped the file.
        with self._path.open("r+b" if self._path.exists() else "wb") as file:
            file.write(struct.pack("d", self._offset))
