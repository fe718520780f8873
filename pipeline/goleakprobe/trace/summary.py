"""Lifecycle statistics to a traced window: numbers to names, open intervals closed at the end."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from goleakprobe.trace.sites import NOWHERE
from goleakprobe.trace.states import State
from goleakprobe.trace.ways_out import WayOut, find_cycles, ways_out
from goleakprobe.trace.window import (
    BlockedGoroutine,
    BlockingSite,
    CreationSite,
    Flow,
    StateSeries,
    StateTimes,
    TraceWindow,
    Transition,
    UnblockEdge,
    WaitCycle,
)

if TYPE_CHECKING:
    from goleakprobe.trace.decoder import Decoder
    from goleakprobe.trace.lifecycles import Lifecycles

__all__ = ["Caps", "summarise"]

_NS = 1e9
Longs = NDArray[np.int64]
Thirds = tuple[int, int, int]
T = TypeVar("T")


class Caps(msgspec.Struct, frozen=True, kw_only=True):
    """Longest lists of a window; what they cut is what matters least."""

    sites: int = 200
    flows: int = 400
    edges: int = 200
    transitions: int = 400
    blocked_per_flow: int = 10
    blocked: int = 500
    cycles: int = 20
    frames: int = 32
    series_steps: int = 120


def summarise(
    decoder: Decoder, lives: Lifecycles, wall_start_ns: int | None = None, caps: Caps | None = None
) -> TraceWindow:
    """The window that these statistics describe; call it after the last generation."""
    return _Summary(decoder, lives, caps or Caps()).window(wall_start_ns)


class _Summary:
    def __init__(self, decoder: Decoder, lives: Lifecycles, caps: Caps) -> None:
        self._decoder = decoder
        self._lives = lives
        self._caps = caps
        self._places = lives.places
        living = lives.living
        self._age = np.maximum(lives.end_ns - living.since_ns, 0)
        self._ways = ways_out(living)
        self._blocked = living.state == State.WAITING
        self._truncated = False
        self._alive_at = np.bincount(living.created_at, minlength=len(self._places.creation))

    def window(self, wall_start_ns: int | None) -> TraceWindow:
        decoder, lives = self._decoder, self._lives
        counts = np.bincount(lives.living.state, minlength=len(State))
        return TraceWindow(
            format_version=f"1.{decoder.version}",
            start_ns=lives.start_ns,
            end_ns=lives.end_ns,
            wall_start_ns=wall_start_ns,
            events=decoder.event_count,
            generations=lives.generations,
            read_bytes=decoder.read_bytes,
            lost_bytes=decoder.lost_bytes,
            damages=tuple(
                f"generation {damage.generation}: {damage.reason}"
                if damage.generation
                else damage.reason
                for damage in decoder.damages[:20]
            ),
            alive=len(lives.living),
            states={state.label: int(counts[state]) for state in State if counts[state]},
            series=self._series(),
            creation_sites=self._creation_sites(),
            blocking_sites=self._blocking_sites(),
            flows=self._flows(),
            transitions=self._transitions(),
            unblock_edges=self._edges(),
            blocked=self._blocked_goroutines(),
            cycles=self._cycles(),
            # Arguments are evaluated in order: by now every list has been cut.
            truncated=self._truncated,
        )

    def _cut(self, rows: list[T], most: int) -> tuple[T, ...]:
        self._truncated |= len(rows) > most
        return tuple(rows[:most])

    def _series(self) -> StateSeries:
        lives = self._lives
        bins = lives.in_state
        used = max(1, -(-(lives.end_ns - lives.start_ns) // bins.width_ns))
        merge = -(-used // self._caps.series_steps)
        counts = np.cumsum(bins.counts[:used], axis=0)[merge - 1 :: merge]
        return StateSeries(
            step_seconds=merge * bins.width_ns / _NS,
            counts={
                state.label: tuple(counts[:, state].tolist())
                for state in (State.RUNNABLE, State.RUNNING, State.WAITING, State.SYSCALL)
            },
        )

    def _ago(self, place: int) -> float | None:
        last = self._lives.last_wake_ns
        if place >= len(last) or last[place] < 0:
            return None
        return max(0.0, (self._lives.end_ns - int(last[place])) / _NS)

    def _completed(self, place: int) -> tuple[int, float, float]:
        lives = self._lives
        if place >= len(lives.completed):
            return 0, 0.0, 0.0
        return (
            int(lives.completed[place]),
            float(lives.waited_ns[place]) / _NS,
            int(lives.longest_ns[place]) / _NS,
        )

    def _thirds(self, creation: int) -> tuple[Thirds, Thirds]:
        lives = self._lives
        length = lives.end_ns - lives.start_ns
        return lives.created.thirds(length, creation), lives.exited.thirds(length, creation)

    def _creation_sites(self) -> tuple[CreationSite, ...]:
        lives, living = self._lives, self._lives.living
        count = len(self._places.creation)
        times = np.zeros((count, len(State)))
        times[: len(lives.time_in_state_ns)] += lives.time_in_state_ns[:count]
        np.add.at(times, (living.created_at, living.state), self._age)
        blocked = np.bincount(living.created_at[self._blocked], minlength=count)
        rows = []
        for number, place in enumerate(self._places.creation):
            created, exited = self._thirds(number)
            if not (sum(created) or sum(exited) or self._alive_at[number]):
                continue
            spent = times[number] / _NS
            rows.append(
                CreationSite(
                    site=place.site,
                    start=place.start,
                    runtime=place.runtime,
                    created=sum(created),
                    exited=sum(exited),
                    created_thirds=created,
                    exited_thirds=exited,
                    alive=int(self._alive_at[number]),
                    blocked=int(blocked[number]),
                    times=StateTimes(
                        runnable_seconds=float(spent[State.RUNNABLE]),
                        running_seconds=float(spent[State.RUNNING]),
                        blocked_seconds=float(spent[State.WAITING]),
                        syscall_seconds=float(spent[State.SYSCALL]),
                    ),
                )
            )
        rows.sort(key=lambda row: (-row.net, -row.alive, -row.created, row.site, row.start))
        return self._cut(rows, self._caps.sites)

    def _blocking_sites(self) -> tuple[BlockingSite, ...]:
        living = self._lives.living
        rows = []
        for number, place in enumerate(self._places.blocking):
            mine = np.flatnonzero(self._blocked & (living.waits_at == number))
            completed, seconds, longest = self._completed(number)
            if not (completed or len(mine)):
                continue
            ages = self._age[mine] / _NS
            rows.append(
                BlockingSite(
                    wait=place.wait,
                    site=place.site,
                    signature=place.signature,
                    frames=self._places.frames(place.stack)[: self._caps.frames],
                    completed=completed,
                    completed_seconds=seconds,
                    longest_seconds=longest,
                    last_wake_seconds_ago=self._ago(number),
                    open=len(mine),
                    open_earlier=int(living.earlier[mine].sum()),
                    open_seconds_min=float(ages.min()) if len(mine) else 0.0,
                    open_seconds_median=float(np.median(ages)) if len(mine) else 0.0,
                    open_seconds_max=float(ages.max()) if len(mine) else 0.0,
                    never_woken=int((self._ways[mine] == WayOut.NEVER).sum()),
                    waker_gone=int((self._ways[mine] == WayOut.GONE).sum()),
                )
            )
        rows.sort(key=lambda row: (-row.open, -row.completed, row.site, row.wait))
        return self._cut(rows, self._caps.sites)

    def _open_by_flow(self) -> dict[tuple[int, int], list[int]]:
        living = self._lives.living
        groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        for row in np.flatnonzero(self._blocked).tolist():
            groups[int(living.created_at[row]), int(living.waits_at[row])].append(row)
        return groups

    def _flows(self) -> tuple[Flow, ...]:
        groups = self._open_by_flow()
        ended = {(key[0], key[1]): total for key, total in self._lives.flows.items()}
        wakers: dict[int, set[int]] = defaultdict(set)
        for waker, _, blocking in self._lives.wakes:
            if waker != NOWHERE:
                wakers[blocking].add(waker)
        rows = [
            self._flow(
                *key, np.array(groups.get(key, []), np.int64), ended.get(key, [0, 0]), wakers
            )
            for key in groups.keys() | ended.keys()
        ]
        rows.sort(
            key=lambda row: (-row.open_born, -row.open, -row.completed, row.blocking_site,
                             row.creation_site, row.start, row.wait)
        )  # fmt: skip
        return self._cut(rows, self._caps.flows)

    def _flow(
        self,
        creation: int,
        blocking: int,
        rows: Longs,
        ended: list[int],
        wakers: dict[int, set[int]],
    ) -> Flow:
        lives, living = self._lives, self._lives.living
        made, place = self._places.creation[creation], self._places.blocking[blocking]
        created, exited = self._thirds(creation)
        born = living.born_ns[rows]
        length = max(lives.end_ns - lives.start_ns, 1)
        third = np.clip((born[born >= 0] - lives.start_ns) * 3 // length, 0, 2)
        one, two, three = np.bincount(third, minlength=3).tolist()
        ways = self._ways[rows]
        ages = self._age[rows] / _NS
        return Flow(
            creation_site=made.site,
            start=made.start,
            runtime=made.runtime,
            wait=place.wait,
            blocking_site=place.site,
            signature=place.signature,
            completed=ended[0],
            completed_seconds=ended[1] / _NS,
            longest_seconds=self._completed(blocking)[2],
            last_wake_seconds_ago=self._ago(blocking),
            created=sum(created),
            exited=sum(exited),
            net_thirds=(
                created[0] - exited[0],
                created[1] - exited[1],
                created[2] - exited[2],
            ),
            open=len(rows),
            open_earlier=int(living.earlier[rows].sum()),
            open_born=int((born >= 0).sum()),
            born_thirds=(one, two, three),
            open_seconds_median=float(np.median(ages)) if len(rows) else 0.0,
            open_seconds_max=float(ages.max()) if len(rows) else 0.0,
            never_woken=int((ways == WayOut.NEVER).sum()),
            waker_gone=int((ways == WayOut.GONE).sum()),
            no_way_out=int(((ways == WayOut.GONE) | (ways == WayOut.STUCK)).sum()),
            wakers_alive=int(sum(self._alive_at[waker] for waker in wakers.get(blocking, ()))),
        )

    def _transitions(self) -> tuple[Transition, ...]:
        moves = self._lives.moves[: len(self._places.creation)]
        rows = [
            Transition(
                creation_site=self._places.creation[site].site,
                start=self._places.creation[site].start,
                before="created" if before == State.NOT_EXIST else State(before).label,
                after=State(after).label,
                count=int(moves[site, before, after]),
            )
            for site, before, after in np.argwhere(moves).tolist()
        ]
        rows.sort(key=lambda row: (-row.count, row.creation_site, row.start, row.before, row.after))
        return self._cut(rows, self._caps.transitions)

    def _edges(self) -> tuple[UnblockEdge, ...]:
        places = self._places
        rows = [
            UnblockEdge(
                waker_site=places.blocking[code].site,
                waker_creation_site=places.creation[waker].site,
                waker_start=places.creation[waker].start,
                waker_alive=int(self._alive_at[waker]) if waker != NOWHERE else 0,
                wait=places.blocking[blocking].wait,
                blocking_site=places.blocking[blocking].site,
                count=total[0],
            )
            for (waker, code, blocking), total in self._lives.wakes.items()
        ]
        rows.sort(key=lambda row: (-row.count, row.blocking_site, row.waker_site, row.waker_start))
        return self._cut(rows, self._caps.edges)

    def _blocked_goroutines(self) -> tuple[BlockedGoroutine, ...]:
        living = self._lives.living
        rows: list[BlockedGoroutine] = []
        for (creation, blocking), members in self._open_by_flow().items():
            oldest = sorted(members, key=lambda row: living.since_ns[row])
            self._truncated |= len(members) > self._caps.blocked_per_flow
            some = oldest[: self._caps.blocked_per_flow]
            rows += [self._blocked_goroutine(row, creation, blocking) for row in some]
        return self._cut(rows, self._caps.blocked)

    def _blocked_goroutine(self, row: int, creation: int, blocking: int) -> BlockedGoroutine:
        living, places = self._lives.living, self._places
        return BlockedGoroutine(
            goroutine=int(living.goroutine[row]),
            wait=places.blocking[blocking].wait,
            site=places.blocking[blocking].site,
            creation_site=places.creation[creation].site,
            start=places.creation[creation].start,
            seconds=float(self._age[row]) / _NS,
            earlier=bool(living.earlier[row]),
            wakes=int(living.wakes[row]),
            way_out=WayOut(self._ways[row]).name.lower(),
        )

    def _cycles(self) -> tuple[WaitCycle, ...]:
        living, places = self._lives.living, self._places
        rows = []
        for group in find_cycles(living, self._ways):
            sites = {places.blocking[int(living.waits_at[row])].site for row in group}
            some = tuple(int(living.goroutine[row]) for row in group[:20])
            rows.append(WaitCycle(size=len(group), goroutines=some, sites=tuple(sorted(sites))))
        rows.sort(key=lambda row: -row.size)
        return self._cut(rows, self._caps.cycles)
