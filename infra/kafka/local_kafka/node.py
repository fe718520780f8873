"""One Kafka process: format, start, and everything that can befall it."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from goleakprobe_agents.lifeline import dying_with_parent
from local_kafka.errors import KafkaStartError
from local_kafka.jars import class_archive, java, kafka_jars
from local_kafka.properties import MECHANISM, written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local_kafka.properties import Ports

__all__ = ["KafkaNode", "java_command"]

_LOG_SETTINGS = Path(__file__).parents[1] / "log4j2.properties"
_STOP_SECONDS = 60.0
_FORMAT_SECONDS = 180.0
_LOG_TAIL_CHARS = 2000


def java_command(
    main: str, *arguments: str, heap_mb: int = 256, options: Sequence[str] = ()
) -> list[str]:
    """The command that runs a main class of Kafka's jars."""
    # A short life on few cores: the plain collector, and no second compiler.
    options = [*options, f"-Xmx{heap_mb}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    if class_archive().exists():
        options.append(f"-XX:SharedArchiveFile={class_archive()}")
    options += ["-XX:+ExitOnOutOfMemoryError", "-XX:-UsePerfData", "-Djava.awt.headless=true"]
    options += [f"-Dlog4j2.configurationFile={_LOG_SETTINGS.as_uri()}"]
    return [java(), *options, "-cp", f"{kafka_jars()}/*", main, *arguments]


class KafkaNode:
    """A node of a cluster, combined broker and controller; its folder keeps data and log.

    Its process ends with this one, even if this one is killed, provided the thread that starts it
    lives on.
    """

    def __init__(
        self,
        number: int,
        ports: Ports,
        folder: Path,
        *,
        heap_mb: int,
        java_options: Sequence[str] = (),
    ) -> None:
        self.number = number
        self.ports = ports
        self.data = folder / "data"
        self.log_path = folder / "node.log"
        self._settings = folder / "server.properties"
        self._heap_mb = heap_mb
        self._java_options = java_options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id; RuntimeError before it was started."""
        if self._process is None:
            raise RuntimeError(f"Kafka node {self.number} was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives (a paused one does)."""
        return self._process is not None and self._process.poll() is None

    def format(
        self, cluster_id: str, properties: Mapping[str, str], passwords: Mapping[str, str]
    ) -> None:
        """Write settings and an empty store that knows the users; KafkaStartError."""
        self._settings.parent.mkdir(parents=True, exist_ok=True)
        self._settings.write_text(written(properties))
        arguments = ["format", "--cluster-id", cluster_id, "--config", str(self._settings)]
        for user, password in passwords.items():
            arguments += ["--add-scram", f"{MECHANISM}=[name={user},password={password}]"]
        command = java_command("kafka.tools.StorageTool", *arguments)
        with self.log_path.open("ab") as log:
            done = subprocess.run(  # noqa: S603 - our own jars, arguments are ours
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=_FORMAT_SECONDS,
                check=False,
            )
        if done.returncode != 0:
            raise self.start_error("its store could not be formatted")

    def start(self) -> None:
        """Start the process, on the same ports and data as before; returns at once."""
        if self.running:
            return
        # A killed node leaves the libraries behind that it unpacks; so they go to its own folder.
        command = java_command(
            "kafka.Kafka",
            str(self._settings),
            heap_mb=self._heap_mb,
            options=[*self._java_options, f"-Djava.io.tmpdir={self._settings.parent}"],
        )
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own jars, arguments are ours
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=dying_with_parent(),  # noqa: PLW1509 - async-signal-safe calls only
                start_new_session=True,
            )

    def stop(self) -> None:
        """End it in order: it hands its leaderships over, if anybody is left to take them."""
        if self._process is None:
            return
        self.resume()
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once, as a loss of power would end the process."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def pause(self) -> None:
        """Let it hang: connections stay open and nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after a pause."""
        self._signal(signal.SIGCONT)

    def log_tail(self) -> str:
        """The end of its log."""
        if not self.log_path.exists():
            return ""
        return self.log_path.read_text(errors="replace")[-_LOG_TAIL_CHARS:]

    def start_error(self, reason: str) -> KafkaStartError:
        """An error that shows the end of the log."""
        return KafkaStartError(f"node {self.number}: {reason}", self.log_path, self.log_tail())

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self.running:
            self._process.send_signal(number)
