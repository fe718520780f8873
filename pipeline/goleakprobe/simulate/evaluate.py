"""Run detectors over simulated series and put the figures side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from goleakprobe.simulate.contestants import contestant
from goleakprobe.simulate.outcomes import (
    Figures,
    Outcome,
    judged,
    outcome,
    summarise,
)
from goleakprobe.simulate.recipe import simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from goleakprobe.simulate.recipe import Kind, Split

__all__ = ["CLAIMED", "Claim", "Evaluation", "evaluate", "markdown"]

_STATIC_ALARM_SHARE = 0.187
"""A static limit is set so that this share of benign series alarms: the rate claimed for it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Figures claimed for a detector over 100,000 simulations of an unstated generator."""

    name: str
    false_positive_rate: float
    false_negative_rate: float
    area_under_curve: float

    @property
    def possible(self) -> bool:
        """Whether one curve can have both the point and the area.

        A monotone curve through (FPR, TPR) has an area of at least TPR * (1 - FPR), and at most
        1 - FPR * (1 - TPR).
        """
        hit, clean = 1 - self.false_negative_rate, 1 - self.false_positive_rate
        return hit * clean <= self.area_under_curve <= 1 - (1 - hit) * (1 - clean)


CLAIMED = (
    Claim("static threshold", 0.187, 0.091, 0.72),
    Claim("dynamic (dual window) threshold", 0.023, 0.016, 0.94),
)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one detector made of one kind of series."""

    detector: str
    kind: Kind
    outcomes: tuple[Outcome, ...]

    @property
    def figures(self) -> Figures:
        """Over all families."""
        return summarise(self.outcomes)

    @property
    def families(self) -> list[tuple[str, bool, Figures]]:
        """Per family: its name, whether it leaks, and its figures."""
        names = dict.fromkeys((o.family, o.leaking) for o in self.outcomes)
        return [
            (name, leaking, summarise([o for o in self.outcomes if o.family == name]))
            for name, leaking in names
        ]

    def median_delay(self, low: float, high: float) -> float:
        """Median delay of the leaks of so many goroutines per second, missed ones as endless."""
        delays = np.concatenate([o.delay_seconds for o in self.outcomes if o.leaking])
        speeds = np.concatenate([o.per_second for o in self.outcomes if o.leaking])
        chosen = delays[(speeds >= low) & (speeds < high)]
        if not len(chosen):
            return float("nan")
        return float(np.median(np.where(np.isnan(chosen), np.inf, chosen)))


def evaluate(
    detectors: Sequence[str],
    kind: Kind,
    *,
    count: int,
    split: Split = "report",
    seed: int = 0,
    hours: float = 4.0,
    step_seconds: float = 15.0,
    progress: Callable[[int], None] | None = None,
) -> list[Evaluation]:
    """Show every detector the same series. ``progress`` is told how many more are done."""
    found: dict[str, list[Outcome]] = {name: [] for name in detectors}
    recipe = simulate(
        count, kind=kind, split=split, seed=seed, hours=hours, step_seconds=step_seconds
    )
    for series in recipe:
        for name in detectors:
            verdicts = judged(contestant(name, kind), series)
            found[name].append(outcome(series, *verdicts))
        if progress is not None:
            progress(series.count.shape[1])
    if "static" in found:
        found["static"] = _at_alarm_share(found["static"], _STATIC_ALARM_SHARE)
    return [Evaluation(name, kind, tuple(outcomes)) for name, outcomes in found.items()]


def _at_alarm_share(outcomes: list[Outcome], share: float) -> list[Outcome]:
    """Set a static limit after the fact; delays and early alarms mean nothing then."""
    benign = np.concatenate([o.score for o in outcomes if not o.leaking] or [np.zeros(1)])
    limit = float(np.quantile(benign, 1 - share))
    return [
        Outcome(
            o.family,
            o.leaking,
            o.score,
            o.score > limit,
            np.full(len(o.score), np.nan),
            np.zeros(len(o.score), dtype=np.bool_),
            o.per_second,
        )
        for o in outcomes
    ]


def markdown(evaluations: Sequence[Evaluation]) -> str:
    """The tables of the README: claims, detectors, and families of the first detector."""
    lines = [
        "| claimed | FPR % | FNR % | AUC | can be true together |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {claim.name} | {100 * claim.false_positive_rate:.1f} | "
        f"{100 * claim.false_negative_rate:.1f} | {claim.area_under_curve:.2f} | "
        f"{'yes' if claim.possible else 'no'} |"
        for claim in CLAIMED
    ]
    lines += [
        "",
        (
            "| measured | series | FPR % | FNR % | AUC | before onset % | "
            "delay below 1/s | delay from 1/s |"
        ),
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in evaluations:
        f = each.figures
        lines.append(
            f"| {each.detector}, {each.kind} | {f.benign + f.leaking} | "
            f"{100 * f.false_positive_rate:.2f} | {100 * f.false_negative_rate:.2f} | "
            f"{f.area_under_curve:.4f} | {100 * f.early_rate:.2f} | "
            f"{_minutes(each.median_delay(0, 1))} | {_minutes(each.median_delay(1, np.inf))} |"
        )
    for each in evaluations:
        if each.detector == evaluations[0].detector:
            lines += ["", *_family_lines(each)]
    return "\n".join(lines) + "\n"


def _family_lines(each: Evaluation) -> list[str]:
    lines = [
        f"| {each.detector}, {each.kind}: family | | series | alarmed % | median delay |",
        "|---|---|---|---|---|",
    ]
    for name, leaking, f in each.families:
        share = 1 - f.false_negative_rate if leaking else f.false_positive_rate
        delay = _minutes(f.median_delay_seconds) if leaking else ""
        lines.append(
            f"| {name.replace('_', ' ')} | {'leak' if leaking else 'benign'} | "
            f"{f.benign + f.leaking} | {100 * share:.2f} | {delay} |"
        )
    return lines


def _minutes(seconds: float) -> str:
    if np.isnan(seconds):
        return "-"
    return "never" if np.isinf(seconds) else f"{seconds / 60:.1f} min"
