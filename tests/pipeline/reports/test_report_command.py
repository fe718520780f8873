"""``goleakprobe report fleet`` on the command line."""

from __future__ import annotations

import csv
import io
import json
import stat
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner, Result

from goleakprobe.cli.report import report_app
from lake_rows import land

if TYPE_CHECKING:
    from pathlib import Path

AS_OF = "2026-09-21T18:00:00Z"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(report_app, ["fleet", *arguments])


def test_a_table_is_the_default(fleet_lake: Path) -> None:
    result = run("--lake", str(fleet_lake), "--as-of", AS_OF)
    assert result.exit_code == 0
    assert "3 of 5 services leak goroutines" in result.stdout


@pytest.mark.parametrize("as_of", ["2026-09-21T18:00", "2026-09-21T20:00+02:00"])
def test_a_time_is_utc_unless_it_has_a_zone(fleet_lake: Path, as_of: str) -> None:
    result = run("--lake", str(fleet_lake), "--as-of", as_of, "--format", "json")
    assert json.loads(result.stdout)["as_of_ns"] == 1_790_013_600_000_000_000


def test_machines_get_nothing_but_data_on_stdout(fleet_lake: Path) -> None:
    result = run("--lake", str(fleet_lake), "--as-of", AS_OF, "-f", "csv")
    assert len(list(csv.reader(io.StringIO(result.stdout)))) == 5


@pytest.mark.parametrize("format_", ["table", "json", "csv", "html"])
def test_a_report_can_be_written_to_a_file_instead(
    fleet_lake: Path, tmp_path: Path, format_: str
) -> None:
    file = tmp_path / "report"
    file.write_text("the one before")
    result = run("--lake", str(fleet_lake), "--as-of", AS_OF, "-f", format_, "-o", str(file))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "checkout" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [file]


def test_the_page_has_charts_and_the_data_formats_no_series(fleet_lake: Path) -> None:
    at = ("--lake", str(fleet_lake), "--as-of", AS_OF)
    assert run(*at, "-f", "html").stdout.count("<svg") == 3
    services = json.loads(run(*at, "-f", "json").stdout)["services"]
    assert all(not finding["series"] for service in services for finding in service["findings"])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--since", "yesterday"), "is not a duration"),
        (("--since", ""), "is not a duration"),
        (("--since", "9999999999y"), "is not a duration"),
        (("--as-of", "tomorrow"), "is not a time"),
        (("--format", "pdf"), "pdf"),
        (("--threads", "0"), "--threads"),
        (("--lake", "/no/such/folder"), "/no/such/folder: no such folder"),
        (("--output", "/no/such/folder/report.html"), "cannot be written"),
    ],
)
def test_wrong_usage_exits_with_2(
    fleet_lake: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    result = run("--lake", str(fleet_lake), "--as-of", AS_OF, *arguments)
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert result.stdout == ""


def test_what_cannot_be_measured_exits_with_3(fleet_lake: Path, tmp_path: Path) -> None:
    empty, damaged = tmp_path / "empty", tmp_path / "damaged"
    empty.mkdir()
    (file,) = land(damaged, "findings", [{"service": "a", "time_ns": 1_790_000_000_000_000_000}])
    file.write_bytes(b"PAR1 no more PAR1")
    for arguments, complaint in [
        (("--lake", str(empty)), "no table has landed here yet"),
        (("--lake", str(damaged)), str(file)),
        (("--lake", str(fleet_lake), "--as-of", "1999-01-01"), "no target was scraped"),
        (("--lake", str(fleet_lake), "--memory-limit", "much"), "DuckDB refuses"),
    ]:
        result = run(*arguments)
        assert result.exit_code == 3
        assert complaint in result.stderr.replace("\n", " ")


def test_the_help_shows_an_example_and_the_exit_codes() -> None:
    said = " ".join(run("--help").stdout.split())
    assert "Example: goleakprobe report fleet" in said
    assert "Exit codes" in said
