"""What samples of one process allow to say, and what they do not."""

from __future__ import annotations

import pytest

from goleakprobe.check import CheckResult, Policy, Sample, check_samples, read_ignore_list
from goleakprobe.check.result import Finding
from goleakprobe.profiles import read_profile
from goleakprobe_schemas import Grade
from profile_dumps import pprof

PARK = ["runtime.gopark", "runtime.chanrecv", "runtime.chanrecv1"]


def dump(
    ids: range | list[int], *, wait: str = "chan receive", function: str = "main.work", at: float
) -> Sample:
    """A debug=2 dump with goroutines at one place, and the one that took it."""
    records = [f"goroutine {i} [{wait}]:\n{function}()\n\t/srv/a.go:7 +0x1\n" for i in ids]
    records.append("goroutine 1 [running]:\nruntime/pprof.writeGoroutineStacks()\n\t/p.go:1 +0x1\n")
    profile = read_profile("\n".join(records).encode())
    return Sample(source=f"dump at {at:g}", profile=profile, time_seconds=at)


def leak(count: int, function: str = "main.work", *, at: float = 0.0) -> Sample:
    samples = [(count, [*PARK, function])] if count else []
    profile = read_profile(pprof(samples, kind="goroutineleak"))
    return Sample(source="leak", profile=profile, time_seconds=at)


def only(result: CheckResult) -> Finding:
    assert len(result.findings) == 1
    return result.findings[0]


def judged(*samples: Sample, **options: object) -> CheckResult:
    return check_samples({"app": samples}, **options)  # type: ignore[arg-type]


def test_one_small_dump_tells_nothing() -> None:
    result = judged(dump(range(5, 8), at=0))
    assert result.findings == ()
    assert result.other_groups == 2


def test_a_crowd_in_one_dump_is_worth_a_look() -> None:
    found = only(judged(dump(range(5, 205), at=0)))
    assert (found.grade, found.count, found.change) == (Grade.ANOMALOUS, 200, "")
    assert found.growth_per_hour is found.oldest_seconds is None


def test_the_same_goroutines_in_two_dumps_are_anomalous_and_say_why_not_more() -> None:
    found = only(judged(dump(range(5, 8), at=100), dump(range(5, 9), at=102)))
    assert (found.grade, found.lasting, found.count) == (Grade.ANOMALOUS, 3, 4)
    assert found.oldest_seconds == 2
    assert found.goroutine_ids == (5, 6, 7)
    assert "cannot tell a long wait from an endless one" in found.evidence[0].summary


def test_other_goroutines_at_the_same_place_are_a_place_at_work() -> None:
    assert judged(dump(range(5, 8), at=0), dump(range(15, 18), at=2)).findings == ()


def test_a_sender_that_holds_out_is_stuck_but_a_receiver_may_idle() -> None:
    for wait, grade in (("chan send", Grade.STUCK), ("chan receive", Grade.ANOMALOUS)):
        found = only(
            judged(dump(range(5, 8), wait=wait, at=0), dump(range(5, 8), wait=wait, at=601))
        )
        assert found.grade is grade


def test_the_age_is_of_goroutines_still_here() -> None:
    """The oldest left at 100; what is here since 60 is all that counts."""
    samples = [dump([5], at=0), dump([5, 6], at=60), dump([6], at=100)]
    assert only(judged(*samples)).oldest_seconds == 40


def test_minutes_that_the_dump_claims_are_not_an_age() -> None:
    claims = "chan send, 95 minutes"
    found = only(judged(dump([5], wait=claims, at=0), dump([5], wait=claims, at=2)))
    assert found.oldest_seconds == 2
    assert found.grade is Grade.ANOMALOUS


def test_a_nil_channel_is_stuck_at_first_sight() -> None:
    found = only(judged(dump([5], wait="chan receive (nil chan)", at=0)))
    assert found.grade is Grade.STUCK


def test_steady_growth_needs_samples_to_be_called_growth() -> None:
    two = judged(dump(range(5, 15), at=0), dump(range(5, 45), at=60))
    assert only(two).grade is Grade.ANOMALOUS
    four = judged(*(dump(range(5, 15 + 20 * i), at=60 * i) for i in range(4)))
    assert only(four).grade is Grade.GROWING
    assert only(four).growth_per_hour == pytest.approx(60 * 3600 / 180)
    assert only(four).change == "growing"


