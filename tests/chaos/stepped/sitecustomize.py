"""Loaded by every Python process of the workers: their wall clock can be set from outside.

Python imports a module of this name at start-up. ``time.time`` and ``time.time_ns`` then add the
seconds that stand in a shared file; the machine's clock, the monotonic clock, and what C code
reads (``datetime.now`` among it) stay as they are.
"""

import mmap
import os
import struct
import time

_path = os.environ.get("GOLEAKPROBE_CHAOS_CLOCK")
if _path:
    with open(_path, "rb") as _file:  # noqa: PTH123 - pathlib costs every start its import
        _shared = mmap.mmap(_file.fileno(), 8, prot=mmap.PROT_READ)
    _time, _time_ns = time.time, time.time_ns

    def _offset() -> float:
        return struct.unpack("d", _shared)[0]

    time.time = lambda: _time() + _offset()
    time.time_ns = lambda: _time_ns() + round(_offset() * 1e9)
