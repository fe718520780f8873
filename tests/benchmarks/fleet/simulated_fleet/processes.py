"""What every process of the run costs: CPU seconds and resident memory, by its part."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PartCost", "ProcessCosts", "child_environment"]


def child_environment() -> dict[str, str]:
    """This process' environment, and whatever paths it found our packages by."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


class PartCost(msgspec.Struct, kw_only=True):
    """One part, all of its processes of one after another together."""

    cpu_seconds: float = 0.0
    resident_bytes: int = 0
    """Now, or when it was last seen."""
    peak_resident_bytes: int = 0
    processes: int = 0
    """How many it took; more than one tells of restarts."""


class ProcessCosts:
    """Looks at processes again and again; what an ended one had used until the last look counts."""

    def __init__(self) -> None:
        self._cpu: dict[str, dict[int, float]] = {}
        self.parts: dict[str, PartCost] = {}

    def look(self, pids: Mapping[str, int | None]) -> None:
        """Take note of the processes that are the parts now."""
        for part, pid in pids.items():
            with suppress(psutil.Error):
                if pid is not None:
                    self._look(part, psutil.Process(pid))

    def _look(self, part: str, process: psutil.Process) -> None:
        times, resident = process.cpu_times(), process.memory_info().rss
        seen = self._cpu.setdefault(part, {})
        seen[process.pid] = times.user + times.system
        cost = self.parts.setdefault(part, PartCost())
        cost.cpu_seconds = sum(seen.values())
        cost.resident_bytes = resident
        cost.peak_resident_bytes = max(cost.peak_resident_bytes, resident)
        cost.processes = len(seen)
