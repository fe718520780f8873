"""Whether the stream lives: the watchdog's judgement of every worker, and the supervisor's pulse.

The supervisor ends and replaces workers that stand still. When it cannot (it hangs, or the kernel
holds on to the process), whoever runs the supervisor has to, and learns it here.
"""

from __future__ import annotations

import time
from threading import Event, Thread
from typing import TYPE_CHECKING

from goleakprobe_agents.status import read_status
from goleakprobe_agents.watchdog import SILENCE_SECONDS, Watchdog

if TYPE_CHECKING:
    from pathlib import Path

    from goleakprobe_agents.status import SupervisedRole, SupervisorStatus, WorkerStatus

__all__ = ["Liveness"]

_LOOK_SECONDS = 1.0


class Liveness:
    """Watches a status folder, in a thread of its own between ``start`` and ``stop``.

    Between two lives of a worker, and while a dependency fails, nothing is amiss: starting the
    whole again would not help.
    """

    def __init__(self, status_folder: Path, *, silence_seconds: float = SILENCE_SECONDS) -> None:
        self._folder = status_folder
        self._silence_seconds = silence_seconds
        self._watchdogs: dict[tuple[str, int], Watchdog] = {}
        self._beat: tuple[int, float] | None = None
        self._stop = Event()
        self._thread = Thread(target=self._watch, name="liveness", daemon=True)
        self.reasons: tuple[str, ...] = ()
        """What is amiss now, in words; empty while all is well."""

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._stop.set()
        self._thread.join()

    def look(self, status: WorkerStatus, now: float) -> tuple[str, ...]:
        """Take notice of a status at ``now``, seconds of any clock, and say what is amiss."""
        supervisor = status.supervisor
        if supervisor is None or supervisor.state in ("stopping", "stopped"):
            return ()
        reasons = [self._pulse(supervisor, now)]
        reasons += [self._role(n, told, status, now) for n, told in supervisor.roles.items()]
        return tuple(reason for reason in reasons if reason)

    def _pulse(self, supervisor: SupervisorStatus, now: float) -> str:
        if self._beat is None or self._beat[0] != supervisor.beat:
            self._beat = (supervisor.beat, now)
        silent = now - self._beat[1]
        if silent <= self._silence_seconds:
            return ""
        return f"the supervisor has said nothing for {silent:.0f} s"

    def _role(self, name: str, told: SupervisedRole, status: WorkerStatus, now: float) -> str:
        if told.pid is None:
            return ""
        life = (name, told.pid)
        if life not in self._watchdogs:
            for ended in [known for known in self._watchdogs if known[0] == name]:
                del self._watchdogs[ended]
            self._watchdogs[life] = Watchdog(now, silence_seconds=self._silence_seconds)
        role = status.roles.get(name)
        own = role if role is not None and role.pid == told.pid else None
        reason = self._watchdogs[life].judge(own, now)
        return f"{name}: {reason}" if reason else ""

    def _watch(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            self.reasons = self.look(read_status(self._folder), time.monotonic())
