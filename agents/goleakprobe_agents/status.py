"""What every worker process tells about itself, in one small file each.

The file is replaced whole several times a second. The supervisor reads it to see whether a worker
lives and moves; `goleakprobe demo`, metrics and tests read the same.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from goleakprobe_agents.workers import ROLES

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "PartitionStatus",
    "RoleState",
    "RoleStatus",
    "SupervisedRole",
    "SupervisorStatus",
    "WorkerStatus",
    "default_status_folder",
    "read_status",
    "role_status_path",
    "supervisor_status_path",
    "write_status",
]

# Plain strings in the file: a reader of another version must not fail over a new one.
RoleState = str
"""``starting``, ``assigned``, ``stopping``, ``stopped`` or ``failed``."""


class PartitionStatus(msgspec.Struct, kw_only=True):
    """How far one partition is."""

    next_offset: int
    log_end: int | None = None
    """One behind the newest offset the broker spoke of in a fetch; None before the first."""
    state_bytes: int | None = None
    """Size of the newest state snapshot; None before the first of this process."""
    state_seconds: float | None = None
    """What that snapshot took."""

    @property
    def lag(self) -> int:
        """How many offsets are known to wait."""
        return max(0, (self.log_end or 0) - self.next_offset)


class RoleStatus(msgspec.Struct, kw_only=True):
    """One worker process."""

    role: str
    pid: int
    state: RoleState = "starting"
    beat: int = 0
    """Grows with every write; one that stands still tells of a process that does."""
    started_ns: int = 0
    assigned_ns: int = 0
    first_event_ns: int = 0
    updated_ns: int = 0
    """Wall clock, UTC epoch nanoseconds."""
    waiting_for: str = ""
    """The dependency that keeps it from moving, in its own words."""
    reason: str = ""
    """Why it failed."""
    partitions: dict[str, PartitionStatus] = {}
    """``topic-partition`` to its place."""
    counts: dict[str, dict[str, int]] = {}
    """What happened, then to which topic or table, how often since the process began."""
    rebalances: int = 0


class SupervisedRole(msgspec.Struct, kw_only=True):
    """What the supervisor knows of one role."""

    pid: int | None = None
    restarts: int = 0
    last_exit: str = ""
    counts: dict[str, dict[str, int]] = {}
    """Counts of its processes that have ended."""


class SupervisorStatus(msgspec.Struct, kw_only=True):
    """The supervisor itself."""

    pid: int
    beat: int = 0
    """Grows with every write, as a worker's does."""
    state: str = "starting"
    """``starting``, ``running``, ``stopping`` or ``stopped``."""
    reason: str = ""
    roles: dict[str, SupervisedRole] = {}


class WorkerStatus(msgspec.Struct, kw_only=True):
    """Everything a status folder says about its workers at one moment."""

    supervisor: SupervisorStatus | None = None
    roles: dict[str, RoleStatus] = {}

    @property
    def ready(self) -> bool:
        """Whether every supervised role has been given its partitions."""
        if self.supervisor is None or not self.supervisor.roles:
            return False
        return all(
            (status := self.roles.get(role)) is not None
            and status.state == "assigned"
            and status.pid == supervised.pid
            for role, supervised in self.supervisor.roles.items()
        )

    @property
    def restarts(self) -> int:
        """How often any worker was started again."""
        return sum(role.restarts for role in self._supervised().values())

    @property
    def waiting_for(self) -> dict[str, str]:
        """Role to the dependency it waits for, for those that do."""
        return {name: role.waiting_for for name, role in self.roles.items() if role.waiting_for}

    def count(self, role: str, kind: str) -> dict[str, int]:
        """One of a role's counts by topic or table, over all its processes.

        A process that was killed may have counted more than it told, and its successor counts
        what it replays: exact numbers are in the lake.
        """
        told = Counter[str]()
        if role in self.roles:
            told.update(self.roles[role].counts.get(kind, {}))
        supervised = self._supervised().get(role)
        if supervised is not None:
            told.update(supervised.counts.get(kind, {}))
        return dict(told)

    @property
    def events(self) -> dict[str, int]:
        """Events landed, by topic."""
        return self.count("land", "events")

    @property
    def landed_rows(self) -> dict[str, int]:
        """Rows landed, by table."""
        return self.count("land", "rows")

    @property
    def dead_letters(self) -> dict[str, int]:
        """Messages that were set aside, by topic."""
        told = Counter[str]()
        for role in ROLES:
            told.update(self.count(role, "dead_letters"))
        return dict(told)

    def lag(self, role: str) -> int:
        """Messages that are known to wait for a role."""
        status = self.roles.get(role)
        return sum(place.lag for place in status.partitions.values()) if status else 0

    def next_offsets(self, role: str) -> dict[str, int]:
        """``topic-partition`` to the next offset a role wants: how far it surely is."""
        status = self.roles.get(role)
        if status is None:
            return {}
        return {name: place.next_offset for name, place in status.partitions.items()}

    def unread(self, published: Mapping[str, int]) -> int:
        """Messages that roles have not taken yet, answers to them and answers to those included.

        Of logs that began empty and hold nothing but ``published`` (topic to messages) and what
        these roles made of it. An answer counts from the moment its message is taken, so zero
        means that nothing is on its way either. A role without partitions is passed over (see
        ``ready``), and after a crash the number is as good as what the dead process told.
        """
        written = Counter(published)
        for role in self.roles:
            written.update(self.count(role, "outputs"))
        unread = 0
        for role in self.roles:
            read = Counter[str]()
            for place, offset in self.next_offsets(role).items():
                read[place.rpartition("-")[0]] += offset
            unread += sum(max(0, written[topic] - count) for topic, count in read.items())
        return unread

    def _supervised(self) -> dict[str, SupervisedRole]:
        return self.supervisor.roles if self.supervisor is not None else {}


def default_status_folder(state_path: str | Path) -> Path:
    """Where statuses are kept unless a folder is named.

    Two supervisors on one state folder, on two hosts say, need a status folder each.
    """
    return Path(state_path) / "status"


def role_status_path(folder: Path, role: str) -> Path:
    """Where a role's process keeps its status."""
    return folder / f"{role}.json"


def supervisor_status_path(folder: Path) -> Path:
    """Where the supervisor keeps its own."""
    return folder / "supervisor.json"


def write_status(path: Path, status: msgspec.Struct) -> None:
    """Replace a status file whole; OSError. Not made durable: it only matters to the living."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(status))
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_status(folder: Path) -> WorkerStatus:
    """What the workers of a status folder last said; absent files leave gaps, never errors."""
    roles: dict[str, RoleStatus] = {}
    supervisor: SupervisorStatus | None = None
    for path in folder.glob("*.json"):
        with suppress(OSError, msgspec.DecodeError):
            if path == supervisor_status_path(folder):
                supervisor = msgspec.json.decode(path.read_bytes(), type=SupervisorStatus)
            else:
                status = msgspec.json.decode(path.read_bytes(), type=RoleStatus)
                roles[status.role] = status
    return WorkerStatus(supervisor=supervisor, roles=roles)
