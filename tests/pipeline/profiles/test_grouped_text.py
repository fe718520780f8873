"""``debug=1`` bodies, whole and damaged."""

from __future__ import annotations

import pytest

from goleakprobe.profiles import NotAProfileError, read_profile
from goleakprobe_schemas import SnapshotSource
from profile_dumps import dump

SMALL = b"""goroutine profile: total 7
4 @ 0x100 0x210 0x220 0x401 0x900
# labels: {"path":"/v1/x", "ten\\"ant":"a, b}"}
#\t0x400\tmain.wait+0x24\t/srv/app/main.go:105

2 @ 0x100 0x300 0x501 0x900
#\t0x500\ttime.Sleep+0x1\t\t/opt/go1.27.3/src/time/sleep.go:9
#\t0x600\tmain.(*Box[...]).nap+0x2\t/srv/app/main.go:9

1 @ 0x701 0x900
#\t0x700\tmain.spin+0x5\t/srv/app/main.go:7

"""


def test_records_become_groups() -> None:
    profile = read_profile(SMALL)
    assert profile.source is SnapshotSource.DEBUG1
    assert (profile.total, profile.truncated, profile.go_version) == (7, False, "go1.27.3")
    wait, nap, spin = profile.groups
    assert wait.labels == (("path", "/v1/x"), ('ten"ant', "a, b}"))
    assert wait.blocking_site == "main.wait /srv/app/main.go:105"
    assert (nap.wait, nap.state) == ("sleep", "waiting")
    assert (spin.wait, spin.state) == ("runnable", "runnable")


def test_a_channel_operation_is_a_wait_without_words() -> None:
    """gopark, chanrecv and chanrecv1 are hidden; so would be their sending twins."""
    wait = read_profile(SMALL).groups[0]
    assert (wait.wait, wait.state) == ("", "waiting")


def test_two_hidden_frames_below_gopark_are_a_select() -> None:
    text = SMALL.replace(b"0x100 0x210 0x220 0x401", b"0x100 0x230 0x401")
    assert read_profile(text).groups[0].wait == "select"


def test_a_hidden_frame_that_does_not_park_is_runnable() -> None:
    text = SMALL.replace(b"1 @ 0x701", b"1 @ 0x999 0x998 0x701")
    assert read_profile(text).groups[2].wait == "runnable"


def test_a_record_without_a_symbol_is_left_out() -> None:
    record = b"2 @ 0x401\n#\t0x400\tmain.f+0x1\t/a.go:1\n\n"
    text = b"goroutineleak profile: total 3\n" + record + b"1 @\n#\t0x0\n\n"
    profile = read_profile(text)
    assert (profile.source, profile.total, profile.dropped_empty) == (SnapshotSource.LEAK, 2, 1)
    assert not profile.truncated


def test_an_empty_leak_profile_is_a_result() -> None:
    assert read_profile(b"goroutineleak profile: total 0\n").total == 0


@pytest.mark.parametrize("release", ["go1.21", "go1.27"])
def test_every_cut_is_marked(release: str) -> None:
    body = dump(release, "goroutine-1.txt")
    for size in range(40, len(body) - 2, 211):
        profile = read_profile(body[:size])
        assert profile.truncated, size


@pytest.mark.parametrize(
    "damaged",
    [
        SMALL.replace(b"\n", b"\r\n"),
        SMALL.replace(b"#\t", b"#    ").replace(b"\t", b"    "),
        b"".join(b"  " + line for line in SMALL.splitlines(keepends=True)),
        b"".join(
            b"Nov 24 10:00:0%d web[7]: " % (i % 9) + line
            for i, line in enumerate(SMALL.splitlines(keepends=True))
        ),
        SMALL.replace(b'"/v1/x", ', b'"/v1/x",\n'),
        SMALL.replace(b"# labels", b"labels"),
        b"```\n" + SMALL + b"```\n",
        SMALL.replace(b"#\t0x400", b"#IO wait\t0x400"),
    ],
    ids=["crlf", "spaces", "indented", "syslog", "wrapped labels", "lost hash", "fenced", "words"],
)
def test_damage_on_the_way_is_undone(damaged: bytes) -> None:
    assert read_profile(damaged).groups == read_profile(SMALL).groups


def test_profiles_of_other_things_are_refused() -> None:
    with pytest.raises(NotAProfileError, match="heap profile"):
        read_profile(SMALL.replace(b"goroutine profile: total", b"heap profile: 1: 2 [3: 4] @"))
