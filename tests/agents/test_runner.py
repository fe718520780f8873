"""A stage over a partition: whatever dies when, the outputs are those of an undisturbed run."""

from __future__ import annotations

import asyncio
import threading
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from goleakprobe_agents.errors import LogGapError, RecordPoisonousError
from goleakprobe_agents.patience import Patience
from goleakprobe_agents.runner import StageRunner
from goleakprobe_agents.shell import Place
from goleakprobe_agents.state import Snapshot, SnapshotFolder
from goleakprobe_schemas import ASSESSMENTS, SNAPSHOTS, decode
from stream_messages import (
    AddingStage,
    FetchedMessage,
    a_snapshot,
    fetched,
    snapshots,
    with_id,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goleakprobe_agents.publisher import Outgoing

PLACE = Place(SNAPSHOTS.name, 0)
LOG_IDS = {SNAPSHOTS.name: "aaaaaaaa"}


class Delivered:
    """A publisher whose broker takes everything, or nothing."""

    def __init__(self) -> None:
        self.messages: list[Outgoing] = []
        self.away = False

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        if self.away:
            raise ConnectionError("no broker")
        self.messages += messages

    def totals(self) -> list[int]:
        """What readers see: repetitions dropped by their ids."""
        bodies = {
            dict(m.headers)["ce_id"]: m.value for m in self.messages if m.topic == ASSESSMENTS.name
        }
        return [decode(ASSESSMENTS, body).total for body in bodies.values()]


class Life:
    """One life of a runner on a folder that outlives it."""

    def __init__(
        self,
        path: Path,
        published: Delivered,
        *,
        fail_at: Sequence[int] = (),
        log_ids: dict[str, str] = LOG_IDS,
        folder: SnapshotFolder | None = None,
    ) -> None:
        self.acknowledged: list[int] = []
        self.runner = StageRunner(
            SNAPSHOTS,
            lambda: AddingStage(fail_at),
            folder=folder or SnapshotFolder(str(path), "group"),
            publisher=published,  # type: ignore[arg-type]
            log_ids=log_ids,
            acknowledge=self._acknowledge,
            patience=Patience(),
            snapshot_interval=0.0,
        )

    def _acknowledge(self, place: Place, next_offset: int) -> None:
        self.acknowledged.append(next_offset)

    async def begin(self) -> int:
        """Take the partition over; where reading begins."""
        position = (await self.runner.positions([PLACE]))[PLACE] or 0
        self.runner.begin(PLACE, position)
        return position


@pytest.fixture
def published() -> Delivered:
    return Delivered()


async def test_nothing_is_acknowledged_before_a_snapshot_covers_it(
    tmp_path: Path, published: Delivered
) -> None:
    life = Life(tmp_path, published)
    await life.begin()
    await life.runner.take(snapshots(range(3)))
    assert len(published.totals()) == 3
    assert life.acknowledged == []
    await life.runner.tick()
    assert life.acknowledged == [3]


async def test_the_size_and_the_time_of_the_newest_snapshot_are_told(
    tmp_path: Path, published: Delivered
) -> None:
    life = Life(tmp_path, published)
    await life.begin()
    assert life.runner.saved() == {}
    await life.runner.take(snapshots(range(3)))
    await life.runner.tick()
    saved = life.runner.saved()[PLACE]
    assert saved.size_bytes == len(life.runner.partitions[PLACE].stage.dump())
    assert saved.seconds > 0


async def test_a_snapshot_is_not_written_when_its_outputs_were_not_delivered(
    tmp_path: Path, published: Delivered
) -> None:
    life = Life(tmp_path, published)
    await life.begin()
    published.away = True
    with pytest.raises(ConnectionError):
        await life.runner.take(snapshots(range(3)))
    assert await Life(tmp_path, published).begin() == 0


async def test_without_a_snapshot_reading_begins_at_the_beginning(
    tmp_path: Path, published: Delivered
) -> None:
    assert (await Life(tmp_path, published).runner.positions([PLACE]))[PLACE] is None


@hypothesis_settings(deadline=None, max_examples=40)
@given(
    steps=st.lists(
        st.tuples(st.integers(1, 6), st.sampled_from(["go on", "save", "die", "rebalance"])),
        max_size=8,
    )
)
async def test_however_it_dies_the_outputs_are_those_of_an_undisturbed_run(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str]]
) -> None:
    undisturbed = Delivered()
    life = Life(tmp_path_factory.mktemp("calm"), undisturbed)
    await life.begin()
    await life.runner.take(snapshots(range(20)))

    folder, disturbed = tmp_path_factory.mktemp("rough"), Delivered()
    life = Life(folder, disturbed)
    at = await life.begin()
    for size, then in steps:
        await life.runner.take(snapshots(range(at, min(20, at + size))))
        at = min(20, at + size)
        if then == "save":
            await life.runner.tick()
        elif then == "die":
            life = Life(folder, disturbed)
            at = await life.begin()
        elif then == "rebalance":
            at = (await life.runner.positions([PLACE]))[PLACE] or 0
    await life.runner.take(snapshots(range(at, 20)))
    assert disturbed.totals() == undisturbed.totals()


