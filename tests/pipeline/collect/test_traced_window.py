"""A window fits its message, names are safe, and what matters most is kept."""

from __future__ import annotations

import msgspec

from collect_targets import job, target_of
from goleakprobe.collect.assemble import ProcessIdentity
from goleakprobe.collect.traced_window import lifecycle_event, traced_stacks
from goleakprobe.collect.tracing import Traced
from goleakprobe.profiles.signatures import signature
from goleakprobe.trace import Caps, TraceAnalysis, TraceWindow
from goleakprobe.trace.window import BlockedGoroutine, Flow
from goleakprobe_schemas import (
    LIFECYCLES,
    Frame,
    LifecycleTraced,
    ScrapeCost,
    StackObserved,
    decode,
    encode,
)
from traced_leaks import LEAKER, SENDER, leaky_trace

TARGET = target_of("10.0.0.7:6060", job("10.0.0.7:6060"))
TIME_NS = 1_700_000_000_000_000_000


def traced(body: bytes = b"", **window: object) -> Traced:
    analysis = TraceAnalysis(caps=Caps(blocked_per_flow=40, blocked=8000))
    analysis.feed(body or leaky_trace(older=50))
    report = analysis.finish()
    changed: TraceWindow = msgspec.structs.replace(report.window, **window)
    report = msgspec.structs.replace(report, window=changed)
    return Traced(report=report, cost=ScrapeCost(body_bytes=5), time_ns=TIME_NS)


def event_of(one: Traced) -> LifecycleTraced:
    process = ProcessIdentity(start_ns=7, go_version="go1.27.3", build_id="b1")
    output = lifecycle_event(one, TARGET, process=process)
    assert output.key == TARGET.key
    assert isinstance(output.event, LifecycleTraced)
    assert decode(LIFECYCLES, encode(LIFECYCLES, output.event)) == output.event
    return output.event


def test_a_leak_is_told_by_its_creation_site_and_its_blocking_site() -> None:
    event = event_of(traced())
    assert (event.time_ns, event.process_start_ns, event.go_version) == (TIME_NS, 7, "go1.27.3")
    assert (event.service, event.instance, event.total) == ("shop", "10.0.0.7:6060", 81)
    new, older = event.flows
    assert new.creation_site == f"{LEAKER} main.go:33"
    assert (new.created, new.exited, new.open, new.open_born) == (30, 0, 30, 30)
    assert new.net_thirds == (10, 10, 10)
    assert 30 <= new.net_per_second <= 31
    assert [reason.detector for reason in new.evidence] == ["trace_growth"]
    assert (older.open, older.open_earlier, older.evidence) == (50, 50, ())
    assert len(older.blocked) == 20
    assert [one.goroutine for one in older.blocked[:3]] == [50, 51, 52]
    (site,) = (c for c in event.creations if c.creation_site == new.creation_site)
    assert (site.created, site.alive, site.blocked) == (30, 30, 30)
    assert ("created", "runnable", 30) in [(m.before, m.after, m.count) for m in site.moves]


def test_the_signature_is_the_one_that_snapshots_sign_with() -> None:
    event = event_of(traced())
    frames = (Frame("runtime.gopark"), Frame("runtime.chansend"), Frame("runtime.chansend1"))
    assert event.flows[0].signature == signature((*frames, Frame(SENDER)), "chan send")


def test_the_same_trace_makes_the_same_event() -> None:
    assert event_of(traced()).id == event_of(traced()).id


def test_a_window_too_large_for_a_message_keeps_what_matters_most() -> None:
    one = traced()
    leak, *_ = one.report.window.flows
    many = [
        msgspec.structs.replace(leak, blocking_site=f"{n} " + "x" * 5000, open=1)
        for n in range(2000)
    ]
    event = event_of(traced(flows=(*many, leak)))
    assert event.truncated
    assert event.flows[0].evidence, "flows with evidence come first"
    assert 500 < len(event.flows) < 2000
    assert all(len(flow.blocking_site) <= 512 for flow in event.flows)


def test_names_are_made_safe() -> None:
    one = traced()
    leak: Flow = one.report.window.flows[0]
    bad = msgspec.structs.replace(
        leak, blocking_site="main.f\x1b[2J\nx main.go:1", start="a\u202eb"
    )
    flow = event_of(traced(flows=(bad,))).flows[0]
    assert flow.blocking_site == "main.f [2J x main.go:1"
    assert flow.start == "a b"


def test_the_runtimes_own_goroutines_are_left_out() -> None:
    one = traced()
    leak: Flow = one.report.window.flows[0]
    own = msgspec.structs.replace(leak, runtime=True)
    parked = msgspec.structs.replace(leak, blocking_site="runtime.bgsweep mgcsweep.go:3")
    assert event_of(traced(flows=(own, parked))).flows == ()


def test_goroutines_without_a_way_out_are_told_first() -> None:
    one = traced()
    leak: Flow = one.report.window.flows[0]

    def blocked(goroutine: int, way_out: str) -> BlockedGoroutine:
        return BlockedGoroutine(
            goroutine=goroutine,
            wait=leak.wait,
            site=leak.blocking_site,
            creation_site=leak.creation_site,
            start=leak.start,
            seconds=1.0,
            earlier=False,
            wakes=0,
            way_out=way_out,
        )

    crowd = tuple(blocked(n, "gone" if n % 3 == 0 else "never") for n in range(60))
    told = event_of(traced(flows=(leak,), blocked=crowd)).flows[0].blocked
    assert [one.way_out for one in told] == ["gone"] * 10 + ["never"] * 10


def test_a_cut_answer_and_damage_are_told() -> None:
    one = msgspec.structs.replace(traced(damages=("generation 2: torn\n",)), cut="too late")
    assert event_of(one).damages == ("too late", "generation 2: torn")


def test_stacks_of_waits_are_published_once_as_snapshots_show_them() -> None:
    one = traced()
    asked: list[str] = []

    def wanted(name: str) -> bool:
        asked.append(name)
        return True

    (output,) = traced_stacks(one, build_id="b1", wanted=wanted)
    stack = output.event
    assert isinstance(stack, StackObserved)
    assert asked == [stack.signature]
    assert [frame.function for frame in stack.frames] == [SENDER]
    assert stack.wait == "chan send"
    assert traced_stacks(one, build_id="b1", wanted=lambda _: False) == []
