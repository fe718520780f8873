"""The report for machines: complete, parseable, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json

import msgspec

from goleakprobe.reports import FleetReport, render_csv, render_json, render_table
from goleakprobe.reports.exports import CSV_COLUMNS


def rows_of(report: FleetReport) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render_csv(report))))


def test_json_reads_back_as_the_same_report(report: FleetReport) -> None:
    assert msgspec.json.decode(render_json(report), type=FleetReport) == report


def test_json_holds_what_the_page_counts(report: FleetReport) -> None:
    services = json.loads(render_json(report))["services"]
    assert [service["leaked"] for service in services] == [1478, 250, 11, 0, 0]
    assert [service["grade"] for service in services] == ["proven", "growing", "stuck", None, None]


def test_csv_has_a_row_per_finding_with_every_column(report: FleetReport) -> None:
    rows = rows_of(report)
    assert [row["service"] for row in rows] == ["checkout", "shipping", "payments", "search"]
    assert tuple(rows[0]) == CSV_COLUMNS
    assert rows[0] | {"evidence": ""} == {
        "rank": "1",
        "namespace": "shop",
        "service": "checkout",
        "state": "firing",
        "grade": "proven",
        "signature": "a1" * 16,
        "wait": "chan send",
        "blocking_function": "example.com/shop/checkout.(*till).total.func1",
        "blocking_location": "/src/shop/checkout/till.go:88",
        "creation_function": "example.com/shop/checkout.(*till).total",
        "creation_location": "/src/shop/checkout/till.go:84",
        "count": "1478",
        "growth_per_hour": "620.0",
        "growth_per_hour_low": "582.8",
        "growth_per_hour_high": "657.2",
        "oldest_seconds": "8580.0",
        "first_seen": "2026-09-21T15:36:00Z",
        "fired": "2026-09-21T15:46:00Z",
        "resolved": "",
        "last_update": "2026-09-21T17:59:00Z",
        "instances_affected": "3",
        "instances_total": "3",
        "builds": "v1.4.2;v1.4.3",
        "pattern": "",
        "evidence": "",
    }
    assert rows[3]["resolved"] == "2026-09-21T16:00:00Z"


def test_no_cell_is_a_formula(report: FleetReport) -> None:
    service = report.services[0]
    for start in ("=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1", "\u200b=1"):
        named = msgspec.structs.replace(service, service=start)
        (row,) = rows_of(msgspec.structs.replace(report, services=(named,)))
        assert row["service"].startswith("'")


def test_hostile_names_stay_in_their_cells(hostile_report: FleetReport) -> None:
    rows = rows_of(hostile_report)
    assert len(rows) == 4
    assert all(None not in row and None not in row.values() for row in rows)


def test_the_table_fits_a_terminal_and_holds_the_essentials(report: FleetReport) -> None:
    table = render_table(report, width=80)
    assert max(len(line) for line in table.splitlines()) <= 80
    for said in (
        "3 of 5 services leak goroutines",
        "1,478",
        "+620 an hour",
        "checkout/till.go:88",
        "checkout/till.go:84",
        "proven",
        "No leak found in: catalog",
    ):
        assert said in table


def test_hostile_names_move_no_cursor_and_set_no_colour(hostile_report: FleetReport) -> None:
    table = render_table(hostile_report, width=200)
    assert all(line.isprintable() for line in table.splitlines())
    assert "[red]" in table


def test_clean_fleet_has_no_table(report: FleetReport) -> None:
    table = render_table(msgspec.structs.replace(report, services=report.clean))
    assert table.startswith("No goroutine leaks")
    assert "Where" not in table
