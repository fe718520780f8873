"""``goleakprobe demo``: real leaking Go programs, found end to end in a few minutes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goleakprobe.cli.failures import EXPLAINED, explain

if TYPE_CHECKING:
    from goleakprobe.demo.run import DemoOutcome
    from goleakprobe.progress import Progress

__all__ = ["demo"]

_FAILED = 1


def demo(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            metavar="FOLDER",
            help="Where the lake, the report and the logs go.",
            show_default="a new temporary folder",
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", min=10, max=3600, help="How long to look at most.")
    ] = 240.0,
    instances: Annotated[
        int, typer.Option("--instances", min=1, max=20, help="Instances of every service.")
    ] = 2,
) -> None:
    """Build seven small Go services, six of which leak, and find the leaks.

    Services, embedded broker, workers and collectors are real processes on this machine; nothing
    is left running. Needs Go 1.26 or newer, or: pip install 'go-leak-probe[demo]'.
    Exit codes: 0 every leaky service was found and nothing else, 1 not so, 3 could not run.

    Example: goleakprobe demo --folder /tmp/demo
    """
    from goleakprobe.demo.run import run_demo
    from goleakprobe.interrupts import Interrupted, run_interruptible
    from goleakprobe.local import COLLECTOR_LOG
    from goleakprobe.progress import Progress, log_to

    folder = _prepared(folder)
    log_to(folder / COLLECTOR_LOG)
    try:
        with Progress() as progress:
            outcome = run_interruptible(
                lambda _: run_demo(folder, progress, limit_seconds=seconds, instances=instances)
            )
            _report(outcome, progress)
    except Interrupted as interrupted:
        typer.echo("stopped; nothing is left running", err=True)
        raise typer.Exit(interrupted.exit_code) from interrupted
    except EXPLAINED as error:
        raise explain(error, f"the logs are in {folder}") from error
    if not outcome.verdict.passed:
        raise typer.Exit(_FAILED)


def _prepared(folder: Path | None) -> Path:
    if folder is None:
        return Path(tempfile.mkdtemp(prefix="goleakprobe-demo-"))
    if folder.exists() and any(folder.iterdir()):
        raise typer.BadParameter(f"{folder} is not empty", param_hint="--folder")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _report(outcome: DemoOutcome, progress: Progress) -> None:
    """The fleet report, the page, and what it is all worth."""
    from goleakprobe.demo.verdict import verdict_lines
    from goleakprobe.reports import CHARTS_MAX, fleet_report, render_html, render_table

    report = fleet_report(outcome.lake, charts=CHARTS_MAX)
    page = outcome.lake.parent / "fleet.html"
    page.write_text(render_html(report), encoding="utf-8")
    typer.echo(render_table(report))
    for line in verdict_lines(outcome.verdict):
        typer.echo(line)
    if not outcome.drained:
        typer.echo("Not all rows had landed when the workers were stopped.")
    typer.echo(f"\nLooked for {outcome.seconds:.0f} s. The page with a chart per finding: {page}")
    typer.echo(f"Ask the lake yourself: goleakprobe report fleet --lake {outcome.lake}")
