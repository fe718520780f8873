"""The contract of go-leak-probe: events, topics, codec and table schemas."""

from __future__ import annotations

from goleakprobe_schemas.assessments import (
    DualWindowFigures,
    GrowthFigures,
    LifecycleFigures,
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
from goleakprobe_schemas.lifecycles import (
    BlockedTraced,
    CreationTraced,
    CycleTraced,
    FlowTraced,
    LifecycleTraced,
    MoveTraced,
    WakerTraced,
)
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
    LIFECYCLES,
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
    "LIFECYCLES",
    "RUNTIMES",
    "SNAPSHOTS",
    "STACKS",
    "STATISTICS",
    "TOPICS",
    "BlockedTraced",
    "CreationTraced",
    "CycleTraced",
    "DualWindowFigures",
    "Event",
    "EventError",
    "EventInvalidError",
    "EventTooLargeError",
    "Evidence",
    "FindingState",
    "FlowTraced",
    "Frame",
    "Grade",
    "GrowthFigures",
    "Headers",
    "IdentityError",
    "LeakFound",
    "LifecycleFigures",
    "LifecycleTraced",
    "ModelScore",
    "MoveTraced",
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
    "WakerTraced",
    "cloud_event_headers",
    "dead_letter_headers",
    "decode",
    "encode",
    "finding_key",
    "topic_named",
]
