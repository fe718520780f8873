"""A cluster of local nodes, its users, and what is asked of it as a whole."""

from __future__ import annotations

import secrets
import shutil
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

from goleakprobe_agents.connection import client_options
from goleakprobe_agents.settings import BrokerSettings, SaslSettings, TlsSettings
from local_kafka.certificates import make_certificates
from local_kafka.class_archive import ensure_class_archive
from local_kafka.errors import KafkaStartError
from local_kafka.node import KafkaNode
from local_kafka.properties import (
    ADMIN,
    HOST,
    MECHANISM,
    free_ports,
    random_id,
    server_properties,
    written,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from local_kafka.certificates import Certificates
    from local_kafka.properties import Security

__all__ = ["KafkaCluster"]

_START_SECONDS = 180.0
_POLL_SECONDS = 0.1
_ANSWER_MS = 5_000
_HEAP_MB = 384
_ATTEMPTS = 3
_TAKEN = "Address already in use"


class KafkaCluster:
    """One Kafka node or several in a folder of their own; a context manager.

    Entering returns once all nodes answer. Leaving ends them and removes their data; logs stay.
    ``security="sasl_ssl"`` makes users, ``admin`` among them, who log in by SCRAM over TLS; all
    but ``admin`` may do what ACLs allow, at first nothing.
    """

    def __init__(
        self,
        folder: Path,
        nodes: int = 1,
        *,
        security: Security = "plaintext",
        users: Sequence[str] = (),
        heap_mb: int = _HEAP_MB,
    ) -> None:
        self.folder = folder
        self.nodes: list[KafkaNode] = []
        self._count = nodes
        self._heap_mb = heap_mb
        self._secure = security == "sasl_ssl"
        names = [ADMIN, *users] if self._secure else []
        self._passwords = {name: secrets.token_urlsafe(18) for name in names}
        self._certificates: Certificates | None = None

    @property
    def bootstrap_servers(self) -> tuple[str, ...]:
        """What to put under ``broker.bootstrap_servers``."""
        return tuple(f"{HOST}:{node.ports.client}" for node in self.nodes)

    @property
    def pid(self) -> int:
        """The first node's process id."""
        return self.nodes[0].pid

    def settings(self, user: str = ADMIN) -> BrokerSettings:
        """Settings that lead here, with the user's credentials where there are users."""
        plain = BrokerSettings(
            bootstrap_servers=self.bootstrap_servers, replication_factor=min(3, self._count)
        )
        if self._certificates is None:
            return plain
        password = self.folder / f"{user}.password"
        return BrokerSettings(
            bootstrap_servers=plain.bootstrap_servers,
            replication_factor=plain.replication_factor,
            tls=TlsSettings(ca_file=str(self._certificates.ca)),
            sasl=SaslSettings(mechanism=MECHANISM, username=user, password_file=str(password)),
        )

    def write_client_properties(self, user: str = ADMIN) -> Path:
        """The same for Kafka's own commands (``--command-config``): a properties file."""
        path = self.folder / f"{user}.properties"
        path.touch(mode=0o600)
        if self._certificates is None:
            path.write_text("security.protocol=PLAINTEXT\n")
            return path
        login = "org.apache.kafka.common.security.scram.ScramLoginModule required"
        password = self._passwords[user]
        properties = {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": MECHANISM,
            "sasl.jaas.config": f'{login} username="{user}" password="{password}";',
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self._certificates.ca),
        }
        path.write_text(written(properties))
        return path

    def start(self) -> Self:
        """Format and start all nodes, and wait until they answer; KafkaStartError."""
        ensure_class_archive()
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._secure and self._certificates is None:
            self._certificates = make_certificates(self.folder / "tls")
            self._write_passwords()
        for attempt in range(_ATTEMPTS):
            try:
                self._launch()
                return self
            except KafkaStartError as error:
                self.stop()
                if _TAKEN not in error.tail or attempt == _ATTEMPTS - 1:
                    raise
            except BaseException:
                self.stop()
                raise
        raise AssertionError("unreachable")

    def stop(self) -> None:
        """End all nodes and remove their data; logs and settings stay in the folder."""
        # Without ceremony: the last nodes of a cluster find no quorum to sign off from.
        for node in self.nodes:
            node.kill()
        for node in self.nodes:
            shutil.rmtree(node.data, ignore_errors=True)

    def wait_ready(self, seconds: float = _START_SECONDS) -> None:
        """Wait until every node that runs serves clients; KafkaStartError."""
        wanted = {node.number for node in self.nodes if node.running}
        self._wait(
            lambda admin: wanted <= {b["broker_id"] for b in admin.describe_cluster()["brokers"]},
            "no answer",
            seconds,
        )

    def wait_in_sync(self, seconds: float = _START_SECONDS) -> None:
        """Wait until every replica of every partition is in sync; KafkaStartError."""
        self._wait(_all_in_sync, "replicas are not in sync", seconds)

    def leader(self, topic: str, partition: int, seconds: float = _START_SECONDS) -> KafkaNode:
        """The running node that leads a partition, once there is one; KafkaStartError."""
        found: list[KafkaNode] = []

        def is_led(admin: Any) -> bool:
            (described,) = admin.describe_topics([topic])
            leaders = {p["partition_index"]: p["leader_id"] for p in described["partitions"]}
            led_by = leaders.get(partition)
            found.extend(n for n in self.nodes if n.number == led_by and n.running)
            return bool(found)

        self._wait(is_led, f"nobody leads {topic}/{partition}", seconds)
        return found[0]

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
        cluster_id = random_id()
        ports = free_ports(self._count)
        self.nodes = [
            KafkaNode(number, each, self.folder / f"node-{number}", heap_mb=self._heap_mb)
            for number, each in enumerate(ports, 1)
        ]

        def format_node(node: KafkaNode) -> None:
            shutil.rmtree(node.data, ignore_errors=True)
            properties = server_properties(node.number, ports, node.data, self._certificates)
            node.format(cluster_id, properties, self._passwords)

        with ThreadPoolExecutor(self._count) as pool:
            list(pool.map(format_node, self.nodes))
        for node in self.nodes:
            node.start()
        self.wait_ready()

    def _write_passwords(self) -> None:
        for name, password in self._passwords.items():
            path = self.folder / f"{name}.password"
            path.touch(mode=0o600)
            path.write_text(password)

    def _wait(self, condition: Callable[[Any], bool], lacking: str, seconds: float) -> None:
        from kafka.errors import KafkaError

        deadline = time.monotonic() + seconds
        expected = [node for node in self.nodes if node.running]
        while True:
            for node in expected:
                if not node.running:
                    raise node.start_error("its process ended")
            with suppress(KafkaError, OSError), self._admin() as admin:
                if condition(admin):
                    return
            if time.monotonic() > deadline:
                raise expected[0].start_error(f"{lacking} after {seconds:.0f} s")
            time.sleep(_POLL_SECONDS)

    @contextmanager
    def _admin(self) -> Iterator[Any]:
        from kafka.admin import KafkaAdminClient

        options = client_options(self.settings())
        # A port that is bound answers nothing before its node has joined the cluster.
        for node in self.nodes:
            if node.running:
                socket.create_connection((HOST, node.ports.client), timeout=1).close()
        admin = KafkaAdminClient(**options, bootstrap_timeout_ms=_ANSWER_MS)
        try:
            yield admin
        finally:
            admin.close()


def _all_in_sync(admin: Any) -> bool:
    topics = admin.describe_topics()
    return all(
        not topic["error_code"]
        and all(len(p["isr_nodes"]) == len(p["replica_nodes"]) for p in topic["partitions"])
        for topic in topics
    )
