"""One exact snapshot, whatever form of profile it was read from."""

from __future__ import annotations

import msgspec

from goleakprobe.profiles.labels import Labels
from goleakprobe_schemas import Frame, SnapshotSource

__all__ = ["Goroutine", "Group", "Profile"]


class Goroutine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One goroutine; only text dumps (``debug=2``) know them one by one."""

    id: int
    group: int
    """Index into the profile's groups."""
    wait: str
    """What it waits for, in the runtime's words."""
    state: str
    """``waiting``, ``runnable``, ``running`` or ``syscall``."""
    frames: tuple[Frame, ...]
    """Its own stack with its own lines, leaf first; one object for equal stacks."""
    wait_seconds: int | None = None
    """The dump's own claim in whole minutes; dates from a garbage collection, not from blocking."""
    locked: bool = False
    leaked: bool = False
    labels: Labels = ()
    creator_id: int | None = None
    """The goroutine that ran the go statement."""
    creation_site: str = ""
    bubble: int | None = None
    """The synctest bubble it belongs to."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The goroutines that share a signature and labels.

    ``frames``, the sites and ``wait`` are those of the most numerous stack of the group.
    """

    signature: str
    """32 hex digits; see ``goleakprobe.profiles.signatures``."""
    count: int
    frames: tuple[Frame, ...]
    """Leaf first, without the runtime's own frames, as text profiles print them."""
    wait: str = ""
    """In the runtime's words; empty where the source cannot tell (``debug=1`` channels)."""
    state: str = "waiting"
    labels: Labels = ()
    """Sorted by key."""
    blocking_site: str = ""
    """``function file:line`` of the first frame outside the waiting machinery."""
    creation_site: str = ""
    """``function file:line`` of the go statement; empty where the source does not tell it, as
    profiles do not. The root frame is then all that is known of how it began."""
    leaked: int = 0
    """How many the runtime itself marks as leaked."""
    wait_seconds_max: int | None = None

    @property
    def main(self) -> bool:
        """Whether it is the main goroutine: the process lives as long, however it waits."""
        return bool(self.frames) and self.frames[-1].function == "main.main"


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One profile, decoded.

    Groups are ordered by count (largest first), then by signature and labels.
    """

    source: SnapshotSource
    total: int
    """Sum of the groups' counts, the requesting goroutine among them if the source shows it."""
    groups: tuple[Group, ...]
    goroutines: tuple[Goroutine, ...] = ()
    """In the order of the dump; empty for grouped sources, or if not asked for."""
    truncated: bool = False
    """The body was cut, by the runtime (64 MiB) or on its way; counts are lower bounds."""
    dropped_empty: int = 0
    """Records without a stack that were left out: a known artefact of Go 1.27's leak profile."""
    repairs: tuple[str, ...] = ()
    """What had to be undone before the text could be read (prefixes, escapes, indentation...)."""
    go_version: str = ""
    """Such as ``go1.26.8``, where a path or a header gives it away."""
    build_id: str = ""
    binary: str = ""
    """Path of the executable in the target's file system."""
    time_ns: int | None = None
    """The target's clock, UTC epoch nanoseconds; text profiles carry none."""
    window_seconds: float | None = None
    """Set for a delta profile (``?seconds=N``): counts are changes within the window."""

    @property
    def leaked(self) -> int:
        """Goroutines the runtime marks as leaked."""
        return sum(group.leaked for group in self.groups)
