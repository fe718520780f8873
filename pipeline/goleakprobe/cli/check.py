"""``goleakprobe check``: a one-shot answer for one person."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goleakprobe.errors import GoLeakProbeError
from goleakprobe_agents.settings import Duration
from goleakprobe_schemas import Grade

if TYPE_CHECKING:
    from goleakprobe.check import CheckResult, IgnoreRule
    from goleakprobe.check.run import Gathered
    from goleakprobe.check.visit import Asking
    from goleakprobe.config.scraping import ScrapeConfig

__all__ = ["check"]

_FOUND = 1
_USAGE = 2
_NOT_MEASURED = 3
_PIPE_WIDTH = 140


class Format(StrEnum):
    """How to show the answer."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    HTML = "html"
    FOLDED = "folded"
    SPEEDSCOPE = "speedscope"
    PPROF = "pprof"


def check(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="host:port, a pprof URL, a file (.gz and .pb.gz too) or - for standard input. "
            "Several files are dumps of one process in time order.",
        ),
    ],
    format_: Annotated[
        Format, typer.Option("--format", "-f", help="How to show it.")
    ] = Format.TABLE,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write there instead of to stdout."),
    ] = None,
    ignore: Annotated[
        Path | None,
        typer.Option(
            "--ignore", metavar="FILE", help="Known places, one a line: `place  # reason`."
        ),
    ] = None,
    list_all: Annotated[
        bool, typer.Option("--all", help="List every group, not only findings.")
    ] = False,
    watch: Annotated[
        str | None,
        typer.Option(
            "--watch", metavar="DURATION", help="Ask a process so often, until Ctrl-C or --for."
        ),
    ] = None,
    for_: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="How long to watch.")
    ] = None,
    span: Annotated[
        str, typer.Option("--span", metavar="DURATION", help="Between two dumps without --watch.")
    ] = "2s",
    leak_profile: Annotated[
        bool,
        typer.Option(help="Ask the runtime's leak profile: proof, at the price of two GCs."),
    ] = True,
    dump_limit: Annotated[
        int,
        typer.Option(min=0, help="No world-stopping dump of more goroutines than this."),
    ] = 1000,
    stuck_after: Annotated[
        str, typer.Option(metavar="DURATION", help="When a blocked sender or locker is stuck.")
    ] = "10m",
    many: Annotated[
        int, typer.Option(min=1, help="So many goroutines at one place are worth a look.")
    ] = 100,
    fail_on: Annotated[
        Grade, typer.Option(help="Exit with 1 for findings of this grade or a stronger one.")
    ] = Grade.STUCK,
    timeout: Annotated[
        str, typer.Option(metavar="DURATION", help="For one answer of a process.")
    ] = "30s",
    bearer_token_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="Sent with every request.")
    ] = None,
) -> None:
    """Say which goroutines of a process are stuck or leaking, where, and how sure that is.

    Exit codes: 0 nothing found, 1 found (see --fail-on), 2 usage, 3 a source could not be read.

    Example: goleakprobe check localhost:6060

    Example: goleakprobe check before.txt after.txt --format json
    """
    from goleakprobe.check import Policy, check_samples
    from goleakprobe.check.run import Gathered
    from goleakprobe.check.sources import parse_source
    from goleakprobe.check.visit import Asking
    from goleakprobe.config.scraping import AuthorizationSettings, ScrapeConfig

    try:
        wanted = [parse_source(source) for source in sources]
        rules = _rules(ignore)
    except GoLeakProbeError as error:
        raise _usage(str(error)) from error
    _refuse_binary(format_, output)
    job = ScrapeConfig(
        job_name="check",
        scrape_timeout=_duration(timeout, "--timeout"),
        authorization=AuthorizationSettings(credentials_file=bearer_token_file)
        if bearer_token_file
        else None,
    )
    asking = Asking(
        rounds=_rounds(watch, for_),
        pause_seconds=_duration(watch or span, "--watch" if watch else "--span"),
        leak_profile=leak_profile,
        dump_limit=dump_limit,
    )
    gathered = Gathered()
    asyncio.run(_gather(wanted, job, asking, gathered))
    result = check_samples(
        gathered.processes,
        policy=Policy(stuck_seconds=_duration(stuck_after, "--stuck-after"), many=many),
        ignore=rules,
        failed=gathered.failed,
        list_all=list_all,
    )
    _show(result, format_, output)
    raise typer.Exit(_exit_code(result, fail_on))


