"""The three forms of one program's profile agree, on every Go release dumps were made with."""

from __future__ import annotations

from collections import Counter

import pytest

from goleakprobe.profiles import Group, Profile
from goleakprobe.profiles.signatures import signed_functions
from goleakprobe_schemas import SnapshotSource
from profile_dumps import LEAK_RELEASES, RELEASES, profile


def others(snapshot: Profile) -> list[Group]:
    """Every group but the goroutine that took the profile."""
    return [group for group in snapshot.groups if group.state != "running"]


def by_signature(snapshot: Profile) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for group in others(snapshot):
        counts[group.signature, group.state] += group.count
    return counts


def by_stack(snapshot: Profile) -> Counter[tuple[str, ...]]:
    counts: Counter[tuple[str, ...]] = Counter()
    for group in others(snapshot):
        counts[tuple(signed_functions([frame.function for frame in group.frames]))] += group.count
    return counts


@pytest.mark.parametrize("release", RELEASES)
def test_the_totals_of_all_forms_agree(release: str) -> None:
    totals = {
        profile(release, name).total
        for name in ("goroutine-0.pb.gz", "goroutine-1.txt", "goroutine-2.txt")
    }
    assert len(totals) == 1
    assert min(totals) > 70


@pytest.mark.parametrize("release", RELEASES)
def test_groups_and_states_of_protobuf_and_dump_agree(release: str) -> None:
    protobuf = by_signature(profile(release, "goroutine-0.pb.gz"))
    text = by_signature(profile(release, "goroutine-2.txt"))
    assert protobuf == text
    assert len(text) >= 31


@pytest.mark.parametrize("release", RELEASES)
def test_wait_words_of_protobuf_and_dump_agree_but_for_nil_channels(release: str) -> None:
    words = {
        group.signature: group.wait.removesuffix(" (nil chan)")
        for group in profile(release, "goroutine-2.txt").groups
    }
    for group in others(profile(release, "goroutine-0.pb.gz")):
        expected = words[group.signature]
        if release == "go1.21" and expected == "semacquire":
            # The words of a WaitGroup until Go 1.23.
            assert group.wait in ("semacquire", "sync.WaitGroup.Wait")
        else:
            assert group.wait == expected


@pytest.mark.parametrize("release", RELEASES)
def test_grouped_text_has_the_same_stacks(release: str) -> None:
    assert by_stack(profile(release, "goroutine-1.txt")) == by_stack(
        profile(release, "goroutine-0.pb.gz")
    )


@pytest.mark.parametrize("release", RELEASES)
def test_grouped_text_signs_all_but_channel_operations_alike(release: str) -> None:
    text = {group.signature: group for group in profile(release, "goroutine-1.txt").groups}
    for group in others(profile(release, "goroutine-0.pb.gz")):
        if group.wait in ("chan send", "chan receive"):
            assert group.signature not in text
        else:
            assert text[group.signature].state == group.state


@pytest.mark.parametrize("release", RELEASES)
def test_labels_of_protobuf_and_grouped_text_agree(release: str) -> None:
    def labelled(name: str) -> set[object]:
        return {group.labels for group in profile(release, name).groups if group.labels}

    assert labelled("goroutine-0.pb.gz") == labelled("goroutine-1.txt")
    assert (("path", "/v1/x"), ("tenant", "t1")) in labelled("goroutine-0.pb.gz")


@pytest.mark.parametrize("release", RELEASES)
def test_blocking_sites_of_grouped_text_and_dump_agree(release: str) -> None:
    grouped, dump = (
        # Closures of one function share a signature, and each source shows another one of them.
        {
            group.blocking_site
            for group in others(profile(release, name))
            if ".func" not in group.blocking_site
        }
        for name in ("goroutine-1.txt", "goroutine-2.txt")
    )
    assert grouped == dump
    assert any(site.startswith("main.receiver /srv/zoo/cages.go:") for site in dump)


def test_signatures_survive_the_upgrade_from_1_21_to_1_27() -> None:
    signatures = [
        {group.signature for group in others(profile(release, "goroutine-2.txt"))}
        for release in RELEASES
    ]
    assert signatures[0] <= signatures[1] == signatures[2] == signatures[3]
    # Coroutines and range-over-func came in between.
    assert len(signatures[3] - signatures[0]) == 2


@pytest.mark.parametrize("release", LEAK_RELEASES)
def test_all_forms_of_the_leak_profile_name_the_same_leaks(release: str) -> None:
    protobuf = profile(release, "goroutineleak-0.pb.gz")
    grouped = profile(release, "goroutineleak-1.txt")
    dump = profile(release, "goroutineleak-2.txt")
    assert protobuf.source == grouped.source == SnapshotSource.LEAK
    assert dump.source == SnapshotSource.DEBUG2
    assert protobuf.total == grouped.total == dump.leaked == protobuf.leaked > 50
    assert {g.signature for g in protobuf.groups} == {g.signature for g in dump.groups if g.leaked}


def test_leaks_reachable_from_a_global_are_not_marked() -> None:
    dump = profile("go1.27", "goroutineleak-2.txt")
    consumer = next(g for g in dump.groups if g.blocking_site.startswith("main.consumer "))
    receiver = next(g for g in dump.groups if g.blocking_site.startswith("main.receiver "))
    assert (consumer.leaked, consumer.count) == (0, 2)
    assert receiver.leaked > 0


def test_the_protobuf_names_build_and_binary() -> None:
    snapshot = profile("go1.27", "goroutine-0.pb.gz")
    assert len(snapshot.build_id) >= 20
    assert snapshot.binary.endswith("/zoo")
    assert snapshot.time_ns is not None
    assert snapshot.window_seconds is None


@pytest.mark.parametrize("release", RELEASES)
def test_the_go_release_is_read_from_the_paths(release: str) -> None:
    version = (
        profile(release, name).go_version for name in ("goroutine-0.pb.gz", "goroutine-2.txt")
    )
    assert all(found.startswith(release + ".") for found in version)


@pytest.mark.parametrize(
    ("release", "name"),
    [
        ("go1.26", "labels-2.txt"),
        ("go1.27", "labels-2.txt"),
        ("go1.27", "ancestors-2.txt"),
        ("go1.27", "crash-all.txt"),
    ],
)
def test_other_spellings_of_a_dump_sign_the_same(release: str, name: str) -> None:
    plain = {group.signature for group in others(profile(release, "goroutine-2.txt"))}
    other = profile(release, name)
    assert {group.signature for group in others(other)} == plain
    assert not other.repairs
    assert not other.truncated


def test_a_crash_that_shows_runtime_frames_signs_the_same() -> None:
    plain = {group.signature for group in others(profile("go1.27", "goroutine-2.txt"))}
    crash = profile("go1.27", "crash-system.txt")
    signatures = {group.signature for group in others(crash)}
    assert plain <= signatures
    system = [group for group in others(crash) if group.signature not in plain]
    assert {group.wait for group in system} >= {"GC sweep wait", "finalizer wait"}


def test_goroutines_of_a_synctest_bubble_are_read() -> None:
    bubbled = [g for g in profile("go1.27", "synctest-2.txt").goroutines if g.bubble == 1]
    assert sorted(g.wait for g in bubbled) == [
        "chan receive (durable)",
        "chan receive (durable)",
        "running",
        "select (durable)",
        "sleep (durable)",
        "synctest.Run (durable)",
    ]
