"""Starts one worker process per role, and starts it again when it ends or stands still.

``python -m goleakprobe_agents.supervisor --settings FILE`` runs until SIGTERM or SIGINT, which it
passes on; workers then make durable what they took. Workers are forked from one server process
that has imported everything once: a restart costs no second of imports. They end with the
supervisor, however it ends.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import msgspec
import structlog

from goleakprobe_agents.access import check_role_access
from goleakprobe_agents.admin import apply_topics, check_topics
from goleakprobe_agents.app import EXIT_CRASHED
from goleakprobe_agents.errors import BrokerUnavailableError, StreamError
from goleakprobe_agents.liveness import Liveness
from goleakprobe_agents.metrics import serving_metrics
from goleakprobe_agents.settings_file import read_settings
from goleakprobe_agents.status import (
    RoleStatus,
    SupervisedRole,
    SupervisorStatus,
    default_status_folder,
    role_status_path,
    supervisor_status_path,
    write_status,
)
from goleakprobe_agents.watchdog import SILENCE_SECONDS, RestartDelay, Watchdog
from goleakprobe_agents.worker import EXIT_CONFIG, configure_logging
from goleakprobe_agents.workers import ROLES, wanted_roles

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.context import ForkServerProcess

    from goleakprobe_agents.settings import StreamSettings

__all__ = ["Supervisor", "main"]

# The exit codes of the command line: usage or configuration, could not measure.
_USAGE = 2
_NOT_MEASURED = 3

_LOOK_SECONDS = 0.5
_STOP_SECONDS = 30.0

_log = structlog.get_logger(__name__)


class _Child:
    """One role and its present process."""

    def __init__(
        self, role: str, settings_path: Path, status_folder: Path, silence_seconds: float
    ) -> None:
        self.role = role
        self._silence_seconds = silence_seconds
        self.told = SupervisedRole()
        self.has_worked = False
        self._arguments = ["--role", role, "--settings", str(settings_path)]
        self._arguments += ["--status", str(status_folder)]
        self._status_path = role_status_path(status_folder, role)
        # Of a life before this one.
        self._status_path.unlink(missing_ok=True)
        self._process: ForkServerProcess | None = None
        self._watchdog = self._new_watchdog()
        self._delay = RestartDelay()
        self._started = 0.0
        self.start_at = 0.0

    @property
    def sentinel(self) -> int | None:
        """What becomes ready when the process ends."""
        return self._process.sentinel if self._process is not None else None

    def start(self) -> None:
        """Fork a new process for the role."""
        context = multiprocessing.get_context("forkserver")
        self._process = context.Process(target=_work, args=(self._arguments,), name=self.role)
        self._process.start()
        self._started = time.monotonic()
        self._watchdog = self._new_watchdog()
        self.told.pid = self._process.pid

    def look(self) -> str | None:
        """Take notice of an end, and end what stands still; the news, if any."""
        if self._process is None:
            return None
        if self._process.exitcode is not None:
            return self._bury(self._process.exitcode)
        reason = self._watchdog.judge(self._status(), time.monotonic(), self._touched_ns())
        if reason is not None:
            self.told.last_exit = reason
            _log.error("worker_stands_still", role=self.role, pid=self.told.pid, reason=reason)
            self.kill()
        return None

    def send(self, number: signal.Signals) -> None:
        """Signal the process if it lives."""
        if self._process is not None and self._process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    def kill(self) -> None:
        """End the process for certain."""
        self.send(signal.SIGKILL)

    def _new_watchdog(self) -> Watchdog:
        return Watchdog(time.monotonic(), silence_seconds=self._silence_seconds)

    def _status(self) -> RoleStatus | None:
        with suppress(OSError, msgspec.DecodeError):
            status = msgspec.json.decode(self._status_path.read_bytes(), type=RoleStatus)
            if status.pid == self.told.pid:
                return status
        return None

    def _touched_ns(self) -> int:
        with suppress(OSError):
            return self._status_path.stat().st_mtime_ns
        return 0

    def _bury(self, code: int) -> str:
        assert self._process is not None
        last = self._status()
        if last is not None:
            self.has_worked = self.has_worked or last.assigned_ns > 0
            for kind, of in last.counts.items():
                total = Counter(self.told.counts.get(kind, {}))
                total.update(of)
                self.told.counts[kind] = dict(total)
        lived = time.monotonic() - self._started
        self.start_at = time.monotonic() + self._delay.after(lived)
        self._process.join()
        self._process.close()
        self._process = None
        self.told.pid = None
        return f"exit {code}" if code >= 0 else signal.Signals(-code).name


class Supervisor:
    """The supervisor of one set of roles."""

    def __init__(
        self,
        settings_path: Path,
        status_folder: Path,
        roles: Sequence[str],
        *,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self._path = supervisor_status_path(status_folder)
        self._status = SupervisorStatus(pid=os.getpid())
        self._children = [
            _Child(role, settings_path, status_folder, silence_seconds) for role in roles
        ]
        self._status.roles = {child.role: child.told for child in self._children}
        self._exit_code = 0
        self._wake_reader, self._wake_writer = os.pipe()
        self._stopping = False

    def run(self) -> int:
        """Supervise until told to stop; the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        for child in self._children:
            child.start()
        self._tell("running")
        while not self._stopping:
            self._wait(_LOOK_SECONDS)
            self._look_after_all()
            self._tell("running")
        self._stop()
        return self._exit_code

    def _on_signal(self, *_: object) -> None:
        self._stopping = True
        os.write(self._wake_writer, b"!")

    def _look_after_all(self) -> None:
        for child in self._children:
            news = child.look()
            if news is not None:
                self._take_news(child, news)
            due = child.sentinel is None and time.monotonic() >= child.start_at
            if due and not self._stopping:
                child.told.restarts += 1
                child.start()

    def _take_news(self, child: _Child, news: str) -> None:
        child.told.last_exit = news
        _log.warning("worker_ended", role=child.role, how=news)
        if news == f"exit {EXIT_CONFIG}" and not child.has_worked:
            # It would end the same way for ever; its log says what to change. One that has worked
            # with these settings meets a broker that is not itself yet, and is started again.
            self._status.reason = f"the {child.role} worker cannot start with these settings"
            self._exit_code = _USAGE
            self._stopping = True

    def _wait(self, seconds: float) -> None:
        sentinels = [child.sentinel for child in self._children if child.sentinel is not None]
        due = [c.start_at - time.monotonic() for c in self._children if c.sentinel is None]
        wait([*sentinels, self._wake_reader], timeout=max(0.0, min([seconds, *due])))

    def _stop(self) -> None:
        self._tell("stopping")
        for child in self._children:
            child.send(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while living := [child for child in self._children if child.sentinel is not None]:
            left = deadline - time.monotonic()
            if left <= 0:
                _log.error("workers_killed", roles=[child.role for child in living])
                for child in living:
                    child.kill()
            wait([child.sentinel for child in living if child.sentinel], timeout=max(0.1, left))
            for child in living:
                news = child.look()
                if news is not None:
                    child.told.last_exit = news
        self._tell("stopped")

    def _tell(self, state: str) -> None:
        self._status.state = state
        self._status.beat += 1
        with suppress(OSError):
            write_status(self._path, self._status)


def _work(arguments: list[str]) -> None:
    """What a forked worker runs."""
    Thread(target=_end_with_supervisor, name="lifeline", daemon=True).start()
    from goleakprobe_agents.worker import main as work

    code = work(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _end_with_supervisor() -> None:
    # A worker's parent is the fork server, which lives for as long as any worker does; the
    # supervisor is known by a pipe that closes when it ends. A thread notices even when the
    # event loop does not turn.
    supervisor = multiprocessing.parent_process()
    assert supervisor is not None
    wait([supervisor.sentinel])
    os._exit(EXIT_CRASHED)


def main(arguments: list[str] | None = None) -> int:
    """Supervise; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m goleakprobe_agents.supervisor")
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--role", choices=[*ROLES, "all"], default="all")
    parser.add_argument("--status", type=Path, default=None, metavar="FOLDER")
    parser.add_argument("--create-topics", action="store_true")
    parser.add_argument("--silence-seconds", type=float, default=SILENCE_SECONDS)
    parser.add_argument("--metrics-port", type=int, default=None)
    given = parser.parse_args(arguments)
    configure_logging("supervisor")
    try:
        settings = read_settings(given.settings)
        return _supervise(settings, given)
    except BrokerUnavailableError as error:
        _log.error("broker_unavailable", error=str(error))
        return _NOT_MEASURED
    except StreamError as error:
        _log.error("supervisor_cannot_start", error=str(error))
        return _USAGE


def _supervise(settings: StreamSettings, given: argparse.Namespace) -> int:
    roles = wanted_roles(settings) if given.role == "all" else (given.role,)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([f"goleakprobe_agents.workers.{role}" for role in roles])
    from multiprocessing import forkserver

    # Imports begin while the topics are looked at.
    forkserver.ensure_running()
    if given.create_topics:
        apply_topics(settings.broker)
    else:
        check_topics(settings.broker)
    check_role_access(settings.broker, roles)
    folder = given.status or default_status_folder(settings.state.path)
    liveness = Liveness(folder, silence_seconds=given.silence_seconds)
    with serving_metrics(folder, given.metrics_port, liveness):
        supervisor = Supervisor(
            given.settings, folder, roles, silence_seconds=given.silence_seconds
        )
        return supervisor.run()


if __name__ == "__main__":
    sys.exit(main())
