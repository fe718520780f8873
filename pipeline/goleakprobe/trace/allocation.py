"""Keeping freed memory in the process that decodes.

Columns of a generation are freed before the next are made. The C library hands such large blocks
back to the system at once, and getting them again, page by page, costs a fifth of the decoding.
"""

from __future__ import annotations

import ctypes
import sys

__all__ = ["keep_freed_memory"]

# https://man7.org/linux/man-pages/man3/mallopt.3.html
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_KEPT_BYTES = 1 << 30


def keep_freed_memory() -> bool:
    """Have glibc keep up to a gigabyte of freed memory; whether that could be arranged.

    For processes whose work is decoding: it concerns the whole process and lasts until it ends.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    # The mapping threshold may not exceed 32 MiB on 64-bit systems.
    kept = mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
    return bool(kept and mallopt(_M_MMAP_THRESHOLD, 32 << 20))
