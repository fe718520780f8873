"""A finding fires when its evidence persists and resolves when its cause is gone."""

from __future__ import annotations

import msgspec

from goleakprobe_agents.evidence import judge
from goleakprobe_agents.findings import FindingPolicy, FindingTracker, InstanceEvidence
from goleakprobe_schemas import FindingState, Grade, GrowthFigures, SignatureAssessed

SECOND = 1_000_000_000
POLICY = FindingPolicy(fire_after_verdicts=3, clear_after_seconds=600, instance_ttl_seconds=900)


def sample(
    count: int, *, rising: bool = False, fast: bool = False, leaked: int = 0
) -> SignatureAssessed:
    growth = GrowthFigures(
        score=9.0 if rising else 0.0,
        threshold=3.0,
        alarm=rising,
        per_hour=360.0 if rising else 0.0,
        per_hour_low=300.0 if rising else 0.0,
        per_hour_high=420.0 if rising else 0.0,
        onset_ns=5 * SECOND,
        fast=fast,
    )
    return SignatureAssessed(
        signature="a" * 32,
        count=count,
        wait="chan send",
        first_seen_ns=SECOND,
        growth=growth,
        leaked=leaked,
        leaked_samples=2 if leaked else 0,
    )


class Story:
    """Feeds one tracker sample by sample and notes what it publishes."""

    def __init__(self) -> None:
        self.tracker = FindingTracker()
        self.now = 0

    def tell(
        self, said: SignatureAssessed, *, instance: str = "i1", start: int = 1, after: float = 15
    ) -> FindingState | None:
        self.now += int(after * SECOND)
        held = self.tracker.instances.get(instance)
        if held is None or held.process_start_ns != start:
            held = InstanceEvidence(
                time_ns=self.now,
                process_start_ns=start,
                build_id="b1",
                go_version="go1.27.3",
                count=said.count,
            )
            self.tracker.instances[instance] = held
        held.time_ns = self.now
        held.observe(said, judge(said))
        self.tracker.expire(self.now, POLICY)
        return self.tracker.decide(self.now, POLICY)

    def describe(self, state: FindingState = FindingState.FIRING) -> object:
        return self.tracker.describe(
            event_id="t-0-1:a",
            namespace="default",
            service="checkout",
            signature="a" * 32,
            state=state,
            now_ns=self.now,
            instances_total=3,
        )


def test_growth_must_persist_before_it_fires() -> None:
    story = Story()
    assert story.tell(sample(10, rising=True)) is None
    assert story.tell(sample(12)) is None, "the streak was broken"
    assert [story.tell(sample(14 + n, rising=True)) for n in range(3)] == [
        None,
        None,
        FindingState.FIRING,
    ]


def test_proof_fires_at_once() -> None:
    assert Story().tell(sample(10, leaked=4)) is FindingState.FIRING


def test_a_firing_finding_is_told_again_only_when_its_numbers_moved() -> None:
    story = Story()
    assert story.tell(sample(10, leaked=4)) is FindingState.FIRING
    assert story.tell(sample(10, leaked=4), after=61) is None
    assert story.tell(sample(11, leaked=4), after=1) is FindingState.FIRING
    assert story.tell(sample(12, leaked=4), after=1) is None, "too soon after the last"


def test_a_stronger_grade_is_told_at_once_and_never_taken_back() -> None:
    story = Story()
    for n in range(3):
        story.tell(sample(10 + n, rising=True))
    assert story.tracker.grade is Grade.GROWING
    assert story.tell(sample(14, rising=True, leaked=14), after=1) is FindingState.FIRING
    story.tell(sample(15, rising=True), after=61)
    assert story.tracker.grade is Grade.PROVEN


def test_a_leak_that_stops_growing_still_fires_while_it_holds_its_goroutines() -> None:
    story = Story()
    for n in range(3):
        story.tell(sample(100 + n, rising=True))
    for _ in range(200):
        assert story.tell(sample(102)) is not FindingState.RESOLVED
    assert story.tracker.firing


