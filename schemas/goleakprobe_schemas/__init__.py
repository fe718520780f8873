"""The contract of go-leak-probe: events, topics, codec and table schemas."""

from __future__ import annotations

from goleakprobe_schemas.assessments import (
    DualWindowFigures,
    GrowthFigures,
    SignatureAssessed,
    TargetAssessed,
)
from goleakprobe_schemas.codec import decode, encode
from goleakprobe_schemas.errors import (
    EventError,
    EventInvalidError,
    EventTooLargeError,
    IdentityError,
    SchemaError,
)
from goleakprobe_schemas.findings import Evidence, FindingState, Grade, LeakFound
from goleakprobe_schemas.headers import Headers, cloud_event_headers, dead_letter_headers
from goleakprobe_schemas.identity import DEFAULT_NAMESPACE, Service, Target, finding_key
from goleakprobe_schemas.runtimes import RuntimeSampled
from goleakprobe_schemas.snapshots import (
    ScrapeCost,
    SnapshotCollected,
    SnapshotGroup,
    SnapshotSource,
)
from goleakprobe_schemas.stacks import Frame, StackObserved
from goleakprobe_schemas.statistics import ModelScore, StatisticsComputed
from goleakprobe_schemas.topics import (
    ASSESSMENTS,
    FINDINGS,
    RUNTIMES,
    SNAPSHOTS,
    STACKS,
    STATISTICS,
    TOPICS,
    Event,
    Topic,
    topic_named,
)

__all__ = [
    "ASSESSMENTS",
    "DEFAULT_NAMESPACE",
    "FINDINGS",
    "RUNTIMES",
    "SNAPSHOTS",
    "STACKS",
    "STATISTICS",
    "TOPICS",
    "DualWindowFigures",
    "Event",
    "EventError",
    "EventInvalidError",
    "EventTooLargeError",
    "Evidence",
    "FindingState",
    "Frame",
    "Grade",
    "GrowthFigures",
    "Headers",
    "IdentityError",
    "LeakFound",
    "ModelScore",
    "RuntimeSampled",
    "SchemaError",
    "ScrapeCost",
    "Service",
    "SignatureAssessed",
    "SnapshotCollected",
    "SnapshotGroup",
    "SnapshotSource",
    "StackObserved",
    "StatisticsComputed",
    "Target",
    "TargetAssessed",
    "Topic",
    "cloud_event_headers",
    "dead_letter_headers",
    "decode",
    "encode",
    "finding_key",
    "topic_named",
]
