"""One run: record, serve, start everything, watch, stop everything, and say what it came to."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING

import aiohttp
import msgspec

from goleakprobe.config import load_config
from goleakprobe.demo.receiver import alert_receiver
from goleakprobe.findings_feed import FindingsFeed
from goleakprobe.lake.verify import verify_lake
from goleakprobe_agents.admin import apply_topics
from goleakprobe_agents.broker import free_port
from goleakprobe_agents.launch import RunningStream
from goleakprobe_agents.settings import StreamSettings
from simulated_fleet.brokers import running_broker
from simulated_fleet.collector import collector_process
from simulated_fleet.judgement import Judge
from simulated_fleet.observation import Observation
from simulated_fleet.outcome import Outcome, lake_bytes
from simulated_fleet.plan import plan_fleet
from simulated_fleet.processes import ProcessCosts, child_environment
from simulated_fleet.recording import record_shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from goleakprobe.demo.receiver import PostedAlert
    from goleakprobe_agents.settings import BrokerSettings
    from simulated_fleet.brokers import RunningBroker
    from simulated_fleet.collector import CollectorProcess
    from simulated_fleet.plan import FleetPlan

__all__ = ["RunSettings", "simulate_fleet"]

_LOOK_SECONDS = 5.0
_LINE_SECONDS = 30.0
_DRAIN_SECONDS = 120.0
_START_SECONDS = 120.0


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What to simulate."""

    folder: Path
    targets: int
    instances: int
    leaky: int
    interval_seconds: float
    minutes: float
    seed: int
    broker: str
    heap_mb: int


async def simulate_fleet(settings: RunSettings) -> Outcome:
    """Run it; the outcome. Everything that was started is stopped, whatever happens."""
    folder = settings.folder
    folder.mkdir(parents=True, exist_ok=True)
    plan = plan_fleet(
        targets=settings.targets,
        instances=settings.instances,
        leaky=settings.leaky,
        seed=settings.seed,
        onset_seconds=min(300.0, settings.minutes * 60 / 6),
    )
    (folder / "plan.json").write_bytes(msgspec.json.encode(plan))
    _say(f"{len(plan.services)} services, {plan.targets} targets, {len(plan.leaky)} leaky")
    _say("recording the shop's programs")
    await record_shop(folder)
    async with AsyncExitStack() as stack:
        server = stack.enter_context(_target_server(folder))
        broker = stack.enter_context(
            running_broker(settings.broker, folder, heap_mb=settings.heap_mb)
        )
        alerts: set[str] = set()
        receiver = await stack.enter_async_context(alert_receiver(_noting(alerts)))
        address = f"127.0.0.1:{free_port()}"
        config = folder / "leak.yaml"
        config.write_text(_config(settings, broker.settings, receiver, address))
        stream_settings = _stream_settings(config)
        apply_topics(stream_settings.broker)
        stream = await stack.enter_async_context(
            RunningStream(stream_settings, log=folder / "workers.log")
        )
        await stream.ready(_START_SECONDS)
        _say("everything is ready; the collector starts")
        collector = stack.enter_context(
            collector_process(config, address, folder / "collector.log")
        )
        run = _Run(settings, plan, broker, stream, collector, server.pid)
        outcome = await run.watch()
        outcome.alerts = len(alerts)
    _say("everything has stopped; checking the lake")
    outcome.verified(verify_lake(folder / "lake"))
    (folder / "outcome.json").write_bytes(msgspec.json.encode(outcome))
    return outcome


