"""``debug=0`` bodies, whole, foreign and damaged."""

from __future__ import annotations

import gzip

import pytest

from goleakprobe.profiles import (
    BodyCutError,
    BodyDamagedError,
    BodyTooLargeError,
    Limits,
    NotAProfileError,
    ProfileError,
    read_profile,
)
from goleakprobe_schemas import SnapshotSource
from profile_dumps import block, dump, number, pprof

PARKED = ["runtime.gopark", "runtime.chanrecv", "runtime.chanrecv1", "main.wait", "main.run"]


def test_samples_become_groups_largest_first() -> None:
    profile = read_profile(pprof([(2, ["main.spin"]), (7, PARKED)]))
    assert profile.source is SnapshotSource.DEBUG0
    assert profile.total == 9
    assert [(g.count, g.wait, g.state) for g in profile.groups] == [
        (7, "chan receive", "waiting"),
        (2, "runnable", "runnable"),
    ]
    assert profile.groups[0].blocking_site == "main.wait /srv/app/main.go:15"
    assert profile.groups[0].creation_site == "", "profiles do not know the go statement"


def test_an_uncompressed_message_is_taken_too() -> None:
    assert read_profile(pprof([(1, PARKED)], compress=False)).total == 1


def test_a_record_without_a_stack_is_left_out_and_counted() -> None:
    """Go 1.27 lists one when main is parked in ``select{}``."""
    profile = read_profile(pprof([(1, []), (3, PARKED)], kind="goroutineleak"))
    assert (profile.total, profile.leaked, profile.dropped_empty) == (3, 3, 1)


def test_a_leak_profile_over_a_window_is_a_delta() -> None:
    profile = read_profile(pprof([(3, PARKED)], kind="goroutineleak", duration_ns=5 * 10**9))
    assert profile.source is SnapshotSource.LEAK_DELTA
    assert profile.window_seconds == 5.0


def test_goroutines_that_ended_within_a_delta_are_left_out() -> None:
    profile = read_profile(pprof([(-4, ["main.gone"]), (2, PARKED)], duration_ns=10**9))
    assert [group.count for group in profile.groups] == [2]


def test_an_empty_leak_profile_is_a_result() -> None:
    assert read_profile(pprof([], kind="goroutineleak")).total == 0


@pytest.mark.parametrize("kind", ["cpu", "inuse_space", "contentions"])
def test_a_profile_of_something_else_is_named(kind: str) -> None:
    with pytest.raises(NotAProfileError, match=f"a pprof profile of {kind}"):
        read_profile(pprof([(1, PARKED)], kind=kind))


@pytest.mark.parametrize("release", ["go1.21", "go1.27"])
def test_every_cut_of_a_gzip_stream_is_told(release: str) -> None:
    body = dump(release, "goroutine-0.pb.gz")
    for size in range(2, len(body), 97):
        with pytest.raises(BodyCutError, match="ends early"):
            read_profile(body[:size])


def test_cuts_of_the_message_never_pass_for_a_goroutine_more() -> None:
    whole = gzip.decompress(dump("go1.27", "goroutine-0.pb.gz"))
    total = read_profile(whole).total
    for size in range(1, len(whole), 61):
        try:
            profile = read_profile(gzip.compress(whole[:size]))
        except ProfileError:
            continue
        assert profile.total <= total


def test_damaged_compression_is_told() -> None:
    body = bytearray(pprof([(1, PARKED)]))
    body[-6] ^= 0xFF
    with pytest.raises(BodyDamagedError, match="gzip"):
        read_profile(bytes(body))


def test_a_sample_of_an_unknown_location_is_told() -> None:
    body = pprof([(1, PARKED)], compress=False) + block(2, number(1, 99) + number(2, 1))
    with pytest.raises(BodyDamagedError, match="location 99"):
        read_profile(gzip.compress(body))


def test_a_bomb_is_stopped_at_the_limit() -> None:
    bomb = gzip.compress(b"\x0a\x00" * 5_000_000)
    assert len(bomb) < 100_000
    with pytest.raises(BodyTooLargeError, match="limit of 1000000 bytes"):
        read_profile(bomb, limits=Limits(decoded_bytes=1_000_000))


def test_too_many_stacks_are_refused() -> None:
    body = pprof([(1, [f"main.f{i}"]) for i in range(20)])
    with pytest.raises(BodyTooLargeError, match="10 stacks"):
        read_profile(body, limits=Limits(groups=10))


def test_control_characters_never_leave_the_decoder() -> None:
    profile = read_profile(pprof([(1, ["main.\x1b[31mred\u202e"])]))
    assert profile.groups[0].frames[0].function == "main.\ufffd[31mred\ufffd"
