"""The C library's heap, made to give memory back to the system.

Fetches, decompressed batches and arrays are buffers of hundreds of kilobytes that several threads
allocate and free. glibc serves them from arenas of each thread, where one small survivor keeps all
that was freed below it: after a backlog a process stays as large as it was in its worst moment.
Mapping such buffers one by one instead (M_MMAP_THRESHOLD) doubles what detection costs.
"""

from __future__ import annotations

import ctypes

__all__ = ["give_memory_back"]


def give_memory_back() -> bool:
    """Return every free page to the system; False where malloc is not glibc's.

    Takes milliseconds, in which other threads may have to wait for memory.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return False
    trim(0)
    return True
