"""Settings of the stream, as they stand in the configuration file.

Every secret is named by a file, never written here, so settings may be logged and passed on.
A misspelt key is an error (``forbid_unknown_fields``), never ignored.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

__all__ = [
    "AlertingSettings",
    "AlertmanagerSettings",
    "BrokerSettings",
    "DetectionSettings",
    "Duration",
    "LakeSettings",
    "SaslSettings",
    "Size",
    "StateSettings",
    "StreamSettings",
    "TlsSettings",
    "decode_setting",
    "encode_setting",
]

_DURATION = re.compile(
    r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?"
)
_DURATION_UNITS = (31_536_000.0, 604_800.0, 86_400.0, 3600.0, 60.0, 1.0, 0.001)
_SIZE = re.compile(r"(\d+)\s*(B|KB|MB|GB|KiB|MiB|GiB)?")
_SIZE_UNITS = {
    None: 1,
    "B": 1,
    "KB": 1024,
    "MB": 1024**2,
    "GB": 1024**3,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
}


class Duration(float):
    """Seconds, written as Prometheus writes them: ``15s``, ``1m30s``, ``500ms``."""

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read Prometheus' notation; ValueError for anything else."""
        match = _DURATION.fullmatch(text)
        if not text or match is None:
            raise ValueError(f"{text!r} is not a duration such as 15s, 1m30s or 500ms")
        pairs = zip(match.groups(), _DURATION_UNITS, strict=True)
        return cls(sum(int(count) * unit for count, unit in pairs if count))


class Size(int):
    """Bytes, written as Prometheus writes them: ``64MB`` (powers of 1024)."""

    @classmethod
    def parse(cls, text: str) -> Size:
        """Read Prometheus' notation; ValueError for anything else."""
        match = _SIZE.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a size such as 64MB")
        return cls(int(match[1]) * _SIZE_UNITS[match[2]])


def decode_setting(kind: type, value: Any) -> Any:
    """Decode hook for msgspec: the two types above."""
    if kind in (Duration, Size):
        if isinstance(value, str):
            return kind.parse(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
            return kind(value)
        raise ValueError(f"{value!r} is not a {kind.__name__.lower()}")
    raise NotImplementedError(f"no decoder for {kind}")


def encode_setting(value: Any) -> float | int:
    """Encode hook for msgspec: the two types above as plain numbers, which are read again."""
    if isinstance(value, Duration):
        return float(value)
    if isinstance(value, Size):
        return int(value)
    raise NotImplementedError(f"no encoder for {type(value).__name__}")


class TlsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TLS towards the broker or a receiver, in Prometheus' words."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    server_name: str | None = None
    insecure_skip_verify: bool = False


class SaslSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """SASL towards the broker."""

    mechanism: str = "SCRAM-SHA-512"
    username: str
    password_file: str


class BrokerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Kafka-protocol broker; without bootstrap servers an embedded one is started."""

    bootstrap_servers: tuple[str, ...] = ()
    tls: TlsSettings | None = None
    sasl: SaslSettings | None = None
    group_prefix: str = "goleakprobe"
    partitions: int = 8
    replication_factor: int = 1
    session_timeout: Duration = Duration(10)


class LakeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where rows land and how files are cut."""

    path: str = "lake"
    roll_interval: Duration = Duration(60)
    """How long rows may wait for a file. Findings and alerts do not wait for files."""
    roll_rows: int = 50_000
    """A file is cut earlier once it has so many."""


class StateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where detector state is kept; the next owner of a partition must be able to read it."""

    path: str = "state"
    snapshot_interval: Duration = Duration(30)


class DetectionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The detectors' parameters."""

    short_window: Duration = Duration(30)
    long_window: Duration = Duration(600)
    alpha: float = 2.5
    beta: float = 1.2
    model: str = "adwin"
    """The online model of a service."""
    max_signatures_per_target: int = 2000
    """More than this of one target share a catch-all signature."""


class AlertmanagerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One Alertmanager."""

    url: str
    timeout: Duration = Duration(10)
    bearer_token_file: str | None = None
    tls: TlsSettings | None = None


class AlertingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is told about findings."""

    alertmanagers: tuple[AlertmanagerSettings, ...] = ()
    resend_interval: Duration = Duration(60)
    external_labels: dict[str, str] = {}
    report_url: str | None = None


class StreamSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that a worker needs."""

    broker: BrokerSettings = BrokerSettings()
    lake: LakeSettings = LakeSettings()
    state: StateSettings = StateSettings()
    detection: DetectionSettings = DetectionSettings()
    alerting: AlertingSettings = AlertingSettings()
