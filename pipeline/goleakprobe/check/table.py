"""The answer for a terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from goleakprobe.check.result import CheckResult, Finding, SourceReport
from goleakprobe.collect.untrusted import clean_text
from goleakprobe.reports.wording import growth, short_site, span
from goleakprobe_schemas import Grade

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["check_table", "render_table"]

_SITE_CHARS = 160
_LINE_CHARS = 240
_STACK_FRAMES = 6
_WEAK_SHOWN = 10
_STYLES = {
    Grade.PROVEN: "bold red",
    Grade.GROWING: "dark_orange",
    Grade.STUCK: "yellow",
    Grade.ANOMALOUS: "blue",
}


def render_table(result: CheckResult, *, width: int = 140) -> str:
    """The answer as plain text of a width in characters, for files and pipes."""
    written = io.StringIO()
    console = Console(file=written, width=width, color_system=None, legacy_windows=False)
    console.print(check_table(result))
    return written.getvalue()


def check_table(result: CheckResult) -> RenderableType:
    """The answer to print on a rich console; names of targets are text, never markup."""
    parts: list[RenderableType] = [_headline(result), _sources(result)]
    shown = _shown(result.findings)
    if shown:
        parts.append(_findings(result, shown))
    if len(shown) < len(result.findings):
        more = len(result.findings) - len(shown)
        parts.append(Text(f"{more} more places are only anomalous; --all lists them", "dim"))
    parts.extend(
        Text(
            f"ignored: {ignored.count} at {short_site(ignored.blocking_site)}: "
            f"{clean_text(ignored.reason, _LINE_CHARS)}",
            style="dim",
        )
        for ignored in result.ignored
    )
    if result.other_groups:
        parts.append(
            Text(f"{result.other_groups} other groups are no finding; --all lists them", "dim")
        )
    return Group(*parts)


def _headline(result: CheckResult) -> Text:
    graded = [finding for finding in result.findings if finding.grade]
    if not any(not source.error for source in result.sources):
        return Text("Nothing could be measured", style="bold")
    if not graded:
        return Text("No leak to be seen", style="bold")
    counted = [
        f"{sum(finding.grade is grade for finding in graded)} {grade.value}"
        for grade in Grade
        if any(finding.grade is grade for finding in graded)
    ]
    places = "place" if len(graded) == 1 else "places"
    return Text(f"{len(graded)} suspicious {places}: {', '.join(counted)}", style="bold")


def _shown(findings: Sequence[Finding]) -> Sequence[Finding]:
    """All, but of places that are only anomalous no more than a screen has room for.

    Every process has dozens of goroutines that wait for seconds on end. Whoever wants every group
    has those without a grade among them.
    """
    weak = [finding for finding in findings if finding.grade is Grade.ANOMALOUS]
    everything = any(finding.grade is None for finding in findings)
    if everything or len(weak) <= _WEAK_SHOWN:
        return findings
    strong = [finding for finding in findings if finding.grade is not Grade.ANOMALOUS]
    return [*strong, *weak[:_WEAK_SHOWN]]


def _sources(result: CheckResult) -> Text:
    return Text("\n").join(Text(_source(source), style="dim") for source in result.sources)


def _source(source: SourceReport) -> str:
    name = clean_text(source.source, _LINE_CHARS)
    if source.error:
        return f"{name}: {clean_text(source.error, _LINE_CHARS)}"
    parts = [f"{source.kind}, {source.goroutines:,} goroutines in {source.groups:,} groups"]
    parts += [source.go_version] if source.go_version else []
    parts += ["cut: counts are lower bounds"] if source.truncated else []
    parts += [f"mended: {', '.join(source.repairs)}"] if source.repairs else []
    return f"{name}: {', '.join(parts)}"


def _findings(result: CheckResult, shown: Sequence[Finding]) -> Table:
    many = len({source.process for source in result.sources if not source.error}) > 1
    table = Table(show_lines=True, expand=False)
    table.add_column("Grade", no_wrap=True)
    table.add_column("Goroutines", justify="right", no_wrap=True)
    table.add_column("Where and why", overflow="fold")
    for finding in shown:
        grade = finding.grade
        table.add_row(
            Text(grade.value if grade else "-", style=_STYLES[grade] if grade else "dim"),
            Text(_how_much(finding)),
            _where(finding, with_process=many),
        )
    return table


def _how_much(finding: Finding) -> str:
    lines = [f"{finding.count:,}", finding.wait or finding.state]
    if finding.change:
        lines.append(finding.change)
    if finding.growth_per_hour:
        lines.append(f"{growth(finding.growth_per_hour)}/h")
    if finding.oldest_seconds is not None:
        lines.append(f"≥ {span(finding.oldest_seconds)}")
    return "\n".join(lines)


def _where(finding: Finding, *, with_process: bool) -> Text:
    text = Text(clean_text(finding.blocking_site, _SITE_CHARS), style="bold")
    text.append("\n")
    details = [f"in {finding.process}"] if with_process else []
    if finding.creation_site and finding.creation_site != finding.blocking_site:
        details.append(f"started by {finding.creation_site}")
    details += [f"{key}={value}" for key, value in finding.labels.items()]
    details += [evidence.summary for evidence in finding.evidence]
    pattern = finding.known_pattern
    if pattern is not None:
        details += [f"{pattern.name}: {pattern.cause}", f"usual fix: {pattern.fix}"]
    details += [finding.note] if finding.note else []
    for detail in details:
        text.append(clean_text(detail, _LINE_CHARS) + "\n", style="not bold")
    for frame in finding.stack[:_STACK_FRAMES]:
        line = f"  {frame.function} {frame.file}:{frame.line}"
        text.append(clean_text(line, _LINE_CHARS) + "\n", style="not bold dim")
    if len(finding.stack) > _STACK_FRAMES:
        text.append(f"  … {len(finding.stack) - _STACK_FRAMES} more frames\n", "not bold dim")
    text.append(f"signature:{finding.signature}", style="not bold dim")
    return text
