"""What stands in a local node's server.properties."""

from __future__ import annotations

import base64
import random
import socket
import uuid
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from local_kafka.certificates import NODE_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from local_kafka.certificates import Certificates

__all__ = [
    "ADMIN",
    "HOST",
    "MECHANISM",
    "Ports",
    "Security",
    "free_ports",
    "random_id",
    "server_properties",
    "written",
]

HOST = "127.0.0.1"
ADMIN = "admin"
"""The user that no ACL binds."""
MECHANISM = "SCRAM-SHA-512"

Security = Literal["plaintext", "sasl_ssl"]


@dataclass(frozen=True)
class Ports:
    """Where a node listens: for clients, for other brokers, for other controllers."""

    client: int
    internal: int
    controller: int


def server_properties(
    node: int, ports: Sequence[Ports], data: Path, certificates: Certificates | None
) -> dict[str, str]:
    """Node ``node`` (from 1) of as many as there are ports; with certificates, a secured one.

    Secured: clients log in by SCRAM over TLS and may do what ACLs say; nodes know one another by
    certificate.
    """
    own = ports[node - 1]
    replicas = str(min(3, len(ports)))
    in_sync = str(min(2, len(ports)))
    voters = ",".join(f"{n}@{HOST}:{each.controller}" for n, each in enumerate(ports, 1))
    properties = {
        "process.roles": "broker,controller",
        "node.id": str(node),
        "controller.quorum.voters": voters,
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "INTERNAL",
        "listeners": f"{_addresses(own)},CONTROLLER://{HOST}:{own.controller}",
        "advertised.listeners": _addresses(own),
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
    }
    return properties | _SMALL | _security(certificates)


def written(properties: Mapping[str, str]) -> str:
    """The text of a properties file."""
    return "".join(f"{key}={value}\n" for key, value in properties.items())


# Below the ports that Linux gives to outgoing connections: a port of a node that is down is then
# taken by nobody, and a client that knocks at it cannot be connected to itself.
_PORTS = range(15_000, 32_000)


def random_id() -> str:
    """A cluster id as Kafka writes them; one that no command takes for an option."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()).startswith("-"):
        pass
    return text.rstrip("=")


def free_ports(nodes: int) -> list[Ports]:
    """Three ports each for some nodes, free a moment ago."""
    found: list[int] = []
    for port in random.sample(_PORTS, k=len(_PORTS)):
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind((HOST, port))
            found.append(port)
        if len(found) == 3 * nodes:
            break
    return [Ports(*found[3 * n : 3 * n + 3]) for n in range(nodes)]


# A node for one machine and few clients: starts sooner, needs less memory.
_SMALL = {
    "num.network.threads": "2",
    "num.io.threads": "4",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "2",
    "share.coordinator.state.topic.num.partitions": "2",
    # Production waits 3 s for more members before a new group's first assignment.
    "group.initial.rebalance.delay.ms": "0",
    # Its default takes a third of the small heap.
    "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
    # Retention goes by the messages' own times; examples and tests publish events of years ago,
    # which would be deleted while they are read. Nothing here lives long enough to need it.
    "log.initial.task.delay.ms": str(24 * 3600 * 1000),
    "log.retention.check.interval.ms": str(24 * 3600 * 1000),
    # Index files are allocated at full size, two for each of some hundred partitions.
    "log.index.size.max.bytes": str(1024 * 1024),
}


def _addresses(own: Ports) -> str:
    return f"CLIENT://{HOST}:{own.client},INTERNAL://{HOST}:{own.internal}"


def _security(certificates: Certificates | None) -> dict[str, str]:
    protocols = "listener.security.protocol.map"
    if certificates is None:
        return {protocols: "CLIENT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"}
    login = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    return {
        protocols: "CLIENT:SASL_SSL,INTERNAL:SSL,CONTROLLER:SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(certificates.node),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(certificates.ca),
        "listener.name.internal.ssl.client.auth": "required",
        "listener.name.controller.ssl.client.auth": "required",
        "listener.name.client.sasl.enabled.mechanisms": MECHANISM,
        f"listener.name.client.{MECHANISM.lower()}.sasl.jaas.config": login,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:CN={NODE_NAME};User:{ADMIN}",
    }