def test_a_finding_resolves_when_its_goroutines_are_gone_for_long_enough() -> None:
    story = Story()
    for n in range(3):
        story.tell(sample(100 + n, rising=True))
    assert story.tell(sample(10)) is None
    assert story.tell(sample(10), after=300) is None
    assert story.tell(sample(10), after=301) is FindingState.RESOLVED
    assert not story.tracker.firing


def test_growth_that_ended_resolves_where_dumps_show_its_goroutines_ending() -> None:
    """Sessions that rose to their usual number: nobody of them is held."""
    story = Story()
    for count in (10, 40, 80):
        story.tell(sample(count, rising=True))
    passing = msgspec.structs.replace(sample(90), turnover=0.25)
    told = [story.tell(passing) for _ in range(45)]
    assert told[-1] is None
    assert told.count(FindingState.RESOLVED) == 1
    assert told.index(FindingState.RESOLVED) >= 600 // 15 - 1


def test_a_fast_rise_that_ended_and_came_to_nothing_resolves_within_the_hour() -> None:
    """Clients that connected anew after a deploy: they stay, and no floor rises any more."""
    story = Story()
    for count in (10, 400, 800):
        story.tell(sample(count, rising=True, fast=True))
    told = [story.tell(sample(900)) for _ in range(240)]
    assert told.count(FindingState.RESOLVED) == 1
    assert 1800 // 15 <= told.index(FindingState.RESOLVED) <= 2700 // 15


def test_a_fast_rise_that_the_floors_came_to_see_stands() -> None:
    story = Story()
    for n in range(200):
        story.tell(sample(10 + n, rising=True, fast=n < 100))
    assert FindingState.RESOLVED not in [story.tell(sample(210)) for _ in range(400)]


def test_a_few_that_come_and_go_at_a_leaking_place_resolve_nothing() -> None:
    story = Story()
    for count in (10, 40, 80):
        story.tell(sample(count, rising=True))
    told = [story.tell(msgspec.structs.replace(sample(90), turnover=0.05)) for _ in range(90)]
    assert FindingState.RESOLVED not in told


def test_goroutines_that_end_take_no_growth_back_that_goes_on() -> None:
    story = Story()
    busy = [msgspec.structs.replace(sample(n, rising=True), turnover=0.5) for n in range(10, 900)]
    assert FindingState.RESOLVED not in [story.tell(one) for one in busy]


def test_a_restart_clears_what_the_old_process_held() -> None:
    story = Story()
    for n in range(3):
        story.tell(sample(100 + n, rising=True))
    assert story.tell(sample(2), start=2) is None
    assert story.tell(sample(3), start=2, after=600) is FindingState.RESOLVED


def test_one_empty_leak_profile_clears_nothing() -> None:
    story = Story()
    story.tell(sample(10, leaked=4))
    assert story.tell(sample(10), after=700) is not FindingState.RESOLVED
    assert story.tracker.firing


def test_a_finding_adds_up_over_instances() -> None:
    story = Story()
    for n in range(3):
        story.tell(sample(100 + n, rising=True), instance="i1", after=5)
        story.tell(sample(50 + n, rising=True), instance="i2", after=5)
        story.tell(sample(7), instance="healthy", after=5)
    finding = msgspec.to_builtins(story.describe())
    assert finding["count"] == 102 + 52
    assert finding["growth_per_hour"] == 720.0
    assert finding["instances"] == ("i1", "i2")
    assert (finding["instances_affected"], finding["instances_total"]) == (2, 3)
    assert finding["onset_ns"] == 5 * SECOND
    assert finding["go_versions"] == ("go1.27.3",)


def test_an_instance_unseen_for_long_takes_its_evidence_with_it() -> None:
    story = Story()
    for n in range(3):
        story.tell(sample(100 + n, rising=True), instance="gone")
    story.tell(sample(1), instance="other", after=901)
    assert set(story.tracker.instances) == {"other"}
