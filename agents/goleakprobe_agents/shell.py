"""What a worker role is to Faust: who owns a partition, where to read on, what to do with a batch.

Errors are not handled in a shell: whatever it raises ends the process (see app.py).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from goleakprobe_agents.intake import Message
    from goleakprobe_agents.patience import Patience
    from goleakprobe_schemas import Topic

    Acknowledge = Callable[["Place", int], None]
    """Takes note that everything of a partition below an offset is durable."""

__all__ = ["Acknowledge", "Counts", "Place", "SavedState", "Shell"]


class Place(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


class SavedState(NamedTuple):
    """A partition's state as it was last saved."""

    size_bytes: int
    seconds: float
    """What collecting and writing it took."""


class Counts:
    """Counts since the process began: what happened, then to which topic or table, how often."""

    def __init__(self) -> None:
        self.by_kind: dict[str, Counter[str]] = {}

    def add(self, kind: str, of: str, count: int = 1) -> None:
        """Count ``count`` more of something; zero leaves no trace."""
        if count:
            self.by_kind.setdefault(kind, Counter())[of] += count


class Shell(Protocol):
    """One role of the worker."""

    @property
    def topics(self) -> Sequence[Topic]:
        """What it reads."""

    @property
    def patience(self) -> Patience:
        """What it waits with when a dependency fails."""

    @property
    def counts(self) -> Counts:
        """What it has done."""

    async def positions(self, assigned: Collection[Place]) -> Mapping[Place, int | None]:
        """Own exactly these partitions from now on; the next offset to read of each.

        None stands for the beginning of the log.
        """

    def begin(self, place: Place, offset: int) -> None:
        """Where reading of an owned partition begins; a partition that was begun goes on."""

    async def take(self, messages: Sequence[Message]) -> None:
        """Work through one batch; LogGapError, after all before the gap, if offsets are missing."""

    async def skip_to(self, place: Place, offset: int) -> None:
        """The broker confirms that its log holds nothing more below ``offset``."""

    async def tick(self) -> None:
        """Do what is due by time rather than by messages; called a few times a second.

        It is never broken off: it has to come to an end once ``patience`` was told to stop.
        """

    async def flush(self) -> None:
        """Make everything durable that was taken and take nothing more."""

    def progress(self) -> Mapping[Place, int]:
        """The next offset wanted of every partition that was begun."""

    def saved(self) -> Mapping[Place, SavedState]:
        """The newest state saved here of every partition that has any."""
