"""``goroutine.runtime.sampled.v1``: cheap figures of one process."""

from __future__ import annotations

import msgspec

__all__ = ["RuntimeSampled"]


class RuntimeSampled(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One sample of a process' runtime figures; what the target does not tell stays absent."""

    id: str
    namespace: str
    service: str
    instance: str
    time_ns: int
    process_start_ns: int | None = None
    goroutines: int | None = None
    goroutines_created_total: int | None = None
    heap_inuse_bytes: int | None = None
    stack_inuse_bytes: int | None = None
    resident_bytes: int | None = None
    open_fds: int | None = None
    gc_cycles_total: int | None = None
    gc_pause_seconds_total: float | None = None
    requests_total: float | None = None
    """The service's own request counter, where configuration names one."""
    sql_connections_open: int | None = None
    sql_connections_in_use: int | None = None
