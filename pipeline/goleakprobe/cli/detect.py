"""``goleakprobe detect``: judge series with the detectors, and the detectors by series."""

from __future__ import annotations

import json
import math
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from goleakprobe.cli.simulate import FamilySplit, SeriesKind

if TYPE_CHECKING:
    from goleakprobe.simulate.evaluate import Evaluation

__all__ = ["detect_app"]

_USAGE = 2
_NOT_MEASURED = 3
_USUAL = ("evidence", "rising_floor", "dual_window", "dual_window_lagged", "static")

detect_app = typer.Typer(
    help="Judge series with the detectors, and the detectors by series.", no_args_is_help=True
)


class Format(StrEnum):
    """How to show the result."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@detect_app.command()
def score(
    input_: Annotated[
        Path,
        typer.Option(
            "--input",
            "-i",
            metavar="FILE",
            help="CSV or Parquet with series_id, ts (seconds), count; where known kind, rate, "
            "aged, restart.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="CSV or Parquet to write: series_id, ts, score, alarm.",
        ),
    ],
    detector: Annotated[
        str, typer.Option(help="evidence, dual_window, rising_floor, adwin...")
    ] = "evidence",
) -> None:
    """Score your own series: one row per sample, alarm 1 where the detector alarms.

    Example: goleakprobe detect score --input series.csv --output verdicts.csv
    """
    from goleakprobe.simulate.scoring import ScoringError, score_file

    try:
        tally = score_file(input_, output, detector)
    except ValueError as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(_USAGE) from problem
    except (ScoringError, OSError) as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(_NOT_MEASURED) from problem
    typer.echo(
        f"{tally.alarming_series} of {tally.series} series alarmed; {tally.samples} verdicts in "
        f"{output}"
    )
    if tally.left_out:
        typer.echo(f"{tally.left_out} samples were left out: unusable or repeated", err=True)


@detect_app.command()
def evaluate(
    detectors: Annotated[
        list[str] | None,
        typer.Option("--detector", "-d", help="Repeat for several; all cheap ones otherwise."),
    ] = None,
    kind: Annotated[
        list[SeriesKind] | None, typer.Option(help="Repeat for both; both otherwise.")
    ] = None,
    count: Annotated[int, typer.Option("--series", "-n", min=40, help="About how many.")] = 4000,
    split: Annotated[
        FamilySplit, typer.Option(help="Families to judge by; report ones are not fitted to.")
    ] = FamilySplit.REPORT,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same series.")] = 0,
    hours: Annotated[float, typer.Option(min=0.5, max=72, help="Length of a series.")] = 4.0,
    step: Annotated[float, typer.Option(min=1, max=60, help="Seconds between samples.")] = 15.0,
    format_: Annotated[Format, typer.Option("--format", "-f", help="How to show it.")] = (
        Format.TABLE
    ),
    plots: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write curves there as SVG.")
    ] = None,
) -> None:
    """Measure detectors on simulated series: false alarms, misses, AUC and delay per family.

    Example: goleakprobe detect evaluate --series 20000 --plots plots
    """
    from goleakprobe.simulate.evaluate import evaluate as measure
    from goleakprobe.simulate.evaluate import markdown
    from goleakprobe.simulate.plots import write_plots

    names = tuple(detectors or _USUAL)
    kinds: list[Literal["total", "stack"]] = [k.value for k in kind or list(SeriesKind)]
    found: list[Evaluation] = []
    try:
        with typer.progressbar(
            length=count * len(kinds), label="series", file=sys.stderr,
            hidden=not sys.stderr.isatty(),
        ) as bar:  # fmt: skip
            for each in kinds:
                found += measure(
                    names,
                    each,
                    count=count,
                    split=split.value,
                    seed=seed,
                    hours=hours,
                    step_seconds=step,
                    progress=bar.update,
                )
    except ValueError as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(_USAGE) from problem
    typer.echo(markdown(found) if format_ is Format.TABLE else _rows(found, format_), nl=False)
    if plots is not None:
        for path in write_plots(found, plots):
            typer.echo(f"wrote {path}", err=True)


def _rows(found: list[Evaluation], format_: Format) -> str:
    """A row per detector, kind and family; family ``all`` sums up."""
    rows = []
    for each in found:
        for family, leaking, figures in [("all", None, each.figures), *each.families]:
            rows.append(
                {
                    "detector": each.detector,
                    "kind": each.kind,
                    "family": family,
                    "leaking": leaking,
                    "benign": figures.benign,
                    "leaks": figures.leaking,
                    "false_positive_rate": _known(figures.false_positive_rate),
                    "false_negative_rate": _known(figures.false_negative_rate),
                    "area_under_curve": _known(figures.area_under_curve),
                    "early_rate": _known(figures.early_rate),
                    "median_delay_seconds": _known(figures.median_delay_seconds),
                }
            )
    if format_ is Format.JSON:
        return json.dumps(rows, indent=2) + "\n"
    lines = [",".join(rows[0])]
    lines += [",".join("" if v is None else str(v) for v in row.values()) for row in rows]
    return "\n".join(lines) + "\n"


def _known(figure: float) -> float | None:
    return None if math.isnan(figure) else figure
