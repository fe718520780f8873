"""``goleakprobe simulate``: labelled goroutine-count series to try detectors on."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["simulate"]

_USAGE = 2


class SeriesKind(StrEnum):
    """What a series counts."""

    TOTAL = "total"
    STACK = "stack"


class FamilySplit(StrEnum):
    """Which families to draw from."""

    TUNE = "tune"
    REPORT = "report"
    ALL = "all"


def simulate(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Samples: .csv or .parquet.")
    ],
    count: Annotated[int, typer.Option("--series", "-n", min=2, help="About how many.")] = 1000,
    kind: Annotated[SeriesKind, typer.Option(help="Totals or single stacks.")] = SeriesKind.STACK,
    split: Annotated[FamilySplit, typer.Option(help="Families to draw from.")] = FamilySplit.ALL,
    family: Annotated[str | None, typer.Option(help="Only this family.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same series.")] = 0,
    hours: Annotated[float, typer.Option(min=0.5, max=72, help="Length of a series.")] = 4.0,
    step: Annotated[float, typer.Option(min=1, max=60, help="Seconds between samples.")] = 15.0,
) -> None:
    """Make labelled series of goroutine counts, half of them leaking.

    Labels go to a second file, FILE with "-labels" before its ending.

    Example: goleakprobe simulate --series 10000 --kind stack --output series.parquet
    """
    from goleakprobe.simulate.files import write_series
    from goleakprobe.simulate.recipe import simulate as draw

    labels = output.with_name(f"{output.stem}-labels{output.suffix}")
    batches = draw(
        count,
        kind=kind.value,
        split=split.value,
        seed=seed,
        hours=hours,
        step_seconds=step,
        family=family,
    )
    try:
        with typer.progressbar(
            length=count, label="series", file=sys.stderr, hidden=not sys.stderr.isatty()
        ) as bar:
            written = write_series(batches, output, labels, bar.update)
    except (ValueError, OSError) as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(_USAGE) from problem
    typer.echo(f"{written} series in {output}, labels in {labels}")
