"""The outbox says what a receiver must hear, when, and how often."""

from __future__ import annotations

import random

import msgspec
import pytest

from goleakprobe_agents.alerting import Delivered, DueAlert, Outbox, Rejected, Retry
from goleakprobe_agents.settings import AlertingSettings, Duration
from goleakprobe_schemas import FindingState, Grade
from leak_findings import NOON_NS, SECOND_NS, a_finding

FIRING, RESOLVED = FindingState.FIRING, FindingState.RESOLVED


def an_outbox(resend_seconds: float = 60, entries_max: int = 100) -> Outbox:
    return Outbox(
        AlertingSettings(resend_interval=Duration(resend_seconds)), entries_max=entries_max
    )


def at(seconds: float) -> int:
    return NOON_NS + round(seconds * SECOND_NS)


def send(outbox: Outbox, seconds: float) -> list[DueAlert]:
    """Everything due at a time, delivered."""
    due = outbox.due(at(seconds))
    outbox.settle(due, [Delivered()] * len(due), at(seconds))
    return due


def is_firing(item: DueAlert, seconds: float) -> bool:
    # Same format and length: text order is time order.
    return item.alert.ends_at > an_instant(seconds)


def an_instant(seconds: float) -> str:
    outbox = an_outbox()
    outbox.update(a_finding(fired_ns=0, state=RESOLVED, resolved_ns=at(seconds)))
    return outbox.due(at(seconds))[0].alert.ends_at


def services(due: list[DueAlert]) -> list[str]:
    return [item.finding.service for item in due]


def test_a_new_finding_is_due_at_once_and_again_after_the_resend_interval() -> None:
    outbox = an_outbox()
    outbox.update(a_finding())
    assert len(send(outbox, 0)) == 1
    assert send(outbox, 59.9) == []
    assert outbox.next_due_ns() == at(60)
    assert len(send(outbox, 60)) == 1
    assert len(send(outbox, 121)) == 1


def test_moving_numbers_wait_for_the_resend_and_then_are_the_newest() -> None:
    outbox = an_outbox()
    outbox.update(a_finding(count=10))
    send(outbox, 0)
    outbox.update(a_finding(count=11))
    outbox.update(a_finding(count=12))
    assert outbox.due(at(30)) == []
    assert "12 blocked" in send(outbox, 60)[0].alert.annotations["summary"]


@pytest.mark.parametrize("change", [{"state": RESOLVED}, {"grade": Grade.STUCK}])
def test_a_change_of_state_or_grade_is_due_at_once(change: dict[str, object]) -> None:
    outbox = an_outbox()
    outbox.update(a_finding())
    send(outbox, 0)
    outbox.update(a_finding(**change))
    assert outbox.next_due_ns() == 0
    assert len(send(outbox, 1)) == 1


def test_a_resolved_alert_is_repeated_for_five_minutes_and_then_forgotten() -> None:
    outbox = an_outbox()
    outbox.update(a_finding())
    send(outbox, 0)
    outbox.update(a_finding(state=RESOLVED, resolved_ns=at(30)))
    sent_at = [second for second in range(30, 700) if send(outbox, second)]
    assert sent_at == [30, 90, 150, 210, 270]
    assert len(outbox) == 0
    assert outbox.next_due_ns() is None


def test_a_finding_that_fires_again_is_the_same_alert_firing() -> None:
    outbox = an_outbox()
    outbox.update(a_finding())
    first = send(outbox, 0)[0]
    outbox.update(a_finding(state=RESOLVED, resolved_ns=at(10)))
    send(outbox, 10)
    outbox.update(a_finding())
    again = send(outbox, 20)[0]
    assert again.alert.labels == first.alert.labels
    assert is_firing(again, 20)
    assert outbox.firing == 1


def test_a_firing_alert_never_expires_between_two_resends() -> None:
    outbox = an_outbox(resend_seconds=600)
    outbox.update(a_finding())
    item = send(outbox, 0)[0]
    assert is_firing(item, 3 * 600)


def test_an_old_resolution_of_an_unknown_alert_is_no_news() -> None:
    outbox = an_outbox()
    outbox.update(a_finding(state=RESOLVED, resolved_ns=at(-400)))
    assert outbox.due(at(0)) == []
    assert len(outbox) == 0


def test_a_recent_resolution_is_sent_even_if_the_outbox_forgot_the_alert() -> None:
    outbox = an_outbox()
    outbox.update(a_finding(state=RESOLVED, resolved_ns=at(-10)))
    assert len(send(outbox, 0)) == 1


def test_when_evidence_grows_stronger_the_quiet_alert_resolves_as_the_loud_one_fires() -> None:
    outbox = an_outbox()
    outbox.update(a_finding(grade=Grade.GROWING))
    send(outbox, 0)
    outbox.update(a_finding(grade=Grade.PROVEN, time_ns=at(9)))
    sent = {item.alert.labels["severity"]: is_firing(item, 10) for item in send(outbox, 10)}
    assert sent == {"critical": True, "warning": False}
    outbox.update(a_finding(state=RESOLVED, grade=Grade.PROVEN, resolved_ns=at(20)))
    sent = {item.alert.labels["severity"]: is_firing(item, 20) for item in send(outbox, 20)}
    assert sent == {"critical": False}


def test_severity_never_falls_while_a_finding_fires() -> None:
    outbox = an_outbox()
    outbox.update(a_finding(grade=Grade.PROVEN))
    send(outbox, 0)
    outbox.update(a_finding(grade=Grade.STUCK))
    (item,) = send(outbox, 10)
    assert item.alert.labels["severity"] == "critical"
    assert item.alert.annotations["grade"] == "stuck"


