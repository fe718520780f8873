"""Writing a file of the lake so that it appears whole, durable, and only once.

Local and NFS folders: ``link(2)`` fails if the name exists, which makes it the claim. Object
stores need a conditional put for the same; their store belongs beside ``LocalLake`` and offers
the same three methods.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from goleakprobe_agents.errors import (
    LandingConflictError,
    LandingFileError,
    UnsupportedStorageError,
)

__all__ = ["Footer", "LocalLake", "read_footer"]

_KEY = b"goleakprobe.landing"
_VERSION = 1
_COMPRESSION_LEVEL = 3


class Footer(msgspec.Struct, frozen=True, kw_only=True):
    """What a landed file says of itself, in its key-value metadata.

    Every offset from first to last is accounted for:
    ``events + dead_letters + repeated + absent == last_offset - first_offset + 1``.
    """

    version: int = _VERSION
    topic: str
    partition: int
    log_id: str
    first_offset: int
    last_offset: int
    rows: int
    events: int
    """Messages that became rows."""
    dead_letters: int = 0
    """Messages that were no events and went to the dead-letter topic."""
    repeated: int = 0
    """Derived events that a restarted stage published again."""
    absent: int = 0
    """Offsets that the broker's log no longer held."""
    min_time_ns: int | None = None
    max_time_ns: int | None = None
    origins: dict[str, tuple[int, int]] = {}
    """Newest origin passed per origin partition (see origins.py)."""


class LocalLake:
    """A lake in a folder."""

    def __init__(self, path: str) -> None:
        if "://" in path:
            raise UnsupportedStorageError(path, "landing")
        self.root = Path(path)

    def claim(self, table: str, day: str, name: str, rows: pa.Table, footer: Footer) -> Path:
        """Write rows under a name that must not exist yet; durable when it returns.

        Raises LandingConflictError if the name exists, OSError if the folder cannot take it (the
        attempt may be repeated then).
        """
        folder = self.root / f"table={table}" / f"dt={day}"
        _make_folders(folder)
        path = folder / name
        if path.exists():
            raise LandingConflictError(str(path))
        schema = rows.schema.with_metadata({_KEY: msgspec.json.encode(footer)})
        temporary = folder / f".{name}.{secrets.token_hex(4)}.tmp"
        try:
            # Not mkstemp: its files are private, and readers run under other users.
            with temporary.open("xb") as file:
                _write(rows.cast(schema), file)
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, path)
        except FileExistsError as error:
            raise LandingConflictError(str(path)) from error
        except pa.ArrowException as error:
            raise LandingFileError(path, f"cannot be written: {error}") from error
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(folder)
        return path

    def footer(self, path: str) -> Footer:
        """The footer of a landed file; LandingFileError or OSError."""
        return read_footer(path)

    def drop_unfinished(self, table: str, prefix: str) -> int:
        """Remove what a killed writer of the same partition left behind; how many."""
        left = list((self.root / f"table={table}").glob(f"dt=*/.{prefix}*.tmp"))
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)


def read_footer(path: str | Path) -> Footer:
    """The footer of a landed file.

    Raises LandingFileError for a file that is no Parquet or not one of ours, OSError.
    """
    try:
        metadata = pq.read_metadata(path).metadata or {}
        return msgspec.json.decode(metadata[_KEY], type=Footer)
    except pa.ArrowInvalid as error:
        raise LandingFileError(path, f"not a Parquet file: {error}") from error
    except (KeyError, msgspec.DecodeError) as error:
        raise LandingFileError(path, f"has no landing footer: {error}") from error


def _write(rows: pa.Table, file: Any) -> None:
    pq.write_table(rows, file, compression="zstd", compression_level=_COMPRESSION_LEVEL)


def _make_folders(folder: Path) -> None:
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        _sync_folder(each.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