def test_growth_that_is_all_coming_and_going_is_not_called_growing() -> None:
    samples = [dump(range(100 * i, 100 * i + 10 + 20 * i), at=60 * i) for i in range(1, 5)]
    assert {found.grade for found in judged(*samples).findings} <= {Grade.ANOMALOUS}


def test_two_leak_profiles_are_proof_and_one_is_not() -> None:
    first, second = dump([5, 6], at=0), dump([5, 6], at=2)
    assert only(judged(first, leak(2), second)).grade is Grade.STUCK
    found = only(judged(first, leak(2), second, leak(2)))
    assert found.grade is Grade.PROVEN
    assert [evidence.detector for evidence in found.evidence] == ["leak_profile", "lasting"]


def test_one_empty_leak_profile_clears_nothing_and_two_clear() -> None:
    """The runtime's list is not monotonic."""
    first, second = dump([5, 6], at=0), dump([5, 6], at=2)
    assert only(judged(first, leak(0), second)).grade is Grade.ANOMALOUS
    result = judged(first, leak(0), second, leak(0), list_all=True)
    assert [found.note for found in result.findings if found.count == 2] == [
        "not listed by any of 2 leak profiles"
    ]


def test_marks_left_from_the_last_leak_profile_are_no_second_proof() -> None:
    marked = dump([5], wait="chan receive (leaked)", at=0)
    again = dump([5], wait="chan receive (leaked)", at=9)
    assert only(judged(marked, again)).grade is Grade.STUCK


def test_leak_profiles_alone_are_enough() -> None:
    found = only(judged(leak(3), leak(4)))
    assert (found.grade, found.count) == (Grade.PROVEN, 4)


def test_a_likely_cause_is_told_of_suspects_and_not_of_whoever_waits_a_little() -> None:
    two = [dump(range(5, 7), wait="select", at=2 * i) for i in range(2)]
    assert (only(judged(*two)).grade, only(judged(*two)).pattern) == (Grade.ANOMALOUS, "")
    many = [dump(range(5, 205), wait="select", at=2 * i) for i in range(2)]
    assert only(judged(*many)).pattern
    assert only(judged(leak(3), leak(3))).pattern


def test_a_main_goroutine_that_is_parked_for_good_is_no_leak() -> None:
    """The runtime lists it: ``<-forever`` can be woken by nobody, and is meant so."""
    assert judged(leak(1, "main.main"), leak(1, "main.main")).findings == ()


@pytest.mark.parametrize(
    "function", ["main.main", "os/signal.loop", "net/http.(*persistConn).writeLoop"]
)
def test_places_where_healthy_processes_wait_are_no_finding(function: str) -> None:
    samples = [dump([5], wait="select", function=function, at=60 * i) for i in range(2)]
    result = judged(*samples, list_all=True)
    assert all(found.grade is None for found in result.findings)
    assert any(found.note for found in result.findings)


@pytest.mark.parametrize(("minutes", "grade"), [(1, Grade.ANOMALOUS), (3, Grade.GROWING)])
def test_growth_where_healthy_processes_wait_must_last(minutes: int, grade: Grade) -> None:
    """Connections grow with traffic for a while."""
    where = "net/http.(*persistConn).writeLoop"
    samples = [dump(range(5, 9 + 30 * i), function=where, at=60 * minutes * i) for i in range(5)]
    assert only(judged(*samples)).grade is grade


def test_bodies_never_read_or_closed_are_no_idle_connections() -> None:
    where = "net/http.(*persistConn).readLoop"
    samples = [dump(range(5, 9 + 30 * i), wait="select", function=where, at=i) for i in range(5)]
    assert only(judged(*samples)).grade is Grade.GROWING


def test_a_handler_that_hangs_is_not_excused_by_the_server_below_it() -> None:
    text = (
        "goroutine 9 [chan send]:\nmain.handle()\n\t/srv/a.go:7 +0x1\n"
        "net/http.(*conn).serve()\n\t/go/src/net/http/server.go:2 +0x1\n"
    )
    samples = [
        Sample(source="dump", profile=read_profile(text.encode()), time_seconds=at)
        for at in (0.0, 601.0)
    ]
    assert only(judged(*samples)).grade is Grade.STUCK


