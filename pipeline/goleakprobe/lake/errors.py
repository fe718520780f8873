"""What can be wrong with a lake folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from goleakprobe.errors import GoLeakProbeError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "LakeEmptyError",
    "LakeError",
    "LakeFileDamagedError",
    "LakeMissingError",
    "LakeQueryError",
]


class LakeError(GoLeakProbeError):
    """Base of the errors of the lake."""


class LakeMissingError(LakeError):
    """The path is no folder that can be read."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(f"{path}: {reason}; name the folder that a worker writes its tables to")


class LakeEmptyError(LakeError):
    """A folder without a single file of any table."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(
            f"{path}: no table has landed here yet (looked for table=*/dt=*/*.parquet); "
            "let a worker run for some seconds, or check lake.path"
        )


class LakeFileDamagedError(LakeError):
    """A file that is no readable Parquet; ``path`` names it."""

    def __init__(self, path: Path | str, reason: str) -> None:
        self.path = path
        super().__init__(
            f"{path}: not a readable Parquet file: {reason}; "
            "restore it from a copy or move it out of the lake"
        )


class LakeQueryError(LakeError):
    """DuckDB refused or could not finish a query."""
