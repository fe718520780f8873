"""The collector's process, and what its metrics page says."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import aiohttp
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from goleakprobe_agents.lifeline import dying_with_parent
from simulated_fleet.processes import child_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["CollectorFigures", "CollectorProcess", "collector_process"]

_STOP_SECONDS = 60.0
_SCRAPES = "goleakprobe_collect_scrapes_total"
_EVENTS = "goleakprobe_collect_events_published_total"
_TARGETS = "goleakprobe_collect_targets"


class CollectorFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Counters since the collector began."""

    scrapes: dict[str, int] = {}
    """By what was asked for, those that succeeded."""
    failures: dict[str, int] = {}
    """By ``source outcome``, all others."""
    events: dict[str, int] = {}
    """By topic, acknowledged by the broker."""
    targets_up: int = 0


class CollectorProcess:
    """``goleakprobe collect`` as a child."""

    def __init__(self, process: subprocess.Popen[bytes], address: str, log: Path) -> None:
        self._process = process
        self._address = address
        self.log = log

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self._process.poll() is None

    async def figures(self, session: aiohttp.ClientSession) -> CollectorFigures:
        """What its page says now; nothing while it cannot be had."""
        try:
            async with session.get(f"http://{self._address}/metrics") as response:
                page = await response.text()
        except (aiohttp.ClientError, TimeoutError):
            return CollectorFigures()
        return _read(page)

    async def stop(self) -> int:
        """SIGTERM, which flushes; the exit code."""
        if self.running:
            self._process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self._process.wait, _STOP_SECONDS)


@contextmanager
def collector_process(config: Path, address: str, log: Path) -> Iterator[CollectorProcess]:
    """Run the collector; whatever happens it is gone at the end."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "goleakprobe", "collect", "--config", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env=child_environment(),
            preexec_fn=dying_with_parent(signal.SIGTERM),
            start_new_session=True,
        )
        try:
            yield CollectorProcess(process, address, log)
        finally:
            process.kill()
            process.wait()


def _read(page: str) -> CollectorFigures:
    scrapes: dict[str, int] = {}
    failures: dict[str, int] = {}
    events: dict[str, int] = {}
    up = 0
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            labels = list(sample.labels.values())
            if sample.name == _SCRAPES:
                source, outcome = _labels(sample.labels)
                if outcome == "ok":
                    scrapes[source] = int(sample.value)
                else:
                    failures[f"{source} {outcome}"] = int(sample.value)
            elif sample.name == _EVENTS:
                events[labels[0]] = int(sample.value)
            elif sample.name == _TARGETS and "up" in labels:
                up = int(sample.value)
    return CollectorFigures(scrapes=scrapes, failures=failures, events=events, targets_up=up)


def _labels(labels: dict[str, str]) -> tuple[str, str]:
    return labels["source"], labels["outcome"]
