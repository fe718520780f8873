"""Series of snapshots as records, for tests of the stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from goleakprobe_agents.stage import Record
from goleakprobe_schemas import SNAPSHOTS, SnapshotCollected, SnapshotGroup, SnapshotSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SECOND = 1_000_000_000
T0 = 1_800_000_000 * SECOND

LEAK = "1" * 32
POOL = "2" * 32


def snapshot(
    counts: Mapping[str, int],
    *,
    at: float,
    service: str = "checkout",
    instance: str = "10.0.0.1:6060",
    source: SnapshotSource = SnapshotSource.DEBUG0,
    start_ns: int | None = T0 - SECOND,
    build: str = "b1",
    wait: str = "chan send",
    ids: Mapping[str, tuple[int, ...]] | None = None,
) -> SnapshotCollected:
    """One scrape ``at`` seconds after the beginning of time."""
    time_ns = T0 + int(at * SECOND)
    return SnapshotCollected(
        id=f"{service}/{instance}@{time_ns}/{source}",
        namespace="default",
        service=service,
        instance=instance,
        time_ns=time_ns,
        source=source,
        total=sum(counts.values()),
        groups=tuple(
            SnapshotGroup(
                signature=name,
                count=count,
                wait=wait,
                blocking_site=f"main.f{name[0]} main.go:{name[0]}",
                goroutine_ids=(ids or {}).get(name, ()),
            )
            for name, count in counts.items()
        ),
        process_start_ns=start_ns,
        build_id=build,
        go_version="go1.27.3",
    )


def records(events: Iterable[SnapshotCollected], *, first_offset: int = 0) -> list[Record]:
    """Events as they would stand in one partition of their topic."""
    return [Record(SNAPSHOTS.name, 0, first_offset + n, event) for n, event in enumerate(events)]
