"""Reports over the lake: what leaks, where, and since when.

``fleet_report`` reads, and the ``render_*`` functions of ``page``, ``terminal`` and ``exports``
show what it read.
"""

from __future__ import annotations

from goleakprobe.reports.errors import NothingMeasuredError, ReportError
from goleakprobe.reports.exports import render_csv, render_json
from goleakprobe.reports.fleet import (
    CHARTS_MAX,
    FindingReport,
    FleetReport,
    InstanceSeries,
    SeriesPoint,
    ServiceReport,
    fleet_report,
)
from goleakprobe.reports.page import render_html
from goleakprobe.reports.terminal import fleet_table, render_table

__all__ = [
    "CHARTS_MAX",
    "FindingReport",
    "FleetReport",
    "InstanceSeries",
    "NothingMeasuredError",
    "ReportError",
    "SeriesPoint",
    "ServiceReport",
    "fleet_report",
    "fleet_table",
    "render_csv",
    "render_html",
    "render_json",
    "render_table",
]
