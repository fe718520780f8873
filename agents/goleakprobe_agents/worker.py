"""One worker process: one role of the stream, from start to stop.

``python -m goleakprobe_agents.worker --role land --settings FILE`` runs until SIGTERM or SIGINT
(exit 0 after everything taken is durable) or until anything goes wrong (exit 70: start it again).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import structlog
import uvloop

from goleakprobe_agents.admin import check_topics, log_ids
from goleakprobe_agents.app import build_app, end_process, read_from_shell
from goleakprobe_agents.broker import is_embedded
from goleakprobe_agents.errors import BrokerUnavailableError, StoppingError, StreamError
from goleakprobe_agents.heap import give_memory_back
from goleakprobe_agents.log_stream import lossy_stderr
from goleakprobe_agents.patience import Patience
from goleakprobe_agents.publisher import Publisher
from goleakprobe_agents.settings_file import read_settings
from goleakprobe_agents.status import (
    PartitionStatus,
    RoleStatus,
    default_status_folder,
    role_status_path,
    write_status,
)
from goleakprobe_agents.workers import ROLES, role_named
from goleakprobe_agents.workers.parts import Parts

if TYPE_CHECKING:
    from goleakprobe_agents.settings import StreamSettings
    from goleakprobe_agents.shell import Place, Shell

__all__ = ["EXIT_CONFIG", "EXIT_UNAVAILABLE", "Worker", "main"]

EXIT_CONFIG = 78
"""EX_CONFIG of sysexits.h: starting again will not help."""

EXIT_UNAVAILABLE = 75
"""EX_TEMPFAIL of sysexits.h: start me again later."""

_TICK_SECONDS = 0.25
_STATUS_SECONDS = 0.5
_TIDY_SECONDS = 60.0
_FLUSH_SECONDS = 15.0
_STOP_SECONDS = 8.0
_GC_THRESHOLDS = (50_000, 20, 50)

_log = structlog.get_logger(__name__)


class Worker:
    """A role's shell, its Faust application and the tasks around them."""

    def __init__(self, settings: StreamSettings, role: str, status_folder: Path) -> None:
        self._settings = settings
        self._path = role_status_path(status_folder, role)
        self._status = RoleStatus(role=role, pid=os.getpid(), started_ns=time.time_ns())
        self._stopping = asyncio.Event()
        self._patience = Patience()
        self._publisher = Publisher(settings.broker)
        self._app = build_app(settings, role)
        ids = log_ids(settings.broker)
        # Tansu 0.6 keeps a leader that leaves while its group is forming, as it is for seconds
        # after another member came or went, as the leader for ever: nobody is given anything then.
        # A member that only falls silent it forgets after the session.
        self._leaves_group = not is_embedded(settings.broker)
        parts = Parts(settings, self._publisher, ids, self._acknowledge, self._patience)
        module = role_named(role)
        self._shell: Shell = module.build_shell(parts)
        read_from_shell(self._app, self._shell)
        module.declare_agent(self._app, self._shell, parts)
        self._app.on_rebalance_complete.connect(self._on_rebalance)

    async def run(self) -> None:
        """Work until told to stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        async with asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(self._tell_on())
            ticking = tasks.create_task(self._tick_on())
            tidying = tasks.create_task(self._tidy_on())
            starting = tasks.create_task(self._start())
            await self._stopping.wait()
            tidying.cancel()
            await self._stop(starting, ticking)
            telling.cancel()
        self._tell("stopped")

    async def _start(self) -> None:
        await self._app.start()
        self._status.assigned_ns = time.time_ns()
        self._status.state = "assigned"
        _log.info("worker_assigned", role=self._status.role)

    async def _stop(self, starting: asyncio.Task[None], ticking: asyncio.Task[None]) -> None:
        self._status.state = "stopping"
        self._patience.stop()
        try:
            async with asyncio.timeout(_FLUSH_SECONDS):
                # A tick that is broken off leaves threads behind: flushing would write the very
                # file that one of them writes.
                await ticking
                await self._shell.flush()
        except (StoppingError, TimeoutError) as error:
            reason = str(error) or f"it took more than {_FLUSH_SECONDS:.0f} s"
            _log.warning("stopped_before_all_was_durable", role=self._status.role, reason=reason)
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await self._app.consumer.commit()
                if self._leaves_group:
                    await self._app.stop()
                await self._publisher.close()
        starting.cancel()

    async def _tick_on(self) -> None:
        while not await self._told_to_stop_within(_TICK_SECONDS):
            if self._app.crashed or self._app.should_stop:
                end_process("Faust stopped", self._app.crash_reason or RuntimeError("no reason"))
            try:
                await self._shell.tick()
            except StoppingError:
                return
            except Exception as error:
                end_process("a due task failed", error)

    async def _told_to_stop_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        return self._stopping.is_set()

    async def _tidy_on(self) -> None:
        while True:
            await asyncio.sleep(_TIDY_SECONDS)
            await asyncio.to_thread(give_memory_back)

    async def _tell_on(self) -> None:
        while True:
            self._tell(self._status.state)
            await asyncio.sleep(_STATUS_SECONDS)

    def _tell(self, state: str) -> None:
        status = self._status
        status.state = state
        status.beat += 1
        status.updated_ns = time.time_ns()
        status.waiting_for = self._patience.waiting_for
        status.counts = {kind: dict(of) for kind, of in self._shell.counts.by_kind.items()}
        saved = self._shell.saved()
        status.partitions = {
            f"{place.topic}-{place.partition}": PartitionStatus(
                next_offset=offset,
                log_end=self._log_end(place),
                state_bytes=saved[place].size_bytes if place in saved else None,
                state_seconds=saved[place].seconds if place in saved else None,
            )
            for place, offset in self._shell.progress().items()
        }
        if not status.first_event_ns and any(status.counts.get("events", {}).values()):
            status.first_event_ns = status.updated_ns
        try:
            write_status(self._path, status)
        except OSError:
            # A full disk must not end a worker that waits for that disk: a touch needs no room,
            # and tells the watchdog that it lives.
            with suppress(OSError):
                os.utime(self._path)

    def _log_end(self, place: Place) -> int | None:
        end = self._app.consumer.log_ends.get(place)
        return int(end) if end is not None else None

    async def _on_rebalance(self, *_: Any, **__: Any) -> None:
        self._status.rebalances += 1

    def _acknowledge(self, place: Place, next_offset: int) -> None:
        self._app.consumer.note_durable(place, next_offset)


def main(arguments: list[str] | None = None) -> int:
    """Run one role; the exit code of a failure. A stop in order ends the process."""
    parser = argparse.ArgumentParser(
        prog="python -m goleakprobe_agents.worker", description=__doc__
    )
    parser.add_argument("--role", choices=ROLES, required=True)
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--status", type=Path, default=None, metavar="FOLDER")
    given = parser.parse_args(arguments)
    configure_logging(given.role)
    try:
        settings = read_settings(given.settings)
        check_topics(settings.broker)
        status = given.status or default_status_folder(settings.state.path)
        uvloop.run(_run(settings, given.role, status))
    except BrokerUnavailableError as error:
        _log.error("broker_unavailable", error=str(error))
        return EXIT_UNAVAILABLE
    except StreamError as error:
        _log.error("worker_cannot_start", error=str(error))
        return EXIT_CONFIG
    except BaseException as error:
        end_process("worker failed", error)


def _spare_collections() -> None:
    """Let the garbage collector look seldom: a batch allocates tens of thousands of objects.

    What was imported lives as long as the process, and what events leave behind holds no circles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


async def _run(settings: StreamSettings, role: str, status_folder: Path) -> NoReturn:
    _spare_collections()
    worker = Worker(settings, role, status_folder)
    try:
        await worker.run()
    except BaseException as error:
        # Leaving the loop in order would wait for tasks of Faust's that nobody ends.
        end_process("worker failed", error)
    # All is durable that could be made so. A thread may still wait for a broker that is away, for
    # a quarter of an hour, and leaving in order would wait for the thread.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def configure_logging(role: str) -> None:
    """Facts as JSON lines on stderr; libraries only when they warn."""
    stream = lossy_stderr()
    logging.basicConfig(stream=stream, level=logging.WARNING, format=f"{role} %(name)s %(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(stream),
    )
    structlog.contextvars.bind_contextvars(role=role)


if __name__ == "__main__":
    sys.exit(main())
