"""Events add up, fit into a message and hold no unsafe text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from collect_targets import dump_text, grouped_text, job, target_of
from goleakprobe.collect.assemble import (
    OVERFLOW_SIGNATURE,
    ProcessIdentity,
    merged_groups,
    runtime_event,
    snapshot_event,
    stack_events,
)
from goleakprobe.collect.metrics_page import ProcessFigures
from goleakprobe.profiles import Goroutine, Group, Profile, read_profile
from goleakprobe_agents.assessing import OVERFLOW_SIGNATURE as DETECTIONS_OVERFLOW
from goleakprobe_schemas import (
    SNAPSHOTS,
    Frame,
    RuntimeSampled,
    ScrapeCost,
    SnapshotCollected,
    SnapshotSource,
    StackObserved,
    decode,
    encode,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

TARGET = target_of("10.0.0.7:6060", job())
COST = ScrapeCost(wall_seconds=0.25, body_bytes=10)
PROCESS = ProcessIdentity(start_ns=5, go_version="go1.27.3", build_id="b1")


def group(signature: str, count: int, **more: object) -> Group:
    frames = (Frame("main.f", "f.go", 1),)
    return Group(signature=signature, count=count, frames=frames, **more)  # type: ignore[arg-type]


def profile(groups: Sequence[Group], goroutines: Sequence[Goroutine] = ()) -> Profile:
    return Profile(
        source=SnapshotSource.DEBUG2,
        total=sum(g.count for g in groups),
        groups=tuple(groups),
        goroutines=tuple(goroutines),
    )


def snapshot(
    of: Profile, *, time_ns: int = 9, max_groups: int = 5000, requests_total: float | None = None
) -> SnapshotCollected:
    output = snapshot_event(
        of,
        TARGET,
        process=PROCESS,
        time_ns=time_ns,
        cost=COST,
        requests_total=requests_total,
        max_groups=max_groups,
    )
    assert isinstance(output.event, SnapshotCollected)
    assert (output.key, output.event_id) == (TARGET.key, output.event.id)
    return output.event


def test_a_snapshot_says_who_when_and_what() -> None:
    event = snapshot(read_profile(grouped_text({"leak": 3, "idle": 2})), requests_total=7.0)
    assert (event.namespace, event.service, event.instance) == ("default", "shop", "10.0.0.7:6060")
    assert event.source is SnapshotSource.DEBUG1
    assert event.total == 5
    assert [(g.count, g.blocking_site) for g in event.groups] == [
        (3, "main.leak /src/app/leak.go:17"),
        (2, "main.idle /src/app/idle.go:17"),
    ]
    assert (event.process_start_ns, event.build_id) == (5, "b1")
    assert event.requests_total == 7.0
    assert event.cost == COST


def test_the_same_scrape_has_the_same_id_and_another_has_another() -> None:
    of = profile([group("a" * 32, 1)])
    assert snapshot(of).id == snapshot(of).id
    assert snapshot(of, time_ns=10).id != snapshot(of).id


def test_the_lowest_ids_of_a_group_are_kept_in_order() -> None:
    read = read_profile(dump_text(range(500, 0, -1)))
    (only,) = snapshot(read).groups
    assert only.count == 500
    assert only.goroutine_ids == tuple(range(1, 101))


def test_groups_of_equal_signature_and_labels_are_one() -> None:
    labels = (("tenant", "t1"),)
    one = group("a" * 32, 2, labels=labels, leaked=1, wait_seconds_max=60)
    two = group("a" * 32, 3, labels=labels, wait_seconds_max=120)
    other = group("a" * 32, 1)
    ids = [Goroutine(id=9 - i, group=i, wait="", state="", frames=()) for i in range(3)]
    merged = merged_groups(profile([one, two, other], ids))
    assert [(g.count, g.leaked, g.wait_seconds_max) for g in merged] == [(5, 1, 120), (1, 0, None)]
    assert merged[0].goroutine_ids == (8, 9)
    assert merged[0].labels_digest
    assert merged[1].labels_digest == ""


def test_the_main_goroutine_is_told_from_others() -> None:
    body = grouped_text({"work": 3, "run": 1})
    root = b"1\tmain.run+0x24\t/src/app/run.go:17\n#\t0x12\tmain.serve"
    assert root in body
    told = snapshot(read_profile(body.replace(root, root.replace(b"serve", b"main")))).groups
    assert [(one.count, one.main) for one in told] == [(3, False), (1, True)]


def test_the_smallest_groups_beyond_the_limit_are_counted_together() -> None:
    groups = [group(f"{i:032x}", i, leaked=i) for i in range(1, 11)]
    event = snapshot(profile(groups), max_groups=4)
    assert [g.count for g in event.groups] == [10, 9, 8, 28]
    assert event.groups[-1].signature == OVERFLOW_SIGNATURE == DETECTIONS_OVERFLOW
    assert event.groups[-1].leaked == 28
    assert event.groups[-1].blocking_site == "(7 smaller groups beyond the limit)"
    assert sum(g.count for g in event.groups) == event.total
    assert len(snapshot(profile(groups), max_groups=10).groups) == 10


def test_a_snapshot_fits_into_a_message_whatever_its_target_calls_things() -> None:
    site = '"\\💥' * 1000
    groups = [
        group(f"{i:032x}", 10**9, blocking_site=site, creation_site=site, wait='"' * 200)
        for i in range(5000)
    ]
    event = snapshot(profile(groups), max_groups=5000)
    body = encode(SNAPSHOTS, event)
    assert len(body) <= SNAPSHOTS.message_limit_bytes
    assert len(body) > SNAPSHOTS.message_limit_bytes // 2, "room is used before groups are merged"
    assert event.groups[-1].signature == OVERFLOW_SIGNATURE
    assert sum(g.count for g in event.groups) == event.total
    assert decode(SNAPSHOTS, body) == event


def test_text_of_the_target_is_made_safe_and_short() -> None:
    nasty = "main.\x1b[2J\u202e\ud800" + "x" * 10_000
    made = group("a" * 32, 1, wait=nasty, state=nasty, blocking_site=nasty, creation_site=nasty)
    event = snapshot(profile([made]))
    for text in (event.groups[0].wait, event.groups[0].blocking_site):
        assert text.isprintable()
        assert len(text) <= 512
    encode(SNAPSHOTS, event)


def test_a_stack_is_published_with_its_owner_and_capped() -> None:
    frames = tuple(Frame(f"example.com/m/pkg.f{i}\x00", "/f.go", i) for i in range(500))
    made = Group(
        signature="a" * 32,
        count=1,
        frames=frames,
        wait="select",
        blocking_site="example.com/m/pkg.(*Pool).run /src/pool.go:3",
    )
    (output,) = stack_events([made, made], build_id="b1", time_ns=4)
    event = output.event
    assert isinstance(event, StackObserved)
    assert output.key == event.signature
    assert event.package == "example.com/m/pkg"
    assert len(event.frames) == 128
    assert event.frames[0] == Frame("example.com/m/pkg.f0", "/f.go", 0)
    assert (event.first_seen_ns, event.build_id) == (4, "b1")


@pytest.mark.parametrize(("told", "published"), [(None, 5), (7, 7)])
def test_runtime_figures_fall_back_to_the_profiles_total(told: int | None, published: int) -> None:
    figures = ProcessFigures(goroutines=told, open_fds=3)
    event = runtime_event(figures, TARGET, process=PROCESS, goroutines=5, time_ns=9).event
    assert isinstance(event, RuntimeSampled)
    assert event.goroutines == published
    assert event.open_fds == 3
    assert event.heap_inuse_bytes is None
    assert event.process_start_ns == 5
