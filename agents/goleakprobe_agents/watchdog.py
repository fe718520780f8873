"""When a worker that lives must be ended all the same, and how long to wait before the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from goleakprobe_agents.status import RoleStatus

__all__ = ["SILENCE_SECONDS", "RestartDelay", "Watchdog"]

SILENCE_SECONDS = 20.0
"""A worker that writes no status for so long is ended."""

_START_SECONDS = 120.0
_STALL_SECONDS = 45.0

_FIRST_DELAY_SECONDS = 0.2
_LONGEST_DELAY_SECONDS = 30.0
_HEALTHY_SECONDS = 60.0


class Watchdog:
    """Judges one process by the statuses it writes; the caller brings the clock.

    A process is silent when its status stands still (its event loop does not turn, or it is
    stopped), and stalled when messages are known to wait in a partition that does not advance,
    unless it says itself that it waits for a dependency. One that only touches its status file
    lives and cannot write, on a full disk say: of its progress nothing is known then.
    """

    def __init__(
        self,
        started: float,
        *,
        start_seconds: float = _START_SECONDS,
        silence_seconds: float = SILENCE_SECONDS,
        stall_seconds: float = _STALL_SECONDS,
    ) -> None:
        self._start_by = started + start_seconds
        self._silence_seconds = silence_seconds
        self._stall_seconds = stall_seconds
        self._beat: tuple[int, int, float] | None = None
        self._moved: dict[str, tuple[int, float]] = {}

    def judge(self, status: RoleStatus | None, now: float, touched_ns: int = 0) -> str | None:
        """Why the process must be ended; None while it may live.

        ``status`` is the newest one of this very process, None before its first; ``touched_ns``
        is when its file was last written or touched.
        """
        if status is None or status.state == "starting":
            if now > self._start_by:
                return "it was given no partitions in time"
            return None
        beat, touched, heard = self._beat or (-1, 0, now)
        if beat == status.beat and touched == touched_ns:
            silent = now - heard
            if silent > self._silence_seconds:
                return f"it has said nothing for {silent:.0f} s"
        else:
            self._beat = (status.beat, touched_ns, now)
            if beat == status.beat:
                self._moved.clear()
        return self._judge_progress(status, now)

    def _judge_progress(self, status: RoleStatus, now: float) -> str | None:
        if status.waiting_for or status.state != "assigned":
            self._moved.clear()
            return None
        for name, place in status.partitions.items():
            moved = self._moved.get(name)
            if place.lag == 0 or moved is None or moved[0] != place.next_offset:
                self._moved[name] = (place.next_offset, now)
            elif now - moved[1] > self._stall_seconds:
                return f"{name} stands at {place.next_offset} with {place.lag} messages waiting"
        return None


class RestartDelay:
    """Waits between starts: none to speak of after a healthy life, growing after short ones."""

    def __init__(self) -> None:
        self._delay = _FIRST_DELAY_SECONDS

    def after(self, lived_seconds: float) -> float:
        """Seconds to wait before a process that lived so long is started again."""
        if lived_seconds >= _HEALTHY_SECONDS:
            self._delay = _FIRST_DELAY_SECONDS
        delay = self._delay
        self._delay = min(self._delay * 2, _LONGEST_DELAY_SECONDS)
        return delay