def test_a_pool_that_fills_up_and_stops_is_not_called_growing() -> None:
    sizes = [4, 20, 40, 40, 40, 40, 40]
    found = only(judged(*(dump(range(5, 5 + size), at=i) for i, size in enumerate(sizes))))
    assert found.grade is Grade.ANOMALOUS
    assert "pools that fill up" in found.evidence[0].summary


def test_growth_is_seen_through_work_that_comes_and_goes() -> None:
    """Ten leak a step; up to fifty others are there for one dump each."""
    samples = []
    for step, passing in enumerate([0, 50, 0, 30, 50, 0, 20, 0]):
        here = [*range(5, 15 + 10 * step), *range(1000 * step + 500, 1000 * step + 500 + passing)]
        samples.append(dump(here, at=step))
    counts = [sample.profile.total for sample in samples]
    assert counts != sorted(counts)
    assert only(judged(*samples)).grade is Grade.GROWING


def test_the_creator_is_known_from_a_dump_though_the_leak_profile_came_last() -> None:
    text = (
        b"goroutine 5 [chan receive]:\nmain.work()\n\t/srv/a.go:7 +0x1\n"
        b"created by main.start in goroutine 1\n\t/srv/a.go:3 +0x2\n"
    )
    sample = Sample(source="dump", profile=read_profile(text), time_seconds=0.0)
    assert only(judged(sample, leak(1), leak(1))).creation_site == "main.start /srv/a.go:3"


def test_leaks_newer_than_the_last_dump_are_proven_all_the_same() -> None:
    found = only(judged(dump([], at=0), leak(2), leak(3)))
    assert (found.grade, found.count) == (Grade.PROVEN, 3)


def test_files_written_at_once_say_nothing_of_time() -> None:
    found = only(judged(dump(range(5, 20), at=100.0), dump(range(5, 40), at=100.001)))
    assert found.oldest_seconds is found.growth_per_hour is None


def test_times_out_of_order_are_no_times() -> None:
    found = only(judged(dump([5], at=50), dump([5], at=10)))
    assert found.oldest_seconds is found.growth_per_hour is None


def test_what_is_gone_is_listed_with_all_only() -> None:
    samples = [dump([5, 6], at=0), dump([], at=2)]
    assert judged(*samples).findings == ()
    gone = [found for found in judged(*samples, list_all=True).findings if found.change == "gone"]
    assert [found.count for found in gone] == [0]


def test_processes_are_judged_apart() -> None:
    result = check_samples({"a": [dump([5], at=0), dump([5], at=2)], "b": [dump([5], at=0)]})
    assert [found.process for found in result.findings] == ["a"]


def test_ignored_findings_are_named_with_their_reason() -> None:
    rules = read_ignore_list("main.work  # waits for jobs\n", "list")
    result = judged(dump([5], at=0), dump([5], at=2), ignore=rules)
    assert result.findings == ()
    assert [(i.count, i.reason) for i in result.ignored] == [(1, "waits for jobs")]


def test_the_policy_moves_the_thresholds() -> None:
    samples = [dump([5], wait="chan send", at=0), dump([5], wait="chan send", at=30)]
    assert only(judged(*samples, policy=Policy(stuck_seconds=20))).grade is Grade.STUCK
    assert only(judged(dump([5], at=0), policy=Policy(many=1))).grade is Grade.ANOMALOUS


def test_grouped_text_joins_the_other_forms_where_they_leave_no_doubt() -> None:
    """debug=1 does not tell a receive from a send; the dump of the same process does."""
    record = b"2 @ 0x1 0x2 0x3 0x401 0x9\n#\t0x400\tmain.work+0x1\t/srv/a.go:7\n\n"
    text = b"goroutineleak profile: total 2\n" + record
    grouped = Sample(source="leak", profile=read_profile(text), time_seconds=None)
    found = only(judged(dump([5, 6], at=0), grouped, grouped))
    assert (found.grade, found.wait) == (Grade.PROVEN, "chan receive")
