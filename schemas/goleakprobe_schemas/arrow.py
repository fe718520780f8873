"""Column schemas of the lake's tables.

Every table begins with where the row came from (``kafka_partition``, ``kafka_offset``): with the
table's topic they name the message, so exactness can be checked from the files alone. Times are
UTC epoch nanoseconds.
"""

from __future__ import annotations

import pyarrow as pa

__all__ = ["TABLES", "table_schema"]

_TEXT = pa.string()
_CODE = pa.dictionary(pa.int32(), pa.string())
_INT = pa.int64()
_REAL = pa.float64()
_FLAG = pa.bool_()

_ORIGIN = [
    pa.field("kafka_partition", pa.int32(), nullable=False),
    pa.field("kafka_offset", _INT, nullable=False),
]
_SERVICE = [
    pa.field("namespace", _CODE, nullable=False),
    pa.field("service", _CODE, nullable=False),
]
_TARGET = [*_SERVICE, pa.field("instance", _CODE, nullable=False)]
_TIME = [pa.field("time_ns", _INT, nullable=False)]


def _columns(**types: pa.DataType) -> list[pa.Field]:
    return [pa.field(name, kind) for name, kind in types.items()]


_WINDOW = _columns(
    value=_REAL,
    short_mean=_REAL,
    long_mean=_REAL,
    long_deviation=_REAL,
    threshold=_REAL,
    z=_REAL,
    alarm=_FLAG,
)

_EVIDENCE = pa.list_(
    pa.struct(
        [
            ("grade", _TEXT),
            ("detector", _TEXT),
            ("summary", _TEXT),
            ("numbers", pa.map_(_TEXT, _REAL)),
        ]
    )
)