class _Run:
    """The watching."""

    def __init__(
        self,
        settings: RunSettings,
        plan: FleetPlan,
        broker: RunningBroker,
        stream: RunningStream,
        collector: CollectorProcess,
        server_pid: int,
    ) -> None:
        self._settings = settings
        self._broker = broker
        self._stream = stream
        self._collector = collector
        self._server_pid = server_pid
        self._plan = plan
        self._judge = Judge(plan)
        self._costs = ProcessCosts()
        self._observation = Observation(settings.folder / "samples.jsonl")
        self._feed = FindingsFeed(stream.settings.broker)
        self._begun = time.monotonic()

    async def watch(self) -> Outcome:
        """Watch for as long as wanted, stop the collector, let all land."""
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            asyncio.TaskGroup() as tasks,
        ):
            following = tasks.create_task(self._feed.follow())
            said = 0.0
            while (now := self._seconds()) < self._settings.minutes * 60:
                await asyncio.sleep(_LOOK_SECONDS - now % _LOOK_SECONDS)
                await self._look(session)
                if not self._collector.running:
                    raise RuntimeError(f"the collector ended; see {self._collector.log}")
                if self._seconds() - said >= _LINE_SECONDS:
                    said = self._seconds()
                    self._tell()
            _say("stopping the collector, letting the last rows land")
            await self._collector.stop()
            drained = await self._drain(session)
            following.cancel()
        return Outcome.of(
            self._plan,
            self._observation,
            self._costs,
            self._judge,
            seconds=self._settings.minutes * 60,
            interval_seconds=self._settings.interval_seconds,
            broker_bytes=self._broker.stored_bytes(),
            lake=lake_bytes(self._settings.folder / "lake"),
            drained=drained,
        )

    async def _look(self, session: aiohttp.ClientSession) -> None:
        figures = await self._collector.figures(session)
        workers = self._stream.status()
        supervisor = workers.supervisor.pid if workers.supervisor else None
        parts = {role: status.pid for role, status in workers.roles.items()}
        self._costs.look(
            parts
            | {
                "collector": self._collector.pid,
                "broker": self._broker.pid,
                "supervisor": supervisor,
                "(targets)": self._server_pid,
            }
        )
        seconds = self._seconds()
        self._observation.take(seconds, figures, workers, self._costs)
        self._judge.take(list(self._feed.newest.values()), seconds)

    async def _drain(self, session: aiohttp.ClientSession) -> bool:
        """Wait until all is landed that the collector was last seen to publish."""
        published = max(
            (s.events for s in self._observation.samples), key=lambda e: sum(e.values())
        )
        deadline = time.monotonic() + _DRAIN_SECONDS
        while time.monotonic() < deadline:
            await asyncio.sleep(_LOOK_SECONDS)
            await self._look(session)
            status = self._stream.status()
            idle = not any(status.lag(role) for role in status.roles)
            if idle and all(status.events.get(t, 0) >= n for t, n in published.items()):
                return True
        return False

    def _tell(self) -> None:
        found = self._judge.found
        _say(self._observation.line(len(found), len(self._judge.leaks), len(self._judge.false)))

    def _seconds(self) -> float:
        return time.monotonic() - self._begun


@contextmanager
def _target_server(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Serve the plan's targets; they end with this process' end of the pipe."""
    command = [sys.executable, "-m", "simulated_fleet.server", str(folder)]
    with (folder / "targets.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=child_environment(),
        )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != b"listening\n":
            raise RuntimeError(f"the targets did not start; see {folder / 'targets.log'}")
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _config(settings: RunSettings, broker: BrokerSettings, receiver: str, address: str) -> str:
    """The configuration file of a user with such a fleet; everything not named is default."""
    folder = settings.folder
    content = {
        "scrape_configs": [
            {
                "job_name": "fleet",
                "scrape_interval": settings.interval_seconds,
                "request_metric": "http_requests_total",
                "file_sd_configs": [{"files": [str(folder / "targets.json")]}],
            }
        ],
        "collect": {"listen_address": address},
        "broker": {
            "bootstrap_servers": list(broker.bootstrap_servers),
            "partitions": broker.partitions,
            "session_timeout": float(broker.session_timeout),
        },
        "lake": {"path": str(folder / "lake")},
        "state": {"path": str(folder / "state")},
        "alerting": {"alertmanagers": [{"url": receiver}]},
    }
    return msgspec.yaml.encode(content).decode()


def _stream_settings(config: Path) -> StreamSettings:
    loaded = load_config(config)
    names = [field.name for field in msgspec.structs.fields(StreamSettings)]
    return StreamSettings(**{name: getattr(loaded, name) for name in names})


def _noting(alerts: set[str]) -> Callable[[Sequence[PostedAlert]], None]:
    def note(posted: Sequence[PostedAlert]) -> None:
        alerts.update(repr(sorted(alert.labels.items())) for alert in posted)

    return note


def _say(text: str) -> None:
    print(text, flush=True)
