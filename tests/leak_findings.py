"""Findings for tests of what is made of findings."""

from __future__ import annotations

from typing import Any

import msgspec

from goleakprobe_schemas import Evidence, FindingState, Grade, LeakFound

SECOND_NS = 1_000_000_000
NOON_NS = 1_790_000_000 * SECOND_NS
SIGNATURE = "0123456789abcdef" * 2


def a_finding(**changes: Any) -> LeakFound:
    """A growing leak of the service ``checkout`` that fired at noon."""
    return msgspec.structs.replace(_FINDING, **changes)


_FINDING = LeakFound(
    id="goroutine.target.assessed.v1-3-41/growing",
    namespace="shop",
    service="checkout",
    signature=SIGNATURE,
    state=FindingState.FIRING,
    grade=Grade.GROWING,
    evidence=(
        Evidence(
            grade=Grade.GROWING,
            detector="rising_floor",
            summary="the floor rose from 12 to 1,204 in 55 minutes",
            numbers={"floor": 1204.0},
        ),
    ),
    time_ns=NOON_NS,
    first_seen_ns=NOON_NS - 3600 * SECOND_NS,
    fired_ns=NOON_NS,
    count=1204,
    growth_per_hour=1300.0,
    growth_per_hour_low=1250.5,
    growth_per_hour_high=1349.5,
    oldest_seconds=3300.0,
    wait="chan send",
    blocking_site="shop/hub.(*Hub).Publish /src/shop/hub/hub.go:42",
    creation_site="shop/hub.Open /src/shop/hub/hub.go:17",
    instances=("10.0.0.7:6060", "10.0.0.8:6060"),
    instances_affected=2,
    instances_total=3,
    builds=("v1.4.2",),
    clears_when="the floor stays level for 30 minutes",
)
