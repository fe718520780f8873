"""A trace's report as one HTML page that needs no network and runs no script."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from goleakprobe.trace.drawing import as_svg, lifecycle_graph

if TYPE_CHECKING:
    from goleakprobe.trace.analysis import TraceReport

__all__ = ["as_page"]

_TEMPLATE = Path(__file__).with_name("page.html.j2")
_COLOURS = {"runnable": "#d98e04", "running": "#2a7f3f", "blocked": "#b3261e", "syscall": "#4a5fc1"}
_WIDTH, _TOP, _BOTTOM = 1000, 24, 210


def as_page(report: TraceReport, name: str) -> str:
    """The page; every name in it comes from the target and is escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    template = environment.from_string(_TEMPLATE.read_text("utf-8"))
    graph = as_svg(lifecycle_graph(report.window, report.suspects))
    return template.render(
        name=name,
        window=report.window,
        suspects=report.suspects,
        # as_svg escapes every name itself.
        graph=Markup(graph),  # noqa: S704
        lines=_lines(report),
    )


def _lines(report: TraceReport) -> list[dict[str, object]]:
    """Each state's own scale: a few runnable beside fifty thousand blocked must be seen."""
    lines: list[dict[str, object]] = []
    for state, counts in report.window.series.counts.items():
        most = max(counts, default=0)
        step = _WIDTH / max(1, len(counts) - 1)
        points = " ".join(
            f"{place * step:.1f},{_BOTTOM - count * (_BOTTOM - _TOP) / max(1, most):.1f}"
            for place, count in enumerate(counts)
        )
        lines.append({"name": state, "colour": _COLOURS[state], "points": points, "most": most})
    return lines
