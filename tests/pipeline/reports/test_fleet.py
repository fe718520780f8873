"""The fleet report says of each service what the newest rows of the lake say."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from fleet_lakes import AS_OF_NS, LEAKS, OLD, SCRAPE_SECONDS, SCRAPES, SECOND_NS, SEND
from goleakprobe.lake import LakeEmptyError, LakeMissingError, LakeQueryError
from goleakprobe.reports import FindingReport, FleetReport, NothingMeasuredError, fleet_report
from goleakprobe_agents.alerting import Alert, alert_of
from goleakprobe_agents.settings import AlertingSettings
from goleakprobe_schemas import (
    FINDINGS,
    SNAPSHOTS,
    STACKS,
    FindingState,
    Frame,
    Grade,
    SnapshotCollected,
    StackObserved,
)
from goleakprobe_schemas.snapshots import SnapshotGroup, SnapshotSource
from lake_rows import land, land_events
from leak_findings import NOON_NS, a_finding

if TYPE_CHECKING:
    from pathlib import Path

HOUR_NS = 3600 * SECOND_NS
RESOLVED = FindingState.RESOLVED


def finding_of(report: FleetReport, service: str) -> FindingReport:
    (found,) = (finding for finding in report.findings if finding.service == service)
    return found


def a_scrape(**changes: Any) -> SnapshotCollected:
    values: dict[str, Any] = {
        "id": f"scrape-{changes}",
        "namespace": "shop",
        "service": "checkout",
        "instance": "a:1",
        "time_ns": NOON_NS,
        "source": SnapshotSource.DEBUG0,
        "total": 10,
    }
    return SnapshotCollected(**(values | changes))


def test_services_are_ranked_by_how_much_they_leak(report: FleetReport) -> None:
    assert [service.service for service in report.leaking] == ["checkout", "shipping", "payments"]
    assert [service.leaked for service in report.leaking] == [1478, 250, 11]


def test_every_service_that_was_watched_is_accounted_for(report: FleetReport) -> None:
    assert [service.service for service in report.recovered] == ["search"]
    assert [service.service for service in report.clean] == ["catalog"]
    assert len(report.services) == 5
    for service in report.services:
        assert service.scrapes == 3 * SCRAPES
        assert service.instances_live == 3


def test_a_finding_is_told_as_its_newest_event_tells_it(report: FleetReport) -> None:
    found = finding_of(report, "checkout")
    leak = LEAKS["checkout"]
    assert found.signature == SEND
    assert (found.grade, found.state) == (Grade.PROVEN, FindingState.FIRING)
    assert (found.blocking_site, found.creation_site) == (leak.blocking_site, leak.creation_site)
    assert (found.count, found.growth_per_hour) == (1478, 620)
    assert (found.growth_per_hour_low, found.growth_per_hour_high) == (
        pytest.approx(582.8),
        pytest.approx(657.2),
    )
    assert (found.instances_affected, found.instances_total) == (3, 3)
    assert found.builds == ("v1.4.2", "v1.4.3")
    assert found.last_told_ns == AS_OF_NS - 60 * SECOND_NS
    assert [item.summary for item in found.evidence] == [
        leak.summary,
        "the service's total is unusual for it",
    ]
    assert found.evidence[0].numbers == {"score": 9.25, "threshold": 4.0}


def test_a_finding_shows_an_example_stack(report: FleetReport) -> None:
    found = finding_of(report, "checkout")
    assert [frame.function for frame in found.stack] == [
        "runtime.gopark",
        "example.com/shop/checkout.(*till).total.func1",
    ]
    assert found.starts_in == LEAKS["checkout"].blocking_site
    assert finding_of(report, "search").stack == (), "nobody published one"


def test_the_go_statement_is_taken_from_the_stacks_where_no_scrape_told_it(tmp_path: Path) -> None:
    finding = a_finding(creation_site="")
    land_events(tmp_path, FINDINGS, [finding])
    sites = ["main.serve /srv/main.go:7", ""]
    land_events(
        tmp_path,
        STACKS,
        [
            StackObserved(
                signature=finding.signature,
                frames=(Frame("main.wait", "/srv/main.go", 9),),
                creation_site=site,
                first_seen_ns=NOON_NS + number,
            )
            for number, site in enumerate(sites)
        ],
    )
    (found,) = fleet_report(tmp_path, as_of_ns=NOON_NS + HOUR_NS).findings
    assert found.creation_site == "main.serve /srv/main.go:7"


def test_stack_and_go_statement_are_those_of_the_leaking_build(tmp_path: Path) -> None:
    """Other services have the same stack of library code, and start it elsewhere."""
    ours = a_finding(creation_site="", builds=("b1",))
    foreign = a_finding(service="search", creation_site="", builds=("b3",))
    land_events(tmp_path, FINDINGS, [ours, foreign])
    stacks = [
        StackObserved(
            signature=ours.signature,
            frames=(Frame("lib.wait", "/lib/wait.go", line),),
            creation_site=site,
            build_id=build,
            first_seen_ns=NOON_NS + line,
        )
        for build, line, site in (("b1", 9, "main.serve /srv/main.go:7"), ("b2", 12, "main.go:1"))
    ]
    land_events(tmp_path, STACKS, stacks)
    report = fleet_report(tmp_path, as_of_ns=NOON_NS + HOUR_NS)
    found = finding_of(report, ours.service)
    assert (found.stack[0].line, found.creation_site) == (9, "main.serve /srv/main.go:7")
    other = finding_of(report, "search")
    assert (other.stack[0].line, other.creation_site) == (12, ""), "of nobody's own build"


def test_a_finding_links_to_where_its_alert_points(report: FleetReport) -> None:
    finding = a_finding(signature=SEND)
    alert: Alert = alert_of(
        finding,
        AlertingSettings(report_url="https://leaks.example/fleet.html"),
        now_ns=NOON_NS,
        lifetime_seconds=300,
    )
    assert alert.generator_url.endswith("#" + finding_of(report, "checkout").anchor)


def test_the_past_can_be_asked(fleet_lake: Path) -> None:
    then = fleet_report(fleet_lake, as_of_ns=AS_OF_NS - 40 * 60 * SECOND_NS)
    found = finding_of(then, "checkout")
    assert found.last_told_ns == AS_OF_NS - 3600 * SECOND_NS
    assert found.count == 868
    assert then.services[0].scrapes == 3 * (SCRAPES - 40 * 60 // SCRAPE_SECONDS)


def test_the_same_question_has_the_same_answer(fleet_lake: Path, report: FleetReport) -> None:
    assert fleet_report(fleet_lake, as_of_ns=AS_OF_NS, charts=10) == report


def test_a_leak_that_still_fires_is_shown_however_long_ago_it_spoke(tmp_path: Path) -> None:
    land_events(tmp_path, FINDINGS, [a_finding(time_ns=NOON_NS - 900 * HOUR_NS)])
    report = fleet_report(tmp_path, as_of_ns=NOON_NS, since=timedelta(hours=1))
    assert [service.leaked for service in report.leaking] == [1204]
    assert report.services[0].newest_ns is None


def test_a_resolved_leak_is_shown_while_it_is_news(tmp_path: Path) -> None:
    over = a_finding(state=RESOLVED, resolved_ns=NOON_NS - 2 * HOUR_NS, time_ns=NOON_NS)
    land_events(tmp_path, FINDINGS, [a_finding(time_ns=NOON_NS - HOUR_NS), over])
    land_events(tmp_path, SNAPSHOTS, [a_scrape()])
    wide = fleet_report(tmp_path, as_of_ns=NOON_NS, since=timedelta(hours=3))
    narrow = fleet_report(tmp_path, as_of_ns=NOON_NS, since=timedelta(hours=1))
    assert [len(wide.recovered), len(wide.leaking)] == [1, 0]
    assert [len(narrow.recovered), len(narrow.clean)] == [0, 1]


def test_a_leak_without_a_stack_does_not_count_as_leaked_goroutines(tmp_path: Path) -> None:
    land_events(tmp_path, FINDINGS, [a_finding(signature="", grade=Grade.ANOMALOUS, count=900)])
    (service,) = fleet_report(tmp_path, as_of_ns=NOON_NS).leaking
    assert (service.leaked, service.growth_per_hour, service.grade) == (0, 0, Grade.ANOMALOUS)
    assert service.firing[0].signature == ""


def test_an_instance_that_is_gone_is_not_counted_with_the_living(tmp_path: Path) -> None:
    scrapes = [
        a_scrape(instance="old:1", total=500, time_ns=NOON_NS - HOUR_NS),
        a_scrape(instance="new:1", total=30, time_ns=NOON_NS - 60 * SECOND_NS),
        a_scrape(instance="new:1", total=20, time_ns=NOON_NS),
        a_scrape(instance="new:1", total=7, time_ns=NOON_NS, source=SnapshotSource.LEAK),
    ]
    land_events(tmp_path, SNAPSHOTS, scrapes)
    (service,) = fleet_report(tmp_path, as_of_ns=NOON_NS).services
    assert (service.goroutines, service.instances_live, service.instances_seen) == (20, 1, 2)
    assert service.scrapes == 3


def test_services_of_one_name_in_two_namespaces_are_two_services(tmp_path: Path) -> None:
    land_events(tmp_path, SNAPSHOTS, [a_scrape(), a_scrape(namespace="test")])
    land_events(tmp_path, FINDINGS, [a_finding(namespace="test")])
    report = fleet_report(tmp_path, as_of_ns=NOON_NS)
    assert [(s.namespace, len(s.findings)) for s in report.services] == [("test", 1), ("shop", 0)]


def counts(*found: int) -> list[SnapshotCollected]:
    """Scrapes a minute apart, some of which list the leak."""
    return [
        a_scrape(
            time_ns=NOON_NS + number * 60 * SECOND_NS,
            total=100 + count,
            groups=(
                SnapshotGroup(signature="f" * 32, count=100),
                *([SnapshotGroup(signature=SEND, count=count)] if count else []),
            ),
        )
        for number, count in enumerate(found)
    ]


def series_of(tmp_path: Path, scrapes: list[SnapshotCollected], signature: str) -> list[list[int]]:
    land_events(tmp_path, SNAPSHOTS, scrapes)
    land_events(tmp_path, FINDINGS, [a_finding(signature=signature)])
    report = fleet_report(tmp_path, as_of_ns=NOON_NS + HOUR_NS * 9, charts=1)
    (found,) = report.findings
    return [[point.count for point in each.points] for each in found.series]


def test_a_scrape_that_does_not_list_the_stack_is_a_zero_in_its_series(tmp_path: Path) -> None:
    assert series_of(tmp_path, counts(0, 0, 3, 0, 5), SEND) == [[0, 0, 3, 0, 5]]


def test_the_series_of_an_anomaly_is_the_total(tmp_path: Path) -> None:
    assert series_of(tmp_path, counts(0, 3, 5), "") == [[100, 103, 105]]


def test_a_leak_profile_is_no_point_of_a_series(tmp_path: Path) -> None:
    leak = a_scrape(time_ns=NOON_NS + 1, total=1, source=SnapshotSource.LEAK)
    assert series_of(tmp_path, [*counts(2, 4), leak], SEND) == [[2, 4]]


def test_label_sets_of_one_stack_are_added_up(report: FleetReport) -> None:
    newest = [each.points[-1].count for each in finding_of(report, "checkout").series]
    assert newest == sorted(newest, reverse=True)
    assert sum(newest) == pytest.approx(1488, abs=6)


def test_a_long_series_is_thinned_out_and_keeps_its_end(tmp_path: Path) -> None:
    (points,) = series_of(tmp_path, counts(*range(1, 501)), SEND)
    assert 100 <= len(points) <= 161
    assert points[-1] == 500
    assert points == sorted(points)


def test_only_the_worst_instances_are_drawn(tmp_path: Path) -> None:
    scrapes = [
        a_scrape(
            instance=f"i{number}", groups=(SnapshotGroup(signature=SEND, count=number),), total=9
        )
        for number in range(20)
    ]
    found = series_of(tmp_path, scrapes, SEND)
    assert sorted(point for (point,) in found) == [14, 15, 16, 17, 18, 19]


def test_the_floor_comes_from_the_assessment_of_the_same_scrape(report: FleetReport) -> None:
    for each in finding_of(report, "shipping").series:
        last = each.points[-1]
        assert last.floor == last.count - 12


def test_only_as_many_findings_get_series_as_asked_for(fleet_lake: Path) -> None:
    report = fleet_report(fleet_lake, as_of_ns=AS_OF_NS, charts=1)
    assert [bool(finding.series) for finding in report.findings] == [True, False, False, False]


def test_nothing_in_the_window_says_what_to_do(fleet_lake: Path) -> None:
    with pytest.raises(NothingMeasuredError, match=r"between 1999-12-31.*--since.*--as-of"):
        fleet_report(fleet_lake, as_of_ns=946_684_800 * SECOND_NS)


@pytest.mark.parametrize("since", [timedelta(0), timedelta.max, -timedelta(hours=1)])
def test_any_window_is_answered(fleet_lake: Path, since: timedelta) -> None:
    report = fleet_report(fleet_lake, as_of_ns=AS_OF_NS, since=since)
    assert len(report.leaking) == 3


def test_no_lake_and_an_empty_one_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(LakeMissingError):
        fleet_report(tmp_path / "nowhere")
    with pytest.raises(LakeEmptyError):
        fleet_report(tmp_path)


def test_a_row_of_an_unknown_grade_is_a_clear_error(tmp_path: Path) -> None:
    row = {"service": "a", "time_ns": NOON_NS, "state": "firing", "grade": "certain"}
    row |= {"first_seen_ns": 1, "fired_ns": 1}
    land(tmp_path, "findings", [row])
    with pytest.raises(LakeQueryError, match="none that this version can read"):
        fleet_report(tmp_path, as_of_ns=NOON_NS)


def test_findings_of_old_signature_are_resolved(report: FleetReport) -> None:
    found = finding_of(report, "search")
    assert (found.signature, found.firing, found.evidence) == (OLD, False, ())
