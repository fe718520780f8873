"""A simulated fleet: what its collectors publish, drawn from a seed, in one fixed order.

All targets of a service share one partition of every topic, and a service has either snapshots or
traces. So the order in which a service's events are read is fixed, and what the detectors make of
them can be compared with another run to the last digit.
"""

from __future__ import annotations

import random
from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec
from kafka.partitioner import murmur2

from goleakprobe_agents.stage import Output
from goleakprobe_schemas import (
    LIFECYCLES,
    RUNTIMES,
    SNAPSHOTS,
    STACKS,
    BlockedTraced,
    CreationTraced,
    Evidence,
    FlowTraced,
    Frame,
    Grade,
    LifecycleTraced,
    RuntimeSampled,
    SnapshotCollected,
    SnapshotGroup,
    SnapshotSource,
    StackObserved,
    Target,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from goleakprobe_schemas import Topic

__all__ = ["PARTITIONS", "Fleet", "partition_of"]

PARTITIONS = 4

_SECOND = 1_000_000_000
# Ten to midnight: files change their day under load.
_START_NS = 1_760_000_000 * _SECOND // (86_400 * _SECOND) * 86_400 * _SECOND - 600 * _SECOND
_SCRAPE_SECONDS = 15
_LEAK_PROFILE_EVERY = 10
_DUMP_EVERY = 5
_TRACE_EVERY = 4
_SITES = 30
_LEAK_SITE = 7
_STUCK_SITE = 11
_CLOCK_STEPS = (-7200, -900, -45, 45, 600, 3600)
_WAITS = ("chan receive", "select", "IO wait", "sync.Mutex.Lock", "chan send")

_SERVICES = {
    "catalog": "steady",
    "checkout": "leaking",
    "payments": "creeping",
    "inventory": "stuck",
    "search": "bursting",
    "shipping": "traced-leaking",
    "accounts": "traced-steady",
}
_INSTANCES = 2


def partition_of(key: str, partitions: int = PARTITIONS) -> int:
    """Where Kafka's own partitioner puts a key."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)


class _Process(msgspec.Struct):
    """One process of a target."""

    target: Target
    kind: str
    started_ns: int
    build: int = 0
    leaked: int = 0
    lives: int = 0


class Fleet:
    """The fleet's events, round after round; the same seed gives the same events.

    Clocks of collectors step in some rounds: event time of all services then jumps and goes on
    from there.
    """

    def __init__(self, seed: str) -> None:
        self._rng = random.Random(f"fleet {seed}")
        self._now_ns = _START_NS
        self._processes = [
            _Process(target, kind, _START_NS - self._rng.randrange(10**6) * _SECOND)
            for service, kind in _SERVICES.items()
            for target in _targets(service)
        ]
        self._published: set[tuple[str, str]] = set()
        self._serial = count()
        self.clock_steps = 0

    def events(self, scrapes: int) -> list[Output]:
        """What is published during the next so many scrape intervals."""
        step_at = self._rng.randrange(scrapes) if self._rng.random() < 0.3 else None
        outputs: list[Output] = []
        for number in range(scrapes):
            if number == step_at:
                self._now_ns += self._rng.choice(_CLOCK_STEPS) * _SECOND
                self.clock_steps += 1
            self._now_ns += _SCRAPE_SECONDS * _SECOND
            for process in self._processes:
                self._live(process)
                outputs += self._visit(process, number)
        return outputs

    def _live(self, process: _Process) -> None:
        process.lives += 1
        rate = {"leaking": 3, "creeping": 1, "traced-leaking": 180}.get(process.kind, 0)
        process.leaked += rate
        if self._rng.random() < 0.004:
            process.started_ns, process.leaked = self._now_ns - _SECOND, 0
            process.build += self._rng.random() < 0.5

    def _visit(self, process: _Process, number: int) -> Iterator[Output]:
        if process.kind.startswith("traced"):
            if number % _TRACE_EVERY == 0:
                yield self._trace(process)
        else:
            full = process.kind == "stuck" and number % _DUMP_EVERY == 0
            snapshot = self._snapshot(process, full=full)
            yield from self._stacks(process, snapshot)
            yield self._output(SNAPSHOTS, process, snapshot)
            if process.kind == "leaking" and number % _LEAK_PROFILE_EVERY == 0:
                yield self._output(SNAPSHOTS, process, self._leak_profile(process))
        yield self._output(RUNTIMES, process, self._sample(process))

    def _output(self, topic: Topic, process: _Process, event: Any) -> Output:
        return Output(topic, process.target.key, event.id, event, event.time_ns)

    def _identity(self, process: _Process, what: str) -> dict[str, Any]:
        target = process.target
        return {
            "id": f"{what}-{next(self._serial)}",
            "namespace": target.namespace,
            "service": target.service,
            "instance": target.instance,
            "process_start_ns": process.started_ns,
        }

    def _snapshot(self, process: _Process, *, full: bool) -> SnapshotCollected:
        groups = tuple(self._group(process, site, full=full) for site in range(_SITES))
        return SnapshotCollected(
            **self._identity(process, "snapshot"),
            time_ns=self._now_ns,
            source=SnapshotSource.DEBUG2 if full else SnapshotSource.DEBUG0,
            total=sum(group.count for group in groups),
            groups=groups,
            go_version="go1.26.1",
            build_id=f"build-{process.build}",
        )

    def _group(self, process: _Process, site: int, *, full: bool) -> SnapshotGroup:
        number = 4 + site % 5 + self._rng.randrange(3)
        ids: tuple[int, ...] = ()
        if site == _LEAK_SITE and process.kind in ("leaking", "creeping"):
            number = 5 + process.leaked
        elif process.kind == "bursting" and process.lives % 50 > 45:
            number *= 20
        if site == _STUCK_SITE and process.kind == "stuck":
            number = 3
            first = process.started_ns // _SECOND % 100_000
            ids = tuple(range(first, first + number)) if full else ()
        return SnapshotGroup(
            signature=_signature(process.target.service, site),
            count=number,
            wait=_WAITS[site % len(_WAITS)],
            blocking_site=f"main.work{site} main.go:{10 + site}",
            creation_site=f"main.start{site} main.go:{100 + site}",
            goroutine_ids=ids,
        )

    def _leak_profile(self, process: _Process) -> SnapshotCollected:
        leaked = process.leaked
        group = SnapshotGroup(
            signature=_signature(process.target.service, _LEAK_SITE),
            count=leaked,
            wait="chan receive",
            leaked=leaked,
        )
        return SnapshotCollected(
            **self._identity(process, "profile"),
            time_ns=self._now_ns + _SECOND,
            source=SnapshotSource.LEAK,
            total=leaked,
            groups=(group,) if leaked else (),
        )

    def _stacks(self, process: _Process, snapshot: SnapshotCollected) -> Iterator[Output]:
        for group in snapshot.groups:
            pair = (group.signature, snapshot.build_id)
            if pair in self._published:
                continue
            self._published.add(pair)
            stack = StackObserved(
                signature=group.signature,
                frames=tuple(Frame(f"main.f{depth}", "main.go", depth) for depth in range(1, 9)),
                wait=group.wait,
                blocking_site=group.blocking_site,
                creation_site=group.creation_site,
                package="main",
                first_seen_ns=snapshot.time_ns,
                build_id=snapshot.build_id,
            )
            event_id = f"{group.signature}-{snapshot.build_id}"
            yield Output(STACKS, group.signature, event_id, stack, snapshot.time_ns)

    def _sample(self, process: _Process) -> RuntimeSampled:
        return RuntimeSampled(
            **self._identity(process, "sample"),
            time_ns=self._now_ns,
            goroutines=200 + process.leaked,
            heap_inuse_bytes=self._rng.randrange(10**7, 10**8),
            open_fds=self._rng.randrange(20, 60),
            gc_cycles_total=process.lives,
        )

    def _trace(self, process: _Process) -> Output:
        leaks = process.kind == "traced-leaking"
        window = LifecycleTraced(
            **self._identity(process, "window"),
            time_ns=self._now_ns,
            window_seconds=1.0,
            total=40 + process.leaked,
            go_version="go1.26.1",
            build_id=f"build-{process.build}",
            creations=(
                CreationTraced(creation_site="main.start0 main.go:100", created=30, exited=30),
            ),
            flows=_leaking_flows(process) if leaks else (),
        )
        return self._output(LIFECYCLES, process, window)


def _targets(service: str) -> list[Target]:
    """Targets of a service whose keys fall into the partition of the first one."""
    found: list[Target] = []
    for number in count(1):
        target = Target("shop", service, f"10.0.0.{number}:6060")
        if not found or partition_of(target.key) == partition_of(found[0].key):
            found.append(target)
        if len(found) == _INSTANCES:
            return found
    raise AssertionError("unreachable")


def _signature(service: str, site: int) -> str:
    return random.Random(f"{service} {site}").randbytes(16).hex()


def _leaking_flows(process: _Process) -> tuple[FlowTraced, ...]:
    """What a second of a process shows that has leaked before: new ones, and those that wait on."""
    rate, before = 12, process.leaked
    about = {
        "signature": _signature(process.target.service, _LEAK_SITE),
        "wait": "chan send",
        "blocking_site": "main.work main.go:9",
        "start": "main.work",
    }
    growth = Evidence(
        grade=Grade.GROWING,
        detector="trace_growth",
        summary=f"{rate} goroutines started in 1.0 s of trace are still in chan send",
        numbers={"still_blocked": float(rate)},
    )
    new = FlowTraced(
        **about,
        creation_site="main.spawn main.go:5",
        created=rate + 2,
        exited=2,
        net_thirds=(4, 4, 4),
        net_per_second=float(rate),
        open=rate,
        open_born=rate,
        born_thirds=(4, 4, 4),
        blocked=tuple(BlockedTraced(goroutine=before + n) for n in range(1, 11)),
        evidence=(growth,),
    )
    older = FlowTraced(
        **about,
        open=before,
        open_earlier=before,
        blocked=tuple(
            BlockedTraced(goroutine=n, seconds=1.0, earlier=True)
            for n in range(1, min(before, 20) + 1)
        ),
    )
    return (new, older) if before else (new,)
