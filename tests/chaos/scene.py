"""The broker, the workers and their disk: started, watched, and stopped in order."""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Self

import msgspec
import psutil

from chaos.clock import VARIABLE, WorkersClock
from chaos.disk import small_disk, unmounted
from chaos.faults import SESSION_SECONDS
from chaos.load import PARTITIONS
from goleakprobe_agents.admin import apply_topics
from goleakprobe_agents.broker import EmbeddedBroker
from goleakprobe_agents.errors import BrokerUnavailableError
from goleakprobe_agents.launch import RunningStream
from goleakprobe_agents.log_bounds import broker_logs
from goleakprobe_agents.settings import (
    BrokerSettings,
    Duration,
    LakeSettings,
    StateSettings,
    StreamSettings,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chaos.faults import Broker

__all__ = ["Scene", "SceneError"]

_RESTART_SECONDS = 1.0
_MISCONFIGURED = 2


class SceneError(Exception):
    """The product did something that nothing allows."""


class Scene:
    """One broker and the workers on it, in a folder; a context manager.

    ``look_after`` does what a service manager would: it starts a stream again that has ended.
    """

    def __init__(self, folder: Path, broker: Broker) -> None:
        self.folder = folder
        self.disk_folder = folder / "disk"
        self._kind = broker
        self._running = ExitStack()
        self._streams = 0
        self._restart_at: float | None = None
        self.supervisor_starts = 0

    def __enter__(self) -> Self:
        self.disk_folder.mkdir(parents=True)
        self.clock = WorkersClock(self.folder)
        self._running.callback(self._drop_disk)
        self.disk = small_disk(self.disk_folder, self.processes)
        try:
            self._start_broker()
            self.host = self.stream("host").start()
        except BaseException:
            self._running.close()
            raise
        self._running.callback(lambda: self.host.stop())
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()
        self.end_strays()

    @property
    def lake(self) -> Path:
        """The lake's folder."""
        return self.disk_folder / "lake"

    def stream(self, name: str) -> RunningStream:
        """Workers of all roles on this lake and state, with a status and a log of their own."""
        return RunningStream(
            self.settings,
            status_folder=self.disk_folder / "state" / f"status-{name}",
            log=self.disk_folder / "logs" / f"{name}.log",
        )

    def look_after(self) -> None:
        """Start the workers again where their supervisor has ended."""
        if self.host.running:
            return
        if self._restart_at is None:
            if self.host.stop() == _MISCONFIGURED:
                raise SceneError(f"the supervisor gave up: {self._log_end('host')}")
            self._restart_at = time.monotonic() + _RESTART_SECONDS
        elif time.monotonic() >= self._restart_at:
            # A full disk may refuse even that.
            with suppress(OSError):
                self.host = self.stream("host").start()
                self._restart_at = None
                self.supervisor_starts += 1

    def stop_host(self) -> None:
        """Stop the workers in order; SceneError if they cannot."""
        code = self.host.stop()
        if code != 0:
            raise SceneError(f"the stream ended with {code}: {self._log_end('host')}")

    def worker(self, role: str) -> psutil.Process | None:
        """A role's present process, if it lives."""
        supervisor = self.host.status().supervisor
        if supervisor is None or role not in supervisor.roles:
            return None
        return self._ours(supervisor.roles[role].pid)

    def supervisor(self) -> psutil.Process | None:
        """The supervisor's process, if it lives."""
        status = self.host.status().supervisor
        return self._ours(status.pid) if status and self.host.running else None

    def fork_server(self) -> psutil.Process | None:
        """The process that the workers are forked from, if it lives."""
        supervisor = self.supervisor()
        if supervisor is None:
            return None
        with suppress(psutil.Error):
            for child in supervisor.children():
                if any("forkserver" in word for word in child.cmdline()):
                    return child
        return None

    def processes(self) -> Iterator[psutil.Process]:
        """All processes of the workers, those of former supervisors among them."""
        others = {os.getpid()}
        if hasattr(self, "broker"):
            others.add(self.broker.pid)
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                marked = process.environ().get(VARIABLE) == self.clock.marker
                if marked and process.pid not in others:
                    yield process

    def settled(self) -> tuple[object, ...] | None:
        """Where all workers stand, if all have their partitions and nothing to read.

        A worker that has fetched nothing yet knows of no lag, and may be about to repeat what it
        had told: so Kafka is asked where its logs end. The embedded broker does not tell.
        """
        status = self.host.status()
        if not self.host.running or not status.ready:
            return None
        places = [place for role in status.roles.values() for place in role.partitions.values()]
        if any(place.lag for place in places):
            return None
        stands = {role: status.next_offsets(role) for role in sorted(status.roles)}
        if self._kind == "kafka":
            ends = self._log_ends()
            reached = [each for offsets in stands.values() for each in offsets.items()]
            if ends is None or any(offset < ends[place] for place, offset in reached):
                return None
        return tuple(sorted(offsets.items()) for offsets in stands.values())

    def _log_ends(self) -> dict[str, int] | None:
        """Of every partition; None where the broker does not say."""
        with suppress(BrokerUnavailableError):
            logs = broker_logs(self.settings.broker)
            if logs is not None:
                return {f"{log.topic}-{log.partition}": log.end_offset for log in logs}
        return None

    def describe(self) -> str:
        """How the workers say they are, for a failure's report."""
        status = self.host.status()
        lags = {role: status.lag(role) for role in status.roles}
        states = {role: each.state for role, each in status.roles.items()}
        return (
            f"states {states}, lags {lags}, waiting {status.waiting_for}: {self._log_end('host')}"
        )

    def keep_disk(self) -> None:
        """Copy what is on the disk to where it stays."""
        shutil.copytree(self.disk_folder, self.folder / "disk-kept", dirs_exist_ok=True)

    def end_strays(self) -> None:
        """End every process of the workers that is still there, frozen ones too."""
        for process in list(self.processes()):
            with suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)

    def _start_broker(self) -> None:
        self.broker: Any
        if self._kind == "kafka":
            from local_kafka import KafkaCluster

            cluster = self._running.enter_context(KafkaCluster(self.folder / "kafka"))
            (self.broker,) = cluster.nodes
            leads_to = cluster.settings()
        else:
            self.broker = self._running.enter_context(
                EmbeddedBroker(log=self.folder / "broker.log")
            )
            leads_to = BrokerSettings(bootstrap_servers=self.broker.bootstrap_servers)
        self.settings = StreamSettings(
            broker=msgspec.structs.replace(
                leads_to, partitions=PARTITIONS, session_timeout=Duration(SESSION_SECONDS)
            ),
            lake=LakeSettings(path=str(self.lake), roll_interval=Duration(1)),
            state=StateSettings(
                path=str(self.disk_folder / "state"), snapshot_interval=Duration(2)
            ),
        )
        apply_topics(self.settings.broker)

    def _ours(self, pid: int | None) -> psutil.Process | None:
        with suppress(psutil.Error):
            process = psutil.Process(pid) if pid else None
            if process and process.environ().get(VARIABLE) == self.clock.marker:
                return process
        return None

    def _log_end(self, name: str) -> str:
        path = self.disk_folder / "logs" / f"{name}.log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    def _drop_disk(self) -> None:
        self.end_strays()
        unmounted(self.disk_folder)
