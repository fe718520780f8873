"""The run as it goes: a line of figures now and then, and every sample kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

    from goleakprobe_agents.status import WorkerStatus
    from simulated_fleet.collector import CollectorFigures
    from simulated_fleet.processes import ProcessCosts

__all__ = ["Observation", "Sample"]

_ROUTINE = ("debug0", "debug1")


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One look."""

    seconds: float
    """Since the collector was started."""
    scrapes: dict[str, int]
    failures: dict[str, int]
    events: dict[str, int]
    targets_up: int
    landed: dict[str, int]
    lag: dict[str, int]
    """Messages known to wait, by role."""
    waiting_for: dict[str, str]
    restarts: int
    dead_letters: int
    cpu_seconds: dict[str, float]
    resident_bytes: dict[str, int]

    @property
    def routine(self) -> int:
        """Routine scrapes so far: each is one snapshot."""
        return sum(self.scrapes.get(source, 0) for source in _ROUTINE)


class Observation:
    """All samples of a run; each is also a line of ``samples.jsonl``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.samples: list[Sample] = []

    def take(
        self,
        seconds: float,
        collector: CollectorFigures,
        workers: WorkerStatus,
        costs: ProcessCosts,
    ) -> Sample:
        """Keep one look."""
        sample = Sample(
            seconds=round(seconds, 1),
            scrapes=collector.scrapes,
            failures=collector.failures,
            events=collector.events,
            targets_up=collector.targets_up,
            landed=workers.events,
            lag={role: workers.lag(role) for role in workers.roles},
            waiting_for=workers.waiting_for,
            restarts=workers.restarts,
            dead_letters=sum(workers.dead_letters.values()),
            cpu_seconds={part: round(c.cpu_seconds, 2) for part, c in costs.parts.items()},
            resident_bytes={part: c.resident_bytes for part, c in costs.parts.items()},
        )
        self.samples.append(sample)
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(sample) + b"\n")
        return sample

    def at(self, seconds: float) -> Sample:
        """The first sample from a moment on, else the last."""
        return next((s for s in self.samples if s.seconds >= seconds), self.samples[-1])

    def rates(self, begin: Sample, end: Sample) -> tuple[float, float]:
        """Routine scrapes and events a second between two samples."""
        seconds = max(0.1, end.seconds - begin.seconds)
        events = sum(end.events.values()) - sum(begin.events.values())
        return (end.routine - begin.routine) / seconds, events / seconds

    def line(self, found: int, leaky: int, false: int) -> str:
        """The newest sample and what changed within the last minute, for people."""
        now = self.samples[-1]
        before = self.at(now.seconds - 60)
        seconds = max(0.1, now.seconds - before.seconds)
        scrapes, events = self.rates(before, now)
        cores = {
            part: (cpu - before.cpu_seconds.get(part, 0.0)) / seconds
            for part, cpu in now.cpu_seconds.items()
        }
        lag = ", ".join(f"{role} {count}" for role, count in sorted(now.lag.items()) if count)
        parts = " ".join(
            f"{part} {100 * share:.0f}%/{now.resident_bytes[part] / 2**20:.0f}MB"
            for part, share in sorted(cores.items())
        )
        waiting = f" WAITING {now.waiting_for}" if now.waiting_for else ""
        return (
            f"{now.seconds:5.0f} s  up {now.targets_up}  scrapes {scrapes:.1f}/s "
            f"(failed {sum(now.failures.values())})  events {events:.1f}/s  "
            f"lag {sum(now.lag.values())}{f' ({lag})' if lag else ''}  "
            f"found {found}/{leaky} false {false}{waiting}\n         {parts}"
        )
