"""One simulated process: a recorded program's answers with its own counts, names and age."""

from __future__ import annotations

import hashlib
import random
import re
from typing import TYPE_CHECKING

from goleakprobe.profiles import read_profile
from simulated_fleet.counted_profile import CountedProfile
from simulated_fleet.crowd import Crowd

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simulated_fleet.counted_profile import RecordedStack
    from simulated_fleet.plan import PlannedService
    from simulated_fleet.recording import Recording

__all__ = ["ServiceAnswers", "SimulatedTarget"]

_BLOCK = re.compile(rb"goroutine \d+ (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[([^\],]*)[^\]]*\]:\n")
_NUMBERS = {
    name: re.compile(rb"^(" + name.encode() + rb"(?:\{[^}\n]*\})?) \S+$", re.MULTILINE)
    for name in ("go_goroutines", "process_start_time_seconds", "http_requests_total")
}
# Of waits that end, the runtime's words; who stands there now is gone at the next look.
_TRANSIENT = ("chan send", "sync.Mutex.Lock", "sync.RWMutex.Lock", "sync.WaitGroup.Wait")
_PROCESS_LIFE_SECONDS = 7200.0
# In the recording of the leaky program; others at the same place only pass by.
_PLAINLY_GROWN = 5


class ServiceAnswers:
    """What all instances of one service have in common."""

    def __init__(self, service: PlannedService, healthy: Recording, shown: Recording) -> None:
        self.service = service
        own = _renamed(shown, service)
        self.profile = CountedProfile(own(shown.goroutine))
        self.leak_profile = CountedProfile(own(shown.leak)) if shown.leak else None
        self.metrics = shown.metrics
        self.requests_per_second = _requests(shown.metrics) / shown.age_seconds
        self.traces = [own(trace) for trace in shown.traces]
        self.blocks = _blocks(own(shown.dump))
        # Only stacks that the profile can show.
        self.usual = {stack.signature: 0 for stack in self.profile.stacks}
        for stack in CountedProfile(own(healthy.goroutine)).stacks:
            if stack.signature in self.usual:
                self.usual[stack.signature] += stack.count
        self.leaking = {
            stack.signature
            for stack in self.profile.stacks
            if _at_place(stack, service)
            and stack.count - self.usual[stack.signature] >= _PLAINLY_GROWN
        }


class SimulatedTarget:
    """One process; every time is in seconds since the run began, and negative before."""

    def __init__(self, name: str, answers: ServiceAnswers, *, seed: int) -> None:
        self.name = name
        self._answers = answers
        service = answers.service
        rng = random.Random(f"{seed}{name}")
        # Deployed at different times, and again after some hours: some restart during any run.
        self._first_start = -rng.uniform(0, _PROCESS_LIFE_SECONDS)
        self._crowds = {
            signature: Crowd(
                seed=f"{seed}{name}{signature}",
                usual=answers.usual[signature],
                transient=_wait_of(answers, signature) in _TRANSIENT,
                leaks_per_minute=service.leaks_per_minute if signature in answers.leaking else 0.0,
                onset=service.onset_seconds,
            )
            for signature in answers.usual
        }
        self._traces_taken = 0

    def started(self, now: float) -> float:
        """When the process that lives now began."""
        lives = (now - self._first_start) // _PROCESS_LIFE_SECONDS
        return self._first_start + lives * _PROCESS_LIFE_SECONDS

    def goroutine(self, now: float) -> bytes:
        """``/debug/pprof/goroutine?debug=0``."""
        started = self.started(now)
        left = {s: crowd.count(now, started) for s, crowd in self._crowds.items()}
        return self._answers.profile.answer(lambda stack: left.pop(stack.signature, 0))

    def leak(self, now: float) -> bytes | None:
        """``/debug/pprof/goroutineleak?debug=0``; None where the runtime has none."""
        profile = self._answers.leak_profile
        if profile is None:
            return None
        started = self.started(now)
        left = {
            signature: self._crowds[signature].leaked(now, started)
            for signature in self._answers.leaking
        }
        return profile.answer(lambda stack: left.pop(stack.signature, 0))

    def dump(self, now: float) -> bytes:
        """``/debug/pprof/goroutine?debug=2``."""
        started = self.started(now)
        parts: list[bytes] = []
        for place, (signature, crowd) in enumerate(self._crowds.items()):
            block = self._answers.blocks.get(signature)
            if block is None:
                continue
            wait, stack = block
            for member in crowd.members(now, started):
                minutes = int(member.age_seconds // 60)
                since = f", {minutes} minutes" if minutes else ""
                number = place * 100_000_000 + member.number + 1
                parts.append(f"goroutine {number} [{wait}{since}]:\n".encode() + stack)
        return b"\n\n".join(parts) + b"\n"

    def metrics(self, now: float, clock: float) -> bytes:
        """``/metrics``; ``clock`` is the UTC epoch second that ``now`` is."""
        started = self.started(now)
        told = {
            "go_goroutines": sum(c.count(now, started) for c in self._crowds.values()),
            "process_start_time_seconds": round(clock - (now - started), 3),
            "http_requests_total": int(self._answers.requests_per_second * (now - started)),
        }
        page = self._answers.metrics
        for name, value in told.items():
            page = _NUMBERS[name].sub(rb"\1 " + str(value).encode(), page)
        return page

    def trace(self) -> bytes:
        """``/debug/pprof/trace``: the recorded windows in turn."""
        self._traces_taken += 1
        traces = self._answers.traces
        return traces[self._traces_taken % len(traces)]

    @property
    def groups(self) -> int:
        """How many distinct stacks a profile of it can have."""
        return len(self._crowds)


def _renamed(recording: Recording, service: PlannedService) -> Callable[[bytes], bytes]:
    """Replace the module's name and the build id by others as long, whatever format they are in."""
    code = f"example.com/{service.code}/".encode()
    build = read_profile(recording.goroutine).build_id.encode()
    digest = hashlib.blake2b(service.name.encode(), digest_size=64).hexdigest().encode()
    fresh = (digest * (1 + len(build) // len(digest)))[: len(build)]

    def own(body: bytes) -> bytes:
        body = body.replace(b"example.com/shop/", code)
        return body.replace(build, fresh) if build else body

    return own


def _blocks(dump: bytes) -> dict[str, tuple[str, bytes]]:
    """Signature to the wait and the stack, as text, of one goroutine that has it."""
    profile = read_profile(dump)
    texts = [text for text in dump.split(b"\n\n") if text.strip()]
    blocks: dict[str, tuple[str, bytes]] = {}
    for goroutine, text in zip(profile.goroutines, texts, strict=True):
        head = _BLOCK.match(text)
        if head is not None:
            signature = profile.groups[goroutine.group].signature
            blocks.setdefault(signature, (head[1].decode(), text[head.end() :].rstrip(b"\n")))
    return blocks


def _at_place(stack: RecordedStack, service: PlannedService) -> bool:
    sites = (stack.group.blocking_site, stack.group.creation_site)
    return any(site.partition(" ")[0] in service.places for site in sites)


def _wait_of(answers: ServiceAnswers, signature: str) -> str:
    stacks: Sequence[RecordedStack] = answers.profile.stacks
    return next((s.group.wait for s in stacks if s.signature == signature), "")


def _requests(page: bytes) -> float:
    return sum(
        float(match[0].rsplit(b" ", 1)[1])
        for match in _NUMBERS["http_requests_total"].finditer(page)
    )
