"""Writing a file of the lake so that it appears whole, durable, and only once.

Local and NFS folders: ``link(2)`` fails if the name exists, which makes it the claim. Object
stores have their own (see object_lake.py); both are a LakeStore (see store.py).
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from goleakprobe_agents.errors import LandingConflictError, LandingFileError

__all__ = ["Footer", "LocalLake", "day_of_folder", "read_footer", "write_rows"]

_KEY = b"goleakprobe.landing"
_VERSION = 1
_COMPRESSION_LEVEL = 3
_DAY = re.compile(r"dt=(\d{4}-\d{2}-\d{2})")


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
    """Events that came again: from a stage that started again, or from a sender in doubt."""
    absent: int = 0
    """Offsets that the broker's log no longer held."""
    min_time_ns: int | None = None
    max_time_ns: int | None = None
    origins: dict[str, tuple[int, int]] = {}
    """Newest origin passed per origin partition (see origins.py)."""
    event_keys: bytes = b""
    """The source events that became rows, by which a next owner knows repetitions of them (see
    event_ids.py)."""


class LocalLake:
    """A lake in a folder."""

    def __init__(self, path: str) -> None:
        self.root = Path(path)

    def prepare(self) -> None:
        """Nothing: every file system that can link does so exclusively."""

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
        temporary = folder / f".{name}.{secrets.token_hex(4)}.tmp"
        try:
            # Not mkstemp: its files are private, and readers run under other users.
            with temporary.open("xb") as file:
                write_rows(rows, footer, file)
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

    def days(self, table: str) -> list[str]:
        """The days of which there are folders, newest first; none for an unknown table."""
        folder = self.root / f"table={table}"
        if not folder.is_dir():
            return []
        names = (day_of_folder(entry.name) for entry in folder.iterdir())
        return sorted((day for day in names if day), reverse=True)

    def names(self, table: str, day: str) -> list[str]:
        """The names of a day's files."""
        folder = self.root / f"table={table}" / f"dt={day}"
        return [entry.name for entry in folder.iterdir()]

    def path(self, table: str, day: str, name: str) -> str:
        """The path of a file."""
        return str(self.root / f"table={table}" / f"dt={day}" / name)

    def open(self, path: str) -> BinaryIO:
        """A file to read from."""
        return Path(path).open("rb")

    def drop_unfinished(self, table: str, prefix: str) -> int:
        """Remove what a killed writer of the same partition left behind; how many."""
        left = list((self.root / f"table={table}").glob(f"dt=*/.{prefix}*.tmp"))
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)


def read_footer(path: str | Path, file: BinaryIO | None = None) -> Footer:
    """The footer of a landed file, or of ``file``, which is found at that path.

    Raises LandingFileError for a file that is no Parquet or not one of ours, OSError.
    """
    try:
        metadata = pq.read_metadata(file if file is not None else path).metadata or {}
        return msgspec.json.decode(metadata[_KEY], type=Footer)
    except pa.ArrowInvalid as error:
        raise LandingFileError(path, f"not a Parquet file: {error}") from error
    except (KeyError, msgspec.DecodeError) as error:
        raise LandingFileError(path, f"has no landing footer: {error}") from error


def write_rows(rows: pa.Table, footer: Footer, file: Any) -> None:
    """Write a whole landed file; ArrowException."""
    schema = rows.schema.with_metadata({_KEY: msgspec.json.encode(footer)})
    pq.write_table(
        rows.cast(schema), file, compression="zstd", compression_level=_COMPRESSION_LEVEL
    )


def day_of_folder(name: str) -> str:
    """The day that a folder's name says; empty for other folders."""
    match = _DAY.fullmatch(name)
    return match[1] if match else ""


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
