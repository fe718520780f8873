"""What a process offers is asked once and forgotten when it restarts."""

from __future__ import annotations

import pytest

from goleakprobe.collect.capabilities import Capabilities, Offer, leak_profile_offer
from goleakprobe_schemas import SnapshotSource


@pytest.mark.parametrize(
    ("status", "offer"),
    [(404, "absent"), (400, "offered"), (200, "offered"), (401, "unknown"), (503, "unknown")],
)
def test_the_status_of_the_probe_tells_the_offer(status: int, offer: str) -> None:
    assert leak_profile_offer(status) == offer


def known() -> Capabilities:
    capabilities = Capabilities()
    capabilities.seen(0.0, start_ns=100, build_id="b1", go_version="go1.26")
    capabilities.leak_profile = Offer.ABSENT
    capabilities.metrics_page = Offer.ABSENT
    capabilities.use_text()
    return capabilities


def test_the_same_process_keeps_what_is_known() -> None:
    capabilities = known()
    assert not capabilities.seen(1e6, start_ns=100, build_id="b1")
    assert not capabilities.seen(1e6)
    assert capabilities.leak_profile is Offer.ABSENT
    assert capabilities.process_start_ns == 100
    assert capabilities.go_version == "go1.26"


@pytest.mark.parametrize("told", [{"start_ns": 200}, {"build_id": "b2"}])
def test_another_process_is_asked_anew(told: dict[str, object]) -> None:
    capabilities = known()
    assert capabilities.seen(1.0, **told)  # type: ignore[arg-type]
    assert capabilities.leak_profile is Offer.UNKNOWN
    assert capabilities.metrics_page is Offer.UNKNOWN
    assert capabilities.goroutine_form is SnapshotSource.DEBUG0
    assert capabilities.go_version == ""
    assert capabilities.process_start_ns == told.get("start_ns")


def test_a_process_that_tells_no_start_time_is_asked_anew_in_time() -> None:
    capabilities = Capabilities()
    capabilities.seen(0.0, build_id="b1")
    capabilities.leak_profile = Offer.ABSENT
    capabilities.seen(1800.0, build_id="b1")
    assert capabilities.leak_profile is Offer.ABSENT
    assert not capabilities.seen(1801.0, build_id="b1")
    assert capabilities.leak_profile is Offer.UNKNOWN


def test_text_is_tried_once_per_process() -> None:
    capabilities = Capabilities()
    assert capabilities.may_try_text()
    assert not capabilities.may_try_text()
    capabilities.seen(0.0, start_ns=1)
    capabilities.seen(1.0, start_ns=2)
    assert capabilities.may_try_text()
    capabilities.use_text()
    assert not capabilities.may_try_text()
