"""The fleet report for a terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from goleakprobe.reports.wording import (
    amount,
    growth,
    interval,
    moment,
    short_site,
    span,
)
from goleakprobe_agents.alerting.plain_text import one_line
from goleakprobe_schemas import Grade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from goleakprobe.reports.fleet import FindingReport, FleetReport, ServiceReport

__all__ = ["fleet_table", "render_table"]

_NAME_CHARS_MAX = 60
_LINE_CHARS_MAX = 200
_CLEAN_NAMES_MAX = 50

_STYLES = {
    Grade.PROVEN: "bold red",
    Grade.GROWING: "dark_orange",
    Grade.STUCK: "yellow",
    Grade.ANOMALOUS: "blue",
}


def render_table(report: FleetReport, *, width: int = 140) -> str:
    """The report as plain text of a width in characters, for files and pipes."""
    written = io.StringIO()
    console = Console(file=written, width=width, color_system=None, legacy_windows=False)
    console.print(fleet_table(report))
    return written.getvalue()


def fleet_table(report: FleetReport) -> RenderableType:
    """The report to print on a rich console.

    Names of targets are shown as text, never as markup, and without control characters.
    """
    parts: list[RenderableType] = [_headline(report)]
    if report.findings:
        parts.append(_findings(report))
    if report.clean:
        parts.append(_clean(report.clean))
    return Group(*parts)


def _headline(report: FleetReport) -> Text:
    leaking, total = len(report.leaking), len(report.services)
    said = f"{leaking} of {total} services leak goroutines" if leaking else "No goroutine leaks"
    text = Text(said, style="bold")
    when = f"\nas of {moment(report.as_of_ns)}, scrapes since {moment(report.from_ns)}"
    return text.append(when, style="not bold dim")


def _findings(report: FleetReport) -> Table:
    # Three columns of several lines fit a terminal of 80 characters; a column per figure does not.
    table = Table(show_lines=True, expand=False)
    table.add_column("Service", overflow="fold", min_width=8)
    table.add_column("Leak", justify="right", no_wrap=True)
    table.add_column("Where and why", overflow="fold")
    for service in report.services:
        for finding in service.findings:
            table.add_row(_who(finding), _how_much(finding), _where(finding))
    return table


def _who(finding: FindingReport) -> Text:
    return _lines(
        (finding.service, "bold"),
        (finding.namespace, "dim"),
        (finding.grade.value, _STYLES[finding.grade]),
        ("" if finding.firing else "resolved", "green"),
    )


def _how_much(finding: FindingReport) -> Text:
    rate = finding.growth_per_hour
    oldest = finding.oldest_seconds
    total = finding.instances_total
    return _lines(
        (amount(finding.count), "bold"),
        ("" if rate is None else f"{growth(rate)} an hour", ""),
        (interval(finding.growth_per_hour_low, finding.growth_per_hour_high), "dim"),
        ("" if oldest is None else f"oldest {span(oldest)}", "dim"),
        (f"{finding.instances_affected} of {total} inst." if total else "", "dim"),
    )


def _where(finding: FindingReport) -> Text:
    pattern = finding.known_pattern
    return _lines(
        (finding.wait, "italic"),
        _site("blocked at", finding.blocking_site),
        _site("created at", finding.creation_site)
        if finding.creation_site
        else _site("starts in", finding.starts_in),
        (finding.evidence[0].summary if finding.evidence else "", "dim"),
        (f"{pattern.name}: {pattern.cause}" if pattern else "", "dim"),
        (f"first seen {moment(finding.first_seen_ns)}", "dim"),
    )


def _site(verb: str, site: str) -> tuple[str, str]:
    if not site:
        return "", ""
    return f"{verb} {short_site(site)}", ""


def _clean(services: Sequence[ServiceReport]) -> Text:
    names = ", ".join(
        one_line(each.service, _NAME_CHARS_MAX) for each in services[:_CLEAN_NAMES_MAX]
    )
    more = len(services) - _CLEAN_NAMES_MAX
    return Text(f"No leak found in: {names}" + (f" and {more} more" if more > 0 else ""))


def _lines(*lines: tuple[str, str]) -> Text:
    """Styled lines; empty ones are left out."""
    shown = ((one_line(text, _LINE_CHARS_MAX), style) for text, style in lines)
    return Text("\n").join(Text(text, style=style) for text, style in shown if text)
