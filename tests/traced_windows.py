"""Trace windows as the collectors publish them, for tests of what reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents_streams import SECOND, T0
from goleakprobe_schemas import (
    BlockedTraced,
    Evidence,
    FlowTraced,
    Grade,
    LifecycleTraced,
    WakerTraced,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SITE = "a" * 32
GROWTH = Evidence(
    grade=Grade.GROWING,
    detector="trace_growth",
    summary="12 goroutines started in 1.0 s of trace are still in chan send",
    numbers={"still_blocked": 12.0},
)
WAKERS_GONE = Evidence(
    grade=Grade.STUCK,
    detector="trace_wakers_gone",
    summary="every goroutine that ever woke 4 of the 4 waiting here has ended",
    numbers={"waker_gone": 4.0},
)


def blocked(ids: Iterable[int], *, earlier: bool = True, way_out: str = "never") -> list[object]:
    return [BlockedTraced(goroutine=n, seconds=1.0, earlier=earlier, way_out=way_out) for n in ids]


def flow(
    ids: Sequence[object] = (), *, evidence: Sequence[Evidence] = (), **changes: object
) -> FlowTraced:
    """One flow of a signature; ``ids`` are what ``blocked`` makes."""
    fields: dict[str, object] = {
        "creation_site": "main.spawn main.go:5",
        "start": "main.work",
        "signature": SITE,
        "wait": "chan send",
        "blocking_site": "main.work main.go:9",
        "created": 14,
        "exited": 2,
        "net_thirds": (4, 4, 4),
        "net_per_second": 12.0,
        "open": len(ids),
        "open_earlier": sum(one.earlier for one in ids),  # type: ignore[attr-defined]
        "open_born": sum(not one.earlier for one in ids),  # type: ignore[attr-defined]
        "born_thirds": (4, 4, 4),
    }
    return FlowTraced(**{**fields, "blocked": tuple(ids), "evidence": tuple(evidence), **changes})  # type: ignore[arg-type]


def window(*flows: FlowTraced, at: float = 0.0, **changes: object) -> LifecycleTraced:
    """One window, ``at`` seconds after the tests' time began."""
    fields: dict[str, object] = {
        "id": f"window-{at}",
        "namespace": "default",
        "service": "checkout",
        "instance": "10.0.0.0:6060",
        "time_ns": T0 + round(at * SECOND),
        "window_seconds": 1.0,
        "total": 40,
        "process_start_ns": T0 - 3600 * SECOND,
        "flows": flows,
        "wakers": (
            WakerTraced(
                waker_site="main.serve main.go:30",
                waker_start="main.serve",
                wait="chan send",
                blocking_site="main.work main.go:9",
                count=7,
            ),
        ),
    }
    return LifecycleTraced(**{**fields, **changes})  # type: ignore[arg-type]


def leaking_window(second: int, *, rate: int = 12, **changes: object) -> LifecycleTraced:
    """A window of a process that leaks so many a second since its first one.

    What leaked before waits on; of the new ones ten are told.
    """
    before = second * rate
    older = flow(blocked(range(1, min(before, 20) + 1)), created=0, exited=0, creation_site="")
    older = _counted(older, open=before, open_earlier=before, open_born=0)
    new = flow(blocked(range(before + 1, before + 11), earlier=False), evidence=[GROWTH])
    new = _counted(new, open=rate, open_born=rate)
    flows = (new, older) if before else (new,)
    return window(*flows, at=second, **changes)


def _counted(one: FlowTraced, **counts: int) -> FlowTraced:
    import msgspec

    return msgspec.structs.replace(one, **counts)
