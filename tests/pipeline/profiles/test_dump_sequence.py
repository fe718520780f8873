"""Dumps that came in one text are told apart by the ids that come again."""

from __future__ import annotations

from goleakprobe.profiles import Profile, read_profile, separate_dumps
from profile_dumps import dump


def text(*goroutines: tuple[int, str]) -> bytes:
    records = (f"goroutine {i} [{wait}]:\nmain.f()\n\t/a.go:1 +0x1\n" for i, wait in goroutines)
    return "\n".join(records).encode()


def ids(profile: Profile) -> list[int]:
    return [goroutine.id for goroutine in profile.goroutines]


def test_one_dump_stays_as_it_is() -> None:
    profile = read_profile(dump("go1.27", "goroutine-2.txt"))
    assert separate_dumps(profile) == (profile,)


def test_each_dump_has_its_own_counts_groups_and_goroutines() -> None:
    first = read_profile(dump("go1.26", "goroutine-2.txt"))
    body = (
        dump("go1.26", "goroutine-2.txt") + b"\nand once more:\n" + dump("go1.26", "labels-2.txt")
    )
    parts = separate_dumps(read_profile(body))
    assert [part.total for part in parts] == [75, 38]
    assert {(g.signature, g.count) for g in parts[0].groups} == {
        (g.signature, g.count) for g in first.groups
    }
    for part in parts:
        assert sum(group.count for group in part.groups) == part.total
        counted = [0] * len(part.groups)
        for goroutine in part.goroutines:
            counted[goroutine.group] += 1
        assert counted == [group.count for group in part.groups]


def test_the_goroutine_that_took_the_next_dump_belongs_to_it() -> None:
    first, second = [(7, "running"), (1, "select"), (2, "select")], [(1, "select"), (3, "select")]
    body = text(*first) + b"\n" + text((9, "running"), *second)
    assert [ids(part) for part in separate_dumps(read_profile(body))] == [[7, 1, 2], [9, 1, 3]]


def test_goroutines_that_a_crash_prints_twice_make_no_second_dump() -> None:
    body = text((7, "running"), (1, "select"), (2, "running"), (2, "running"))
    assert len(separate_dumps(read_profile(body))) == 1
