"""From targets to events: discover, probe, budget, scrape, decode, publish."""

from __future__ import annotations

from goleakprobe.collect.collector import Collector, run_collector
from goleakprobe.collect.status import CollectorStatus, TargetStatus

__all__ = ["Collector", "CollectorStatus", "TargetStatus", "run_collector"]
