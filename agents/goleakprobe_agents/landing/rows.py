"""Events as columns of the lake's tables.

Columns are built one at a time over all events of a file; what belongs to a whole message is
built once a message and spread over its rows by index, because a snapshot has tens of groups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa

from goleakprobe_agents.landing.lifecycle_rows import (
    WINDOW_READERS,
    evidence_value,
    window_row_count,
    window_rows,
)
from goleakprobe_schemas import TOPICS, SnapshotGroup, Topic
from goleakprobe_schemas.arrow import table_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Columns = dict[str, Any]

__all__ = ["Landed", "event_times", "in_order", "row_count", "rows_as_they_come", "table_rows"]

_SORTED_BY = ("time_ns", "signature", "service", "namespace")
"""Least significant first."""


class Landed(msgspec.Struct, frozen=True):
    """One event and the offset it was read at."""

    offset: int
    event: Any


def row_count(topic: Topic, event: Any) -> int:
    """How many rows an event becomes."""
    if topic.table == "snapshots":
        return max(1, len(event.groups))
    if topic.table == "assessments":
        return 1 + len(event.signatures)
    if topic.table == "lifecycles":
        return window_row_count(event)
    return 1


def event_times(topic: Topic, landed: Sequence[Landed]) -> tuple[int, int] | None:
    """Earliest and latest event time (UTC epoch nanoseconds); None without events."""
    field = "first_seen_ns" if topic.table == "stacks" else "time_ns"
    times = [getattr(each.event, field) for each in landed]
    return (min(times), max(times)) if times else None


def table_rows(topic: Topic, partition: int, landed: Sequence[Landed]) -> pa.Table:
    """The rows of events of one topic, sorted by namespace, service, signature and time.

    Raises ``pyarrow.ArrowInvalid`` or OverflowError for an event with a number no column holds.
    """
    return in_order([rows_as_they_come(topic, partition, landed)])


def rows_as_they_come(topic: Topic, partition: int, landed: Sequence[Landed]) -> pa.Table:
    """The rows of events in the events' order; raises as ``table_rows``."""
    schema = table_schema(topic.table)
    parts, message_of_row = _BUILDERS[topic.table]([each.event for each in landed])
    offsets = [each.offset for each in landed]
    parts["kafka_offset"] = _spread(pa.array(offsets, pa.int64()), message_of_row)
    parts["kafka_partition"] = pa.array(np.full(len(parts["kafka_offset"]), partition, np.int32))
    columns = [_as(field.type, parts[field.name]) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def in_order(parts: Sequence[pa.Table]) -> pa.Table:
    """Rows of one table, put together and sorted as ``table_rows`` does."""
    rows = pa.concat_tables(parts).unify_dictionaries().combine_chunks()
    return rows.take(pa.array(_order(rows)))


def _as(kind: pa.DataType, values: Any) -> pa.Array:
    if isinstance(values, pa.Array):
        return values if values.type == kind else values.cast(kind)
    if pa.types.is_dictionary(kind):
        return pa.array(values, kind.value_type).dictionary_encode().cast(kind)
    return pa.array(values, kind)


def _spread(values: pa.Array, message_of_row: NDArray[np.int64] | None) -> pa.Array:
    return values if message_of_row is None else values.take(pa.array(message_of_row))


def _order(rows: pa.Table) -> NDArray[np.int64]:
    keys = [_rank(rows.column(name)) for name in _SORTED_BY if name in rows.column_names]
    return np.lexsort(keys) if keys else np.arange(rows.num_rows)


def _rank(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Integers in the order of the column's values; nulls first."""
    values = column.combine_chunks()
    if not pa.types.is_dictionary(values.type):
        return np.asarray(values.to_numpy(zero_copy_only=False))
    words = values.dictionary.to_pylist()
    rank_of_code = np.empty(len(words) + 1, np.int64)
    rank_of_code[np.array(sorted(range(len(words)), key=words.__getitem__), np.int64)] = np.arange(
        len(words)
    )
    rank_of_code[-1] = -1
    codes = values.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return np.asarray(rank_of_code[codes])


def _snapshots(events: Sequence[Any]) -> tuple[Columns, NDArray[np.int64] | None]:
    sizes = np.fromiter((max(1, len(e.groups)) for e in events), np.int64, len(events))
    message_of_row = np.repeat(np.arange(len(events)), sizes)
    groups: list[SnapshotGroup | None] = []
    for event in events:
        groups.extend(event.groups or (None,))
    columns = _of_messages(
        events,
        message_of_row,
        {
            "event_id": lambda e: e.id,
            "namespace": lambda e: e.namespace,
            "service": lambda e: e.service,
            "instance": lambda e: e.instance,
            "time_ns": lambda e: e.time_ns,
            "source": lambda e: e.source.value,
            "total": lambda e: e.total,
            "process_start_ns": lambda e: e.process_start_ns,
            "requests_total": lambda e: e.requests_total,
            "go_version": lambda e: e.go_version,
            "build_id": lambda e: e.build_id,
            "truncated": lambda e: e.truncated,
            "wall_seconds": lambda e: e.cost.wall_seconds,
            "body_bytes": lambda e: e.cost.body_bytes,
            "decoded_bytes": lambda e: e.cost.decoded_bytes,
            "decode_seconds": lambda e: e.cost.decode_seconds,
            "labels": lambda e: _labels(e.labels),
        },
        "snapshots",
    )
    for name in _GROUP_FIELDS:
        columns[name] = [None if g is None else getattr(g, name) for g in groups]
    columns["goroutine_ids"] = [None if g is None else (g.goroutine_ids or None) for g in groups]
    return columns, message_of_row


_GROUP_FIELDS = (
    "signature",
    "count",
    "wait",
    "state",
    "blocking_site",
    "creation_site",
    "wait_seconds_max",
    "labels_digest",
    "leaked",
)


def _assessments(events: Sequence[Any]) -> tuple[Columns, NDArray[np.int64] | None]:
    # The target's own total comes first, under a null signature.
    parts: list[Any] = []
    for event in events:
        parts.append(event)
        parts.extend(event.signatures)
    sizes = np.fromiter((1 + len(e.signatures) for e in events), np.int64, len(events))
    message_of_row = np.repeat(np.arange(len(events)), sizes)
    columns = _of_messages(
        events,
        message_of_row,
        {
            "event_id": lambda e: e.id,
            "namespace": lambda e: e.namespace,
            "service": lambda e: e.service,
            "instance": lambda e: e.instance,
            "time_ns": lambda e: e.time_ns,
            "source": lambda e: e.source.value,
            "restarted": lambda e: e.restarted,
        },
        "assessments",
    )
    columns["signature"] = [getattr(p, "signature", None) for p in parts]
    columns["count"] = [p.total if hasattr(p, "total") else p.count for p in parts]
    for name in _SIGNATURE_FIELDS:
        columns[name] = [getattr(p, name, None) for p in parts]
    for column, field in _GROWTH_FIELDS.items():
        columns[column] = [getattr(p.growth, field) if p.growth else None for p in parts]
    columns |= _window([p.dual_window for p in parts])
    return columns, message_of_row


_SIGNATURE_FIELDS = (
    "oldest_seconds",
    "aged",
    "leaked",
    "leaked_samples",
    "same_ids",
    "turnover",
    "first_seen_ns",
)
_GROWTH_FIELDS = {
    "growth_score": "score",
    "growth_threshold": "threshold",
    "growth_alarm": "alarm",
    "growth_per_hour": "per_hour",
    "growth_per_hour_low": "per_hour_low",
    "growth_per_hour_high": "per_hour_high",
    "growth_floor": "floor",
    "growth_onset_ns": "onset_ns",
}


def _lifecycles(events: Sequence[Any]) -> tuple[Columns, NDArray[np.int64] | None]:
    sizes = np.fromiter((window_row_count(e) for e in events), np.int64, len(events))
    message_of_row = np.repeat(np.arange(len(events)), sizes)
    columns = _of_messages(events, message_of_row, WINDOW_READERS, "lifecycles")
    return columns | window_rows(events), message_of_row


def _stacks(events: Sequence[Any]) -> tuple[Columns, None]:
    columns = _plain(events, "stacks")
    columns["frames"] = [
        [{"function": f.function, "file": f.file, "line": f.line} for f in e.frames] for e in events
    ]
    return columns, None


def _runtime(events: Sequence[Any]) -> tuple[Columns, None]:
    columns = _plain(events, "runtime")
    columns["event_id"] = [e.id for e in events]
    return columns, None


def _statistics(events: Sequence[Any]) -> tuple[Columns, None]:
    columns = _plain(events, "statistics")
    columns["event_id"] = [e.id for e in events]
    columns |= _window([e.dual_window for e in events])
    columns["model"] = [e.model.model if e.model else None for e in events]
    for name in ("score", "threshold", "alarm"):
        columns[f"model_{name}"] = [getattr(e.model, name) if e.model else None for e in events]
    return columns, None


def _findings(events: Sequence[Any]) -> tuple[Columns, None]:
    columns = _plain(events, "findings")
    columns["event_id"] = [e.id for e in events]
    columns["state"] = [e.state.value for e in events]
    columns["grade"] = [e.grade.value for e in events]
    columns["evidence"] = [evidence_value(e.evidence) for e in events]
    return columns, None


_WINDOW_FIELDS = (
    "value",
    "short_mean",
    "long_mean",
    "long_deviation",
    "threshold",
    "z",
    "alarm",
)


def _window(figures: Sequence[Any]) -> Columns:
    return {
        name: [None if each is None else getattr(each, name) for each in figures]
        for name in _WINDOW_FIELDS
    }


def _plain(events: Sequence[Any], table: str) -> Columns:
    """Columns that carry the name of an event's field."""
    fields = set(_BUILT_FROM[table])
    names = [field.name for field in table_schema(table) if field.name in fields]
    return {name: [getattr(event, name) for event in events] for name in names}


def _of_messages(
    events: Sequence[Any],
    message_of_row: NDArray[np.int64],
    readers: dict[str, Callable[[Any], Any]],
    table: str,
) -> Columns:
    schema = table_schema(table)
    return {
        name: _spread(_as(schema.field(name).type, [read(e) for e in events]), message_of_row)
        for name, read in readers.items()
    }


def _labels(labels: dict[str, str]) -> str | None:
    return msgspec.json.encode(labels, order="sorted").decode() if labels else None


_BUILT_FROM = {topic.table: topic.event.__struct_fields__ for topic in TOPICS}
_BUILDERS: dict[str, Callable[[Sequence[Any]], tuple[Columns, NDArray[np.int64] | None]]] = {
    "snapshots": _snapshots,
    "assessments": _assessments,
    "lifecycles": _lifecycles,
    "stacks": _stacks,
    "runtime": _runtime,
    "statistics": _statistics,
    "findings": _findings,
}
