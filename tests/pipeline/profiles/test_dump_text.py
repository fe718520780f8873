"""``debug=2`` dumps: every header form, cuts, and goroutines one by one."""

from __future__ import annotations

import pytest

from goleakprobe.profiles import BodyTooLargeError, Limits, read_profile
from goleakprobe.profiles.dump_text import RUNTIME_CUT_BYTES
from goleakprobe_schemas import Frame
from profile_dumps import RELEASES, dump, profile

ONE = b"""goroutine 18975541850 [chan receive (leaked), locked to thread] {svc: checkout}:
main.(*Box[...]).wait(0xc000012345?, {0x1, 0x2, ...})
\t/srv/app/box.go:148 +0x24
main.inlined(...)
\t/srv/app/box.go:12
created by main.serve in goroutine 1
\t/srv/app/main.go:77 +0x3f
"""


def test_a_goroutine_is_read_in_full() -> None:
    goroutine = read_profile(ONE).goroutines[0]
    assert goroutine.id == 18975541850
    assert (goroutine.wait, goroutine.state) == ("chan receive", "waiting")
    assert goroutine.leaked
    assert goroutine.locked
    assert goroutine.labels == (("svc", "checkout"),)
    assert goroutine.creator_id == 1
    assert goroutine.creation_site == "main.serve /srv/app/main.go:77"
    assert goroutine.frames == (
        Frame("main.(*Box[...]).wait", "/srv/app/box.go", 148),
        Frame("main.inlined", "/srv/app/box.go", 12),
    )


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("1 [running]:", {"wait": "running", "state": "running"}),
        ("1 [syscall, 33262 minutes]:", {"state": "syscall", "wait_seconds": 33262 * 60}),
        ("1 [select (no cases)]:", {"wait": "select (no cases)"}),
        ("1 [chan receive (nil chan) (scan), 2 minutes]:", {"wait": "chan receive (nil chan)"}),
        ("1 [GOMAXPROCS updater (idle)]:", {"wait": "GOMAXPROCS updater (idle)"}),
        ("1 [sleep (durable), synctest bubble 3]:", {"bubble": 3, "wait": "sleep (durable)"}),
        ("1 [select (synctest), synctest group 2]:", {"bubble": 2}),
        ("1 gp=0xc000002380 m=nil [GC sweep wait]:", {"wait": "GC sweep wait"}),
        ("1 gp=0xc000002380 m=3 mp=0xc00005e008 [running]:", {"wait": "running"}),
        ('1 [select labels:{"k": "v w", "b]": "c}d"}]:', {"labels": (("b]", "c}d"), ("k", "v w"))}),
        (
            '1 [select] {"a\\n]}": "\\x07\\u00e9", b: c}:',
            {"labels": (("a\ufffd]}", "\ufffdé"), ("b", "c"))},
        ),
    ],
)
def test_header_forms(header: str, expected: dict[str, object]) -> None:
    text = f"goroutine {header}\nmain.f()\n\t/a.go:1 +0x1\n"
    goroutine = read_profile(text.encode()).goroutines[0]
    assert {name: getattr(goroutine, name) for name in expected} == expected


def test_goroutines_that_differ_in_arguments_share_a_group() -> None:
    records = [
        b"goroutine %d [select]:\nmain.f(0x%x, 0x%x)\n\t/a.go:1 +0x1\n" % (i, i * 7919, i)
        + b"created by main.g in goroutine %d\n\t/b.go:2 +0x3\n" % (i % 5)
        for i in range(1, 3001)
    ]
    found = read_profile(b"\n".join(records))
    assert [(g.count, len(g.frames)) for g in found.groups] == [(3000, 1)]
    assert [g.creator_id for g in found.goroutines] == [i % 5 for i in range(1, 3001)]
    assert [g.id for g in found.goroutines] == list(range(1, 3001))


def test_frames_that_differ_below_equal_beginnings_are_told_apart() -> None:
    """The shape of a known stack must not swallow one that only begins alike."""

    def record(number: int, inner: str, line: int) -> str:
        return (
            f"goroutine {number} [select]:\nmain.f(0x{number:x})\n\t/a.go:1 +0x1\n"
            f"main.{inner}(0x{number:x})\n\t/a.go:{line} +0x2\nmain.z(0x1)\n\t/z.go:9 +0x1\n"
        )

    variants = [("g", 2), ("gg", 2), ("g", 3), ("(*T).g", 2)]
    text = "\n".join(record(i, *variants[i % 4]) for i in range(1, 401))
    counted = [
        sum(
            g.frames[1] == Frame(f"main.{name}", "/a.go", line)
            for g in read_profile(text.encode()).goroutines
        )
        for name, line in variants
    ]
    assert counted == [100, 100, 100, 100]