async def _gather(wanted: list[Any], job: ScrapeConfig, asking: Asking, gathered: Gathered) -> None:
    """Gather until done; Ctrl-C and SIGTERM end a watch, and what was seen is judged."""
    from goleakprobe.check.run import gather

    task = asyncio.ensure_future(gather(wanted, job, asking, gathered, _told))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


def _told(gathered: Gathered) -> None:
    """One line a round, on a terminal only."""
    if sys.stderr.isatty():
        seen = {name: samples[-1].profile.total for name, samples in gathered.processes.items()}
        counts = ", ".join(f"{name}: {total:,}" for name, total in seen.items())
        typer.echo(f"\rgoroutines at {counts}\x1b[K", nl=False, err=True)


def _rounds(watch: str | None, for_: str | None) -> int | None:
    if watch is None:
        if for_ is not None:
            raise _usage("--for needs --watch")
        return 2
    pause = _duration(watch, "--watch")
    if pause <= 0:
        raise _usage("--watch must be longer than nothing")
    return None if for_ is None else max(2, int(_duration(for_, "--for") / pause) + 1)


def _rules(file: Path | None) -> tuple[IgnoreRule, ...]:
    from goleakprobe.check import read_ignore_list

    if file is None:
        return ()
    try:
        return read_ignore_list(file.read_text("utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise _usage(f"{file}: cannot be read: {error}") from error


def _duration(text: str, option: str) -> Duration:
    try:
        return Duration.parse(text)
    except ValueError as error:
        raise _usage(f"{option}: {error}") from error


def _refuse_binary(format_: Format, output: Path | None) -> None:
    if format_ is Format.PPROF and output is None and sys.stdout.isatty():
        raise _usage("a pprof file is binary; name a file with --output or redirect it")


def _show(result: CheckResult, format_: Format, output: Path | None) -> None:
    if format_ is Format.TABLE and output is None and sys.stdout.isatty():
        from rich.console import Console

        from goleakprobe.check.table import check_table

        if sys.stderr.isatty():
            typer.echo("\r\x1b[K", nl=False, err=True)
        Console(highlight=False).print(check_table(result))
        return
    data = _rendered(result, format_)
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        output.write_bytes(data)
    except OSError as error:
        raise _usage(f"{output}: cannot be written: {error}") from error


def _rendered(result: CheckResult, format_: Format) -> bytes:
    from goleakprobe.check.exports import (
        render_csv,
        render_folded,
        render_json,
        render_speedscope,
    )
    from goleakprobe.check.page import render_html
    from goleakprobe.check.pprof_export import render_pprof
    from goleakprobe.check.table import render_table

    if format_ is Format.PPROF:
        return render_pprof(result)
    if format_ is Format.TABLE:
        return render_table(result, width=_PIPE_WIDTH).encode()
    render = {
        Format.JSON: render_json,
        Format.CSV: render_csv,
        Format.HTML: render_html,
        Format.FOLDED: render_folded,
        Format.SPEEDSCOPE: render_speedscope,
    }[format_]
    return render(result).encode()


def _exit_code(result: CheckResult, fail_on: Grade) -> int:
    if any(found.grade and found.grade.rank <= fail_on.rank for found in result.findings):
        return _FOUND
    return _NOT_MEASURED if any(source.error for source in result.sources) else 0


def _usage(text: str) -> typer.Exit:
    typer.echo(text, err=True)
    return typer.Exit(_USAGE)


if __name__ == "__main__":
    typer.run(check)
