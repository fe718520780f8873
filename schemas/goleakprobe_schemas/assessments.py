"""``goroutine.target.assessed.v1``: what the first stage made of one scrape.

The second stage needs every instance of a service in one place; this event carries each
target's evidence there, keyed by service, and only the signatures worth a second look.
"""

from __future__ import annotations

import msgspec

from goleakprobe_schemas.snapshots import SnapshotSource

__all__ = ["DualWindowFigures", "GrowthFigures", "SignatureAssessed", "TargetAssessed"]


class DualWindowFigures(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The numbers behind one verdict of the dual-window threshold; None before they exist."""

    value: float
    short_mean: float | None = None
    long_mean: float | None = None
    long_deviation: float | None = None
    """Population deviation (ddof 0)."""
    threshold: float | None = None
    z: float | None = None
    alarm: bool = False


class GrowthFigures(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The numbers behind one verdict of the rising floor."""

    score: float
    threshold: float
    alarm: bool = False
    per_hour: float = 0.0
    per_hour_low: float = 0.0
    per_hour_high: float = 0.0
    """Interval of the slope, about 95 %."""
    floor: float = 0.0
    """Lowest count over the latest bucket."""
    onset_ns: int | None = None
    """When the rise began."""
    scale_seconds: float = 0.0
    """Bucket length of the time scale that shows it best."""


class SignatureAssessed(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One signature of one target, over its label sets."""

    signature: str
    count: int
    wait: str = ""
    state: str = "waiting"
    blocking_site: str = ""
    creation_site: str = ""
    first_seen_ns: int
    oldest_seconds: float = 0.0
    """Age of the longest-lived goroutines by our own clock: a lower bound."""
    aged: int | None = None
    """How many are certainly older than ten minutes."""
    dual_window: DualWindowFigures | None = None
    growth: GrowthFigures | None = None
    leaked: int = 0
    """Count in the runtime's latest leak profile."""
    leaked_samples: int = 0
    """Leak profiles of this process that listed it."""
    same_ids: int = 0
    """Goroutine ids seen again at the same place."""


class TargetAssessed(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The assessment of one scrape.

    ``id`` and ``origin_*`` name the snapshot message it was computed from; replaying that message
    gives the same assessment, so a consumer drops any origin it has already passed.
    """

    id: str
    origin_topic: str
    origin_partition: int
    origin_offset: int
    namespace: str
    service: str
    instance: str
    time_ns: int
    source: SnapshotSource
    total: int
    process_start_ns: int | None = None
    build_id: str = ""
    go_version: str = ""
    restarted: bool = False
    dual_window: DualWindowFigures | None = None
    growth: GrowthFigures | None = None
    signatures: tuple[SignatureAssessed, ...] = ()
