"""The C library's heap, told to give memory back to the system.

Fetches, decompressed batches and files are buffers of hundreds of kilobytes that several threads
allocate and free. By default glibc learns to serve such sizes from arenas of each thread, where
one small survivor keeps all that was freed below it: after a backlog a process stays as large as
it was in its worst moment.
"""

from __future__ import annotations

import ctypes

__all__ = ["give_memory_back"]

# malloc.h; setting the thresholds also ends their adaptation (mallopt(3)).
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_THRESHOLD_BYTES = 128 * 1024
_ARENAS = 2


def give_memory_back() -> bool:
    """Settle it for this process, before it starts threads; False where malloc is another."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    wanted = {
        _M_ARENA_MAX: _ARENAS,
        _M_MMAP_THRESHOLD: _THRESHOLD_BYTES,
        _M_TRIM_THRESHOLD: _THRESHOLD_BYTES,
    }
    taken = [mallopt(name, value) for name, value in wanted.items()]
    return all(taken)
