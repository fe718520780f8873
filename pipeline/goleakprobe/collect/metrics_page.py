"""The few figures we need from a target's Prometheus metrics page.

Only lines of wanted names are parsed: a page may hold 100,000 series. Names are those of
client_golang (https://github.com/prometheus/client_golang, collectors/) in the text format 0.0.4;
OpenMetrics pages read the same.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import msgspec

from goleakprobe.collect.untrusted import clean_text

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ProcessFigures", "read_metrics_page"]

_LARGEST = float(2**63 - 1)

# Field of ProcessFigures to the series that carry it; of several names the first one found counts.
_SERIES: dict[str, tuple[str, ...]] = {
    "goroutines": ("go_goroutines",),
    "goroutines_created_total": ("go_sched_goroutines_created_goroutines_total",),
    "heap_inuse_bytes": ("go_memstats_heap_inuse_bytes",),
    "stack_inuse_bytes": ("go_memstats_stack_inuse_bytes",),
    "resident_bytes": ("process_resident_memory_bytes",),
    "open_fds": ("process_open_fds",),
    "gc_cycles_total": ("go_gc_duration_seconds_count", "go_gc_cycles_total_gc_cycles_total"),
    "sql_connections_open": ("go_sql_open_connections",),
    "sql_connections_in_use": ("go_sql_in_use_connections",),
}
_START = "process_start_time_seconds"
_PAUSES = "go_gc_duration_seconds_sum"
_INFO = "go_info"
_NAMES = (_START, _PAUSES, _INFO, *(name for names in _SERIES.values() for name in names))

# name{labels} value; the possessive quantifiers keep hostile lines linear.
_LABELS = rb'(\{(?:[^"{}\n]|"(?:[^"\\\n]|\\.)*+")*+\})?'
_VERSION = re.compile(rb'version="([^"\\]{1,64})"')


class ProcessFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What a metrics page tells about its process; absent is None."""

    process_start_ns: int | None = None
    go_version: str = ""
    goroutines: int | None = None
    goroutines_created_total: int | None = None
    heap_inuse_bytes: int | None = None
    stack_inuse_bytes: int | None = None
    resident_bytes: int | None = None
    open_fds: int | None = None
    gc_cycles_total: int | None = None
    gc_pause_seconds_total: float | None = None
    requests_total: float | None = None
    sql_connections_open: int | None = None
    sql_connections_in_use: int | None = None


def read_metrics_page(body: bytes, *, request_metric: str = "") -> ProcessFigures:
    """Pick the figures out of a page; series with labels are summed over them.

    Never fails: a page that is something else tells nothing.
    """
    sums: dict[str, float] = {}
    version = b""
    for name, labels, value in _samples(body, request_metric):
        sums[name] = sums.get(name, 0.0) + value
        if name == _INFO and (match := _VERSION.search(labels)):
            version = match[1]
    whole = {field: _first_whole(sums, names) for field, names in _SERIES.items()}
    start = sums.get(_START)
    return ProcessFigures(
        process_start_ns=_whole(start * 1e9) if start else None,
        go_version=clean_text(version.decode("utf-8", "replace"), 64),
        gc_pause_seconds_total=sums.get(_PAUSES),
        requests_total=sums.get(request_metric) if request_metric else None,
        **whole,
    )


def _samples(body: bytes, request_metric: str) -> Iterator[tuple[str, bytes, float]]:
    wanted = {name.encode() for name in (*_NAMES, request_metric) if name}
    alternatives = b"|".join(re.escape(name) for name in sorted(wanted, reverse=True))
    line = re.compile(
        rb"^(" + alternatives + rb")" + _LABELS + rb"[ \t]+([^\s]{1,32})", re.MULTILINE
    )
    for match in line.finditer(body):
        try:
            value = float(match[3])
        except ValueError:
            continue
        if math.isfinite(value) and 0 <= value <= _LARGEST:
            yield match[1].decode(), match[2] or b"", value


def _first_whole(sums: dict[str, float], names: tuple[str, ...]) -> int | None:
    return next((_whole(sums[name]) for name in names if name in sums), None)


def _whole(value: float) -> int | None:
    return int(value) if value < _LARGEST else None
