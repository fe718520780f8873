"""Kafka's classes as Java would map them, kept beside the jars: a start in half the time.

Java's class data sharing (JEP 350). Made once, from a node that is started for nothing else. An
archive that does not fit the Java at hand is passed over by it in silence.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from local_kafka.jars import class_archive, kafka_jars, one_at_a_time
from local_kafka.node import KafkaNode
from local_kafka.properties import free_ports, random_id, server_properties

__all__ = ["ensure_class_archive"]

_START_SECONDS = 180.0
_POLL_SECONDS = 0.1
_STARTED = "Kafka Server started"


def ensure_class_archive() -> None:
    """Make the archive if there is none; JarsError, KafkaStartError if Kafka does not run."""
    kafka_jars()  # makes the cache's folder too
    archive = class_archive()
    if archive.exists():
        return
    with one_at_a_time(archive.with_suffix(".jsa-lock")):
        if not archive.exists():
            with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
                made = Path(folder) / "made.jsa"
                _run_once(Path(folder), made)
                # Java may have its reasons to make none; then every start takes its time.
                if made.exists():
                    made.rename(archive)


def _run_once(folder: Path, made: Path) -> None:
    ports = free_ports(1)
    options = (f"-XX:ArchiveClassesAtExit={made}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off")
    node = KafkaNode(1, ports[0], folder, heap_mb=256, java_options=options)
    node.format(random_id(), server_properties(1, ports, node.data, None), {})
    node.start()
    try:
        deadline = time.monotonic() + _START_SECONDS
        while _STARTED not in node.log_path.read_text(errors="replace"):
            if not node.running or time.monotonic() > deadline:
                raise node.start_error("it does not run on this machine")
            time.sleep(_POLL_SECONDS)
        node.stop()
    finally:
        node.kill()
