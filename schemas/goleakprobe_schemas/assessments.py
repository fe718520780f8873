"""``goroutine.target.assessed.v1``: what the first stage made of one scrape or trace.

The second stage needs every instance of a service in one place; this event carries each
target's evidence there, keyed by service, and only the signatures worth a second look.
"""

from __future__ import annotations

import msgspec

from goleakprobe_schemas.bounds import Count, Name, Offset, Partition, Seconds, Share, Text, TimeNs
from goleakprobe_schemas.findings import Evidence
from goleakprobe_schemas.snapshots import SnapshotSource

__all__ = [
    "DualWindowFigures",
    "GrowthFigures",
    "LifecycleFigures",
    "SignatureAssessed",
    "TargetAssessed",
]


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
    onset_ns: TimeNs | None = None
    """When the rise began."""
    scale_seconds: float = 0.0
    """Bucket length of the time scale that shows it best."""
    fast: bool = False
    """Whether it is too new for the floors to have seen it rise for long."""


class LifecycleFigures(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What the traces of one process say about one signature."""

    windows: Count = 0
    """Traces in a row whose evidence here agrees; what the first one accused must still be there
    in the next."""
    window_seconds: Seconds = 0.0
    """Of all traces of this process together; likewise ``created`` and ``exited``."""
    created: Count = 0
    """By the creation sites whose goroutines wait here."""
    exited: Count = 0
    born: Count = 0
    """Created within the latest trace and still blocked at its end."""
    no_way_out: Count = 0
    """Blocked at its end, and whoever woke them has exited or cannot run."""
    same_ids: Count = 0
    """Goroutine ids that this trace and the one before it show blocked here."""
    per_hour: float | None = None
    """Growth of the blocked ones from the trace before to the latest."""
    evidence: tuple[Evidence, ...] = ()
    """Strongest grade first; empty where the latest trace has none."""


class SignatureAssessed(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One signature of one target, over its label sets."""

    signature: Name
    count: Count
    wait: Text = ""
    state: Text = "waiting"
    blocking_site: Text = ""
    creation_site: Text = ""
    first_seen_ns: TimeNs
    oldest_seconds: Seconds = 0.0
    """Age of the longest-lived goroutines by our own clock: a lower bound."""
    aged: Count | None = None
    """How many are certainly older than ten minutes."""
    dual_window: DualWindowFigures | None = None
    growth: GrowthFigures | None = None
    leaked: Count = 0
    """Count in the runtime's latest leak profile."""
    leaked_samples: Count = 0
    """Leak profiles of this process that listed it."""
    same_ids: Count = 0
    """Goroutine ids seen again at the same place."""
    turnover: Share = 0.0
    """Which share of those that one dump with ids showed here had ended at the next."""
    lifecycle: LifecycleFigures | None = None
    """Only from execution traces, whose counts are of blocked goroutines alone."""


class TargetAssessed(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The assessment of one scrape or trace.

    ``id`` and ``origin_*`` name the message it was computed from; replaying that message
    gives the same assessment, so a consumer drops any origin it has already passed.
    """

    id: Name
    origin_topic: Name
    origin_partition: Partition
    origin_offset: Offset
    namespace: Name
    service: Name
    instance: Name
    time_ns: TimeNs
    source: SnapshotSource
    total: Count
    process_start_ns: TimeNs | None = None
    build_id: Text = ""
    go_version: Text = ""
    restarted: bool = False
    dual_window: DualWindowFigures | None = None
    growth: GrowthFigures | None = None
    signatures: tuple[SignatureAssessed, ...] = ()
