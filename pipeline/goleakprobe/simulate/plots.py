"""Pictures of an evaluation as SVG files: needs neither a browser nor a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from goleakprobe.simulate.evaluate import Evaluation

__all__ = ["roc_points", "write_plots"]

_POINTS = 200


def roc_points(
    benign: NDArray[np.float64], leaking: NDArray[np.float64]
) -> list[tuple[float, float]]:
    """(false positive rate, true positive rate) from the strictest threshold to the laxest."""
    both = np.unique(np.concatenate([benign, leaking]))[::-1]
    thresholds = both if len(both) <= _POINTS else both[:: len(both) // _POINTS]
    points = [(0.0, 0.0)]
    points += [(float((benign >= t).mean()), float((leaking >= t).mean())) for t in thresholds]
    return [*points, (1.0, 1.0)]


def write_plots(evaluations: Sequence[Evaluation], folder: Path) -> list[Path]:
    """Write ``roc-<kind>.svg`` and ``families-<kind>.svg`` for each kind that was evaluated."""
    import altair as alt

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for kind in dict.fromkeys(each.kind for each in evaluations):
        mine = [each for each in evaluations if each.kind == kind]
        for name, chart in (("roc", _roc(alt, mine)), ("families", _families(alt, mine))):
            path = folder / f"{name}-{kind}.svg"
            chart.save(str(path))
            written.append(path)
    return written


def _roc(alt: Any, evaluations: Sequence[Evaluation]) -> Any:
    rows = []
    for each in evaluations:
        benign = np.concatenate([o.score for o in each.outcomes if not o.leaking])
        leaking = np.concatenate([o.score for o in each.outcomes if o.leaking])
        for order, (false, true) in enumerate(roc_points(benign, leaking)):
            rows.append({"detector": each.detector, "order": order, "FPR": false, "TPR": true})
    data = alt.Data(values=rows)
    return (
        alt.Chart(data, title=f"{evaluations[0].kind}s: found leaks over false alarms")
        .mark_line()
        .encode(x="FPR:Q", y="TPR:Q", color="detector:N", order="order:Q")
        .properties(width=420, height=320)
    )


def _families(alt: Any, evaluations: Sequence[Evaluation]) -> Any:
    rows = []
    for each in evaluations:
        for name, leaking, figures in each.families:
            share = 1 - figures.false_negative_rate if leaking else figures.false_positive_rate
            label = f"{'leak' if leaking else 'benign'}: {name.replace('_', ' ')}"
            rows.append({"detector": each.detector, "family": label, "alarmed %": 100 * share})
    return (
        alt.Chart(alt.Data(values=rows), title="Series that alarmed, by family")
        .mark_rect()
        .encode(
            x="detector:N",
            y="family:N",
            color=alt.Color("alarmed %:Q", scale=alt.Scale(scheme="blues", domain=[0, 100])),
        )
    )
