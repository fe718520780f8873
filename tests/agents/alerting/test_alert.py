"""A finding becomes an alert that every Alertmanager accepts, whatever a target calls itself."""

from __future__ import annotations

import re
from datetime import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goleakprobe_agents.alerting import (
    Alert,
    ReceiverConfigError,
    Severity,
    alert_of,
    check_alerting_settings,
    finding_anchor,
    severity_of,
)
from goleakprobe_agents.settings import AlertingSettings
from goleakprobe_schemas import FindingState, Grade, LeakFound, Service
from leak_findings import NOON_NS, SECOND_NS, SIGNATURE, a_finding

ANY_TEXT = st.text(st.characters(), max_size=600)


def an_alert(finding: LeakFound, now_ns: int = NOON_NS, **settings: object) -> Alert:
    return alert_of(
        finding,
        msgspec.convert(settings, AlertingSettings),
        now_ns=now_ns,
        lifetime_seconds=300,
    )


def test_labels_name_the_finding_and_nothing_that_moves() -> None:
    alert = an_alert(a_finding(), external_labels={"cluster": "eu-1"})
    assert alert.labels == {
        "alertname": "GoroutineLeak",
        "severity": "warning",
        "namespace": "shop",
        "service": "checkout",
        "signature": SIGNATURE,
        "cluster": "eu-1",
    }


def test_a_leak_that_moves_stays_the_same_alert() -> None:
    later = a_finding(
        id="another",
        time_ns=NOON_NS + 60 * SECOND_NS,
        count=9999,
        growth_per_hour=1.0,
        oldest_seconds=1e6,
        instances=("elsewhere",),
        instances_affected=1,
        builds=("v2",),
        blocking_site="shop/hub.(*Hub).Publish hub.go:44",
        state=FindingState.RESOLVED,
    )
    assert an_alert(later, NOON_NS + 61 * SECOND_NS).labels == an_alert(a_finding()).labels


def test_annotations_say_what_where_and_how_fast() -> None:
    annotations = an_alert(a_finding(), report_url="https://leaks.example/fleet.html").annotations
    assert annotations["summary"] == (
        "checkout (shop) leaks goroutines: 1,204 blocked in chan send "
        "at shop/hub.(*Hub).Publish /src/shop/hub/hub.go:42"
    )
    assert annotations["description"].splitlines() == [
        (
            "1,204 goroutines, on 2 of 3 instances, growing by 1,300.0 an hour "
            "(1,250.5 to 1,349.5), the oldest for at least 55.0 minutes."
        ),
        "Blocked at: shop/hub.(*Hub).Publish /src/shop/hub/hub.go:42",
        "Created at: shop/hub.Open /src/shop/hub/hub.go:17",
        "growing: the floor rose from 12 to 1,204 in 55 minutes",
        "Clears when: the floor stays level for 30 minutes",
    ]
    assert annotations["blocking_site"] == "shop/hub.(*Hub).Publish /src/shop/hub/hub.go:42"
    assert annotations["creation_site"] == "shop/hub.Open /src/shop/hub/hub.go:17"


def test_the_link_leads_to_the_finding_on_the_report_page() -> None:
    alert = an_alert(a_finding(), report_url="https://leaks.example/fleet.html#top")
    anchor = finding_anchor(Service("shop", "checkout"), SIGNATURE)
    assert re.fullmatch(r"finding-[0-9a-f]{16}", anchor)
    assert alert.generator_url == f"https://leaks.example/fleet.html#{anchor}"
    assert alert.annotations["report_url"] == alert.generator_url


def test_an_anomaly_without_a_stack_has_its_own_name_and_no_signature_label() -> None:
    alert = an_alert(a_finding(signature="", grade=Grade.ANOMALOUS, blocking_site=""))
    assert alert.labels["alertname"] == "GoroutineCountAnomalous"
    assert "signature" not in alert.labels
    assert "blocking_site" not in alert.annotations


def test_stronger_evidence_is_never_quieter() -> None:
    ranks = [severity_of(grade).rank for grade in Grade]
    assert ranks == sorted(ranks)
    assert severity_of(Grade.PROVEN) is Severity.CRITICAL
    assert severity_of(Grade.ANOMALOUS) is Severity.INFO


def test_a_firing_alert_ends_by_itself_when_its_sender_dies() -> None:
    alert = an_alert(a_finding(fired_ns=NOON_NS - SECOND_NS))
    assert alert.starts_at == "2026-09-21T14:13:19.000000Z"
    assert alert.ends_at == "2026-09-21T14:18:20.000000Z"


def test_a_resolved_alert_ended_when_it_resolved_and_says_everything_again() -> None:
    resolved = a_finding(state=FindingState.RESOLVED, resolved_ns=NOON_NS + 5 * SECOND_NS)
    alert = an_alert(resolved, NOON_NS + 60 * SECOND_NS)
    assert alert.ends_at == "2026-09-21T14:13:25.000000Z"
    assert alert.annotations == an_alert(a_finding()).annotations


@given(
    fired_ns=st.integers(-(2**63), 2**63 - 1),
    resolved_ns=st.none() | st.integers(-(2**63), 2**63 - 1),
    state=st.sampled_from(FindingState),
)
def test_no_clock_of_a_target_can_make_times_that_alertmanager_refuses(
    fired_ns: int, resolved_ns: int | None, state: FindingState
) -> None:
    alert = an_alert(a_finding(fired_ns=fired_ns, resolved_ns=resolved_ns, state=state))
    starts, ends = (datetime.fromisoformat(text) for text in (alert.starts_at, alert.ends_at))
    now = datetime.fromisoformat("2026-09-21T14:13:20Z")
    assert starts <= ends
    assert starts <= now
    assert (ends > now) == (state is FindingState.FIRING)


@given(namespace=ANY_TEXT, service=ANY_TEXT, site=ANY_TEXT, wait=ANY_TEXT)
def test_hostile_names_become_short_single_printable_lines(
    namespace: str, service: str, site: str, wait: str
) -> None:
    finding = a_finding(namespace=namespace, service=service, blocking_site=site, wait=wait)
    alert = an_alert(finding)
    msgspec.json.encode(alert)
    for text in [*alert.labels.values(), alert.annotations["summary"]]:
        assert 0 < len(text) <= 300
        assert text.isprintable()
    assert len(alert.annotations["description"]) <= 4000


@given(ANY_TEXT, ANY_TEXT)
def test_cleaning_never_makes_one_service_pass_for_another(one: str, other: str) -> None:
    first, second = (an_alert(a_finding(service=name)).labels for name in (one, other))
    assert (first == second) == (one == other)


def test_an_invisible_character_does_not_hide_a_finding_behind_another() -> None:
    plain, spoofed, long = (
        an_alert(a_finding(service=name)).labels["service"]
        for name in ("checkout", "check\u200bout", "checkout" + "x" * 500)
    )
    assert plain == "checkout"
    assert re.fullmatch(r"checkout~[0-9a-f]{8}", spoofed)
    assert len(long) == 256


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (AlertingSettings(external_labels={"go-routine": "x"}), "'go-routine' is no label name"),
        (AlertingSettings(external_labels={"severity": "x"}), "'severity' is set by go-leak-probe"),
        (AlertingSettings(report_url="fleet.html"), "report_url: must be an http"),
        (AlertingSettings(report_url="javascript:alert(1)"), "report_url: must be an http"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_key(
    settings: AlertingSettings, complaint: str
) -> None:
    with pytest.raises(ReceiverConfigError, match=re.escape(complaint)):
        check_alerting_settings(settings)
