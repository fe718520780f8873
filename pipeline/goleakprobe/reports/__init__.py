"""Reports over the lake: what leaks, where, and since when.

``fleet_report`` reads, and the ``render_*`` functions of ``page``, ``terminal`` and ``exports``
show what it read; ``lifecycle_report`` and the other ``lifecycle_*`` functions do so for traces.
"""

from __future__ import annotations

from goleakprobe.reports.errors import NothingMeasuredError, NothingTracedError, ReportError
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
from goleakprobe.reports.lifecycle_views import (
    lifecycle_csv,
    lifecycle_html,
    lifecycle_json,
    lifecycle_table,
    lifecycle_text,
)
from goleakprobe.reports.lifecycles import (
    LifecycleReport,
    SiteLifecycle,
    Waker,
    lifecycle_report,
)
from goleakprobe.reports.page import render_html
from goleakprobe.reports.terminal import fleet_table, render_table

__all__ = [
    "CHARTS_MAX",
    "FindingReport",
    "FleetReport",
    "InstanceSeries",
    "LifecycleReport",
    "NothingMeasuredError",
    "NothingTracedError",
    "ReportError",
    "SeriesPoint",
    "ServiceReport",
    "SiteLifecycle",
    "Waker",
    "fleet_report",
    "fleet_table",
    "lifecycle_csv",
    "lifecycle_html",
    "lifecycle_json",
    "lifecycle_report",
    "lifecycle_table",
    "lifecycle_text",
    "render_csv",
    "render_html",
    "render_json",
    "render_table",
]