async def test_duplicates_are_dropped_and_a_gap_is_told_after_all_before_it(
    tmp_path: Path, published: Delivered
) -> None:
    life = Life(tmp_path, published)
    await life.begin()
    await life.runner.take(snapshots(range(3)))
    with pytest.raises(LogGapError):
        await life.runner.take([*snapshots(range(1, 4)), *snapshots(range(6, 8))])
    assert len(published.totals()) == 4
    await life.runner.skip_to(PLACE, 6)
    await life.runner.take([*snapshots(range(1, 4)), *snapshots(range(6, 8))])
    assert len(published.totals()) == 6
    assert life.runner.counts.by_kind["absent"] == {SNAPSHOTS.name: 2}


async def test_what_is_no_event_is_passed_by_and_counted(
    tmp_path: Path, published: Delivered
) -> None:
    life = Life(tmp_path, published)
    await life.begin()
    good = snapshots(range(3))
    await life.runner.take([good[0], fetched(SNAPSHOTS, 1, b"garbage"), good[2]])
    assert len(published.totals()) == 2
    assert life.runner.counts.by_kind["invalid"] == {SNAPSHOTS.name: 1}


async def test_a_record_that_breaks_the_stage_is_set_aside_after_restarts(
    tmp_path: Path, published: Delivered
) -> None:
    """First the batch fails, then the record by itself, then it is known and passed by."""
    failures = 0
    for _ in range(5):
        life = Life(tmp_path, published, fail_at=[4])
        at = await life.begin()
        try:
            await life.runner.take(snapshots(range(at, 8)))
            break
        except RecordPoisonousError:
            failures += 1
    assert failures == 2
    assert len(published.totals()) == 7
    (letter,) = {m.value for m in published.messages if m.topic == SNAPSHOTS.dead_letter}
    assert letter == snapshots(range(4, 5))[0].value


async def test_partitions_that_are_taken_away_are_forgotten_without_a_trace(
    tmp_path: Path, published: Delivered
) -> None:
    life = Life(tmp_path, published)
    await life.begin()
    await life.runner.take(snapshots(range(3)))
    assert await life.runner.positions([]) == {}
    await life.runner.take(snapshots(range(3, 5)))
    await life.runner.flush()
    assert life.acknowledged == []
    assert await Life(tmp_path, published).begin() == 0


async def test_after_a_flush_nothing_more_is_taken(tmp_path: Path, published: Delivered) -> None:
    life = Life(tmp_path, published)
    await life.begin()
    await life.runner.take(snapshots(range(3)))
    await life.runner.flush()
    await life.runner.take(snapshots(range(3, 5)))
    assert len(published.totals()) == 3
    assert await Life(tmp_path, published).begin() == 3


