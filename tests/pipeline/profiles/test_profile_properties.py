"""Whatever the bytes, the answer is a profile or a typed error, in bounded time and memory."""

from __future__ import annotations

import gzip
import tracemalloc

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goleakprobe.profiles import Limits, Profile, ProfileError, read_profile
from goleakprobe.profiles.dump_repair import repair
from profile_dumps import dump, pprof

SEEDS = (
    dump("go1.27", "goroutine-2.txt")[:6000],
    dump("go1.27", "labels-2.txt")[-4000:],
    dump("go1.27", "goroutine-1.txt")[:4000],
    dump("go1.27", "crash-system.txt")[:4000],
    gzip.decompress(dump("go1.27", "goroutine-0.pb.gz")),
    dump("go1.27", "goroutine-0.pb.gz"),
    pprof([(1, ["main.f"]), (2, [])]),
)
TIGHT = Limits(
    body_bytes=1 << 20, decoded_bytes=1 << 20, goroutines=500, groups=200, frames=40, name_chars=80
)
PIECES = st.sampled_from(
    [
        b"goroutine ", b"goroutine 1 [", b"7 [select]:\n", b"\n\n", b"\n\t", b"\t", b"\r\n",
        b"\\n\\t", b"created by main.f in goroutine 3\n", b"main.f(0x1)\n", b"main.f(...)\n",
        b"/a.go:1 +0x1\n", b"...5 frames elided...\n", b"[originating from goroutine 1]:\n",
        b"goroutine profile: total 3\n", b"3 @ 0x1 0x2\n", b"#\t0x1\tmain.f+0x1\t/a.go:1\n",
        b'# labels: {"a":"b"}\n', b"# labels: {\n", b"] {a: b}:\n", b'labels:{"a]": "}"}',
        b"\x1f\x8b\x08\x00", b"\x0a\x04\x08\x01", b"goroutine 9 gp=0x1 m=2 mp=0x3 [running]:\n",
        b"Nov 24 10:00:00 host app[1]: ", b"\xff\xfe", b"```\n",
    ]
)  # fmt: skip


# The machine is shared: how long one example takes says nothing.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def judged(body: bytes) -> Profile | None:
    """What a body gives; any other exception than ProfileError fails the test."""
    try:
        profile = read_profile(body, limits=TIGHT)
    except ProfileError:
        return None
    assert profile.total == sum(group.count for group in profile.groups)
    assert len(profile.goroutines) in (0, profile.total)
    for group in profile.groups:
        assert group.count > 0
        assert len(group.signature) == 32
        assert len(group.frames) <= TIGHT.frames
        assert 0 <= group.leaked <= group.count
    # What cannot be sent on as an event was not worth decoding.
    assert msgspec.json.decode(msgspec.json.encode(profile), type=Profile) == profile
    return profile


@UNHURRIED
@given(st.binary(max_size=400))
def test_any_bytes(body: bytes) -> None:
    judged(body)


@UNHURRIED
@given(st.lists(PIECES, max_size=40))
def test_any_sequence_of_the_grammars_pieces(pieces: list[bytes]) -> None:
    judged(b"".join(pieces))


@UNHURRIED
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 60), st.binary(max_size=12)), max_size=6),
)
def test_any_damage_to_real_profiles(seed: bytes, edits: list[tuple[float, int, bytes]]) -> None:
    body = bytearray(seed)
    for place, removed, added in edits:
        at = int(place * len(body))
        body[at : at + removed] = added
    judged(bytes(body))


@UNHURRIED
@given(st.sampled_from(SEEDS[:5]), st.floats(0, 1))
def test_a_cut_never_shows_more_goroutines_than_the_whole(seed: bytes, part: float) -> None:
    whole = judged(seed)
    cut = judged(seed[: int(part * len(seed))])
    assert whole is not None
    assert cut is None or cut.total <= whole.total


@UNHURRIED
@given(st.lists(PIECES, max_size=30))
def test_what_was_mended_needs_no_mending(pieces: list[bytes]) -> None:
    mended, repairs = repair(b"".join(pieces))
    if repairs and b"\n\\n" not in mended:
        again, _ = repair(mended)
        assert again.strip(b"\n") == mended.strip(b"\n") or b"\\" in mended


@pytest.mark.parametrize(
    "body",
    [
        b"goroutine 1 [select" * 30_000,
        b"goroutine 1 [select]:\n" * 30_000,
        b"goroutine 1 [select]:\nmain.f(" + b"(" * 500_000,
        b"goroutine 1 [select labels:{" + b'"a' * 250_000,
        b"goroutine 1 [select]:\n" + b"main.f[" * 80_000 + b"()\n\t/a.go:1 +0x1\n",
        b"goroutine 1 [a]:\n" + b"\\n\\t" * 100_000,
        b" " * 300_000 + b"goroutine 1 [select]:\n",
        (b"9 " * 200 + b"goroutine 1 [select]:\n") * 1000,
        b"1 @" + b" 0x1" * 150_000,
        b"goroutine profile: total 1\n" + b"1 @ 0x1\n# labels: {\n" * 20_000,
        b"goroutine profile: total 1\n1 @ 0x1\n" + b"#\t0x1\tmain.f\t \t" * 50_000,
        b"\x0a\x02\x08\x01" * 100_000,
        b"\x0a\xff\xff\xff\xff\x0f" + b"\x00" * 1000,
    ],
    ids=range(13),
)
@pytest.mark.timeout(20)
def test_time_and_memory_stay_linear_for_hostile_bodies(body: bytes) -> None:
    tracemalloc.start()
    try:
        judged(body)
        assert tracemalloc.get_traced_memory()[1] < 60 * len(body) + 2_000_000
    finally:
        tracemalloc.stop()
