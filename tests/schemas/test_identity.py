"""Keys name one thing each, whatever a target calls itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goleakprobe_schemas import IdentityError, Service, Target, finding_key

parts = st.text(min_size=1, max_size=40)


@given(parts, parts, parts)
def test_a_target_key_reads_back_as_the_same_target(
    namespace: str, service: str, instance: str
) -> None:
    target = Target(namespace, service, instance)
    assert Target.parse(target.key) == target
    assert Service.parse(target.service_key) == Service(namespace, service)


def test_a_slash_in_a_name_cannot_move_a_key_to_another_service() -> None:
    assert Target("a/b", "c", "d").key != Target("a", "b/c", "d").key


def test_a_finding_belongs_to_its_service() -> None:
    assert finding_key(Service("prod", "checkout"), "ab" * 16) == f"prod/checkout/{'ab' * 16}"


@pytest.mark.parametrize("key", ["", "a", "a/b", "a/b/", "a//c", "a/b/c/d", "x" * 300 + "/b/c"])
def test_what_is_no_target_key_is_refused(key: str) -> None:
    with pytest.raises(IdentityError, match="is not a key"):
        Target.parse(key)
