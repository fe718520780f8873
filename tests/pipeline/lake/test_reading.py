"""A lake opens as one view per table, whatever has landed in it so far."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goleakprobe.errors import GoLeakProbeError
from goleakprobe.lake import (
    Lake,
    LakeEmptyError,
    LakeFileDamagedError,
    LakeMissingError,
    LakeQueryError,
    TimeWindow,
)
from goleakprobe.lake.sql_types import sql_type
from goleakprobe_schemas.arrow import TABLES, table_schema
from lake_rows import land

NOON_NS = 1_790_000_000_000_000_000
DAY_NS = 86_400_000_000_000


class Count(msgspec.Struct):
    rows: int


class Row(msgspec.Struct):
    service: str = ""
    count: int | None = None


def a_snapshot(**columns: object) -> dict[str, object]:
    return {"service": "checkout", "time_ns": NOON_NS, "count": 7} | columns


def count(lake: Lake, table: str) -> int:
    (found,) = lake.query(f"SELECT count(*) AS rows FROM {table}", Count)
    return found.rows


def read_every_column(folder: Path) -> None:
    columns = ", ".join(table_schema("snapshots").names)
    with Lake(folder) as lake:
        lake.query(f"SELECT {columns} FROM snapshots ORDER BY ALL", Row)


def test_every_table_of_the_contract_can_be_asked_before_anything_landed_in_it(
    tmp_path: Path,
) -> None:
    land(tmp_path, "snapshots", [a_snapshot()])
    with Lake(tmp_path) as lake:
        assert {table: count(lake, table) for table in TABLES} == dict.fromkeys(TABLES, 0) | {
            "snapshots": 1
        }


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_table_has_the_types_its_files_will_have(table: str, tmp_path: Path) -> None:
    """The types named for missing tables are those DuckDB reads from a real file."""
    file = tmp_path / "file.parquet"
    pq.write_table(table_schema(table).empty_table(), file)
    described = duckdb.sql(f"DESCRIBE SELECT * FROM read_parquet('{file}')").fetchall()
    ours = duckdb.sql(
        "DESCRIBE SELECT "
        + ", ".join(f'NULL::{sql_type(f.type)} AS "{f.name}"' for f in table_schema(table))
    ).fetchall()
    assert [row[:2] for row in ours] == [row[:2] for row in described]


def test_a_file_of_an_older_writer_lacks_columns_and_reads_as_nulls(tmp_path: Path) -> None:
    land(tmp_path, "snapshots", [a_snapshot()])
    (old,) = land(tmp_path, "snapshots", [a_snapshot(service="old")], name="part-1")
    pq.write_table(pq.read_table(old).drop_columns(["count", "leaked"]), old)
    with Lake(tmp_path) as lake:
        rows = lake.query("SELECT service, count FROM snapshots ORDER BY ALL", Row)
        assert rows == [Row("checkout", 7), Row("old", None)]


def test_a_file_of_a_newer_writer_has_columns_that_are_ignored(tmp_path: Path) -> None:
    (new,) = land(tmp_path, "snapshots", [a_snapshot()])
    table = pq.read_table(new)
    pq.write_table(table.append_column("later", pa.array(["x"])), new)
    with Lake(tmp_path) as lake:
        assert count(lake, "snapshots") == 1
        with pytest.raises(LakeQueryError, match="later"):
            lake.query("SELECT later AS service FROM snapshots", Row)


def test_a_file_that_is_being_written_is_not_seen(tmp_path: Path) -> None:
    (whole,) = land(tmp_path, "snapshots", [a_snapshot()])
    half = whole.read_bytes()[:100]
    for name in (".part-1.parquet", "_part-1.parquet", "part-1.parquet.tmp", "part-1.tmp"):
        (whole.parent / name).write_bytes(half)
    staging = whole.parent / ".staging"
    staging.mkdir()
    (staging / "part-2.parquet").write_bytes(half)
    with Lake(tmp_path) as lake:
        assert count(lake, "snapshots") == 1


def test_a_file_linked_into_place_is_seen_whole_by_an_open_lake(tmp_path: Path) -> None:
    (first,) = land(tmp_path, "snapshots", [a_snapshot()])
    with Lake(tmp_path) as lake:
        assert count(lake, "snapshots") == 1
        os.link(first, first.with_name("part-1.parquet"))
        assert count(lake, "snapshots") == 2


def test_a_window_leaves_other_times_out_and_files_of_earlier_days_unread(tmp_path: Path) -> None:
    for day in range(-5, 6):
        times = [NOON_NS + day * DAY_NS + extra for extra in (-1, 0, 1)]
        land(
            tmp_path, "snapshots", [a_snapshot(time_ns=time) for time in times], name=f"part-{day}"
        )
    for file in tmp_path.glob("table=snapshots/dt=2026-09-16/*"):
        file.write_bytes(b"damaged, and never opened")
    with Lake(tmp_path, window=TimeWindow(NOON_NS, NOON_NS + DAY_NS)) as lake:
        assert count(lake, "snapshots") == 2 + 2


def test_a_row_that_was_published_late_is_in_the_window_of_its_event_time(tmp_path: Path) -> None:
    (file,) = land(tmp_path, "snapshots", [a_snapshot()])
    late = tmp_path / "table=snapshots" / "dt=2026-12-24"
    late.mkdir()
    file.rename(late / file.name)
    with Lake(tmp_path, window=TimeWindow(NOON_NS, NOON_NS)) as lake:
        assert count(lake, "snapshots") == 1


def test_no_window_cuts_a_table_whose_newest_row_stays_true(tmp_path: Path) -> None:
    land(tmp_path, "findings", [{"service": "checkout", "time_ns": NOON_NS - 90 * DAY_NS}])
    land(tmp_path, "snapshots", [a_snapshot(time_ns=NOON_NS - 90 * DAY_NS)])
    with Lake(tmp_path, window=TimeWindow(NOON_NS - DAY_NS, NOON_NS)) as lake:
        assert count(lake, "findings") == 1
        assert count(lake, "snapshots") == 0


def test_the_day_is_a_column(tmp_path: Path) -> None:
    land(tmp_path, "snapshots", [a_snapshot()])
    with Lake(tmp_path) as lake:
        sql = "SELECT service FROM snapshots WHERE dt = DATE '2026-09-21'"
        assert lake.query(sql, Row) == [Row("checkout")]


@pytest.mark.parametrize("name", ["it's", "a[b]c", "star*?", "env=prod", 'quo"te', "ümläut 漢"])
def test_any_folder_name_will_do(name: str, tmp_path: Path) -> None:
    land(tmp_path / name, "snapshots", [a_snapshot()])
    with Lake(tmp_path / name) as lake:
        assert count(lake, "snapshots") == 1


def test_parameters_are_values_whatever_they_say(tmp_path: Path) -> None:
    hostile = "'; DROP VIEW snapshots; --"
    land(tmp_path, "snapshots", [a_snapshot(service=hostile)])
    with Lake(tmp_path) as lake:
        sql = "SELECT service FROM snapshots WHERE service = $name"
        assert lake.query(sql, Row, name=hostile) == [Row(hostile)]
        assert lake.query(sql, Row, name="other") == []


def test_folders_that_are_no_days_of_the_table_are_passed_over(tmp_path: Path) -> None:
    land(tmp_path, "snapshots", [a_snapshot()])
    for stray in ("table=snapshots/dt=yesterday", "table=snapshots/lost+found", "table=nobody"):
        (tmp_path / stray).mkdir()
        (tmp_path / stray / "x.parquet").write_bytes(b"no Parquet")
    (tmp_path / "table=runtime").write_bytes(b"a file")
    with Lake(tmp_path) as lake:
        assert count(lake, "snapshots") == 1


@pytest.mark.parametrize("where", ["head", "middle", "footer", "end", "all", "nothing left"])
def test_a_damaged_file_is_named(where: str, tmp_path: Path) -> None:
    land(tmp_path, "snapshots", [a_snapshot()], name="sound")
    rows = [a_snapshot(time_ns=NOON_NS + n, count=n * n) for n in range(3000)]
    (damaged,) = land(tmp_path, "snapshots", rows, name="damaged")
    content = bytearray(damaged.read_bytes())
    size = len(content)
    spans = {
        "head": range(4, 400),
        "middle": range(4, size - 12_000, 3),
        "footer": range(size - 3000, size - 8),
        "end": range(size - 8, size),
        "all": range(size),
        "nothing left": range(0),
    }
    for position in spans[where]:
        content[position] ^= 0x5A
    damaged.write_bytes(content if where != "nothing left" else b"")
    with pytest.raises(LakeFileDamagedError, match=r"damaged\.parquet: not a readable Parquet"):
        read_every_column(tmp_path)


def test_a_question_that_is_wrong_is_not_blamed_on_a_file(tmp_path: Path) -> None:
    land(tmp_path, "snapshots", [a_snapshot()])
    with Lake(tmp_path) as lake:
        with pytest.raises(LakeQueryError, match="nonsense"):
            lake.query("SELECT nonsense FROM snapshots", Row)
        assert count(lake, "snapshots") == 1, "and the lake can be asked on"


def test_no_extension_is_ever_fetched(tmp_path: Path) -> None:
    land(tmp_path, "snapshots", [a_snapshot()])
    with Lake(tmp_path) as lake, pytest.raises(LakeQueryError):
        lake.query("SELECT * FROM read_parquet('https://example.invalid/x.parquet')", Row)


def test_memory_is_limited_as_asked(tmp_path: Path) -> None:
    land(tmp_path, "snapshots", [a_snapshot()])
    asked = pytest.raises(LakeQueryError, match=r"(?i)memory")
    with Lake(tmp_path, memory_limit="50MB", threads=1) as lake, asked:
        lake.query("SELECT len(list(range)) AS rows FROM range(100_000_000)", Count)


def test_an_unusable_limit_is_refused(tmp_path: Path) -> None:
    land(tmp_path, "snapshots", [a_snapshot()])
    with pytest.raises(LakeQueryError, match="refuses its settings"):
        Lake(tmp_path, memory_limit="plenty").__enter__()


def test_a_lake_before_its_first_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "table=snapshots" / "dt=2026-09-21").mkdir(parents=True)
    with pytest.raises(LakeEmptyError, match="no table has landed here yet"):
        Lake(tmp_path)


def test_a_window_without_rows_is_no_empty_lake(tmp_path: Path) -> None:
    land(tmp_path, "snapshots", [a_snapshot(time_ns=NOON_NS - 90 * DAY_NS)])
    with Lake(tmp_path, window=TimeWindow(NOON_NS, NOON_NS)) as lake:
        assert count(lake, "snapshots") == 0


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(LakeMissingError, match="no such folder"):
        Lake(tmp_path / "nowhere")
    with pytest.raises(LakeMissingError, match="is not a folder"):
        Lake(file)
    with pytest.raises(LakeMissingError, match="ftp://host/lake: is none of s3"):
        Lake("ftp://host/lake")
    assert issubclass(LakeMissingError, GoLeakProbeError)
