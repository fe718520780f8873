"""``goleakprobe trace``: what an execution trace says about leaks."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from goleakprobe.trace import TraceAnalysis, TraceReport

__all__ = ["trace"]

_FOUND, _USAGE, _NOT_MEASURED = 1, 2, 3
_CHUNK_BYTES = 1 << 20
_MIB = 1 << 20


class Format(StrEnum):
    """How to show a trace."""

    TABLE = "table"
    JSON = "json"
    HTML = "html"
    PARQUET = "parquet"
    PERFETTO = "perfetto"


class Graph(StrEnum):
    """A language to draw the lifecycle graph in."""

    DOT = "dot"
    MERMAID = "mermaid"
    SVG = "svg"


class EngineName(StrEnum):
    """How to decode."""

    AUTO = "auto"
    NUMPY = "numpy"
    FAST = "fast"


def trace(
    source: Annotated[
        str,
        typer.Argument(metavar="FILE|URL", help="A trace file, or a service's /debug/pprof/trace."),
    ],
    format_: Annotated[
        Format, typer.Option("--format", "-f", help="How to show it.")
    ] = Format.TABLE,
    graph: Annotated[
        Graph | None, typer.Option("--graph", "-g", help="Show the lifecycle graph instead.")
    ] = None,
    creation_site: Annotated[
        str | None,
        typer.Option("--site", metavar="TEXT", help="Draw only goroutines started there."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write there instead of to stdout."),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.1, help="How long to trace a URL.")
    ] = 5.0,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds a URL may take beyond --seconds.")
    ] = 30.0,
    max_mebibytes: Annotated[
        int, typer.Option("--max-mib", min=1, help="Read at most so much of the trace.")
    ] = 2048,
    engine: Annotated[
        EngineName, typer.Option("--engine", help="fast needs numba; auto takes it if it pays.")
    ] = EngineName.AUTO,
) -> None:
    """Follow every goroutine through an execution trace and say which ones leak.

    json holds all figures, parquet and perfetto hold every transition (open the latter at a
    Perfetto viewer). A URL is traced for --seconds and decoded while it arrives.
    Exit codes: 0 nothing found beyond what is merely anomalous, 1 leaks found, 2 usage, 3 could
    not read or decode.

    Example: goleakprobe trace http://127.0.0.1:6060/debug/pprof/trace --seconds 5
    """
    from goleakprobe.errors import GoLeakProbeError
    from goleakprobe.trace import EngineUnavailableError, TraceAnalysis, TraceError
    from goleakprobe.trace.allocation import keep_freed_memory
    from goleakprobe_schemas import Grade

    keep_freed_memory()
    remote = source.startswith(("http://", "https://"))
    if not remote and not Path(source).is_file():
        raise _failed(f"there is no file {source}", _USAGE)
    binary = format_ == Format.PARQUET and graph is None
    if binary and output is None and sys.stdout.isatty():
        raise _failed("parquet is not for a terminal: name a file with --output", _USAGE)
    try:
        analysis = TraceAnalysis(engine=_engine(engine, None if remote else Path(source)))
        with ExitStack() as stack:
            close = _open_sink(analysis, format_, graph, output, stack)
            read = _read_url if remote else _read_file
            read(source, analysis, max_mebibytes * _MIB, seconds, timeout)
            report = analysis.finish()
            close()
    except EngineUnavailableError as error:
        raise _failed(str(error), _USAGE) from error
    except (TraceError, GoLeakProbeError, OSError) as error:
        raise _failed(str(error), _NOT_MEASURED) from error
    _show(report, format_, graph, creation_site, output, source)
    if report.window.damages:
        typer.echo(_loss(report), err=True)
    found = any(suspect.grade is not Grade.ANOMALOUS for suspect in report.suspects)
    raise typer.Exit(_FOUND if found else 0)


def _engine(name: EngineName, file: Path | None) -> str:
    """``fast`` costs a second or two to load, so ``auto`` takes it only for big files."""
    from goleakprobe.trace.engines import FAST_PAYS_BYTES

    if name is not EngineName.AUTO:
        return name.value
    return "auto" if file is not None and file.stat().st_size >= FAST_PAYS_BYTES else "numpy"


def _open_sink(
    analysis: TraceAnalysis,
    format_: Format,
    graph: Graph | None,
    output: Path | None,
    stack: ExitStack,
) -> Callable[[], None]:
    """Have transitions written as they are decoded; the answer ends the document."""
    if graph is not None or format_ not in (Format.PARQUET, Format.PERFETTO):
        return _nothing
    if format_ is Format.PARQUET:
        from goleakprobe.trace.parquet import TransitionWriter

        file = stack.enter_context(output.open("wb")) if output else sys.stdout.buffer
        writer = stack.enter_context(TransitionWriter(file, analysis.decoder))
        analysis.sink = writer.write
        return _nothing
    from goleakprobe.trace.perfetto import PerfettoWriter

    text = stack.enter_context(output.open("w", encoding="utf-8")) if output else sys.stdout
    slices = PerfettoWriter(text, analysis.decoder)
    analysis.sink = slices.write

    def close() -> None:
        slices.close()
        if slices.skipped:
            typer.echo(f"{slices.skipped:,} slices are left out: too many for a viewer", err=True)

    return close


def _nothing() -> None:
    pass


def _read_file(
    source: str, analysis: TraceAnalysis, limit_bytes: int, _seconds: float, _timeout: float
) -> None:
    from goleakprobe.cli.trace_progress import reading

    path = Path(source)
    total = min(path.stat().st_size, limit_bytes)
    with path.open("rb") as file, reading(path.name, total) as advance:
        left = limit_bytes
        while left > 0 and (chunk := file.read(min(_CHUNK_BYTES, left))):
            left -= len(chunk)
            analysis.feed(chunk)
            advance(len(chunk))


def _read_url(
    source: str, analysis: TraceAnalysis, limit_bytes: int, seconds: float, timeout: float
) -> None:
    import asyncio

    from goleakprobe.cli.trace_fetch import fetch_trace
    from goleakprobe.cli.trace_progress import reading

    with reading(source, None) as advance:
        asyncio.run(fetch_trace(source, analysis.feed, advance, limit_bytes, seconds, timeout))


def _show(
    report: TraceReport,
    format_: Format,
    graph: Graph | None,
    creation_site: str | None,
    output: Path | None,
    source: str,
) -> None:
    text = ""
    if graph is not None:
        from goleakprobe.trace import drawing

        draw = {
            Graph.DOT: drawing.as_dot, Graph.MERMAID: drawing.as_mermaid, Graph.SVG: drawing.as_svg,
        }[graph]  # fmt: skip
        text = draw(drawing.lifecycle_graph(report.window, report.suspects, creation_site))
    elif format_ is Format.JSON:
        import msgspec

        text = msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"
    elif format_ is Format.HTML:
        from goleakprobe.trace.page import as_page

        text = as_page(report, Path(source).name if "://" not in source else source)
    elif format_ is Format.TABLE:
        from goleakprobe.cli.trace_table import print_report

        if output is None:
            print_report(report, sys.stdout)
        else:
            with output.open("w", encoding="utf-8") as file:
                print_report(report, file)
        return
    if text and output is not None:
        output.write_text(text, "utf-8")
    elif text:
        _write_stdout(text)


def _write_stdout(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (head, less) has seen enough; nothing may complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _loss(report: TraceReport) -> str:
    window = report.window
    some = "; ".join(window.damages[:3])
    return f"{window.lost_bytes:,} of {window.read_bytes:,} bytes could not be used: {some}"


def _failed(text: str, code: int) -> typer.Exit:
    typer.echo(text, err=True)
    return typer.Exit(code)
