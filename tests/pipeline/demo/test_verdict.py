"""Found, missed, false and rightly silent."""

from __future__ import annotations

from goleakprobe.demo.ground_truth import SHOP, ServiceTruth
from goleakprobe.demo.verdict import judge, verdict_lines
from goleakprobe_schemas import FindingState, Grade, LeakFound

_TRUTHS = (
    ServiceTruth(service="healthy", story="many waiters"),
    ServiceTruth(service="till", story="a lost receiver", places=("shop/till.pay.func1",)),
    ServiceTruth(service="desk", story="an open body", places=("net/http.read", "net/http.write")),
)


def _finding(
    service: str,
    blocking: str = "",
    *,
    creation: str = "",
    signature: str = "f" * 32,
    grade: Grade = Grade.GROWING,
    count: int = 10,
    time_ns: int = 1,
    namespace: str = "shop",
    state: FindingState = FindingState.FIRING,
) -> LeakFound:
    return LeakFound(
        id="t-0-0",
        namespace=namespace,
        service=service,
        signature=signature,
        state=state,
        grade=grade,
        evidence=(),
        time_ns=time_ns,
        first_seen_ns=0,
        fired_ns=0,
        count=count,
        wait="chan send",
        blocking_site=blocking,
        creation_site=creation,
    )


_TILL = _finding("till", "shop/till.pay.func1 till.go:7")
_DESK = _finding("desk", "net/http.write transport.go:9")


def test_every_leak_at_its_place_and_nothing_else_passes() -> None:
    verdict = judge([_TILL, _DESK], _TRUTHS)
    assert verdict.passed
    assert [judgement.truth.service for judgement in verdict.silent] == ["healthy"]


def test_nothing_found_does_not_pass() -> None:
    verdict = judge([], _TRUTHS)
    assert not verdict.passed
    assert [judgement.truth.service for judgement in verdict.missed] == ["till", "desk"]


def test_the_creation_site_is_a_place_too() -> None:
    by_root = _finding("till", "sync.(*WaitGroup).Wait wg.go:1", creation="shop/till.pay.func1")
    assert judge([by_root, _DESK], _TRUTHS).passed


def test_another_place_of_a_leaky_service_is_a_false_alarm_and_no_find() -> None:
    verdict = judge([_finding("till", "shop/till.pay.func10 till.go:7"), _DESK], _TRUTHS)
    assert [judgement.truth.service for judgement in verdict.missed] == ["till"]
    assert len(verdict.false_alarms) == 1


def test_a_finding_without_a_stack_is_no_find_and_no_false_alarm_where_something_leaks() -> None:
    vague = _finding("till", signature="", grade=Grade.ANOMALOUS)
    verdict = judge([vague, _DESK], _TRUTHS)
    assert not verdict.complete
    assert verdict.false_alarms == ()
    assert "  MISSED  till: a lost receiver; noticed, but not where" in verdict_lines(verdict)


def test_any_finding_about_a_healthy_service_is_a_false_alarm() -> None:
    vague = _finding("healthy", signature="", grade=Grade.ANOMALOUS)
    verdict = judge([_TILL, _DESK, vague], _TRUTHS)
    assert verdict.complete
    assert not verdict.passed
    assert verdict.silent == ()


def test_a_withdrawn_false_alarm_was_one_and_a_resolved_leak_was_found() -> None:
    gone = FindingState.RESOLVED
    resolved = _finding("till", "shop/till.pay.func1 till.go:7", state=gone, time_ns=2)
    assert judge([_TILL, resolved, _DESK], _TRUTHS).passed
    withdrawn = _finding("healthy", "shop/healthy.f h.go:1", state=gone)
    assert not judge([_TILL, _DESK, withdrawn], _TRUTHS).passed


def test_a_service_nobody_started_is_a_false_alarm() -> None:
    for stranger in (_finding("stranger"), _finding("till", namespace="default")):
        assert judge([_TILL, _DESK, stranger], _TRUTHS).false_alarms == (stranger,)


def test_the_newest_message_of_a_finding_counts_whatever_their_order() -> None:
    newer = _finding("till", "shop/till.pay.func1 till.go:7", count=99, time_ns=5)
    for order in ([_TILL, newer], [newer, _TILL]):
        (judgement,) = judge(order, _TRUTHS).found
        assert [finding.count for finding in judgement.located] == [99]


def test_the_strongest_evidence_speaks_for_a_service() -> None:
    proven = _finding("desk", "net/http.read t.go:1", signature="a" * 32, grade=Grade.PROVEN)
    lines = verdict_lines(judge([_TILL, _DESK, proven], _TRUTHS))
    assert "          proven, 10 goroutines in chan send at net/http.read t.go:1" in lines


def test_the_lines_tell_all_and_keep_the_terminal_safe() -> None:
    bad = _finding("healthy", "evil\x1b[2J\nsite h.go:1")
    lines = verdict_lines(judge([_TILL, bad], _TRUTHS))
    assert lines[0] == "Found 1 of 2 leaky services:"
    assert "  found   till: a lost receiver" in lines
    assert "  MISSED  desk: an open body" in lines
    assert "  FALSE   healthy: growing, 10 goroutines in chan send at evil[2J site h.go:1" in lines
    assert lines[-1] == "Not flagged: nothing"
    assert all(line.isprintable() for line in lines)


def test_the_shop_has_one_healthy_service_and_leaks_that_the_runtime_cannot_prove() -> None:
    assert [truth.service for truth in SHOP if not truth.leaky] == ["catalog"]
    assert [truth.service for truth in SHOP if truth.leaky and not truth.provable] == [
        "shipping",
        "notifications",
    ]
