"""Stage one follows every signature of every target, and tells only what matters."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import msgspec
import pytest

from agents_streams import LEAK, POOL, SECOND, T0, records, snapshot
from goleakprobe_agents.assessing import OVERFLOW_SIGNATURE, AssessingStage
from goleakprobe_agents.evidence import judge
from goleakprobe_agents.settings import DetectionSettings
from goleakprobe_agents.stage import Output, Record
from goleakprobe_schemas import (
    ASSESSMENTS,
    SnapshotCollected,
    SnapshotGroup,
    SnapshotSource,
    TargetAssessed,
    encode,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def stage(**settings: object) -> AssessingStage:
    return AssessingStage(DetectionSettings(**settings))  # type: ignore[arg-type]


def told(outputs: list[Output]) -> list[TargetAssessed]:
    assert all(output.topic is ASSESSMENTS for output in outputs)
    return [output.event for output in outputs]  # type: ignore[misc]


def leaking(seconds: int, *, instance: str = "10.0.0.1:6060", rate: int = 3) -> list[Record]:
    return records(
        snapshot({LEAK: 5 + rate * n, POOL: 16}, at=n, instance=instance) for n in range(seconds)
    )


def test_every_snapshot_is_assessed_once_under_its_own_origin() -> None:
    told_of = told(stage().apply(leaking(5)))
    assert [event.origin_offset for event in told_of] == list(range(5))
    assert told_of[3].id == "goroutine.snapshot.collected.v1-0-3"
    assert told_of[3].total == 5 + 9 + 16


def test_a_rising_signature_is_named_and_a_steady_pool_is_not() -> None:
    last = told(stage().apply(leaking(150)))[-1]
    (leak,) = last.signatures
    assert leak.signature == LEAK
    assert leak.growth is not None
    assert leak.growth.alarm
    assert leak.growth.per_hour == pytest.approx(3 * 3600, rel=0.1)
    assert leak.count == 5 + 3 * 149
    assert leak.dual_window is not None
    assert leak.blocking_site == "main.f1 main.go:1"


def test_the_answer_does_not_depend_on_how_the_log_is_cut_into_batches() -> None:
    events = [
        snapshot({LEAK: 5 + 2 * n, POOL: 16}, at=n, instance=f"10.0.0.{i}:6060")
        for n in range(100)
        for i in range(3)
    ]
    whole = stage().apply(records(events))
    dice = random.Random(7)
    piecemeal, cut, begin = stage(), [], 0
    while begin < len(events):
        size = dice.randint(1, 20)
        cut += piecemeal.apply(records(events)[begin : begin + size])
        begin += size
    assert cut == whole


def test_a_stage_restored_from_its_state_goes_on_as_if_nothing_had_happened() -> None:
    log = leaking(150)
    undisturbed = stage()
    expected = undisturbed.apply(log)[100:]
    first = stage()
    first.apply(log[:100])
    second = stage()
    second.load(first.dump())
    assert second.apply(log[100:]) == expected
    assert second.dump() == undisturbed.dump()


def test_a_restored_stage_answers_with_the_very_same_bytes() -> None:
    """Even of a signature that it knows from its state alone."""
    log = leaking(150) + records([snapshot({POOL: 16}, at=150)], first_offset=150)
    undisturbed, first, second = stage(), stage(), stage()
    (expected,) = undisturbed.apply(log)[150:]
    first.apply(log[:150])
    second.load(first.dump())
    (answer,) = second.apply(log[150:])
    assert encode(ASSESSMENTS, answer.event) == encode(ASSESSMENTS, expected.event)


@pytest.mark.parametrize("state", [b"", b"nonsense", b"\x81\xa7version\x07"])
def test_bytes_that_are_no_state_are_refused(state: bytes) -> None:
    with pytest.raises(ValueError, match="state"):
        stage().load(state)


def test_a_state_of_other_parameters_is_refused() -> None:
    before = stage()
    before.apply(leaking(3))
    with pytest.raises(ValueError, match="this detector is"):
        stage(alpha=3.0).load(before.dump())


def test_duplicates_and_late_snapshots_change_nothing() -> None:
    plain, disturbed = stage(), stage()
    plain.apply(leaking(20))
    disturbed.apply(leaking(20))
    late = records([snapshot({LEAK: 900}, at=10), snapshot({LEAK: 900}, at=19)], first_offset=20)
    assert disturbed.apply(late) == []
    assert plain.apply(leaking(21)[20:]) == disturbed.apply(leaking(21)[20:])


def test_a_clock_set_back_by_minutes_starts_the_target_afresh() -> None:
    one = stage()
    one.apply(records([snapshot({LEAK: 500}, at=7200)]))
    (event,) = told(one.apply(records([snapshot({LEAK: 3}, at=0)], first_offset=1)))
    assert event.time_ns == T0
    assert len(told(one.apply(leaking(3)[1:]))) == 2


def test_a_leak_profile_is_evidence_once_it_has_been_seen_twice() -> None:
    one = stage()
    one.apply(records([snapshot({LEAK: 9, POOL: 4}, at=0)]))
    profiles = [
        snapshot({LEAK: 7}, at=10, source=SnapshotSource.LEAK),
        snapshot({LEAK: 8}, at=20, source=SnapshotSource.LEAK),
    ]
    first, second = told(one.apply(records(profiles, first_offset=1)))
    assert [(s.leaked, s.leaked_samples) for s in first.signatures] == [(7, 1)]
    assert [(s.leaked, s.leaked_samples) for s in second.signatures] == [(8, 2)]
    assert second.signatures[0].count == 9, "the count is that of the goroutine profile"


def test_a_main_goroutine_is_nobodys_leak_however_it_waits() -> None:
    events = []
    for n in range(40):
        source = (SnapshotSource.DEBUG2, SnapshotSource.LEAK)[n % 2]
        event = snapshot(
            {LEAK: 1}, at=60 * n, source=source, wait="chan receive (nil chan)", ids={LEAK: (1,)}
        )
        main = msgspec.structs.replace(event.groups[0], main=True)
        events.append(msgspec.structs.replace(event, groups=(main,)))
    outputs = told(stage().apply(records(events)))
    assert [s for event in outputs for s in event.signatures if judge(s)] == []


def test_a_restart_forgets_what_the_old_process_was_proven_to_leak() -> None:
    one = stage()
    one.apply(
        records(
            [
                snapshot({LEAK: 9}, at=0),
                snapshot({LEAK: 9}, at=1, source=SnapshotSource.LEAK),
                snapshot({LEAK: 9}, at=2, source=SnapshotSource.LEAK),
            ]
        )
    )
    again = snapshot({LEAK: 1}, at=3, start_ns=T0 + 2 * SECOND)
    (event,) = told(one.apply(records([again], first_offset=3)))
    assert event.restarted
    assert event.signatures == ()


def test_ids_of_one_dump_alone_are_not_old_however_long_the_next_dump_takes() -> None:
    """At the next dump they may be others, as those of a busy place are."""
    log = [snapshot({LEAK: 1}, at=0, source=SnapshotSource.DEBUG2, ids={LEAK: (7,)})]
    log += [snapshot({LEAK: 1}, at=60 * n) for n in range(1, 30)]
    log += [snapshot({LEAK: 1}, at=1800, source=SnapshotSource.DEBUG2, ids={LEAK: (8,)})]
    assert all(event.signatures == () for event in told(stage().apply(records(log))))


def test_ids_that_stay_are_told_when_they_are_old_enough() -> None:
    one = stage()
    dumps = [
        snapshot({LEAK: 3}, at=300 * n, source=SnapshotSource.DEBUG2, ids={LEAK: (7, 8, 100 + n)})
        for n in range(4)
    ]
    events = told(one.apply(records(dumps)))
    assert [len(event.signatures) for event in events] == [0, 0, 1, 1]
    (still,) = events[-1].signatures
    assert still.same_ids == 2
    assert still.oldest_seconds == 900


def _dumps(ids: tuple[int, ...], between: int, *, gc: float | None = None) -> list[Record]:
    """Dumps every five minutes, and a count in each minute between; one wait dated by the GC."""
    log = []
    for minute in range(16):
        if minute % 5:
            log.append(snapshot({LEAK: between, POOL: 4}, at=60 * minute))
            continue
        shown = {LEAK: ids}
        event = snapshot(
            {LEAK: len(ids), POOL: 4}, at=60 * minute, source=SnapshotSource.DEBUG2, ids=shown
        )
        pool = msgspec.structs.replace(event.groups[1], wait_seconds_max=gc)
        log.append(msgspec.structs.replace(event, groups=(event.groups[0], pool)))
    return records(log)


def _stuck(log: list[Record]) -> int:
    """How many the last assessment says have stayed for ten minutes or longer."""
    last = told(stage().apply(log))[-1]
    return sum(s.same_ids for s in last.signatures if s.oldest_seconds >= 600)


def test_who_is_not_counted_in_between_has_not_stayed() -> None:
    """One who comes back to the same place again and again: a batch that waits for its workers."""
    assert _stuck(_dumps((7, 8, 9), between=3)) == 3
    assert _stuck(_dumps((7, 8, 9), between=0)) == 0


def test_no_more_have_stayed_than_the_least_count() -> None:
    assert _stuck(_dumps((7, 8, 9), between=2)) == 2


def test_a_place_where_the_garbage_collector_met_nobody_waiting_has_been_left() -> None:
    """Workers that send to a slow reader wait most of the time, but never for long."""
    assert _stuck(_dumps((7, 8, 9), between=3, gc=120.0)) == 0
    assert _stuck(_dumps((7, 8, 9), between=3, gc=None)) == 3, "it has not run"


def test_counts_of_a_body_that_was_cut_say_nothing_of_who_has_left() -> None:
    log = []
    for record in _dumps((7, 8, 9), between=0):
        event = record.event
        assert isinstance(event, SnapshotCollected)
        cut = event.source is SnapshotSource.DEBUG0
        log.append(msgspec.structs.replace(event, truncated=cut))
    assert _stuck(records(log)) == 3


def _rising(ended: Callable[[int, int], bool]) -> list[Record]:
    """A goroutine more every second; ``ended`` says which of them are gone by when.

    Dumps come every minute. Whoever ended was followed by another at once: counts do not show it.
    """
    events = []
    for second in range(0, 301, 15):
        ids = [7 * n for n in range(second) if not ended(n, second)]
        ids += [7 * (second + n) + 1 for n in range(second - len(ids))]
        source = SnapshotSource.DEBUG0 if second % 60 else SnapshotSource.DEBUG2
        shown = {LEAK: tuple(ids[:100])} if second % 60 == 0 else {}
        events.append(snapshot({LEAK: second + 3}, at=second, source=source, ids=shown))
    return records(events)


def _session_ended(begun: int, now: int) -> bool:
    return now > begun + 60 + begun * 37 % 300


def _fast(outputs: list[Output]) -> bool:
    return any(s.growth and s.growth.alarm for event in told(outputs) for s in event.signatures)


def test_a_place_whose_goroutines_are_seen_to_end_is_not_rising_fast() -> None:
    """Sessions that all clients begin anew after a restart: ids tell them from a leak."""
    assert _fast(stage().apply(_rising(lambda begun, now: False)))
    assert not _fast(stage().apply(_rising(_session_ended)))


@pytest.mark.parametrize(("silent", "fast"), [(1000, False), (2400, True)])
def test_a_place_is_judged_again_when_dumps_have_ceased(silent: int, fast: bool) -> None:
    """Dumps end where a process grows too large for them, and with them what they said."""
    log = [
        snapshot({LEAK: 40}, at=60 * n, source=SnapshotSource.DEBUG2, ids={LEAK: ids})
        for n, ids in enumerate((tuple(range(40)), tuple(range(100, 140))))
    ]
    seconds = range(75, 60 + silent + 240, 15)
    log += [snapshot({LEAK: 40 + 3 * max(s - silent - 60, 0)}, at=s) for s in seconds]
    assert _fast(stage().apply(records(log))) is fast


def test_what_dumps_told_is_kept_in_the_state() -> None:
    log = _rising(_session_ended) + _dumps((7, 8, 9), between=2)
    for cut in range(1, len(log), 5):
        undisturbed, first, second = stage(), stage(), stage()
        expected = undisturbed.apply(log)
        before = first.apply(log[:cut])
        second.load(first.dump())
        assert before + second.apply(log[cut:]) == expected
        assert second.dump() == undisturbed.dump()


def test_a_few_requests_at_a_leaking_place_do_not_hide_it() -> None:
    assert _fast(stage().apply(_rising(lambda begun, now: begun % 40 == 0 and now > begun + 60)))


def test_who_only_went_elsewhere_has_not_ended() -> None:
    log = _rising(_session_ended)
    elsewhere = tuple(7 * n for n in range(300))
    moved = []
    for record in log:
        event = record.event
        assert isinstance(event, SnapshotCollected)
        pool = SnapshotGroup(signature=POOL, count=len(elsewhere), goroutine_ids=elsewhere)
        moved.append(msgspec.structs.replace(event, groups=(*event.groups, pool)))
    assert _fast(stage().apply(records(moved)))


def test_a_signature_that_goes_is_told_once_more_with_nothing_left() -> None:
    one = stage()
    one.apply(leaking(150))
    gone = [snapshot({POOL: 16}, at=150 + n) for n in range(2)]
    events = told(one.apply(records(gone, first_offset=150)))
    assert [[s.count for s in event.signatures] for event in events] == [[0], []]


def test_a_target_with_endless_signatures_shares_one_row_beyond_the_cap() -> None:
    one = stage(max_signatures_per_target=10)
    flood = {f"{n:032x}": 1 for n in range(1, 500)}
    one.apply(records([snapshot(flood, at=n) for n in range(3)]))
    target = one._targets["default", "checkout", "10.0.0.1:6060"]
    assert len(target.signatures) == 11
    row = target.signatures[OVERFLOW_SIGNATURE].row
    assert one._facts["count"][row] == 499 - 10


def test_signatures_unseen_for_an_hour_give_their_rows_back() -> None:
    one = stage()
    for n in range(50):
        churn = {f"{n:032x}": 1, POOL: 4}
        one.apply(records([snapshot(churn, at=3601 * n)], first_offset=n))
    assert one._rows.size <= 5
