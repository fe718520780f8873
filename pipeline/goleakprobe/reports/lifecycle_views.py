"""The lifecycle report for terminals, machines and browsers."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from goleakprobe.reports.exports import text_cell
from goleakprobe.reports.page import page_template
from goleakprobe.reports.wording import amount, moment, short_site, site_parts, span
from goleakprobe_agents.alerting.plain_text import one_line

if TYPE_CHECKING:
    from rich.console import RenderableType

    from goleakprobe.reports.lifecycles import LifecycleReport, SiteLifecycle

__all__ = [
    "CSV_COLUMNS",
    "lifecycle_csv",
    "lifecycle_html",
    "lifecycle_json",
    "lifecycle_table",
    "lifecycle_text",
    "rate",
    "wakers_in_words",
]

CSV_COLUMNS = (
    "namespace",
    "service",
    "creation_function",
    "creation_location",
    "start",
    "windows",
    "instances",
    "traced_seconds",
    "created",
    "exited",
    "net",
    "net_per_second",
    "alive",
    "wait",
    "blocking_function",
    "blocking_location",
    "signature",
    "open",
    "open_born",
    "open_seconds_max",
    "completed",
    "longest_seconds",
    "never_woken",
    "no_way_out",
    "wakers_alive",
    "wakers",
    "windows_accusing",
    "evidence",
)

_SHOWN_MAX = 40
_PAGE_MAX = 300
_WAKERS_MAX = 3
_LINE_CHARS_MAX = 200


def lifecycle_text(report: LifecycleReport, *, width: int = 140) -> str:
    """The report as plain text of a width in characters, for files and pipes."""
    written = io.StringIO()
    console = Console(file=written, width=width, color_system=None, legacy_windows=False)
    console.print(lifecycle_table(report))
    return written.getvalue()


def lifecycle_table(report: LifecycleReport) -> RenderableType:
    """The report to print on a rich console: sites with evidence or growth."""
    shown = [site for site in report.sites if site.evidence or site.net > 0][:_SHOWN_MAX]
    head = Text(headline(report), style="bold")
    when = f"\nas of {moment(report.as_of_ns)}, traces since {moment(report.from_ns)}"
    head.append(when, style="not bold dim")
    if not shown:
        return head
    table = Table(show_lines=True, expand=False)
    table.add_column("Service", overflow="fold", min_width=8)
    table.add_column("Stay", justify="right", no_wrap=True)
    table.add_column("Created at, waits at, and why", overflow="fold")
    for site in shown:
        table.add_row(_who(site), _how_much(site), _where(site))
    more = len(report.sites) - len(shown)
    rest = Text(f"{more} creation sites that leave nothing behind are not shown", style="dim")
    return Group(head, table, rest) if more else Group(head, table)


def headline(report: LifecycleReport) -> str:
    """One sentence: how much was traced and how much of it is accused."""
    accused, traces = len(report.accused), report.windows
    said = f"{accused} creation site{'' if accused == 1 else 's'} accused"
    return f"{said} by {traces} trace{'' if traces == 1 else 's'}"


def lifecycle_json(report: LifecycleReport) -> str:
    """The whole report; times in UTC epoch nanoseconds."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"


def lifecycle_csv(report: LifecycleReport) -> str:
    """A header and a row per creation site, RFC 4180."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(CSV_COLUMNS)
    for site in report.sites:
        row = _row(site)
        writer.writerow([row[column] for column in CSV_COLUMNS])
    return text.getvalue()


def lifecycle_html(report: LifecycleReport) -> str:
    """The report as one page that needs nothing else."""
    return page_template("lifecycles").render(
        report=report,
        headline=headline(report),
        sites=report.sites[:_PAGE_MAX],
        rate=rate,
        wakers_in_words=wakers_in_words,
    )


def rate(per_second: float | None) -> str:
    """Goroutines that stay for each second of tracing; a dash where nothing was traced."""
    return "-" if per_second is None else f"{per_second:+,.1f} a second"


def wakers_in_words(site: SiteLifecycle) -> str:
    """Who ever ended a wait at the place, and whether any of them is left."""
    if not site.open:
        return ""
    if not site.wakers:
        return "nobody was seen to wake one"
    told = [
        f"{short_site(waker.site)} ({waker.count:,} times, {waker.alive:,} alive)"
        if waker.site
        else f"the runtime ({waker.count:,} times)"
        for waker in site.wakers[:_WAKERS_MAX]
    ]
    more = len(site.wakers) - len(told)
    return "woken by " + ", ".join(told) + (f" and {more} more" if more else "")


def _who(site: SiteLifecycle) -> Text:
    return _lines(
        (site.service, "bold"),
        (site.namespace, "dim"),
        (site.evidence[0].grade.value if site.evidence else "", "red"),
        (f"{site.windows} traces, {span(site.traced_seconds)}", "dim"),
    )


def _how_much(site: SiteLifecycle) -> Text:
    oldest = site.open_seconds_max
    return _lines(
        (rate(site.net_per_second), "bold"),
        (f"{amount(site.created)} created", ""),
        (f"{amount(site.exited)} exited", ""),
        (f"{amount(site.open)} blocked" if site.open else "", ""),
        (f"for {span(oldest)} or more" if oldest else "", "dim"),
    )


def _where(site: SiteLifecycle) -> Text:
    return _lines(
        (f"created at {short_site(site.creation_site)}" if site.creation_site else site.start, ""),
        (f"{site.wait} at {short_site(site.blocking_site)}" if site.open else "", ""),
        (wakers_in_words(site), "dim"),
        *((reason.summary, "dim") for reason in site.evidence),
    )


def _lines(*lines: tuple[str, str]) -> Text:
    shown = ((one_line(text, _LINE_CHARS_MAX), style) for text, style in lines)
    return Text("\n").join(Text(text, style=style) for text, style in shown if text)


def _row(site: SiteLifecycle) -> dict[str, Any]:
    creation, blocking = site_parts(site.creation_site), site_parts(site.blocking_site)
    texts = {
        "namespace": site.namespace,
        "service": site.service,
        "creation_function": creation[0],
        "creation_location": creation[1],
        "start": site.start,
        "wait": site.wait,
        "blocking_function": blocking[0],
        "blocking_location": blocking[1],
        "signature": site.signature,
        "wakers": wakers_in_words(site),
        "evidence": "; ".join(f"{item.grade}: {item.summary}" for item in site.evidence),
    }
    known = {name: getattr(site, name) for name in CSV_COLUMNS if hasattr(site, name)}
    return {**known, **{name: text_cell(text) for name, text in texts.items()}}
