"""The fleet report for machines: JSON, and CSV with a row per finding."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from goleakprobe.reports.wording import site_parts
from goleakprobe_agents.alerting.plain_text import one_line

if TYPE_CHECKING:
    from goleakprobe.reports.fleet import FindingReport, FleetReport, ServiceReport

__all__ = ["CSV_COLUMNS", "render_csv", "render_json", "text_cell"]

CSV_COLUMNS = (
    "rank",
    "namespace",
    "service",
    "state",
    "grade",
    "signature",
    "wait",
    "blocking_function",
    "blocking_location",
    "creation_function",
    "creation_location",
    "count",
    "growth_per_hour",
    "growth_per_hour_low",
    "growth_per_hour_high",
    "oldest_seconds",
    "first_seen",
    "fired",
    "resolved",
    "last_update",
    "instances_affected",
    "instances_total",
    "builds",
    "pattern",
    "evidence",
)

_CELL_CHARS_MAX = 2000
# A spreadsheet takes a cell that begins with one of these for a formula and runs it
# (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA_STARTS = frozenset("=+-@")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def render_json(report: FleetReport) -> str:
    """The whole report, times in UTC epoch nanoseconds, services in order of rank.

    What the page counts is there too: ``leaked``, ``growth_per_hour`` and ``grade`` of a service.
    """
    whole: dict[str, Any] = msgspec.to_builtins(report)
    for service, fields in zip(report.services, whole["services"], strict=True):
        fields["leaked"] = service.leaked
        fields["growth_per_hour"] = service.growth_per_hour
        fields["grade"] = service.grade
    return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode() + "\n"


def render_csv(report: FleetReport) -> str:
    """A header and a row per finding, RFC 4180; times are RFC 3339 in UTC."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(CSV_COLUMNS)
    for rank, service in enumerate(report.services, 1):
        for finding in service.findings:
            row = _row(rank, service, finding)
            writer.writerow([row[column] for column in CSV_COLUMNS])
    return text.getvalue()


def _row(rank: int, service: ServiceReport, finding: FindingReport) -> dict[str, object]:
    blocking, creation = site_parts(finding.blocking_site), site_parts(finding.creation_site)
    texts = {
        "namespace": service.namespace,
        "service": service.service,
        "wait": finding.wait,
        "blocking_function": blocking[0],
        "blocking_location": blocking[1],
        "creation_function": creation[0],
        "creation_location": creation[1],
        "builds": ";".join(finding.builds),
        "pattern": finding.pattern,
        "evidence": "; ".join(f"{item.grade}: {item.summary}" for item in finding.evidence),
        "signature": finding.signature,
    }
    times = {
        "first_seen": finding.first_seen_ns,
        "fired": finding.fired_ns,
        "resolved": finding.resolved_ns,
        "last_update": finding.last_told_ns,
    }
    known = {name: getattr(finding, name) for name in CSV_COLUMNS if hasattr(finding, name)}
    return {
        **known,
        "rank": rank,
        "state": finding.state.value,
        "grade": finding.grade.value,
        **{name: text_cell(value) for name, value in texts.items()},
        **{name: _time(value) for name, value in times.items()},
    }


def text_cell(text: str) -> str:
    """Untrusted text that no spreadsheet takes for a formula."""
    line = one_line(text, _CELL_CHARS_MAX)
    return f"'{line}" if line[:1] in _FORMULA_STARTS else line


def _time(time_ns: int | None) -> str:
    if time_ns is None:
        return ""
    try:
        moment = _EPOCH + timedelta(microseconds=time_ns // 1000)
    except OverflowError:
        return ""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