TABLES: dict[str, pa.Schema] = {
    # A row per group; a scrape without groups leaves one row whose signature is null.
    "snapshots": pa.schema(
        [
            *_ORIGIN,
            *_columns(event_id=_TEXT),
            *_TARGET,
            *_TIME,
            *_columns(
                source=_CODE,
                total=_INT,
                signature=_CODE,
                count=_INT,
                wait=_CODE,
                state=_CODE,
                blocking_site=_CODE,
                creation_site=_CODE,
                wait_seconds_max=_REAL,
                labels_digest=_CODE,
                goroutine_ids=pa.list_(_INT),
                leaked=_INT,
                process_start_ns=_INT,
                requests_total=_REAL,
                go_version=_CODE,
                build_id=_CODE,
                truncated=_FLAG,
                wall_seconds=_REAL,
                body_bytes=_INT,
                decoded_bytes=_INT,
                decode_seconds=_REAL,
                labels=_CODE,
            ),
        ]
    ),
    "stacks": pa.schema(
        [
            *_ORIGIN,
            *_columns(
                signature=_CODE,
                frames=pa.list_(
                    pa.struct([("function", _TEXT), ("file", _TEXT), ("line", pa.int64())])
                ),
                wait=_CODE,
                blocking_site=_TEXT,
                creation_site=_TEXT,
                package=_CODE,
                first_seen_ns=_INT,
                build_id=_CODE,
            ),
        ]
    ),
    "runtime": pa.schema(
        [
            *_ORIGIN,
            *_columns(event_id=_TEXT),
            *_TARGET,
            *_TIME,
            *_columns(
                process_start_ns=_INT,
                goroutines=_INT,
                goroutines_created_total=_INT,
                heap_inuse_bytes=_INT,
                stack_inuse_bytes=_INT,
                resident_bytes=_INT,
                open_fds=_INT,
                gc_cycles_total=_INT,
                gc_pause_seconds_total=_REAL,
                requests_total=_REAL,
                sql_connections_open=_INT,
                sql_connections_in_use=_INT,
            ),
        ]
    ),
    # A row per creation site (null signature), and one per creation and blocking site. A window
    # without either leaves one row of nulls.
    "lifecycles": pa.schema(
        [
            *_ORIGIN,
            *_columns(event_id=_TEXT),
            *_TARGET,
            *_TIME,
            *_columns(
                window_seconds=_REAL,
                total=_INT,
                process_start_ns=_INT,
                go_version=_CODE,
                build_id=_CODE,
                trace_events=_INT,
                lost_bytes=_INT,
                truncated=_FLAG,
                wall_seconds=_REAL,
                body_bytes=_INT,
                decode_seconds=_REAL,
                creation_site=_CODE,
                start=_CODE,
                created=_INT,
                exited=_INT,
                created_thirds=pa.list_(_INT),
                exited_thirds=pa.list_(_INT),
                alive=_INT,
                blocked=_INT,
                runnable_seconds=_REAL,
                running_seconds=_REAL,
                blocked_seconds=_REAL,
                syscall_seconds=_REAL,
                signature=_CODE,
                wait=_CODE,
                blocking_site=_CODE,
                net_thirds=pa.list_(_INT),
                net_per_second=_REAL,
                completed=_INT,
                completed_seconds=_REAL,
                longest_seconds=_REAL,
                last_wake_seconds_ago=_REAL,
                open=_INT,
                open_earlier=_INT,
                open_born=_INT,
                born_thirds=pa.list_(_INT),
                open_seconds_median=_REAL,
                open_seconds_max=_REAL,
                never_woken=_INT,
                waker_gone=_INT,
                no_way_out=_INT,
                wakers_alive=_INT,
                goroutine_ids=pa.list_(_INT),
                wakers=pa.list_(
                    pa.struct([("site", _TEXT), ("start", _TEXT), ("count", _INT), ("alive", _INT)])
                ),
                evidence=_EVIDENCE,
            ),
        ]
    ),
    # A row per signature, and one for the target's total with a null signature.
    "assessments": pa.schema(
        [
            *_ORIGIN,
            *_columns(event_id=_TEXT),
            *_TARGET,
            *_TIME,
            *_columns(
                source=_CODE,
                signature=_CODE,
                count=_INT,
                restarted=_FLAG,
                oldest_seconds=_REAL,
                aged=_INT,
                leaked=_INT,
                leaked_samples=_INT,
                same_ids=_INT,
                turnover=_REAL,
                first_seen_ns=_INT,
                growth_score=_REAL,
                growth_threshold=_REAL,
                growth_alarm=_FLAG,
                growth_per_hour=_REAL,
                growth_per_hour_low=_REAL,
                growth_per_hour_high=_REAL,
                growth_floor=_REAL,
                growth_onset_ns=_INT,
            ),
            *_WINDOW,
        ]
    ),
    "statistics": pa.schema(
        [
            *_ORIGIN,
            *_columns(event_id=_TEXT),
            *_SERVICE,
            *_TIME,
            *_columns(goroutines=_INT, instances=_INT, suspects=_INT),
            *_WINDOW,
            *_columns(model=_CODE, model_score=_REAL, model_threshold=_REAL, model_alarm=_FLAG),
        ]
    ),
    "findings": pa.schema(
        [
            *_ORIGIN,
            *_columns(event_id=_TEXT),
            *_SERVICE,
            *_TIME,
            *_columns(
                signature=_CODE,
                state=_CODE,
                grade=_CODE,
                wait=_CODE,
                blocking_site=_CODE,
                creation_site=_CODE,
                pattern=_CODE,
                count=_INT,
                growth_per_hour=_REAL,
                growth_per_hour_low=_REAL,
                growth_per_hour_high=_REAL,
                oldest_seconds=_REAL,
                first_seen_ns=_INT,
                fired_ns=_INT,
                resolved_ns=_INT,
                onset_ns=_INT,
                instances=pa.list_(_TEXT),
                instances_affected=_INT,
                instances_total=_INT,
                builds=pa.list_(_TEXT),
                go_versions=pa.list_(_TEXT),
                evidence=_EVIDENCE,
                clears_when=_TEXT,
            ),
        ]
    ),
    # Written by the alert agent: one row per delivery that a receiver answered.
    "alerts": pa.schema(
        [
            *_ORIGIN,
            *_columns(event_id=_TEXT),
            *_SERVICE,
            *_TIME,
            *_columns(signature=_CODE, state=_CODE, grade=_CODE, receiver=_CODE, outcome=_CODE),
        ]
    ),
}


def table_schema(table: str) -> pa.Schema:
    """The schema of a table; KeyError for a table outside the contract."""
    return TABLES[table]
