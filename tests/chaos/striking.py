"""Carries a round's faults out, and ends those that last."""

from __future__ import annotations

import signal
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from chaos.faults import Kind, Strike

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chaos.scene import Scene
    from goleakprobe_agents.launch import RunningStream

__all__ = ["Striking"]

# A guest on a broker that hangs never gets a share.
_GUEST_SECONDS = 30.0


class Striking:
    """The faults of one round."""

    def __init__(self, scene: Scene, strikes: Sequence[Strike]) -> None:
        self._scene = scene
        self._waiting = list(strikes)
        # Each is asked again and again whether its fault is over, and ends it when it is time.
        self._lasting: list[Callable[[], bool]] = []
        self.kills = 0
        self.struck: Counter[Kind] = Counter()

    @property
    def over(self) -> bool:
        """Whether all have happened and have ended."""
        return not self._waiting and not self._lasting

    def describe(self) -> str:
        """What is still to happen or to end, for a failure's report."""
        waiting = ", ".join(map(str, self._waiting)) or "no fault"
        return f"{waiting} is still to come, {len(self._lasting)} last"

    def look(self, share: float) -> None:
        """Begin what is due at this share of the load, and end what has lasted long enough."""
        self._lasting = [ended for ended in self._lasting if not ended()]
        for strike in [each for each in self._waiting if each.at <= share]:
            if self._begin(strike):
                self._waiting.remove(strike)
                self.struck[strike.kind] += 1

    def end_all(self) -> None:
        """End what lasts, whatever its time."""
        with suppress(psutil.Error, OSError):
            psutil.Process(self._scene.broker.pid).resume()
        self._scene.disk.free()
        for process in self._scene.processes():
            with suppress(psutil.Error):
                process.send_signal(signal.SIGCONT)

    def _begin(self, strike: Strike) -> bool:
        """Whether it could be done; it is tried again otherwise."""
        return _BEGINNINGS[strike.kind](self, strike)

    def _kill(self, process: psutil.Process | None) -> bool:
        with suppress(psutil.Error):
            if process is not None:
                process.kill()
                self.kills += 1
                return True
        return False

    def _kill_worker(self, strike: Strike) -> bool:
        return self._kill(self._scene.worker(strike.role))

    def _kill_supervisor(self, _: Strike) -> bool:
        return self._kill(self._scene.supervisor())

    def _kill_fork_server(self, _: Strike) -> bool:
        return self._kill(self._scene.fork_server())

    def _freeze_worker(self, strike: Strike) -> bool:
        process = self._scene.worker(strike.role)
        with suppress(psutil.Error):
            if process is not None:
                process.suspend()
                self._until(strike.seconds, lambda: _resume(process))
                return True
        return False

    def _stop_stream(self, _: Strike) -> bool:
        process = self._scene.supervisor()
        with suppress(psutil.Error):
            if process is not None:
                process.terminate()
                return True
        return False

    def _guest(self, strike: Strike) -> bool:
        guest = self._scene.stream(f"guest-{time.monotonic_ns()}")
        # A full disk may refuse it.
        with suppress(OSError):
            guest.start()
            self._lasting.append(_Guest(guest, strike, self._guest_killed).left)
            return True
        return False

    def _guest_killed(self) -> None:
        self.kills += 1

    def _pause_broker(self, strike: Strike) -> bool:
        broker = psutil.Process(self._scene.broker.pid)
        broker.suspend()
        self._until(strike.seconds, broker.resume)
        return True

    def _kill_broker(self, strike: Strike) -> bool:
        self._scene.broker.kill()
        self.kills += 1
        self._until(strike.seconds, self._scene.broker.start)
        return True

    def _fill_disk(self, strike: Strike) -> bool:
        self._scene.disk.fill()
        self._until(strike.seconds, self._scene.disk.free)
        return True

    def _step_clock(self, strike: Strike) -> bool:
        self._scene.clock.step(strike.seconds)
        return True

    def _until(self, seconds: float, end: Callable[[], object]) -> None:
        due = time.monotonic() + seconds

        def ended() -> bool:
            if time.monotonic() < due:
                return False
            end()
            return True

        self._lasting.append(ended)


class _Guest:
    """A second set of workers; it leaves some seconds after it has its share."""

    def __init__(self, stream: RunningStream, strike: Strike, killed: Callable[[], None]) -> None:
        self._stream, self._strike, self._killed = stream, strike, killed
        self._latest = time.monotonic() + _GUEST_SECONDS
        self._due: float | None = None

    def left(self) -> bool:
        """Whether it has gone."""
        now = time.monotonic()
        if self._due is None and self._stream.status().ready:
            self._due = now + self._strike.seconds
        if now < min(self._latest, self._due or self._latest) and self._stream.running:
            return False
        supervisor = self._stream.status().supervisor
        if self._strike.kills and supervisor is not None and self._stream.running:
            with suppress(psutil.Error):
                psutil.Process(supervisor.pid).kill()
                self._killed()
        self._stream.stop()
        return True


def _resume(process: psutil.Process) -> None:
    with suppress(psutil.Error):
        process.resume()


_BEGINNINGS: dict[Kind, Callable[[Striking, Strike], bool]] = {
    Kind.KILL_WORKER: Striking._kill_worker,
    Kind.FREEZE_WORKER: Striking._freeze_worker,
    Kind.KILL_SUPERVISOR: Striking._kill_supervisor,
    Kind.KILL_FORK_SERVER: Striking._kill_fork_server,
    Kind.STOP_STREAM: Striking._stop_stream,
    Kind.GUEST: Striking._guest,
    Kind.PAUSE_BROKER: Striking._pause_broker,
    Kind.KILL_BROKER: Striking._kill_broker,
    Kind.FILL_DISK: Striking._fill_disk,
    Kind.STEP_CLOCK: Striking._step_clock,
}
