"""``goleakprobe report``: questions to the lake."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goleakprobe.errors import GoLeakProbeError
from goleakprobe_agents.settings import Duration, LakeSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType

    from goleakprobe.reports import FleetReport

__all__ = ["fleet", "lifecycles", "report_app"]

_USAGE = 2
_NOT_MEASURED = 3
_PIPE_WIDTH = 140
_DEFAULT_LAKE = LakeSettings().path

report_app = typer.Typer(help="Ask the lake what leaks.", no_args_is_help=True)


class Format(StrEnum):
    """How to show a report."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    HTML = "html"


_LakeOption = Annotated[
    str,
    typer.Option("--lake", metavar="FOLDER", help="The lake: a folder, or a URL such as s3://…"),
]
_FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How to show it.")]
_OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write there instead of to stdout."),
]
_SinceOption = Annotated[
    str, typer.Option("--since", metavar="DURATION", help="How far back scrapes count.")
]
_AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="TIME",
        help="Report as of then: ISO 8601, UTC unless it has a zone.",
        show_default="now",
    ),
]
_MemoryOption = Annotated[
    str, typer.Option("--memory-limit", metavar="SIZE", help="Most memory DuckDB may take.")
]
_ThreadsOption = Annotated[
    int | None, typer.Option("--threads", min=1, help="Most threads DuckDB may use.")
]


@report_app.callback()
def _reports() -> None:
    """Reports over a lake folder; nothing in it is changed, and no worker need be running."""


@report_app.command()
def fleet(
    lake: _LakeOption = _DEFAULT_LAKE,
    format_: _FormatOption = Format.TABLE,
    output: _OutputOption = None,
    since: _SinceOption = "24h",
    as_of: _AsOfOption = None,
    memory_limit: _MemoryOption = "1GB",
    threads: _ThreadsOption = None,
) -> None:
    """Rank the fleet's services by leak: where, how fast, how we know, since when.

    The HTML page is one file with charts that needs no network. Leaks that still fire are shown
    however old they are; --since bounds the scrapes and the resolved ones.
    Exit codes: 0 reported, 2 usage or no such folder, 3 nothing to report on or a damaged lake.

    Example: goleakprobe report fleet --lake lake --format html --output fleet.html
    """
    from goleakprobe.reports import CHARTS_MAX, fleet_report, fleet_table

    with _answering() as say:
        report = fleet_report(
            lake,
            since=_span(since),
            as_of_ns=_time_ns(as_of),
            charts=CHARTS_MAX if format_ is Format.HTML else 0,
            memory_limit=memory_limit,
            threads=threads,
        )
        text = "" if _to_terminal(format_, output) else _fleet_text(report, format_, say)
    _deliver(text, output, lambda: fleet_table(report))


@report_app.command()
def lifecycles(
    lake: _LakeOption = _DEFAULT_LAKE,
    format_: _FormatOption = Format.TABLE,
    output: _OutputOption = None,
    since: _SinceOption = "24h",
    as_of: _AsOfOption = None,
    service: Annotated[
        str, typer.Option("--service", metavar="NAME", help="Services of this name alone.")
    ] = "",
    memory_limit: _MemoryOption = "1GB",
    threads: _ThreadsOption = None,
) -> None:
    """Rank go statements by the goroutines they leave behind, from execution traces.

    For each creation site: created, exited and staying a second, what still waits and where, who
    ever woke such a wait and whether any of them is left, and what the traces hold against it.
    Exit codes: 0 reported, 2 usage or no such folder, 3 nothing was traced or a damaged lake.

    Example: goleakprobe report lifecycles --lake lake --since 7d --service checkout
    """
    from goleakprobe.reports import (
        lifecycle_csv,
        lifecycle_html,
        lifecycle_json,
        lifecycle_report,
        lifecycle_table,
        lifecycle_text,
    )

    with _answering():
        report = lifecycle_report(
            lake,
            since=_span(since),
            as_of_ns=_time_ns(as_of),
            service=service,
            memory_limit=memory_limit,
            threads=threads,
        )
        render = {
            Format.TABLE: lambda: lifecycle_text(report, width=_PIPE_WIDTH),
            Format.JSON: lambda: lifecycle_json(report),
            Format.CSV: lambda: lifecycle_csv(report),
            Format.HTML: lambda: lifecycle_html(report),
        }
        text = "" if _to_terminal(format_, output) else render[format_]()
    _deliver(text, output, lambda: lifecycle_table(report))


@contextmanager
def _answering() -> Iterator[Callable[[str], None]]:
    """Show that work goes on; a failure ends the command with its message and exit code."""
    from goleakprobe.lake import LakeMissingError

    try:
        with _busy("Reading the lake") as say:
            yield say
    except LakeMissingError as error:
        raise _failed(error, _USAGE) from error
    except GoLeakProbeError as error:
        raise _failed(error, _NOT_MEASURED) from error


def _to_terminal(format_: Format, output: Path | None) -> bool:
    """Whether a terminal lays the table out."""
    return format_ is Format.TABLE and output is None and sys.stdout.isatty()


def _deliver(text: str, output: Path | None, table: Callable[[], RenderableType]) -> None:
    if output is not None:
        _write(output, text)
    elif text:
        typer.echo(text, nl=False)
    else:
        from rich.console import Console

        Console().print(table())


def _fleet_text(report: FleetReport, format_: Format, say: Callable[[str], None]) -> str:
    from goleakprobe.reports import render_csv, render_html, render_json, render_table

    if format_ is Format.HTML:
        return render_html(report, on_chart=lambda done, of: say(f"Drawing chart {done} of {of}"))
    if format_ is Format.JSON:
        return render_json(report)
    if format_ is Format.CSV:
        return render_csv(report)
    return render_table(report, width=_PIPE_WIDTH)


def _write(path: Path, text: str) -> None:
    """Replace a file as a whole: a reader sees the old report or the new one."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        typer.echo(f"{path}: cannot be written: {error.strerror}", err=True)
        raise typer.Exit(_USAGE) from error
    typer.echo(f"wrote {path}", err=True)


@contextmanager
def _busy(doing: str) -> Iterator[Callable[[str], None]]:
    """Show on stderr that work goes on, if a person watches."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status(doing) as status:
        yield status.update


def _span(text: str) -> timedelta:
    try:
        return timedelta(seconds=Duration.parse(text))
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(
            f"{text!r} is not a duration such as 90m, 24h or 7d", param_hint="--since"
        ) from error


def _time_ns(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(
            f"{text!r} is not a time such as 2026-11-23T14:00:00Z", param_hint="--as-of"
        ) from error


def _failed(error: Exception, code: int) -> typer.Exit:
    typer.echo(str(error), err=True)
    return typer.Exit(code)
