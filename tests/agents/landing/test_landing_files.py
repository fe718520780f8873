"""A name can be claimed once, files appear whole, and the newest one is the position."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from goleakprobe_agents.errors import (
    LandingConflictError,
    LandingFileError,
    UnsupportedStorageError,
)
from goleakprobe_agents.landing import (
    Footer,
    Landed,
    LocalLake,
    file_name,
    landed_files,
    newest_files,
    open_lake,
    read_footer,
    table_rows,
)
from goleakprobe_schemas import RUNTIMES
from stream_messages import a_sample

LOG, DAY = "0a0a0a0a", "2023-11-14"


def land(
    lake: LocalLake, first: int, last: int, *, partition: int = 0, day: str = DAY, log: str = LOG
) -> Path:
    landed = [Landed(offset, a_sample(offset)) for offset in range(first, last + 1)]
    rows = table_rows(RUNTIMES, partition, landed)
    footer = Footer(
        topic=RUNTIMES.name,
        partition=partition,
        log_id=log,
        first_offset=first,
        last_offset=last,
        rows=rows.num_rows,
        events=len(landed),
    )
    name = file_name(RUNTIMES.name, partition, log, first)
    return lake.claim("runtime", day, name, rows, footer)


@pytest.fixture
def lake(tmp_path: Path) -> LocalLake:
    return LocalLake(str(tmp_path / "lake"))


def test_a_file_says_what_it_covers(lake: LocalLake) -> None:
    path = land(lake, 5, 9, partition=3)
    assert path.name == "goroutine.runtime.sampled.v1-0003-0a0a0a0a-00000000000000000005.parquet"
    assert path.parent == lake.root / "table=runtime" / "dt=2023-11-14"
    footer = read_footer(path)
    assert (footer.first_offset, footer.last_offset, footer.rows) == (5, 9, 5)


def test_a_name_is_claimed_by_one(lake: LocalLake) -> None:
    path = land(lake, 0, 4)
    before = path.read_bytes()
    with pytest.raises(LandingConflictError, match="landed these offsets"):
        land(lake, 0, 9)
    assert path.read_bytes() == before


def test_of_many_who_claim_at_once_one_wins(lake: LocalLake) -> None:
    def claim(last: int) -> bool:
        try:
            land(lake, 0, last)
        except LandingConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(claim, range(8)))
    assert sum(won) == 1
    assert len(list(lake.root.rglob("*.parquet"))) == 1


def test_nothing_unfinished_is_left_or_seen(lake: LocalLake) -> None:
    path = land(lake, 0, 4)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    (path.parent / f".{path.name}.x.tmp").write_bytes(b"half")
    other = path.parent / ".goroutine.runtime.sampled.v1-0007-x.tmp"
    other.write_bytes(b"another partition's")
    assert len(list(landed_files(lake, "runtime"))) == 1
    assert lake.drop_unfinished("runtime", "goroutine.runtime.sampled.v1-0000-") == 1
    assert other.exists()


def test_an_unwritable_lake_is_an_error_to_be_retried(tmp_path: Path) -> None:
    (tmp_path / "lake").write_bytes(b"a file where a folder should be")
    with pytest.raises(OSError, match=r"Not a directory|File exists"):
        land(LocalLake(str(tmp_path / "lake")), 0, 4)


def test_the_newest_file_of_each_partition_is_found(lake: LocalLake) -> None:
    land(lake, 0, 4, partition=0)
    land(lake, 5, 7, partition=0)
    land(lake, 0, 1, partition=1, day="2023-11-13")
    land(lake, 2, 3, partition=1)
    land(lake, 0, 9, partition=2, day="2023-10-01")
    newest = newest_files(lake, "runtime", RUNTIMES.name, LOG, range(5))
    assert {p: f.first_offset for p, f in newest.items()} == {0: 5, 1: 2, 2: 0}
    assert newest[2].day == "2023-10-01"


def test_another_logs_files_are_not_taken_for_this_ones(lake: LocalLake) -> None:
    land(lake, 0, 4, log="ffffffff")
    assert newest_files(lake, "runtime", RUNTIMES.name, LOG, [0]) == {}
    land(lake, 0, 2)
    assert newest_files(lake, "runtime", RUNTIMES.name, LOG, [0])[0].first_offset == 0


def test_days_are_read_backwards_and_only_as_far_as_needed(lake: LocalLake) -> None:
    for number in range(5):
        land(lake, number * 2, number * 2 + 1, day=f"2023-11-{10 + number}")
    oldest = lake.root / "table=runtime" / "dt=2023-11-10"
    oldest.rename(lake.root / "table=runtime" / "dt=2023-11-09x")
    (lake.root / "table=runtime" / "dt=2023-11-10").write_bytes(b"not even a folder")
    newest = newest_files(lake, "runtime", RUNTIMES.name, LOG, [0])
    assert newest[0].first_offset == 8


@pytest.mark.parametrize("body", [b"", b"not parquet at all", b"PAR1"])
def test_what_is_no_landed_file_is_named(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(body)
    with pytest.raises(LandingFileError, match=r"x\.parquet"):
        read_footer(path)


def test_a_foreign_parquet_file_has_no_footer(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": [1]}), tmp_path / "x.parquet")
    with pytest.raises(LandingFileError, match="no landing footer"):
        read_footer(tmp_path / "x.parquet")


def test_an_address_of_no_known_kind_is_refused() -> None:
    with pytest.raises(UnsupportedStorageError, match="ftp://host/lake: is none of s3"):
        open_lake("ftp://host/lake")


def test_a_landed_file_is_for_its_owner_and_group_like_any_other(lake: LocalLake) -> None:
    """mkstemp makes private files; readers under another user must be able to read the lake."""
    umask = os.umask(0o022)
    os.umask(umask)
    assert land(lake, 0, 4).stat().st_mode & 0o777 == 0o666 & ~umask
