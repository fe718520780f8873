"""Everything the stream can refuse, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = [
    "AccessError",
    "BrokerMissingError",
    "BrokerStartError",
    "BrokerUnavailableError",
    "BrokerUnsupportedError",
    "CredentialsError",
    "DependencyError",
    "LandingConflictError",
    "LandingFileError",
    "LogGapError",
    "LogRewoundError",
    "PortTakenError",
    "RecordPoisonousError",
    "SnapshotDamagedError",
    "StoppingError",
    "StorageMissingError",
    "StreamError",
    "TopicsError",
    "UnsupportedStorageError",
    "WorkerFailedError",
]


class StreamError(Exception):
    """Base of all errors of the stream."""


class BrokerMissingError(StreamError):
    """The embedded broker is wanted and its binary is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "the embedded broker is not installed: install go-leak-probe[demo], "
            "or name a Kafka broker under broker.bootstrap_servers"
        )


class PortTakenError(StreamError):
    """The port that was asked for already has a listener."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"{host}:{port} is already in use: stop what listens there, or choose another port "
            "(0 takes a free one)"
        )


class BrokerStartError(StreamError):
    """The embedded broker ended before it answered."""

    def __init__(self, reason: str, log_tail: str) -> None:
        said = f"; it said: {log_tail}" if log_tail else ""
        super().__init__(f"the embedded broker did not start: {reason}{said}")


class BrokerUnavailableError(StreamError):
    """No broker answers at the configured address."""

    def __init__(self, servers: Sequence[str], reason: str) -> None:
        super().__init__(
            f"no Kafka broker answers at {', '.join(servers) or '(no address)'}: {reason}; "
            "check broker.bootstrap_servers, tls and sasl"
        )


class BrokerUnsupportedError(StreamError):
    """The broker is too old for what exactness rests on."""

    def __init__(self, api: str, newest: int, needed: int, since: str) -> None:
        super().__init__(
            f"the broker's {api} API ends at version {newest} and {needed} is needed: "
            f"use {since} or newer"
        )


class AccessError(StreamError):
    """A right that a part needs on the broker is not given."""

    def __init__(self, user: str, right: str, kind: str, names: Sequence[str]) -> None:
        who = user or "this client"
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        super().__init__(
            f"{who} lacks {right} on {kind} {names[0]}{more}: give it, for example by "
            "infra/kafka/acls.sh"
        )


class CredentialsError(StreamError):
    """A password, certificate or key file that cannot be used."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"cannot use {path}: {reason}")


class TopicsError(StreamError):
    """The broker's topics do not fit the contract."""


class LogGapError(StreamError):
    """Offsets are missing from what was fetched; they are never acknowledged across."""

    def __init__(self, topic: str, partition: int, expected: int, got: int) -> None:
        super().__init__(
            f"{topic}-{partition}: expected offset {expected} and got {got}; "
            "the worker restarts from where it is sure"
        )
        self.topic, self.partition, self.expected, self.got = topic, partition, expected, got


class LogRewoundError(StreamError):
    """The log answers with offsets from before where reading began: it is another log."""

    def __init__(self, topic: str, partition: int, floor: int, got: int) -> None:
        super().__init__(
            f"{topic}-{partition}: reading began at offset {floor} and the broker sent {got}; "
            "was the topic, or the whole broker, replaced?"
        )


class RecordPoisonousError(StreamError):
    """A stage failed over one record; the record is set aside when the worker starts again."""

    def __init__(self, origin: str, error: BaseException) -> None:
        super().__init__(f"{origin}: the stage failed: {type(error).__name__}: {error}")


class LandingConflictError(StreamError):
    """Another owner landed the same offsets first; this worker's view is stale."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} exists already: another worker landed these offsets")


class LandingFileError(StreamError):
    """A file of the lake that cannot be what we wrote."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")


class SnapshotDamagedError(StreamError):
    """A state snapshot whose header or checksum does not hold."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")


class DependencyError(StreamError):
    """Something outside (a disk, an object store, a receiver) fails for now; worth a retry."""

    def __init__(self, dependency: str, reason: str) -> None:
        super().__init__(f"{dependency} fails: {reason}")
        self.dependency = dependency


class UnsupportedStorageError(StreamError):
    """A storage address that no store here can write to safely."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")


class StorageMissingError(StreamError):
    """An object store is wanted and the package that speaks to it is not installed."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"{url}: object stores need one more package: install go-leak-probe[object-store]"
        )


class StoppingError(StreamError):
    """The worker is told to stop while it waits for something."""


class WorkerFailedError(StreamError):
    """The supervisor or a worker gave up or did not become ready."""
