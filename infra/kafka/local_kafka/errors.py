"""What can go wrong before a local Kafka answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "CertificatesError",
    "JarsError",
    "JavaMissingError",
    "KafkaStartError",
    "LocalKafkaError",
]


class LocalKafkaError(Exception):
    """The base of all of them."""


class JavaMissingError(LocalKafkaError):
    """No Java runtime."""

    def __init__(self) -> None:
        super().__init__(
            "Apache Kafka needs Java 17 or newer: apt-get install openjdk-17-jre-headless"
        )


class JarsError(LocalKafkaError):
    """Kafka's jars are not in the cache and could not be fetched."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"cannot fetch Apache Kafka's jars: {reason}")


class CertificatesError(LocalKafkaError):
    """The openssl program is missing or refused."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"cannot make certificates: {reason}")


class KafkaStartError(LocalKafkaError):
    """A node did not come up."""

    def __init__(self, reason: str, log: Path, tail: str) -> None:
        super().__init__(f"Kafka did not start: {reason}; log {log} ends with:\n{tail}")
        self.tail = tail
