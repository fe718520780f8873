"""Counting rows by the identity of events, from files alone."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from chaos.census import Difference, LakeCensus
from chaos.undisturbed import UndisturbedLife
from goleakprobe_agents.stage import Output
from goleakprobe_schemas import FINDINGS, RUNTIMES, SNAPSHOTS
from lake_rows import land_events
from leak_findings import a_finding
from stream_messages import a_sample, a_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from chaos.census import Census


def expected(*snapshots: int) -> Census:
    life = UndisturbedLife()
    life.follow(
        [
            Output(RUNTIMES, "default/checkout/127.0.0.1:1", f"sample-{n}", a_sample(n), 0)
            for n in snapshots
        ]
    )
    return life.expected


def found(lake: Path) -> Census:
    return LakeCensus(lake).update()


def test_events_are_counted_once_each(tmp_path: Path) -> None:
    land_events(tmp_path, RUNTIMES, [a_sample(n) for n in range(5)])
    assert Difference.between(expected(*range(5)), found(tmp_path)).none


def test_a_lost_event_is_told(tmp_path: Path) -> None:
    land_events(tmp_path, RUNTIMES, [a_sample(n) for n in range(5) if n != 3])
    difference = Difference.between(expected(*range(5)), found(tmp_path))
    assert difference.lost == {("runtime", "sample-3"): 1}
    assert not difference.doubled
    assert str(difference) == "lost 1 of runtime"


def test_a_doubled_event_is_told_wherever_it_lies(tmp_path: Path) -> None:
    land_events(tmp_path, RUNTIMES, [a_sample(n) for n in range(5)])
    land_events(tmp_path, RUNTIMES, [a_sample(3)], name="part-1")
    difference = Difference.between(expected(*range(5)), found(tmp_path))
    assert difference.doubled == {("runtime", "sample-3"): 1}
    assert not difference.lost


def test_an_event_of_many_rows_must_have_them_all(tmp_path: Path) -> None:
    land_events(tmp_path, SNAPSHOTS, [a_snapshot(0, groups=3)])
    assert found(tmp_path) == {("snapshots", "snapshot-0"): 3}


def test_findings_are_told_by_what_they_say_not_by_where_they_stood(tmp_path: Path) -> None:
    one = a_finding(id="goroutine.target.assessed.v1-0-1-x")
    same = a_finding(id="goroutine.target.assessed.v1-0-9-x")
    other = a_finding(count=one.count + 1)
    censuses = []
    for name, finding in (("one", one), ("same", same), ("other", other)):
        land_events(tmp_path / name, FINDINGS, [finding])
        censuses.append(found(tmp_path / name))
    assert censuses[0] == censuses[1] != censuses[2]
    assert str(Difference.between(censuses[0], censuses[2])) == (
        "lost 1 of findings, doubled 1 of findings"
    )


def test_a_growing_lake_is_read_on(tmp_path: Path) -> None:
    census = LakeCensus(tmp_path)
    assert census.update() == Counter()
    land_events(tmp_path, RUNTIMES, [a_sample(0)])
    assert sum(census.update().values()) == 1
    land_events(tmp_path, RUNTIMES, [a_sample(1)], name="part-1")
    assert sum(census.update().values()) == 2
    assert census.files == 2


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    land_events(tmp_path, RUNTIMES, [a_sample(0)])
    census = LakeCensus(tmp_path)
    census.update()
    for path in tmp_path.rglob("*.parquet"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="1 landed files are gone"):
        census.update()


def test_unfinished_files_do_not_count(tmp_path: Path) -> None:
    day = tmp_path / "table=runtime" / "dt=2026-01-01"
    day.mkdir(parents=True)
    (day / ".name.parquet.0a1b2c3d.tmp").write_bytes(b"half")
    assert LakeCensus(tmp_path).update() == Counter()
