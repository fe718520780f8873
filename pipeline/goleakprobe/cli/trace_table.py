"""A trace's report for a terminal: suspects first, then where goroutines come from and wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from goleakprobe.trace.drawing.shortening import short_site

if TYPE_CHECKING:
    from goleakprobe.trace import TraceReport, TraceWindow
    from goleakprobe.trace.window import CreationSite

__all__ = ["print_report"]

_PIPE_WIDTH = 160
_ROWS = 15
_BARS = " ▁▂▃▄▅▆▇█"


def print_report(report: TraceReport, file: TextIO) -> None:
    """Print the tables; plain text where ``file`` is no terminal."""
    terminal = file.isatty()
    console = Console(file=file, width=None if terminal else _PIPE_WIDTH, highlight=False)
    window = report.window
    console.print(
        f"{window.seconds:.2f} s of trace (format {window.format_version}), {window.events:,} "
        f"events, {window.alive:,} goroutines alive at the end"
    )
    console.print(_states(window))
    if report.suspects:
        console.print(_suspects(report))
        for one in report.suspects[:_ROWS]:
            for found in one.evidence:
                place = short_site(one.blocking_site)
                console.print(Text(f"{found.grade.value}: {place}: {found.summary}"))
    else:
        console.print("No leak seen. A trace shows only what leaks while it runs.")
    console.print(_creations(window))
    console.print(_waits(window))


def _states(window: TraceWindow) -> Table:
    table = _table("Goroutines by state over time", "state", "now", "most", "over time")
    for state, counts in window.series.counts.items():
        table.add_row(state, f"{window.states.get(state, 0):,}", f"{max(counts, default=0):,}",
                      _spark(counts))  # fmt: skip
    return table


def _spark(counts: tuple[int, ...], width: int = 60) -> str:
    most = max(counts, default=0)
    if not most:
        return ""
    step = max(1, -(-len(counts) // width))
    peaks = [max(counts[at : at + step]) for at in range(0, len(counts), step)]
    return "".join(_BARS[-(-peak * (len(_BARS) - 1) // most)] for peak in peaks)


def _suspects(report: TraceReport) -> Table:
    table = _table("Suspects", "leaked", "per second", "oldest", "waits in", "at", "started at")
    for one in report.suspects[:_ROWS]:
        table.add_row(
            f"{one.leaked:,}", f"{one.leaked_per_second:.1f}", f"{one.oldest_seconds:.2f} s",
            Text(one.wait), Text(short_site(one.blocking_site)),
            Text(short_site(one.creation_site or one.start)),
        )  # fmt: skip
    return table


def _creations(window: TraceWindow) -> Table:
    table = _table(
        "Started at", "created", "ended", "net/s", "by thirds", "alive", "started at", "runs"
    )
    sites = [site for site in window.creation_sites if not site.runtime]
    for site in sites[:_ROWS]:
        thirds = zip(site.created_thirds, site.exited_thirds, strict=True)
        table.add_row(
            f"{site.created:,}", f"{site.exited:,}",
            f"{site.net / window.seconds if window.seconds else 0:.1f}",
            ", ".join(str(one - other) for one, other in thirds), f"{site.alive:,}",
            Text(short_site(site.site) or _unseen(site)), Text(short_site(site.start)),
        )  # fmt: skip
    return table


def _unseen(site: CreationSite) -> str:
    return "by a timer" if site.created else "before the trace"


def _waits(window: TraceWindow) -> Table:
    table = _table(
        "Waits", "open", "since before", "median", "never woken", "ended", "longest", "in", "at"
    )
    for site in window.blocking_sites[:_ROWS]:
        table.add_row(
            f"{site.open:,}", f"{site.open_earlier:,}", f"{site.open_seconds_median:.3g} s",
            f"{site.never_woken:,}", f"{site.completed:,}", f"{site.longest_seconds:.3g} s",
            Text(site.wait), Text(short_site(site.site)),
        )  # fmt: skip
    return table


def _table(title: str, *names: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    words = {"state", "over time", "waits in", "at", "started at", "runs", "in"}
    for name in names:
        table.add_column(name, justify="left" if name in words else "right", no_wrap=True)
    return table
