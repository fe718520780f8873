"""The topics: names, event types, retention and size limits."""

from __future__ import annotations

import msgspec

from goleakprobe_schemas.assessments import TargetAssessed
from goleakprobe_schemas.findings import LeakFound
from goleakprobe_schemas.lifecycles import LifecycleTraced
from goleakprobe_schemas.runtimes import RuntimeSampled
from goleakprobe_schemas.snapshots import SnapshotCollected
from goleakprobe_schemas.stacks import StackObserved
from goleakprobe_schemas.statistics import StatisticsComputed

__all__ = [
    "ASSESSMENTS",
    "DEAD_LETTER_SUFFIX",
    "FINDINGS",
    "LIFECYCLES",
    "RUNTIMES",
    "SNAPSHOTS",
    "STACKS",
    "STATISTICS",
    "TOPICS",
    "Event",
    "Topic",
    "topic_named",
]

Event = (
    SnapshotCollected
    | StackObserved
    | RuntimeSampled
    | LifecycleTraced
    | TargetAssessed
    | StatisticsComputed
    | LeakFound
)

DEAD_LETTER_SUFFIX = ".dlq"

_DAY_MS = 24 * 3600 * 1000
_MIB = 1024 * 1024


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One topic of the contract."""

    name: str
    event: type[msgspec.Struct]
    table: str
    """The lake table its events land in."""
    key: str
    """What the message key is made of."""
    cleanup: str = "delete"
    retention_ms: int = 3 * _DAY_MS
    message_limit_bytes: int = _MIB
    """A larger value is refused by the codec, on both sides."""

    @property
    def dead_letter(self) -> str:
        """Where messages go that are no events."""
        return self.name + DEAD_LETTER_SUFFIX


SNAPSHOTS = Topic(
    name="goroutine.snapshot.collected.v1",
    event=SnapshotCollected,
    table="snapshots",
    key="namespace/service/instance",
    message_limit_bytes=8 * _MIB,
)
STACKS = Topic(
    name="goroutine.stack.observed.v1",
    event=StackObserved,
    table="stacks",
    key="signature",
    cleanup="compact",
)
RUNTIMES = Topic(
    name="goroutine.runtime.sampled.v1",
    event=RuntimeSampled,
    table="runtime",
    key="namespace/service/instance",
)
LIFECYCLES = Topic(
    name="goroutine.lifecycle.traced.v1",
    event=LifecycleTraced,
    table="lifecycles",
    key="namespace/service/instance",
    message_limit_bytes=2 * _MIB,
)
ASSESSMENTS = Topic(
    name="goroutine.target.assessed.v1",
    event=TargetAssessed,
    table="assessments",
    key="namespace/service",
    message_limit_bytes=8 * _MIB,
)
STATISTICS = Topic(
    name="goroutine.statistics.computed.v1",
    event=StatisticsComputed,
    table="statistics",
    key="namespace/service",
)
FINDINGS = Topic(
    name="goroutine.leak.found.v1",
    event=LeakFound,
    table="findings",
    key="namespace/service/signature",
    cleanup="compact",
)

TOPICS = (SNAPSHOTS, STACKS, RUNTIMES, LIFECYCLES, ASSESSMENTS, STATISTICS, FINDINGS)

_BY_NAME = {topic.name: topic for topic in TOPICS}


def topic_named(name: str) -> Topic:
    """Look a topic up; KeyError for a name outside the contract."""
    return _BY_NAME[name]
