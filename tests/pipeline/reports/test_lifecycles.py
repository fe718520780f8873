"""The lifecycle report: which go statements leave goroutines behind, over all traces."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import msgspec
import pytest
from typer.testing import CliRunner, Result

from agents_streams import SECOND, T0
from goleakprobe.cli.report import report_app
from goleakprobe.reports import (
    LifecycleReport,
    NothingTracedError,
    SiteLifecycle,
    lifecycle_csv,
    lifecycle_html,
    lifecycle_report,
    lifecycle_text,
)
from goleakprobe_schemas import LIFECYCLES, CreationTraced, LifecycleTraced
from lake_rows import land_events
from traced_windows import SITE, blocked, flow, leaking_window, window

if TYPE_CHECKING:
    from pathlib import Path

NOW = T0 + 3600 * SECOND
SPAWN, WORK = "main.spawn main.go:5", "main.work"
HOSTILE = "=cmd|'/c calc'!A0<script>\x1b[2J\u202e"


def traces() -> list[LifecycleTraced]:
    """Two instances of a leaking service, each traced twice, and one of a healthy one."""
    events = []
    for instance in ("10.0.0.1:6060", "10.0.0.2:6060"):
        for second in (60, 600):
            made = CreationTraced(
                creation_site=SPAWN, start=WORK, created=14, exited=2, alive=12, blocked=12
            )
            older = CreationTraced(start=WORK, alive=second * 12, blocked=second * 12)
            events.append(leaking_window(second, instance=instance, creations=(made, older)))
    served = CreationTraced(
        creation_site="main.listen main.go:80", start="main.serve", created=900, exited=901, alive=3
    )
    idle = flow(blocked(range(3)), creation_site="main.listen main.go:80", start="main.serve")
    events.append(window(idle, service="catalog", creations=(served,), at=300, wakers=()))
    return events


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("traced")
    land_events(folder, LIFECYCLES, traces())
    return folder


@pytest.fixture(scope="module")
def traced(lake: Path) -> LifecycleReport:
    return lifecycle_report(lake, as_of_ns=NOW)


def test_the_leak_comes_first_with_its_rate_over_all_traces(traced: LifecycleReport) -> None:
    leak = traced.sites[0]
    assert (leak.service, leak.creation_site, leak.start) == ("checkout", SPAWN, WORK)
    assert (leak.windows, leak.instances, leak.traced_seconds) == (4, 2, 4.0)
    assert (leak.created, leak.exited, leak.net) == (4 * 14, 4 * 2, 4 * 12)
    assert leak.net_per_second == 12.0
    assert leak.windows_accusing == 4
    assert [reason.detector for reason in leak.evidence] == ["trace_growth"]
    assert traced.accused == (leak,)
    assert traced.windows == 5


def test_goroutines_older_than_the_trace_count_to_the_statement_that_starts_them(
    traced: LifecycleReport,
) -> None:
    leak = traced.sites[0]
    assert leak.alive == 2 * (12 + 600 * 12), "the latest trace of each instance"
    assert (leak.open, leak.open_born) == (2 * (12 + 600 * 12), 2 * 12)
    assert {site.start for site in traced.sites} == {WORK, "main.serve"}
    assert (leak.signature, leak.wait, leak.blocking_site) == (
        SITE,
        "chan send",
        "main.work main.go:9",
    )


def test_it_says_who_ever_woke_such_a_wait(traced: LifecycleReport) -> None:
    (waker,) = traced.sites[0].wakers
    assert (waker.site, waker.count, waker.alive) == ("main.serve main.go:30", 7, 0)
    assert "woken by main.go:30 main.serve (7 times, 0 alive)" in lifecycle_text(traced)


def test_a_healthy_site_is_last_and_not_in_the_table(traced: LifecycleReport) -> None:
    healthy = traced.sites[-1]
    assert (healthy.service, healthy.net, healthy.evidence) == ("catalog", -1, ())
    text = lifecycle_text(traced)
    assert "catalog" not in text
    assert "1 creation sites that leave nothing behind are not shown" in text


def test_the_table_fits_a_terminal_of_eighty_characters(traced: LifecycleReport) -> None:
    text = lifecycle_text(traced, width=80)
    assert max(map(len, text.splitlines())) <= 80
    for said in ("1 creation site accused by 5 traces", "+12.0 a second", "56 created", "8 exited"):
        assert said in text


def test_times_outside_the_window_and_other_services_do_not_count(lake: Path) -> None:
    early = lifecycle_report(lake, as_of_ns=T0 + 100 * SECOND)
    assert (early.sites[0].windows, early.sites[0].created) == (2, 28)
    one = lifecycle_report(lake, as_of_ns=NOW, service="catalog")
    assert {site.service for site in one.sites} == {"catalog"}
    with pytest.raises(NothingTracedError, match="of service 'nobody'"):
        lifecycle_report(lake, as_of_ns=NOW, service="nobody")


def test_two_statements_that_start_one_function_share_nothing(tmp_path: Path) -> None:
    made = tuple(
        CreationTraced(creation_site=f"main.f{n} main.go:{n}", start=WORK, created=n, alive=n)
        for n in (1, 2)
    )
    older = CreationTraced(start=WORK, alive=50)
    land_events(tmp_path, LIFECYCLES, [window(creations=(*made, older), at=5)])
    sites = lifecycle_report(tmp_path, as_of_ns=NOW).sites
    assert {site.creation_site: site.alive for site in sites} == {
        "main.f1 main.go:1": 1,
        "main.f2 main.go:2": 2,
        "": 50,
    }


def test_names_stay_text_in_every_form(traced: LifecycleReport) -> None:
    bad = msgspec.structs.replace(
        traced.sites[0], service=HOSTILE, creation_site=HOSTILE, blocking_site=HOSTILE
    )
    report = msgspec.structs.replace(traced, sites=(bad,))
    page = lifecycle_html(report)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    for text in (page, lifecycle_text(report), lifecycle_csv(report)):
        assert "\x1b" not in text
        assert "\u202e" not in text
    (row,) = csv.DictReader(io.StringIO(lifecycle_csv(report)))
    assert row["service"].startswith("'=")


def test_the_page_is_one_file_that_asks_for_nothing(traced: LifecycleReport) -> None:
    page = lifecycle_html(traced)
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert "src=" not in page
    assert "http" not in page.replace("http-equiv", "")
    for said in ("main.spawn", "main.go:5", "+12.0 a second", "growing: 12 goroutines started"):
        assert said in page


def run(*arguments: str) -> Result:
    return CliRunner().invoke(report_app, ["lifecycles", *arguments])


AT = ("--as-of", "2027-01-15T09:00:00Z")


@pytest.mark.parametrize("format_", ["table", "json", "csv", "html"])
def test_the_command_prints_every_form_or_writes_it(
    lake: Path, tmp_path: Path, format_: str
) -> None:
    result = run("--lake", str(lake), *AT, "-f", format_)
    assert result.exit_code == 0, result.output
    assert "checkout" in result.stdout
    file = tmp_path / "report"
    written = run("--lake", str(lake), *AT, "-f", format_, "-o", str(file))
    assert (written.exit_code, written.stdout) == (0, "")
    assert file.read_text() == result.stdout.replace("\r\n", "\n") or format_ == "csv"


def test_machines_get_the_same_sites(lake: Path) -> None:
    sites = json.loads(run("--lake", str(lake), *AT, "-f", "json").stdout)["sites"]
    rows = list(csv.DictReader(io.StringIO(run("--lake", str(lake), *AT, "-f", "csv").stdout)))
    assert [site["service"] for site in sites] == [row["service"] for row in rows]
    assert msgspec.convert(sites, list[SiteLifecycle])[0].net_per_second == 12.0
    assert float(rows[0]["net_per_second"]) == 12.0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--lake", "/no/such/folder"), 2, "no such folder"),
        (("--since", "yesterday"), 2, "is not a duration"),
        (("--as-of", "tomorrow"), 2, "is not a time"),
    ],
)
def test_what_cannot_be_asked_is_said(arguments: tuple[str, ...], code: int, said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == code
    assert said in result.output


def test_without_traces_the_command_says_what_to_do_and_exits_3(lake: Path) -> None:
    result = run("--lake", str(lake), "--as-of", "2020-01-01")
    assert result.exit_code == 3
    assert "trace_interval" in result.output
