"""Whether every message was landed exactly once, from the files alone.

Files of one partition form a chain: each begins one offset behind the end of the one before. Their
footers account for every offset in between, and the rows must agree with the footers.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from goleakprobe.lake.errors import LakeMissingError
from goleakprobe_agents.errors import LandingFileError, StreamError
from goleakprobe_agents.landing import (
    Footer,
    LakeStore,
    LandedFile,
    landed_files,
    open_lake,
    read_footer,
)
from goleakprobe_agents.object_store import is_object_url
from goleakprobe_schemas import TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["LogSummary", "Verification", "Violation", "verify_lake"]


class Violation(msgspec.Struct, frozen=True):
    """One thing that cannot be so if every message was landed once."""

    path: str
    what: str


class LogSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One partition of one topic: what its files hold together."""

    table: str
    topic: str
    log_id: str
    partition: int
    files: int
    first_offset: int
    last_offset: int
    rows: int
    events: int
    dead_letters: int
    repeated: int
    absent: int
    waiting: int | None = None
    """Messages behind the last file; None where no broker was asked (see against_broker.py)."""


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """The whole lake."""

    logs: tuple[LogSummary, ...]
    violations: tuple[Violation, ...]

    @property
    def exact(self) -> bool:
        """Whether nothing speaks against it; an empty lake is exact too."""
        return not self.violations

    def total(self, field: str, table: str | None = None) -> int:
        """A summary's number over all partitions, of one table or all."""
        logs = (log for log in self.logs if table in (None, log.table))
        return sum(int(getattr(log, field) or 0) for log in logs)


def verify_lake(root: Path | str, *, read_rows: bool = True) -> Verification:
    """Check every landed file of a lake, in a folder or at a URL; LakeMissingError without one.

    ``read_rows`` false checks names and footers only. Files that a worker lands meanwhile may or
    may not be looked at; neither is taken for a violation.
    """
    lake = _opened(root)
    logs: list[LogSummary] = []
    violations: list[Violation] = []
    for table in sorted({topic.table for topic in TOPICS}):
        chains: dict[tuple[str, str, int], list[LandedFile]] = defaultdict(list)
        for file in landed_files(lake, table):
            chains[file.topic, file.log_id, file.partition].append(file)
        for key in sorted(chains):
            files = sorted(chains[key], key=lambda file: file.first_offset)
            footers = list(_footers(lake, files, violations))
            violations += _chain(footers)
            for file, footer in footers:
                violations += _accounts(file, footer)
                if read_rows:
                    violations += _rows(lake, file, footer)
            if footers:
                logs.append(_summary(table, [footer for _, footer in footers]))
    return Verification(logs=tuple(logs), violations=tuple(violations))


def _opened(root: Path | str) -> LakeStore:
    if not is_object_url(str(root)) and not Path(root).is_dir():
        raise LakeMissingError(root, "no such folder")
    try:
        return open_lake(str(root))
    except StreamError as error:
        raise LakeMissingError(root, str(error)) from error


def _footers(
    lake: LakeStore, files: Sequence[LandedFile], violations: list[Violation]
) -> Iterator[tuple[LandedFile, Footer]]:
    for file in files:
        try:
            with lake.open(file.path) as body:
                footer = read_footer(file.path, body)
        except (LandingFileError, OSError) as error:
            violations.append(Violation(file.path, f"cannot be read: {error}"))
            continue
        named = (file.topic, file.log_id, file.partition, file.first_offset)
        told = (footer.topic, footer.log_id, footer.partition, footer.first_offset)
        if named != told:
            violations.append(Violation(file.path, f"is named {named} and says {told}"))
        yield file, footer


def _chain(footers: Sequence[tuple[LandedFile, Footer]]) -> Iterator[Violation]:
    for (earlier, before), (file, footer) in itertools.pairwise(footers):
        expected = before.last_offset + 1
        if footer.first_offset > expected:
            missing = footer.first_offset - expected
            yield Violation(file.path, f"{missing} offsets from {expected} on are in no file")
        elif footer.first_offset < expected:
            twice = expected - footer.first_offset
            yield Violation(file.path, f"{twice} offsets from {footer.first_offset} on come twice")
        if file.day < earlier.day:
            yield Violation(file.path, "stands in an earlier day than the file before it")


def _accounts(file: LandedFile, footer: Footer) -> Iterator[Violation]:
    span = footer.last_offset - footer.first_offset + 1
    told = footer.events + footer.dead_letters + footer.repeated + footer.absent
    if span != told:
        yield Violation(file.path, f"covers {span} offsets and accounts for {told}")


def _rows(lake: LakeStore, file: LandedFile, footer: Footer) -> Iterator[Violation]:
    try:
        with lake.open(file.path) as body:
            rows = _read_here(body, ["kafka_partition", "kafka_offset"])
    except (pa.ArrowException, OSError) as error:
        yield Violation(file.path, f"rows cannot be read: {error}")
        return
    if rows.num_rows != footer.rows:
        yield Violation(file.path, f"has {rows.num_rows} rows and says {footer.rows}")
    offsets = rows["kafka_offset"].unique().to_pylist()
    if len(offsets) != footer.events:
        yield Violation(file.path, f"has rows of {len(offsets)} messages and says {footer.events}")
    if offsets and not footer.first_offset <= min(offsets) <= max(offsets) <= footer.last_offset:
        yield Violation(file.path, "has rows from outside its own offsets")
    if set(rows["kafka_partition"].unique().to_pylist()) - {footer.partition}:
        yield Violation(file.path, "has rows of another partition")


def _read_here(body: BinaryIO, columns: list[str]) -> pa.Table:
    """Columns of a Parquet file, read in the calling thread alone.

    What Arrow's own threads read from a Python file they also free, for which they need the
    interpreter; one that comes too late, after the interpreter began to end, aborts the process.
    """
    with pq.ParquetFile(body, pre_buffer=False) as parquet:
        return parquet.read(columns=columns, use_threads=False)


def _summary(table: str, footers: Sequence[Footer]) -> LogSummary:
    first = footers[0]
    return LogSummary(
        table=table,
        topic=first.topic,
        log_id=first.log_id,
        partition=first.partition,
        files=len(footers),
        first_offset=first.first_offset,
        last_offset=footers[-1].last_offset,
        rows=sum(footer.rows for footer in footers),
        events=sum(footer.events for footer in footers),
        dead_letters=sum(footer.dead_letters for footer in footers),
        repeated=sum(footer.repeated for footer in footers),
        absent=sum(footer.absent for footer in footers),
    )