async def test_a_log_made_anew_is_read_from_its_beginning_with_the_state_kept(
    tmp_path: Path, published: Delivered
) -> None:
    life = Life(tmp_path, published)
    await life.begin()
    await life.runner.take(snapshots(range(3)))
    await life.runner.flush()
    other = Life(tmp_path, published, log_ids={SNAPSHOTS.name: "bbbbbbbb"})
    assert (await other.runner.positions([PLACE]))[PLACE] is None
    stage = other.runner.partitions[PLACE].stage
    assert isinstance(stage, AddingStage)
    assert stage.total == 10 + 11 + 12


async def test_an_event_derived_twice_is_applied_once(tmp_path: Path, published: Delivered) -> None:
    origin = [("ce_origin", b"up-0-5"), ("ce_sequence", b"0")]
    life = Life(tmp_path, published)
    await life.begin()
    await life.runner.take(
        [
            fetched(SNAPSHOTS, 0, a_snapshot(0), headers=origin),
            fetched(SNAPSHOTS, 1, a_snapshot(0), headers=origin),
        ]
    )
    assert len(published.totals()) == 1
    assert life.runner.counts.by_kind["repeated"] == {SNAPSHOTS.name: 1}


@hypothesis_settings(deadline=None, max_examples=40)
@given(
    numbers=st.lists(st.integers(0, 9), min_size=1, max_size=40),
    cuts=st.sets(st.tuples(st.integers(0, 40), st.sampled_from(["save", "die"]))),
)
async def test_however_often_a_source_event_comes_it_is_applied_once_by_whoever(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int], cuts: set[tuple[int, str]]
) -> None:
    folder, published = tmp_path_factory.mktemp("rough"), Delivered()
    log = [with_id(fetched(SNAPSHOTS, n, a_snapshot(e)), f"{e}") for n, e in enumerate(numbers)]
    life = Life(folder, published)
    at = await life.begin()
    for until, then in sorted(cuts):
        await life.runner.take(log[at:until])
        at = max(at, min(until, len(log)))
        if then == "save":
            await life.runner.tick()
        else:
            life = Life(folder, published)
            at = await life.begin()
    await life.runner.take(log[at:])
    assert published.totals() == list(accumulate(10 + e for e in dict.fromkeys(numbers)))


class SlowFolder(SnapshotFolder):
    """A folder on a disk that takes its time."""

    def __init__(self, path: str, group: str) -> None:
        super().__init__(path, group)
        self.asked, self.may_write = threading.Event(), threading.Event()

    def save(self, snapshot: Snapshot) -> Path:
        self.asked.set()
        assert self.may_write.wait(60)
        return super().save(snapshot)


async def test_what_is_taken_while_a_snapshot_is_written_is_applied_after_it(
    tmp_path: Path, published: Delivered
) -> None:
    """The snapshot must not know of derived events that its state does not hold yet."""

    def derived(offset: int) -> FetchedMessage:
        origin = [("ce_origin", f"up-0-{offset}".encode()), ("ce_sequence", b"0")]
        return fetched(SNAPSHOTS, offset, a_snapshot(offset), headers=origin)

    slow = SlowFolder(str(tmp_path), "group")
    life = Life(tmp_path, published, folder=slow)
    await life.begin()
    await life.runner.take([derived(0)])
    saving = asyncio.create_task(life.runner.tick())
    assert await asyncio.to_thread(slow.asked.wait, 60)
    await life.runner.take([derived(1)])
    slow.may_write.set()
    await saving
    undisturbed = published.totals()
    # It dies here: the next one has to apply offset 1 again.
    after = Life(tmp_path, published)
    assert await after.begin() == 1
    await after.runner.take([derived(1), derived(2)])
    assert published.totals()[:2] == undisturbed
    assert published.totals()[2] == sum(10 + offset for offset in range(3))
