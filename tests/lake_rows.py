"""Small lakes for tests of what reads them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from goleakprobe.lake.time_window import day_of
from goleakprobe_agents.landing.rows import Landed, table_rows
from goleakprobe_schemas.arrow import table_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from goleakprobe_schemas import Topic

_ORIGIN = {"kafka_partition": 0, "kafka_offset": 0, "namespace": "shop", "instance": "10.0.0.1:80"}


def land_events(root: Path, topic: Topic, events: Sequence[Any], name: str = "part-0") -> None:
    """Write events as the landing agent does: its rows, one file per day here."""
    field = "first_seen_ns" if topic.table == "stacks" else "time_ns"
    days: dict[str, list[Landed]] = defaultdict(list)
    for offset, event in enumerate(events):
        days[day_of(getattr(event, field)).isoformat()].append(Landed(offset, event))
    for day, landed in days.items():
        folder = root / f"table={topic.table}" / f"dt={day}"
        folder.mkdir(parents=True, exist_ok=True)
        rows = table_rows(topic, 0, landed)
        pq.write_table(rows, folder / f"{name}.parquet", compression="zstd")


def land(
    root: Path, table: str, rows: Iterable[dict[str, Any]], name: str = "part-0"
) -> list[Path]:
    """Write rows as a worker would: one file per day; returns the files."""
    schema = table_schema(table)
    days: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        whole = {field.name: row.get(field.name, _ORIGIN.get(field.name)) for field in schema}
        unknown = row.keys() - whole.keys()
        assert not unknown, f"{table} has no column {unknown}"
        time_ns = row.get("time_ns", row.get("first_seen_ns"))
        days[day_of(time_ns).isoformat()].append(whole)
    files = []
    for day, rows_of_day in days.items():
        folder = root / f"table={table}" / f"dt={day}"
        folder.mkdir(parents=True, exist_ok=True)
        files.append(folder / f"{name}.parquet")
        pq.write_table(pa.Table.from_pylist(rows_of_day, schema), files[-1], compression="zstd")
    return files