def test_without_goroutines_the_groups_are_the_same() -> None:
    body = dump("go1.27", "goroutine-2.txt")
    lean = read_profile(body, goroutines=False)
    assert lean.goroutines == ()
    assert lean.groups == read_profile(body).groups


@pytest.mark.parametrize("release", RELEASES)
def test_every_header_of_a_dump_is_a_goroutine(release: str) -> None:
    text = dump(release, "goroutine-2.txt")
    found = profile(release, "goroutine-2.txt")
    assert len(found.goroutines) == found.total == text.count(b"\ngoroutine ") + 1
    assert sum(group.count for group in found.groups) == found.total
    for goroutine in found.goroutines:
        assert goroutine.wait.startswith(found.groups[goroutine.group].wait[:4])


def test_elided_frames_keep_their_goroutine() -> None:
    text = dump("go1.27", "goroutine-2.txt")
    assert b"frames elided..." in text
    deep = [g for g in profile("go1.27", "goroutine-2.txt").goroutines if len(g.frames) == 100]
    assert len(deep) == 2


def test_ancestors_are_not_part_of_the_stack() -> None:
    plain = profile("go1.27", "goroutine-2.txt").groups
    with_ancestors = profile("go1.27", "ancestors-2.txt").groups
    assert max(len(g.frames) for g in with_ancestors) == max(len(g.frames) for g in plain)


@pytest.mark.parametrize("release", RELEASES)
def test_cuts_within_a_line_or_a_frame_are_marked(release: str) -> None:
    body = dump(release, "goroutine-2.txt")
    cuts = 0
    for size in range(60, len(body), 911):
        cut = body[:size]
        found = read_profile(cut)
        assert found.total <= cut.count(b"goroutine ")
        last = cut.rsplit(b"\n", 1)[-1]
        if last and b" +0x" not in last and not cut.endswith(b"\n"):
            assert found.truncated, last
            cuts += 1
    assert cuts > 15


def test_a_dump_of_exactly_64_mib_is_marked() -> None:
    frames = b"".join(b"main.f%d()\n\t/a.go:%d +0x1\n" % (i, i) for i in range(500))
    record = b"goroutine 7 [select]:\n" + frames + b"\n"
    body = record * (RUNTIME_CUT_BYTES // len(record))
    assert not read_profile(body, goroutines=False).truncated
    padded = body + b"\n" * (RUNTIME_CUT_BYTES - len(body))
    assert read_profile(padded, goroutines=False).truncated


def test_more_goroutines_than_wanted_are_cut_and_marked() -> None:
    record = b"goroutine 7 [select]:\nmain.f()\n\t/a.go:1 +0x1\n\n"
    found = read_profile(record * 50, limits=Limits(goroutines=10))
    assert (found.total, found.truncated) == (10, True)


def test_more_stacks_than_wanted_are_refused() -> None:
    text = b"\n".join(b"goroutine 7 [select]:\nmain.f%d()\n\t/a.go:1 +0x1\n" % i for i in range(30))
    with pytest.raises(BodyTooLargeError, match="10 stacks"):
        read_profile(text, limits=Limits(groups=10))


def test_a_stack_that_was_not_available_is_still_a_goroutine() -> None:
    text = b"""goroutine 5 [running]:
\tgoroutine running on other thread; stack unavailable
created by main.spin in goroutine 1
\t/srv/app/main.go:3 +0x5

goroutine 6 [select]:
main.f()
\t/a.go:1 +0x1
"""
    found = read_profile(text)
    assert found.total == 2
    assert found.goroutines[0].frames == ()
    assert found.goroutines[0].creation_site == "main.spin /srv/app/main.go:3"


def test_files_without_a_slash_and_windows_paths_are_files() -> None:
    text = b"""goroutine 5 [syscall]:
main._Cfunc_sleep(0x1)
\t_cgo_gotypes.go:48 +0x25
main.f()
\tC:/Users/dev/my app/main.go:7 +0x1
main.(*T).g()
\t<autogenerated>:1 +0x1
"""
    files = [frame.file for frame in read_profile(text).goroutines[0].frames]
    assert files == ["_cgo_gotypes.go", "C:/Users/dev/my app/main.go", "<autogenerated>"]
