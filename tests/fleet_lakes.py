"""A lake of a small fleet over three hours, landed from events as the agents publish them."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

import msgspec

from goleakprobe_schemas import (
    ASSESSMENTS,
    FINDINGS,
    SNAPSHOTS,
    STACKS,
    Evidence,
    FindingState,
    Frame,
    Grade,
    GrowthFigures,
    LeakFound,
    SignatureAssessed,
    SnapshotCollected,
    SnapshotGroup,
    SnapshotSource,
    StackObserved,
    TargetAssessed,
)
from lake_rows import land_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SECOND_NS = 1_000_000_000
AS_OF_NS = 1_790_013_600 * SECOND_NS
"""2026-09-21 18:00 UTC, the time of the last scrape."""
HOURS = 3
SCRAPE_SECONDS = 120
SCRAPES = HOURS * 3600 // SCRAPE_SECONDS + 1
"""Of each instance."""

SEND, WAIT, BODY, OLD = ("a1" * 16, "b2" * 16, "c3" * 16, "d4" * 16)


class Leak(msgspec.Struct, frozen=True, kw_only=True):
    """One leaking stack of a service."""

    signature: str
    grade: Grade
    wait: str
    blocking_site: str
    creation_site: str
    per_hour: float
    onset_hours: float
    detector: str
    summary: str


LEAKS = {
    "checkout": Leak(
        signature=SEND,
        grade=Grade.PROVEN,
        wait="chan send",
        blocking_site="example.com/shop/checkout.(*till).total.func1 /src/shop/checkout/till.go:88",
        creation_site="example.com/shop/checkout.(*till).total /src/shop/checkout/till.go:84",
        per_hour=620,
        onset_hours=0.6,
        detector="leak_profile",
        summary="the runtime's leak profile lists 1,488 goroutines here that nothing can wake, "
        "in 14 samples of this process",
    ),
    "shipping": Leak(
        signature=BODY,
        grade=Grade.GROWING,
        wait="select",
        blocking_site="net/http.(*persistConn).readLoop /go/src/net/http/transport.go:2398",
        creation_site="net/http.(*Transport).dialConn /go/src/net/http/transport.go:1944",
        per_hour=140,
        onset_hours=1.2,
        detector="rising_floor",
        summary="the lowest count rises by 140 an hour (131 to 149), 252 now",
    ),
    "payments": Leak(
        signature=WAIT,
        grade=Grade.STUCK,
        wait="sync.WaitGroup.Wait",
        blocking_site="example.com/shop/payments.(*bank).settle /src/shop/payments/bank.go:131",
        creation_site="example.com/shop/payments.(*bank).serve /src/shop/payments/bank.go:57",
        per_hour=4,
        onset_hours=0.2,
        detector="survival",
        summary="11 goroutines seen by id have waited in sync.WaitGroup.Wait for 140 minutes "
        "by our own clock",
    ),
}
HEALTHY = ("catalog", "search")


def land_fleet(root: Path, *, instances: int = 3, rename: Callable[[str], str] = str) -> None:
    """Write the whole fleet; ``rename`` changes every name a target could have chosen."""
    chance = random.Random(7)
    snapshots: list[SnapshotCollected] = []
    assessments: list[TargetAssessed] = []
    for service in [*LEAKS, *HEALTHY]:
        for number in range(instances):
            for snapshot in _scrapes(service, number, chance, rename):
                snapshots.append(snapshot)
                assessments.append(_assessment(snapshot, LEAKS.get(service), len(snapshots)))
    land_events(root, SNAPSHOTS, snapshots)
    land_events(root, ASSESSMENTS, assessments)
    land_events(root, FINDINGS, list(_findings(instances, rename)))
    land_events(root, STACKS, list(_stacks(rename)))


def _scrapes(
    service: str, number: int, chance: random.Random, rename: Callable[[str], str]
) -> Iterator[SnapshotCollected]:
    leak = LEAKS.get(service)
    start_ns = AS_OF_NS - HOURS * 3600 * SECOND_NS
    for second in range(0, HOURS * 3600 + 1, SCRAPE_SECONDS):
        hours = second / 3600
        idle = 40 + round(12 * math.sin(second / 900 + number) + chance.uniform(-4, 4))
        groups = [SnapshotGroup(signature="e5" * 16, count=idle, wait="IO wait")]
        if leak is not None and hours > leak.onset_hours:
            share = (1.3, 1.0, 0.7)[number % 3] / 3
            leaked = round(leak.per_hour * share * (hours - leak.onset_hours)) + chance.randrange(3)
            # Two label sets of one signature, as a profile with labels has them.
            groups += [
                SnapshotGroup(
                    signature=leak.signature,
                    count=part,
                    wait=leak.wait,
                    blocking_site=rename(leak.blocking_site),
                    labels_digest=digest,
                )
                for digest, part in (("x", leaked // 2), ("y", leaked - leaked // 2))
                if part
            ]
        yield SnapshotCollected(
            id=f"{service}-{number}-{second}",
            namespace=rename("shop"),
            service=rename(service),
            instance=rename(f"10.0.{number}.17:6060"),
            time_ns=start_ns + second * SECOND_NS,
            source=SnapshotSource.DEBUG0,
            total=sum(group.count for group in groups),
            groups=tuple(groups),
            go_version="go1.26.1",
        )


def _assessment(snapshot: SnapshotCollected, leak: Leak | None, offset: int) -> TargetAssessed:
    of_leak = [g.count for g in snapshot.groups if leak and g.signature == leak.signature]
    signatures: tuple[SignatureAssessed, ...] = ()
    if leak is not None and of_leak:
        growth = GrowthFigures(
            score=9.0, threshold=4.0, alarm=True, floor=float(max(0, sum(of_leak) - 12))
        )
        signatures = (
            SignatureAssessed(
                signature=leak.signature,
                count=sum(of_leak),
                first_seen_ns=snapshot.time_ns,
                growth=growth,
            ),
        )
    return TargetAssessed(
        id=f"assessed-{offset}",
        origin_topic=SNAPSHOTS.name,
        origin_partition=0,
        origin_offset=offset,
        namespace=snapshot.namespace,
        service=snapshot.service,
        instance=snapshot.instance,
        time_ns=snapshot.time_ns,
        source=snapshot.source,
        total=snapshot.total,
        signatures=signatures,
    )


def _stacks(rename: Callable[[str], str]) -> Iterator[StackObserved]:
    for leak in LEAKS.values():
        function, _, location = leak.blocking_site.partition(" ")
        file, _, line = location.rpartition(":")
        yield StackObserved(
            signature=leak.signature,
            frames=(
                Frame(rename("runtime.gopark"), rename("/go/src/runtime/proc.go"), 462),
                Frame(rename(function), rename(file), int(line)),
            ),
            first_seen_ns=AS_OF_NS - HOURS * 3600 * SECOND_NS,
        )


def _findings(instances: int, rename: Callable[[str], str]) -> Iterator[LeakFound]:
    for service, leak in LEAKS.items():
        onset_ns = AS_OF_NS - round((HOURS - leak.onset_hours) * 3600) * SECOND_NS
        for minutes_ago in (60, 30, 1):
            hours = HOURS - leak.onset_hours - minutes_ago / 60
            yield LeakFound(
                id=f"finding-{service}-{minutes_ago}",
                namespace=rename("shop"),
                service=rename(service),
                signature=leak.signature,
                state=FindingState.FIRING,
                grade=leak.grade,
                evidence=_evidence(leak, rename),
                time_ns=AS_OF_NS - minutes_ago * 60 * SECOND_NS,
                first_seen_ns=onset_ns,
                fired_ns=onset_ns + 600 * SECOND_NS,
                onset_ns=onset_ns + 120 * SECOND_NS,
                count=round(leak.per_hour * hours),
                growth_per_hour=leak.per_hour,
                growth_per_hour_low=leak.per_hour * 0.94,
                growth_per_hour_high=leak.per_hour * 1.06,
                oldest_seconds=hours * 3600,
                wait=leak.wait,
                blocking_site=rename(leak.blocking_site),
                creation_site=rename(leak.creation_site),
                instances=tuple(rename(f"10.0.{number}.17:6060") for number in range(instances)),
                instances_affected=instances,
                instances_total=instances,
                builds=(rename("v1.4.2"), rename("v1.4.3")),
                go_versions=("go1.26.1",),
                clears_when=rename("no instance shows evidence for 10 minutes"),
            )
    yield _resolved(rename)


def _evidence(leak: Leak, rename: Callable[[str], str]) -> tuple[Evidence, ...]:
    first = Evidence(
        grade=leak.grade,
        detector=leak.detector,
        summary=rename(leak.summary),
        numbers={"score": 9.25, "threshold": 4.0},
    )
    second = Evidence(
        grade=Grade.ANOMALOUS,
        detector="adwin",
        summary="the service's total is unusual for it",
        numbers={},
    )
    return (first, second)


def _resolved(rename: Callable[[str], str], **changes: Any) -> LeakFound:
    """An old leak of ``search`` that was mended two hours ago."""
    mended_ns = AS_OF_NS - 2 * 3600 * SECOND_NS
    return LeakFound(
        id="finding-search",
        namespace=rename("shop"),
        service=rename("search"),
        signature=OLD,
        state=FindingState.RESOLVED,
        grade=Grade.GROWING,
        evidence=(),
        time_ns=mended_ns,
        first_seen_ns=mended_ns - 86_400 * SECOND_NS,
        fired_ns=mended_ns - 80_000 * SECOND_NS,
        resolved_ns=mended_ns,
        wait="chan receive",
        blocking_site=rename("example.com/shop/search.scan /src/shop/search/scan.go:31"),
    )
