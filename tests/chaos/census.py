"""Counts what a lake's Parquet files hold, by the identity of events, and compares.

Nothing of the product's reading or counting is used: not its file names, footers, status or
metrics. Only the tables' columns are taken as given.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

__all__ = ["Census", "Difference", "LakeCensus", "fingerprints", "identities"]

Census = Counter[tuple[str, str]]
"""(table, identity) to the number of rows that have it."""

_IDENTITY = {
    "snapshots": ("event_id",),
    "runtime": ("event_id",),
    "lifecycles": ("event_id",),
    "stacks": ("signature", "build_id", "first_seen_ns"),
}
"""The tables of what was published; a row of another table is told by all that stands in it."""
# Where a row stood in the log, and names made of that, depend on how services took turns and on
# what senders repeated.
_PLACES = {
    "assessments": {"kafka_partition", "kafka_offset", "event_id"},
    "statistics": {"kafka_partition", "kafka_offset", "event_id"},
    "findings": {"kafka_partition", "kafka_offset", "event_id"},
}


class Difference(msgspec.Struct, frozen=True):
    """What a lake lacks and what it has too often, by (table, identity) and rows."""

    lost: Census
    doubled: Census

    @classmethod
    def between(cls, expected: Census, found: Census) -> Difference:
        """The differences of two censuses."""
        return cls(expected - found, found - expected)

    @property
    def none(self) -> bool:
        """Whether both are equal."""
        return not self.lost and not self.doubled

    def __str__(self) -> str:
        parts = []
        for word, census in (("lost", self.lost), ("doubled", self.doubled)):
            tables = Counter(table for table, _ in census)
            parts += [f"{word} {number} of {table}" for table, number in sorted(tables.items())]
        return ", ".join(parts) or "no difference"


class LakeCensus:
    """The census of a growing lake; each file is read once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._read: set[Path] = set()
        self.found: Census = Counter()

    @property
    def files(self) -> int:
        """How many files were read."""
        return len(self._read)

    def update(self) -> Census:
        """Read what is new; FileNotFoundError if a file that was there is gone."""
        present = set(self._root.glob("table=*/dt=*/*.parquet"))
        if gone := self._read - present:
            raise FileNotFoundError(f"{len(gone)} landed files are gone, such as {min(gone)}")
        for path in present - self._read:
            table = path.parent.parent.name.removeprefix("table=")
            self.found.update(_rows_of(table, path))
            self._read.add(path)
        return self.found


def _rows_of(table: str, path: Path) -> Census:
    # As a file: read by its path, the folders' names would become columns.
    with pq.ParquetFile(path) as file:
        if table in _IDENTITY:
            return identities(table, file.read(list(_IDENTITY[table])))
        return fingerprints(table, file.read())


def identities(table: str, rows: pa.Table) -> Census:
    """Rows of a table of published events by the events' identity."""
    columns = [rows[name].to_pylist() for name in _IDENTITY[table]]
    return Counter((table, "/".join(map(str, values))) for values in zip(*columns, strict=True))


def fingerprints(table: str, rows: pa.Table) -> Census:
    """Rows of a table of derived events by everything that does not depend on their place."""
    kept = rows.drop_columns([n for n in rows.column_names if n in _PLACES[table]])
    return Counter((table, _fingerprint(row)) for row in kept.to_pylist())


def _fingerprint(row: dict[str, Any]) -> str:
    return hashlib.blake2b(repr(sorted(row.items())).encode(), digest_size=12).hexdigest()
