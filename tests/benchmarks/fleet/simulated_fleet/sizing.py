"""What larger fleets would take, extrapolated from two measured runs of other sizes.

``python -m simulated_fleet.sizing SMALL_FOLDER LARGE_FOLDER``: of every part a fixed cost and a
cost a scrape (CPU) or a target (memory), by the straight line through the two runs. At larger
rates batches grow and a scrape costs less, so the CPU figures err on the large side.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import NamedTuple

import msgspec

from simulated_fleet.outcome import Outcome

__all__ = ["Line", "main", "sizing_rows"]

_SERVICES = (100, 1_000, 10_000)
_RETENTION_DAYS = 3
_DAY_SECONDS = 86_400
_GIB = 2**30
# A process that uses more of its core than this has no room for a restart's backlog.
_FULL_CORE = 0.6
_SCALED = ("collector", "detect", "services", "land", "lifecycles", "alert")


class Line(NamedTuple):
    """A fixed cost and what each unit adds."""

    fixed: float
    each: float

    @classmethod
    def through(cls, one: tuple[float, float], other: tuple[float, float]) -> Line:
        """The line through two points; never falling, for noise can make it so."""
        (x1, y1), (x2, y2) = sorted((one, other))
        each = max(0.0, (y2 - y1) / (x2 - x1))
        return cls(max(0.0, y2 - each * x2), each)

    def at(self, units: float) -> float:
        """The cost of so many units."""
        return self.fixed + self.each * units


def sizing_rows(
    small: Outcome, large: Outcome, *, instances: int, interval_seconds: float
) -> list[str]:
    """A Markdown table for fleets of 100, 1,000 and 10,000 services."""
    cpu = {part: _cpu(part, small, large) for part in (*_SCALED, "broker")}
    memory = {part: _memory(part, small, large) for part in _SCALED}
    broker = sum(large.broker_bytes.values()) / large.routine_scrapes
    lake = sum(size for _, size in large.lake.values()) / large.routine_scrapes
    rows = [
        (
            "| services | targets | scrapes/s | collector | detect | services | land | others "
            f"| broker | broker, {_RETENTION_DAYS} days | lake, a day |"
        ),
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for services in _SERVICES:
        targets = services * instances
        rate = targets / interval_seconds
        cells = [_cell(cpu[part].at(rate), memory[part], targets) for part in _SCALED[:4]]
        others = _cell(
            sum(cpu[part].at(rate) for part in _SCALED[4:]),
            Line(*(sum(each) for each in zip(*(memory[p] for p in _SCALED[4:]), strict=True))),
            targets,
        )
        stored = _size(broker * rate * _DAY_SECONDS * _RETENTION_DAYS)
        landed = _size(lake * rate * _DAY_SECONDS)
        rows.append(
            f"| {services:,} | {targets:,} | {rate:,.0f} | {' | '.join(cells)} | {others} "
            f"| {cpu['broker'].at(rate):.2f} cores | {stored} | {landed} |"
        )
    return rows


def _cpu(part: str, small: Outcome, large: Outcome) -> Line:
    """Cores by scrapes a second."""
    points = [
        (run.steady_routine_scrapes / run.steady_seconds, run.steady_cpu_seconds[part]
         / run.steady_seconds)
        for run in (small, large)
    ]  # fmt: skip
    return Line.through(points[0], points[1])


def _memory(part: str, small: Outcome, large: Outcome) -> Line:
    """Bytes by targets."""
    points = [(float(run.targets), float(run.parts[part].resident_bytes)) for run in (small, large)]
    return Line.through(points[0], points[1])


def _cell(cores: float, memory: Line, targets: int) -> str:
    processes = max(1, math.ceil(cores / _FULL_CORE))
    count = f" in {processes} processes" if processes > 1 else ""
    size = memory.fixed * processes + memory.each * targets
    return f"{cores:.2f} cores{count}, {_size(size)}"


def _size(size: float) -> str:
    if size < _GIB:
        return f"{size / 2**20:.0f} MB"
    return f"{size / _GIB:,.1f} GB"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m simulated_fleet.sizing")
    parser.add_argument("small", type=Path, help="folder of a run with few targets")
    parser.add_argument("large", type=Path, help="folder of a run with many")
    parser.add_argument("--instances", type=int, default=10, help="of a service")
    parser.add_argument("--interval", type=float, default=60.0, help="seconds between scrapes")
    given = parser.parse_args()
    runs = [
        msgspec.json.decode((folder / "outcome.json").read_bytes(), type=Outcome)
        for folder in (given.small, given.large)
    ]
    for row in sizing_rows(
        runs[0], runs[1], instances=given.instances, interval_seconds=given.interval
    ):
        print(row)


if __name__ == "__main__":
    main()
