"""The fleet report as one HTML file that needs nothing else: no script, no font, no image."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup

from goleakprobe.reports import wording
from goleakprobe.reports.charts import SERIES_COLOURS, count_chart
from goleakprobe_agents.alerting.plain_text import one_line
from goleakprobe_schemas import Grade

if TYPE_CHECKING:
    from collections.abc import Callable

    from goleakprobe.reports.fleet import FindingReport, FleetReport

__all__ = ["GRADE_MEANINGS", "page_template", "render_html"]

GRADE_MEANINGS = {
    Grade.PROVEN: "the Go runtime itself lists these goroutines as leaked, in two samples",
    Grade.GROWING: "the lowest count keeps rising and departures do not keep up",
    Grade.STUCK: "the same goroutines have waited at the same place for too long",
    Grade.ANOMALOUS: "the service's count is unusual, and no stack is guilty yet",
}

_TEXT_CHARS_MAX = 2000


def render_html(report: FleetReport, *, on_chart: Callable[[int, int], None] | None = None) -> str:
    """The page, for any browser, phone, mail client or printer.

    Whatever a target is called, it stays text. Findings without series get no chart.
    ``on_chart`` hears how many of how many charts are drawn.
    """
    wanted = [finding for finding in report.findings if finding.series]
    charts: dict[str, Markup] = {}
    for number, finding in enumerate(wanted, 1):
        charts[finding.anchor] = _chart(finding)
        if on_chart is not None:
            on_chart(number, len(wanted))
    return page_template("fleet").render(report=report, charts=charts, grades=GRADE_MEANINGS)


def _chart(finding: FindingReport) -> Markup:
    # The drawing holds numbers and our own words alone; the anchor is made of hex digits.
    return Markup(count_chart(finding.series, finding.onset_ns, finding.anchor))  # noqa: S704


@cache
def page_template(name: str) -> jinja2.Template:
    """A page's template; whatever it prints is escaped and freed of unseen characters."""
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Every value that is printed passes here: no control or bidirectional character of a
        # target reaches the page.
        finalize=_shown,
    )
    environment.filters.update(
        moment=wording.moment,
        span=wording.span,
        amount=wording.amount,
        growth=wording.growth,
        place=wording.site_parts,
    )
    environment.globals.update(interval=wording.interval, series_colours=SERIES_COLOURS)
    source = files(__package__) / "templates" / f"{name}.html.j2"
    return environment.from_string(source.read_text("utf-8"))


def _shown(value: object) -> object:
    if isinstance(value, str) and not isinstance(value, Markup):
        return one_line(value, _TEXT_CHARS_MAX)
    return value
