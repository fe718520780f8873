"""Exactness is proven from the files, and every way of losing or doubling is seen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pyarrow.parquet as pq
import pytest

from goleakprobe.lake import LakeMissingError
from goleakprobe.lake.verify import verify_lake
from goleakprobe_agents.landing import Landed, LocalLake, file_name, read_footer, table_rows
from goleakprobe_agents.landing.files import Footer
from goleakprobe_schemas import RUNTIMES
from stream_messages import a_sample

if TYPE_CHECKING:
    from collections.abc import Sequence

LOG = "0a0a0a0a"


def land(
    lake: Path, first: int, last: int, *, offsets: Sequence[int] | None = None, **changes: object
) -> Path:
    """Land a file; ``offsets`` are those of the rows, ``changes`` what its footer claims."""
    day = str(changes.pop("day", "2023-11-14"))
    rows_of = range(first, last + 1) if offsets is None else offsets
    rows = table_rows(RUNTIMES, 0, [Landed(offset, a_sample(offset)) for offset in rows_of])
    fields = {
        "topic": RUNTIMES.name,
        "partition": 0,
        "log_id": LOG,
        "first_offset": first,
        "last_offset": last,
        "rows": rows.num_rows,
        "events": len(rows_of),
    }
    footer = Footer(**(fields | changes))  # type: ignore[arg-type]
    name = file_name(RUNTIMES.name, 0, footer.log_id, first)
    return LocalLake(str(lake)).claim("runtime", day, name, rows, footer)


def problems(lake: Path) -> str:
    return "\n".join(violation.what for violation in verify_lake(lake).violations)


def test_a_chain_of_files_is_exact_and_added_up(tmp_path: Path) -> None:
    land(tmp_path, 0, 4)
    land(tmp_path, 5, 9, day="2023-11-15")
    land(
        tmp_path,
        10,
        14,
        offsets=[10, 14],
        dead_letters=1,
        repeated=1,
        absent=1,
        day="2023-11-15",
    )
    found = verify_lake(tmp_path)
    assert found.exact
    (log,) = found.logs
    assert (log.table, log.files, log.first_offset, log.last_offset) == ("runtime", 3, 0, 14)
    assert (log.events, log.dead_letters, log.repeated, log.absent) == (12, 1, 1, 1)
    assert found.total("rows") == found.total("rows", "runtime") == 12
    assert found.total("rows", "snapshots") == 0


def test_a_lost_file_is_seen(tmp_path: Path) -> None:
    land(tmp_path, 0, 4)
    land(tmp_path, 5, 9).unlink()
    land(tmp_path, 10, 14)
    assert problems(tmp_path) == "5 offsets from 5 on are in no file"


def test_offsets_in_two_files_are_seen(tmp_path: Path) -> None:
    land(tmp_path, 0, 4)
    land(tmp_path, 3, 9)
    assert problems(tmp_path) == "2 offsets from 3 on come twice"


def test_a_lost_row_is_seen(tmp_path: Path) -> None:
    path = land(tmp_path, 0, 4)
    rows = pq.read_table(path)
    pq.write_table(rows.slice(1), path)
    assert "has 4 rows and says 5" in problems(tmp_path)
    assert "has rows of 4 messages and says 5" in problems(tmp_path)


def test_rows_of_other_offsets_or_partitions_are_seen(tmp_path: Path) -> None:
    land(tmp_path, 0, 1, offsets=[0, 7])
    assert "rows from outside its own offsets" in problems(tmp_path)
    other = tmp_path / "other"
    land(other, 0, 1)
    (path,) = other.rglob("*.parquet")
    path.rename(path.with_name(file_name(RUNTIMES.name, 3, LOG, 0)))
    assert "is named" in problems(other)


def test_a_footer_that_does_not_add_up_is_seen(tmp_path: Path) -> None:
    land(tmp_path, 0, 4, offsets=[0, 1, 2])
    assert "covers 5 offsets and accounts for 3" in problems(tmp_path)


def test_a_damaged_file_is_seen(tmp_path: Path) -> None:
    path = land(tmp_path, 0, 4)
    path.write_bytes(path.read_bytes()[:-10])
    assert "cannot be read" in problems(tmp_path)


def test_a_file_that_stands_in_an_earlier_day_is_seen(tmp_path: Path) -> None:
    land(tmp_path, 0, 4)
    land(tmp_path, 5, 9, day="2023-11-13")
    assert problems(tmp_path) == "stands in an earlier day than the file before it"


def test_logs_of_a_topic_made_anew_are_chains_of_their_own(tmp_path: Path) -> None:
    land(tmp_path, 0, 4)
    land(tmp_path, 0, 9, log_id="ffffffff")
    found = verify_lake(tmp_path)
    assert found.exact
    assert len(found.logs) == 2


def test_without_rows_only_names_and_footers_are_looked_at(tmp_path: Path) -> None:
    land(tmp_path, 0, 4, offsets=[0, 1, 2, 3, 9])
    assert verify_lake(tmp_path, read_rows=False).exact
    assert not verify_lake(tmp_path).exact


def test_an_empty_lake_is_exact_and_an_absent_one_an_error(tmp_path: Path) -> None:
    assert verify_lake(tmp_path).exact
    with pytest.raises(LakeMissingError, match="nowhere"):
        verify_lake(tmp_path / "nowhere")


def test_footers_survive_the_writer(tmp_path: Path) -> None:
    path = land(tmp_path, 0, 0, origins={"up-0": (3, 1)})
    assert msgspec.structs.asdict(read_footer(path))["origins"] == {"up-0": (3, 1)}


_THREADS_THAT_READ = """
import sys
from pathlib import Path

import pyarrow.parquet

from goleakprobe.lake.verify import verify_lake


def threads():
    names = (each.joinpath("comm").read_text() for each in Path("/proc/self/task").iterdir())
    return sum("jemalloc" not in name for name in names)


before = threads()
assert verify_lake(sys.argv[1]).exact
print(threads() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux's /proc")
def test_no_thread_of_the_parquet_reader_is_left_to_outlive_the_interpreter(
    tmp_path: Path,
) -> None:
    """Such a thread frees what it read from a Python file, and aborts a process that is ending."""
    for first in range(0, 50, 5):
        land(tmp_path, first, first + 4)
    command = [sys.executable, "-c", _THREADS_THAT_READ, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "0"
