"""The chart of a finding: how the count went, instance by instance, as inline SVG.

Altair describes it and vl-convert draws it in this process: no browser, no network. Colours are
CSS variables of the page, so one drawing serves light, dark and paper. No word of a target is in
the drawing: lines are told apart by the colour of their place, and the page names them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goleakprobe.reports.fleet import InstanceSeries

__all__ = ["SERIES_COLOURS", "count_chart"]

SERIES_COLOURS = 6
"""How many ``--series-N`` colours a page must define; later lines begin again."""

_WIDTH, _HEIGHT = 450, 180
_FONT_SIZE = 13
_CHECKED = False
_ID = re.compile(r'\b(id="|url\(#|href="#)')


def count_chart(series: Sequence[InstanceSeries], onset_ns: int | None, id_prefix: str) -> str:
    """One ``<svg>`` element: a line per instance, its floor dashed, the onset as a rule.

    The line at place ``n`` has the colour ``--series-(n % SERIES_COLOURS + 1)``.
    ``id_prefix`` keeps the ids of several charts of one page apart; it must be a plain word.
    Empty if no series has two points to draw a line between.
    """
    if not any(len(each.points) > 1 for each in series):
        return ""
    import altair as alt
    import vl_convert
    from altair.utils.schemapi import debug_mode

    # Altair would check every part against its schema as it is built, which is most of the work;
    # the tests draw with the checks on.
    with debug_mode(_CHECKED):
        chart = _chart(alt, series, onset_ns).to_dict(validate=_CHECKED)
    version = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    svg: str = vl_convert.vegalite_to_svg(chart, vl_version=version)
    return _ID.sub(rf"\g<1>{id_prefix}-", _fluid(svg))


def _chart(alt: Any, series: Sequence[InstanceSeries], onset_ns: int | None) -> Any:
    layers = [_counts(alt, series), _floors(alt, series)]
    times = [point.time_ns for each in series for point in each.points]
    if onset_ns is not None and min(times) <= onset_ns <= max(times):
        layers += _onset(alt, onset_ns)
    return (
        alt.layer(*layers)
        .properties(width=_WIDTH, height=_HEIGHT, background="transparent", padding=4)
        .configure(**_look())
    )


def _counts(alt: Any, series: Sequence[InstanceSeries]) -> Any:
    rows = [
        {"t": _milliseconds(point.time_ns), "n": point.count, "i": place}
        for place, each in enumerate(series)
        for point in each.points
    ]
    return (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line(strokeWidth=1.8, strokeJoin="round")
        .encode(x=_time(alt), y=_count(alt, "n"), color=_place(alt, len(series)))
    )


def _floors(alt: Any, series: Sequence[InstanceSeries]) -> Any:
    rows = [
        {"t": _milliseconds(point.time_ns), "n": point.floor, "i": place}
        for place, each in enumerate(series)
        for point in each.points
        if point.floor is not None
    ]
    return (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line(strokeWidth=1.2, strokeDash=[3, 3], interpolate="step-after", opacity=0.75)
        .encode(x=_time(alt), y=_count(alt, "n"), color=_place(alt, len(series)))
    )


def _onset(alt: Any, onset_ns: int) -> list[Any]:
    at = alt.Chart(alt.InlineData(values=[{"t": _milliseconds(onset_ns), "word": "onset"}]))
    return [
        at.mark_rule(strokeDash=[2, 3], color="var(--ink)").encode(x=_time(alt)),
        at.mark_text(
            align="left", baseline="top", dx=4, fontSize=_FONT_SIZE, color="var(--ink)"
        ).encode(x=_time(alt), y=alt.value(0), text="word:N"),
    ]


def _time(alt: Any) -> Any:
    axis = alt.Axis(title=None, labelOverlap=True, tickCount=6, format=_TIME_FORMATS)
    return alt.X("t:T", scale=alt.Scale(type="utc", nice=False), axis=axis)


# By the coarsest unit that changes at a tick, as d3 does.
_TIME_FORMATS = {
    "seconds": "%H:%M:%S",
    "minutes": "%H:%M",
    "hours": "%H:%M",
    "date": "%-d %b",
    "month": "%b",
    "year": "%Y",
}


def _count(alt: Any, field: str) -> Any:
    axis = alt.Axis(title=None, tickCount=4, format="~s", tickMinStep=1)
    return alt.Y(f"{field}:Q", scale=alt.Scale(zero=True, nice=True), axis=axis)


def _place(alt: Any, count: int) -> Any:
    colours = [f"var(--series-{place % SERIES_COLOURS + 1})" for place in range(count)]
    return alt.Color("i:N", scale=alt.Scale(domain=list(range(count)), range=colours), legend=None)


def _look() -> dict[str, Any]:
    words = {"labelColor": "var(--dim)", "labelFontSize": _FONT_SIZE}
    lines = {"domainColor": "var(--line)", "tickColor": "var(--line)", "gridColor": "var(--line)"}
    return {
        # Words for every point would be most of the drawing; the page says it in a sentence.
        "aria": False,
        "font": "system-ui, sans-serif",
        "view": {"stroke": None},
        "axis": {**words, **lines},
        "axisX": {"grid": False},
    }


def _fluid(svg: str) -> str:
    """The root element without its fixed size: the view box remains and the page decides."""
    head, close, body = svg.partition(">")
    head = re.sub(r'\s(width|height|class|xmlns:xlink)="[^"]*"', "", head)
    return f'{head} class="chart" aria-hidden="true" focusable="false"{close}{body}'


def _milliseconds(time_ns: int) -> int:
    # Vega's times are numbers of milliseconds; text would be parsed in a local time zone.
    return time_ns // 1_000_000
