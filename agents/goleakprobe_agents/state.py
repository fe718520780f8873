"""State snapshots: what a stage knows of one partition, and up to which offset.

One file a snapshot, the newest two of a partition kept. A file appears whole or not at all
(temporary file, fsync, rename) and says what it is: magic, a header with the checksum, the bytes.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from goleakprobe_agents.errors import SnapshotDamagedError, UnsupportedStorageError

__all__ = ["Snapshot", "SnapshotFolder"]

_MAGIC = b"GLPSTATE"
_VERSION = 2
_LENGTH_BYTES = 4
_KEPT = 2
_SUFFIX = ".state"

_log = structlog.get_logger(__name__)


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A stage's state after every offset below ``next_offset`` of one partition."""

    topic: str
    partition: int
    log_id: str
    """The topic's own id at the broker: a topic created anew counts its offsets anew."""
    next_offset: int
    origins: dict[str, tuple[int, int]]
    """Newest origin passed per origin partition (see origins.py)."""
    recent_events: bytes = b""
    """The newest source events (see event_ids.py)."""
    state: bytes


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    topic: str
    partition: int
    log_id: str
    next_offset: int
    origins: dict[str, tuple[int, int]]
    recent_events: bytes = b""
    state_bytes: int
    checksum: str


class _PoisonNotes(msgspec.Struct, kw_only=True):
    """Offsets of one log that a stage fails on, and up to where to go one by one."""

    log_id: str
    offsets: list[int] = []
    careful_until: int = 0


class SnapshotFolder:
    """The snapshots of one consumer group in one folder, which the next owner must reach too."""

    def __init__(self, path: str, group: str) -> None:
        if "://" in path:
            raise UnsupportedStorageError(
                path, "state needs a folder that the next owner can reach (local or NFSv4)"
            )
        self.folder = Path(path) / "snapshots" / group

    def save(self, snapshot: Snapshot) -> Path:
        """Make a snapshot durable and drop those older than the newest two; OSError."""
        folder = self._partition_folder(snapshot.topic, snapshot.partition)
        folder.mkdir(parents=True, exist_ok=True)
        header = _Header(
            version=_VERSION,
            topic=snapshot.topic,
            partition=snapshot.partition,
            log_id=snapshot.log_id,
            next_offset=snapshot.next_offset,
            origins=snapshot.origins,
            recent_events=snapshot.recent_events,
            state_bytes=len(snapshot.state),
            checksum=_checksum(snapshot.state),
        )
        head = msgspec.json.encode(header)
        path = folder / f"{snapshot.log_id}-{snapshot.next_offset:020d}{_SUFFIX}"
        length = len(head).to_bytes(_LENGTH_BYTES, "big")
        _write_whole(path, (_MAGIC, length, head, snapshot.state))
        self._drop_old(folder, path)
        return path

    def load(self, topic: str, partition: int, log_id: str) -> Snapshot | None:
        """The newest undamaged snapshot: of this log, else of the log before it, else None."""
        for path in self._newest_first(topic, partition, log_id):
            try:
                return _read(path)
            except (SnapshotDamagedError, OSError) as error:
                _log.warning("state_snapshot_unusable", path=str(path), reason=str(error))
        return None

    def note_poison(
        self,
        topic: str,
        partition: int,
        log_id: str,
        *,
        offset: int | None = None,
        careful_until: int = 0,
    ) -> None:
        """Remember, across restarts, an offset to set aside or a stretch to take one by one."""
        notes = self._notes(topic, partition, log_id)
        if offset is not None:
            notes.offsets = sorted({*notes.offsets, offset})
        notes.careful_until = max(notes.careful_until, careful_until)
        folder = self._partition_folder(topic, partition)
        folder.mkdir(parents=True, exist_ok=True)
        _write_whole(folder / "poison.json", (msgspec.json.encode(notes),))

    def poison(self, topic: str, partition: int, log_id: str) -> tuple[frozenset[int], int]:
        """Offsets to set aside, and the offset up to which to go one by one."""
        notes = self._notes(topic, partition, log_id)
        return frozenset(notes.offsets), notes.careful_until

    def _notes(self, topic: str, partition: int, log_id: str) -> _PoisonNotes:
        path = self._partition_folder(topic, partition) / "poison.json"
        with suppress(OSError, msgspec.DecodeError):
            notes = msgspec.json.decode(path.read_bytes(), type=_PoisonNotes)
            if notes.log_id == log_id:
                return notes
        return _PoisonNotes(log_id=log_id)

    def _partition_folder(self, topic: str, partition: int) -> Path:
        return self.folder / f"{topic}-{partition:04d}"

    def _newest_first(self, topic: str, partition: int, log_id: str) -> list[Path]:
        paths = list(self._partition_folder(topic, partition).glob(f"*{_SUFFIX}"))
        return sorted(paths, key=lambda path: _age_key(path, log_id), reverse=True)

    def _drop_old(self, folder: Path, newest: Path) -> None:
        log_id = newest.name.split("-")[0]
        paths = sorted(folder.glob(f"*{_SUFFIX}"), key=lambda path: _age_key(path, log_id))
        for path in paths[:-_KEPT]:
            path.unlink(missing_ok=True)


def _age_key(path: Path, log_id: str) -> tuple[bool, int, str]:
    """Sorts this log's snapshots behind all others, by offset; others by when they were written."""
    if path.name.startswith(f"{log_id}-"):
        return True, 0, path.name
    try:
        return False, path.stat().st_mtime_ns, path.name
    except OSError:
        return False, 0, path.name


def _checksum(state: bytes) -> str:
    # Most processors have instructions for this one.
    return hashlib.sha256(state).hexdigest()


def _write_whole(path: Path, parts: tuple[bytes, ...]) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path) -> Snapshot:
    body = path.read_bytes()
    start = len(_MAGIC) + _LENGTH_BYTES
    if body[: len(_MAGIC)] != _MAGIC:
        raise SnapshotDamagedError(path, "not a state snapshot")
    end = start + int.from_bytes(body[len(_MAGIC) : start], "big")
    try:
        header = msgspec.json.decode(body[start:end], type=_Header)
    except msgspec.DecodeError as error:
        raise SnapshotDamagedError(path, f"damaged header: {error}") from error
    state = body[end:]
    if header.version != _VERSION:
        raise SnapshotDamagedError(path, f"format version {header.version}, not {_VERSION}")
    if len(state) != header.state_bytes or _checksum(state) != header.checksum:
        raise SnapshotDamagedError(path, "its checksum does not hold")
    return Snapshot(
        topic=header.topic,
        partition=header.partition,
        log_id=header.log_id,
        next_offset=header.next_offset,
        origins=header.origins,
        recent_events=header.recent_events,
        state=state,
    )
