"""Which series to make: families, how many of each, and the seeds they are drawn from.

Families are held apart: those of the ``tune`` split may be looked at while rules and parameters
are chosen, those of ``report`` only when figures are taken. See "How far to trust it" in
``tests/benchmarks/detection/README.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from goleakprobe.simulate.goroutines import StackDraft
from goleakprobe.simulate.processes import TotalDraft
from goleakprobe.simulate.series import Clock
from goleakprobe.simulate.stacks import BENIGN_STACKS, LEAKING_STACKS
from goleakprobe.simulate.totals import BENIGN_TOTALS, LEAKING_TOTALS
from goleakprobe.simulate.unseen_stacks import UNSEEN_BENIGN_STACKS, UNSEEN_LEAKING_STACKS
from goleakprobe.simulate.unseen_totals import UNSEEN_BENIGN_TOTALS, UNSEEN_LEAKING_TOTALS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from goleakprobe.simulate.series import SimulatedSeries

__all__ = ["FAMILIES", "Kind", "Split", "families_of", "simulate"]

Kind = Literal["total", "stack"]
Split = Literal["tune", "report", "all"]

_STACKS = {**BENIGN_STACKS, **LEAKING_STACKS, **UNSEEN_BENIGN_STACKS, **UNSEEN_LEAKING_STACKS}
_TOTALS = {**BENIGN_TOTALS, **LEAKING_TOTALS, **UNSEEN_BENIGN_TOTALS, **UNSEEN_LEAKING_TOTALS}
_REPORTED: dict[Kind, frozenset[str]] = {
    "total": frozenset({*UNSEEN_BENIGN_TOTALS, *UNSEEN_LEAKING_TOTALS}),
    "stack": frozenset({*UNSEEN_BENIGN_STACKS, *UNSEEN_LEAKING_STACKS}),
}
FAMILIES: dict[Kind, dict[str, bool]] = {
    "total": {name: name in {**LEAKING_TOTALS, **UNSEEN_LEAKING_TOTALS} for name in _TOTALS},
    "stack": {name: name in {**LEAKING_STACKS, **UNSEEN_LEAKING_STACKS} for name in _STACKS},
}
"""All families and whether they leak."""

_BATCH = 250


def families_of(kind: Kind, split: Split) -> list[str]:
    """Names of the families of a split, benign ones first."""
    names = FAMILIES[kind]
    if split == "all":
        return list(names)
    reported = _REPORTED[kind]
    return [name for name in names if (name in reported) == (split == "report")]


def simulate(
    count: int,
    *,
    kind: Kind,
    split: Split = "all",
    seed: int = 0,
    hours: float = 4.0,
    step_seconds: float = 15.0,
    family: str | None = None,
) -> Iterator[SimulatedSeries]:
    """About ``count`` series in batches of one family: half benign, half leaking, alike otherwise.

    The same arguments give the same series. ValueError for an unknown family.
    """
    if family is not None and family not in FAMILIES[kind]:
        raise ValueError(
            f"{family!r} is no family of {kind}s; there are {', '.join(FAMILIES[kind])}"
        )
    clock = Clock(round(hours * 3600 / step_seconds), step_seconds)
    names = families_of(kind, split) if family is None else [family]
    for leaking in (False, True):
        group = [name for name in names if FAMILIES[kind][name] == leaking]
        for position, name in enumerate(group):
            share = count if family else count // 2
            left = share // len(group) + (position < share % len(group))
            index = list(FAMILIES[kind]).index(name)
            for batch in range(0, left, _BATCH):
                rng = np.random.default_rng([seed, kind == "stack", index, batch])
                yield _make(kind, name, min(_BATCH, left - batch), clock, rng)


def _make(
    kind: Kind, family: str, n: int, clock: Clock, rng: np.random.Generator
) -> SimulatedSeries:
    leaking = FAMILIES[kind][family]
    if kind == "total":
        total = TotalDraft(rng, clock, n)
        _TOTALS[family](total)
        return total.finish(family, leaking=leaking)
    stack = StackDraft(rng, clock, n)
    _STACKS[family](stack)
    return stack.finish(family, leaking=leaking)
