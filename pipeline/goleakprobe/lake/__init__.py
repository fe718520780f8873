"""The lake: Hive-partitioned Parquet that workers land rows in and reports read."""

from __future__ import annotations

from goleakprobe.lake.errors import (
    LakeEmptyError,
    LakeError,
    LakeFileDamagedError,
    LakeMissingError,
    LakeQueryError,
)
from goleakprobe.lake.reading import STATE_TABLES, Lake
from goleakprobe.lake.time_window import TimeWindow

__all__ = [
    "STATE_TABLES",
    "Lake",
    "LakeEmptyError",
    "LakeError",
    "LakeFileDamagedError",
    "LakeMissingError",
    "LakeQueryError",
    "TimeWindow",
]
