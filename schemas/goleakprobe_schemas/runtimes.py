"""``goroutine.runtime.sampled.v1``: cheap figures of one process."""

from __future__ import annotations

import msgspec

from goleakprobe_schemas.bounds import Count, Name, Seconds, TimeNs

__all__ = ["RuntimeSampled"]


class RuntimeSampled(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One sample of a process' runtime figures; what the target does not tell stays absent."""

    id: Name
    namespace: Name
    service: Name
    instance: Name
    time_ns: TimeNs
    process_start_ns: TimeNs | None = None
    goroutines: Count | None = None
    goroutines_created_total: Count | None = None
    heap_inuse_bytes: Count | None = None
    stack_inuse_bytes: Count | None = None
    resident_bytes: Count | None = None
    open_fds: Count | None = None
    gc_cycles_total: Count | None = None
    gc_pause_seconds_total: Seconds | None = None
    requests_total: float | None = None
    """The service's own request counter, where configuration names one."""
    sql_connections_open: Count | None = None
    sql_connections_in_use: Count | None = None
