"""The simulated targets answer what the recorded programs answer, with other counts and names."""

from __future__ import annotations

import gzip

import pytest

from goleakprobe.profiles import read_profile
from profile_dumps import dump, pprof
from simulated_fleet.counted_profile import CountedProfile
from simulated_fleet.crowd import Crowd
from simulated_fleet.plan import plan_fleet
from simulated_fleet.recording import Recording
from simulated_fleet.sizing import Line
from simulated_fleet.target import ServiceAnswers, SimulatedTarget

LEAK = "example.com/shop/checkout.(*till).total.func1"
METRICS = b"""\
go_goroutines 7
process_start_time_seconds 1.5
http_requests_total{code="200"} 90
"""


def text_dump(waiting: int) -> bytes:
    stack = (
        f"{LEAK}()\n\t/srv/app/main.go:11 +0x1\ncreated by main.main in goroutine 1\n\t/a.go:1 +0x1"
    )
    return "\n\n".join(f"goroutine {n + 1} [chan send]:\n{stack}" for n in range(waiting)).encode()


def recording(*, leaks: bool) -> Recording:
    stacks = [(40, ["runtime.gopark", "main.pool"]), (2, ["runtime.gopark", "main.serve"])]
    stacks += [(30, ["runtime.gopark", "runtime.chansend", LEAK])] if leaks else []
    return Recording(
        shape="checkout",
        leaks=leaks,
        age_seconds=30,
        goroutine=gzip.decompress(pprof(stacks)),
        dump=text_dump(3),
        leak=gzip.decompress(pprof(stacks[2:], kind="goroutineleak")),
        metrics=METRICS,
        traces=(b"one example.com/shop/checkout", b"two example.com/shop/checkout"),
    )


@pytest.fixture
def leaky() -> SimulatedTarget:
    plan = plan_fleet(targets=14, instances=2, leaky=1, seed=7, onset_seconds=0)
    (service,) = plan.leaky
    assert service.shape == "checkout"
    answers = ServiceAnswers(service, recording(leaks=False), recording(leaks=True))
    return SimulatedTarget("checkout-0", answers, seed=7)


@pytest.mark.parametrize("release", ["go1.21", "go1.27"])
def test_a_recorded_profile_answers_its_own_counts_unchanged(release: str) -> None:
    recorded = gzip.decompress(dump(release, "goroutine-0.pb.gz"))
    again = CountedProfile(recorded).answer(lambda stack: stack.count)
    assert read_profile(again).groups == read_profile(recorded).groups
    assert read_profile(again).build_id == read_profile(recorded).build_id


def test_stacks_without_goroutines_are_left_out() -> None:
    recorded = pprof([(3, ["main.a"]), (5, ["main.b"])], compress=False)
    again = read_profile(CountedProfile(recorded).answer(lambda s: 7 if s.count == 5 else 0))
    assert [(group.count, group.frames[0].function) for group in again.groups] == [(7, "main.b")]


def test_a_leak_grows_only_from_its_onset_and_begins_anew_with_the_process() -> None:
    crowd = Crowd(seed="x", usual=0, transient=False, leaks_per_minute=60, onset=100)
    assert [crowd.count(now, -50) for now in (0, 100)] == [0, 0]
    grown = crowd.count(160, -50)
    assert 40 <= grown <= 80
    assert crowd.count(170, 165) < grown
    assert len({member.number for member in crowd.members(160, -50)}) == grown


def test_a_busy_stack_breathes_around_what_was_recorded_and_does_not_grow() -> None:
    crowd = Crowd(seed="x", usual=100, transient=False, leaks_per_minute=0, onset=0)
    counts = [crowd.count(60.0 * minute, 0) for minute in range(600)]
    assert min(counts) > 30
    assert max(counts) < 200
    assert abs(sum(counts[:300]) / 300 - sum(counts[300:]) / 300) < 10


def test_all_forms_of_a_target_tell_of_the_same_leak(leaky: SimulatedTarget) -> None:
    def leaked(body: bytes) -> int:
        groups = read_profile(body).groups
        return sum(g.count for g in groups if "checkout.(*till).total" in g.blocking_site)

    now = 600.0
    grown = leaked(leaky.goroutine(now))
    assert grown > 10
    assert leaked(leaky.leak(now) or b"") == grown
    assert leaked(leaky.dump(now)) == grown
    assert read_profile(leaky.goroutine(now)).total > grown


def test_a_services_code_stands_in_every_form_for_the_recorded_modules_name(
    leaky: SimulatedTarget,
) -> None:
    bodies = [gzip.decompress(leaky.goroutine(600)), leaky.dump(600), leaky.trace()]
    assert all(b"example.com/s00" in body for body in bodies)
    assert not any(b"example.com/shop" in body for body in bodies)


def test_the_metrics_page_tells_the_processes_own_age_and_count(leaky: SimulatedTarget) -> None:
    page = leaky.metrics(600, clock=1_700_000_600.0).decode()
    figures = {line.split(" ")[0]: float(line.split(" ")[1]) for line in page.splitlines()}
    assert figures["process_start_time_seconds"] == pytest.approx(
        1_700_000_000 + leaky.started(600), abs=0.01
    )
    assert figures["go_goroutines"] > 40
    assert figures['http_requests_total{code="200"}'] > 90


def test_a_plan_is_the_same_for_the_same_seed_and_leaks_of_every_kind_come_first() -> None:
    plans = [
        plan_fleet(targets=1000, instances=10, leaky=6, seed=3, onset_seconds=60) for _ in range(2)
    ]
    assert plans[0] == plans[1]
    assert plans[0].targets == 1000
    assert len({service.shape for service in plans[0].leaky}) == 6
    assert len({service.code for service in plans[0].services}) == 100


def test_a_cost_is_split_into_what_is_fixed_and_what_each_unit_adds() -> None:
    line = Line.through((100.0, 30.0), (10.0, 12.0))
    assert line == Line(fixed=10.0, each=0.2)
    assert line.at(1000) == 210.0


def test_noise_never_makes_a_larger_fleet_cheaper() -> None:
    line = Line.through((10.0, 1.2), (100.0, 1.0))
    assert line.at(10_000) == line.at(1) == 1.0
