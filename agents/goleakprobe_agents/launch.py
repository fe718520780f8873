"""The stream as a child process: start it, wait for it, watch it, stop it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from goleakprobe_agents.errors import WorkerFailedError
from goleakprobe_agents.lifeline import dying_with_parent
from goleakprobe_agents.settings_file import write_settings
from goleakprobe_agents.status import (
    WorkerStatus,
    default_status_folder,
    read_status,
    supervisor_status_path,
)
from goleakprobe_agents.watchdog import SILENCE_SECONDS

if TYPE_CHECKING:
    from types import TracebackType
    from typing import IO

    from goleakprobe_agents.settings import StreamSettings

__all__ = ["RunningStream"]

_READY_SECONDS = 120.0
_STOP_SECONDS = 40.0
_POLL_SECONDS = 0.1
_LOG_TAIL_CHARS = 2000


class RunningStream:
    """A supervisor and its workers under these settings.

    A context manager, plain or asynchronous; leaving it stops the workers gracefully: what they
    took is durable then. They also stop, gracefully, when this process ends in any way. Start it
    from a thread that lives as long as the stream should.

    >>> async with RunningStream(settings, create_topics=True) as stream:  # doctest: +SKIP
    ...     await stream.ready()
    ...     print(stream.status().events)
    """

    def __init__(
        self,
        settings: StreamSettings,
        *,
        role: str = "all",
        create_topics: bool = False,
        metrics_port: int | None = None,
        log: Path | None = None,
        status_folder: Path | None = None,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self.settings = settings
        self.status_folder = status_folder or default_status_folder(settings.state.path)
        self._arguments = ["--role", role, "--status", str(self.status_folder)]
        self._arguments += ["--silence-seconds", str(silence_seconds)]
        if create_topics:
            self._arguments.append("--create-topics")
        if metrics_port is not None:
            self._arguments += ["--metrics-port", str(metrics_port)]
        self._log_path = log
        self._log: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start the supervisor; returns at once."""
        state = Path(self.settings.state.path)
        state.mkdir(parents=True, exist_ok=True)
        supervisor_status_path(self.status_folder).unlink(missing_ok=True)
        settings_path = state / "settings.json"
        write_settings(settings_path, self.settings)
        self._log = _open_log(self._log_path)
        command = [sys.executable, "-m", "goleakprobe_agents.supervisor"]
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, arguments are ours
            [*command, "--settings", str(settings_path), *self._arguments],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env=_environment(),
            preexec_fn=dying_with_parent(signal.SIGTERM),  # noqa: PLW1509
            # Ctrl-C in a terminal reaches the caller alone, which then stops the stream in order.
            start_new_session=True,
        )
        return self

    @property
    def running(self) -> bool:
        """Whether the supervisor lives."""
        return self._process is not None and self._process.poll() is None

    def status(self) -> WorkerStatus:
        """What the workers last said; cheap enough for a live view."""
        return read_status(self.status_folder)

    def log_tail(self) -> str:
        """The last lines of the workers' log, for messages."""
        if self._log is None:
            return ""
        self._log.seek(0, 2)
        self._log.seek(max(0, self._log.tell() - _LOG_TAIL_CHARS))
        return self._log.read().decode("utf-8", "replace")

    def is_ready(self) -> bool:
        """Whether every role has its partitions; WorkerFailedError if the stream has ended."""
        if not self.running:
            raise WorkerFailedError(f"the stream ended: {self.log_tail()}")
        return self.status().ready

    def wait_ready(self, seconds: float = _READY_SECONDS) -> None:
        """Wait until every role has its partitions; WorkerFailedError."""
        deadline = time.monotonic() + seconds
        while not self.is_ready():
            if time.monotonic() > deadline:
                raise WorkerFailedError(f"not ready after {seconds:.0f} s: {self.log_tail()}")
            time.sleep(_POLL_SECONDS)

    async def ready(self, seconds: float = _READY_SECONDS) -> None:
        """The same without blocking the event loop."""
        try:
            async with asyncio.timeout(seconds):
                while not self.is_ready():  # noqa: ASYNC110 - another process tells by a file
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError as error:
            raise WorkerFailedError(
                f"not ready after {seconds:.0f} s: {self.log_tail()}"
            ) from error

    def stop(self) -> int | None:
        """Stop gracefully, after half a minute by force; the supervisor's exit code."""
        if self._process is None:
            return None
        if self.running:
            self._process.terminate()
        try:
            code = self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if self._log is not None:
            self._log.close()
            self._log = None
        return code

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.stop)


def _open_log(path: Path | None) -> IO[bytes]:
    if path is None:
        return tempfile.TemporaryFile()
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("ab+")


def _environment() -> dict[str, str]:
    # A caller may have found our packages by a path of its own (tests do).
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
