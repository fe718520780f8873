"""Starts a local cluster and keeps it until Ctrl-C; prints what to put in the configuration."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from goleakprobe_agents.admin import apply_topics
from goleakprobe_agents.errors import StreamError
from goleakprobe_agents.settings import encode_setting
from local_kafka.class_archive import ensure_class_archive
from local_kafka.cluster import KafkaCluster
from local_kafka.errors import LocalKafkaError
from local_kafka.jars import kafka_jars

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m local_kafka",
        description="Apache Kafka on this machine, without containers, for trying out.",
        epilog="example: python -m local_kafka --nodes 3 --security sasl_ssl --folder /tmp/kafka",
    )
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1)
    parser.add_argument("--security", choices=("plaintext", "sasl_ssl"), default="plaintext")
    parser.add_argument(
        "--folder", type=Path, help="for logs, keys and passwords (default: a new one in /tmp)"
    )
    parser.add_argument("--heap-mb", type=int, default=384, help="Java heap of each node")
    parser.add_argument(
        "--prepare", action="store_true", help="only fetch what is needed, then end"
    )
    given = parser.parse_args(arguments)
    try:
        return _prepare() if given.prepare else _run(given)
    except (LocalKafkaError, StreamError) as error:
        print(error, file=sys.stderr)
        return 3


def _prepare() -> int:
    print(f"Kafka's jars are in {kafka_jars()}")
    ensure_class_archive()
    return 0


def _run(given: argparse.Namespace) -> int:
    folder = given.folder or Path(tempfile.mkdtemp(prefix="goleakprobe-kafka-"))
    # SIGTERM ends it in order too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(f"starting {given.nodes} node(s); logs in {folder}", file=sys.stderr)
    try:
        with KafkaCluster(
            folder.resolve(), given.nodes, security=given.security, heap_mb=given.heap_mb
        ) as cluster:
            apply_topics(cluster.settings())
            broker = msgspec.to_builtins(cluster.settings(), enc_hook=encode_setting)
            print(msgspec.yaml.encode({"broker": broker}).decode(), flush=True)
            print("data ends with this process; Ctrl-C stops it", file=sys.stderr)
            signal.pause()
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