def test_unheard_news_goes_before_repeats_and_loud_before_quiet() -> None:
    outbox = an_outbox()
    outbox.update(a_finding(service="known", grade=Grade.PROVEN))
    send(outbox, 0)
    outbox.update(a_finding(service="quiet", grade=Grade.ANOMALOUS))
    outbox.update(a_finding(service="loud", grade=Grade.PROVEN))
    assert services(outbox.due(at(60))) == ["loud", "quiet", "known"]
    assert services(outbox.due(at(60), limit=1)) == ["loud"]


def test_a_failure_keeps_the_news_and_delays_everything_longer_each_time() -> None:
    outbox = an_outbox()
    outbox.update(a_finding())
    delays, now = [], 0.0
    for _ in range(9):
        due = outbox.due(at(now))
        assert len(due) == 1
        outbox.settle(due, [Retry("no answer")], at(now))
        later = outbox.next_due_ns()
        assert later is not None
        assert outbox.due(later - 1) == []
        delays.append((later - at(now)) / SECOND_NS)
        now = (later - NOON_NS) / SECOND_NS
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert len(send(outbox, now)) == 1
    outbox.update(a_finding(service="next"))
    assert len(outbox.due(at(now + 0.1))) == 1, "a success ends the delay"


@pytest.mark.parametrize(("asked", "waited"), [(20.0, 20.0), (1e9, 300.0), (-5.0, 1.0)])
def test_the_receiver_may_ask_for_a_longer_delay_within_reason(asked: float, waited: float) -> None:
    outbox = an_outbox()
    outbox.update(a_finding())
    outbox.settle(outbox.due(at(0)), [Retry("busy", asked)], at(0))
    assert outbox.next_due_ns() == at(waited)


def test_a_rejected_alert_is_not_repeated_at_once_and_does_not_delay_others() -> None:
    outbox = an_outbox()
    outbox.update(a_finding())
    outbox.settle(outbox.due(at(0)), [Rejected("answered 400")], at(0))
    assert outbox.due(at(1)) == []
    outbox.update(a_finding(service="other"))
    assert services(send(outbox, 2)) == ["other"]
    assert services(send(outbox, 60)) == ["checkout"]


def test_news_that_came_while_a_post_was_under_way_is_sent_next() -> None:
    outbox = an_outbox()
    outbox.update(a_finding())
    under_way = outbox.due(at(0))
    outbox.update(a_finding(state=RESOLVED, resolved_ns=at(1)))
    outbox.settle(under_way, [Delivered()], at(2))
    (item,) = send(outbox, 2)
    assert not is_firing(item, 2)


def test_a_full_outbox_says_so_and_keeps_what_it_has() -> None:
    outbox = an_outbox(entries_max=2)
    assert outbox.update(a_finding(service="a"))
    assert outbox.update(a_finding(service="b"))
    assert not outbox.update(a_finding(service="c"))
    assert outbox.update(a_finding(service="a", count=7)), "known findings still get through"
    assert sorted(services(outbox.due(at(0)))) == ["a", "b"]


def test_a_restored_outbox_goes_on_where_the_dumped_one_stood() -> None:
    outbox = an_outbox()
    outbox.update(a_finding(service="told"))
    send(outbox, 0)
    outbox.update(a_finding(service="untold"))
    outbox.settle(outbox.due(at(1)), [Retry("down")], at(1))
    restored = an_outbox()
    restored.load(outbox.dump())
    assert restored.dump() == outbox.dump()
    for second in (1.5, 3, 60, 400):
        assert restored.due(at(second)) == outbox.due(at(second))


@pytest.mark.parametrize("state", [b"", b"{}", b'{"version":1}', b"\xff\xfe", b"[1]"])
def test_damaged_state_is_refused_and_nothing_is_lost(state: bytes) -> None:
    outbox = an_outbox()
    outbox.update(a_finding())
    with pytest.raises(ValueError, match="damaged"):
        outbox.load(state)
    assert len(outbox.due(at(0))) == 1


def test_state_of_another_version_is_refused() -> None:
    state = msgspec.json.decode(an_outbox().dump())
    with pytest.raises(ValueError, match="version 99"):
        an_outbox().load(msgspec.json.encode(state | {"version": 99}))


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_the_receiver_ends_up_knowing_the_truth(seed: int) -> None:
    """A model of Alertmanager fed by random findings, failures and restarts agrees at the end."""
    chance = random.Random(seed)
    outbox = an_outbox()
    stored: dict[tuple[str, str], str] = {}
    truth: dict[str, FindingState] = {}
    for second in range(300):
        if second < 200 and chance.random() < 0.2:
            name = chance.choice("abc")
            truth[name] = chance.choice([FIRING, RESOLVED])
            grade = chance.choice(list(Grade))
            outbox.update(
                a_finding(service=name, state=truth[name], grade=grade, time_ns=at(second))
            )
        due = outbox.due(at(second))
        outcome = chance.choice([Delivered(), Retry("lost on the way back"), Retry("never came")])
        if not (isinstance(outcome, Retry) and outcome.reason == "never came"):
            for item in due:
                key = (item.alert.labels["service"], item.alert.labels["severity"])
                stored[key] = item.alert.ends_at
        outbox.settle(due, [outcome] * len(due), at(second))
        if chance.random() < 0.05:
            state = outbox.dump()
            outbox = an_outbox()
            outbox.load(state)
    now = an_instant(300)
    firing = [service for (service, _), ends_at in stored.items() if ends_at > now]
    assert sorted(firing) == sorted(name for name, state in truth.items() if state is FIRING)
