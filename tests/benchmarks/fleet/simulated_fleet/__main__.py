"""The command: ``make fleet TARGETS=1000 INTERVAL=60 MINUTES=30``."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from simulated_fleet.outcome import outcome_lines
from simulated_fleet.run import RunSettings, simulate_fleet

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate a fleet; 0 if every visit was made, everything landed and nothing is amiss."""
    parser = argparse.ArgumentParser(
        prog="python -m simulated_fleet", description="A simulated fleet on the real pipeline."
    )
    parser.add_argument("--targets", type=int, default=100)
    parser.add_argument("--instances", type=int, default=10, help="targets of one service")
    parser.add_argument("--leaky", type=int, default=8, help="services that leak")
    parser.add_argument("--interval", type=float, default=60.0, help="seconds between scrapes")
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--broker", default="embedded", help="embedded, kafka or host:port")
    parser.add_argument("--heap-mb", type=int, default=384, help="Java heap of Apache Kafka")
    parser.add_argument("--folder", type=Path, help="for everything (default: a new one in /tmp)")
    given = parser.parse_args(arguments)
    folder = given.folder or Path(tempfile.mkdtemp(prefix="goleakprobe-fleet-"))
    settings = RunSettings(
        folder=folder.resolve(),
        targets=given.targets,
        instances=given.instances,
        leaky=given.leaky,
        interval_seconds=given.interval,
        minutes=given.minutes,
        seed=given.seed,
        broker=given.broker,
        heap_mb=given.heap_mb,
    )
    outcome = asyncio.run(simulate_fleet(settings))
    for line in outcome_lines(outcome):
        print(line)
    print(f"samples, logs and the lake are in {settings.folder}", file=sys.stderr)
    return 0 if outcome.drained and not outcome.violations else 1


if __name__ == "__main__":
    sys.exit(main())
