"""One entry of a target list stands for one process with an identity."""

from __future__ import annotations

import pytest

from collect_targets import job
from goleakprobe.collect.targets import ScrapeTarget, resolve_target, spread
from goleakprobe.errors import DiscoveryError


def resolve(address: str = "10.0.0.7:6060", **labels: str) -> ScrapeTarget:
    return resolve_target(address, labels, job(name="checkout"))


def test_without_labels_the_job_is_the_service_and_the_address_the_instance() -> None:
    target = resolve()
    assert target.key == "default/checkout/10.0.0.7:6060"
    assert target.profile_url("goroutine", "debug=0") == (
        "http://10.0.0.7:6060/debug/pprof/goroutine?debug=0"
    )
    assert target.metrics_url == "http://10.0.0.7:6060/metrics"


def test_labels_say_who_a_target_is() -> None:
    target = resolve(namespace="shop", service="cart", instance="cart-7", team="basket")
    assert target.key == "shop/cart/cart-7"
    assert target.labels == {"team": "basket"}


def test_special_labels_are_honoured_and_the_others_dropped() -> None:
    target = resolve(
        __address__="cart:443",
        __scheme__="https",
        __metrics_path__="/m",
        __meta_kubernetes_pod_name="cart-7",
        __param_debug="2",
    )
    assert target.base_url == "https://cart:443"
    assert target.metrics_url == "https://cart:443/m"
    assert target.labels == {}


def test_a_slash_in_an_identity_stays_inside_its_part() -> None:
    assert resolve(instance="a/b").identity.instance == "a/b"


def test_label_values_are_made_safe() -> None:
    assert resolve(team="a\nb\x1b[0m").labels == {"team": "a b [0m"}


@pytest.mark.parametrize(
    ("address", "labels", "said"),
    [
        ("", {}, "empty"),
        ("http://a:1", {}, "without a scheme"),
        ("a:1/debug", {}, "not an address"),
        ("a b:1", {}, "not an address"),
        ("user@a:1", {}, "not an address"),
        ("a:0", {}, "port"),
        ("a:70000", {}, "port"),
        ("a:1", {"__scheme__": "file"}, "http or https"),
        ("a:1", {"__metrics_path__": "m"}, "begin with /"),
        ("a:1", {"bad-name": "x"}, "not a label name"),
        ("a:1", {f"l{i}": "x" for i in range(65)}, "more than 64"),
    ],
)
def test_an_entry_that_cannot_be_a_target_is_refused(
    address: str, labels: dict[str, str], said: str
) -> None:
    with pytest.raises(DiscoveryError, match=said):
        resolve_target(address, labels, job())


@pytest.mark.parametrize("address", ["localhost", "a.b-c:80", "[::1]:6060", "[fe80::1%eth0]:1"])
def test_every_usual_address_is_one(address: str) -> None:
    assert resolve(address).identity.instance == address


def test_spread_is_stable_and_even() -> None:
    places = [spread(f"target-{i}") for i in range(1000)]
    assert places == [spread(f"target-{i}") for i in range(1000)]
    assert all(0 <= place < 1 for place in places)
    for tenth in range(10):
        assert 50 < sum(int(place * 10) == tenth for place in places) < 150
