"""The wire format, well-formed and not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goleakprobe.profiles import BodyCutError, BodyDamagedError
from goleakprobe.profiles.protowire import fields, packed, signed
from profile_dumps import block, number, varint


def test_fields_are_numbers_and_spans() -> None:
    data = number(1, 300) + block(2, b"abc") + b"\x19" + bytes(8) + b"\x25" + bytes(4)
    assert list(fields(data, 0, len(data))) == [(1, 300, -1), (2, 5, 8)]


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1)))
def test_packed_numbers_are_read_back(values: list[int]) -> None:
    data = b"".join(map(varint, values))
    assert packed(data, 0, len(data)) == values


@settings(deadline=None)
@given(st.integers(-(2**63), 2**63 - 1))
def test_signed_numbers_are_read_back(value: int) -> None:
    data = varint(value)
    assert signed(packed(data, 0, len(data))[0]) == value


def test_a_field_beyond_the_end_is_told() -> None:
    with pytest.raises(BodyCutError, match="100 bytes ends after 2"):
        list(fields(b"\x0a\x64ab", 0, 4))


@pytest.mark.parametrize("data", [b"\x08\x80", b"\x80", b"\x19\x00", b"\x25\x00"])
def test_numbers_that_are_cut_are_told(data: bytes) -> None:
    with pytest.raises(BodyCutError):
        list(fields(data, 0, len(data)))


@pytest.mark.parametrize("data", [b"\x00\x00", b"\x0b", b"\x0e\x00", b"\x08" + b"\xff" * 11])
def test_what_no_profile_holds_is_told(data: bytes) -> None:
    with pytest.raises(BodyDamagedError):
        list(fields(data, 0, len(data)))
