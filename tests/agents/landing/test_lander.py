"""Landing lives through restarts, rebalances and a lake that is away, and loses nothing."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from goleakprobe.lake.verify import verify_lake
from goleakprobe_agents.errors import LandingConflictError, LogGapError, StoppingError
from goleakprobe_agents.landing import Lander, LocalLake
from goleakprobe_agents.landing.positions import RECENT_FILES
from goleakprobe_agents.patience import Patience
from goleakprobe_agents.settings import Duration, LakeSettings
from goleakprobe_agents.shell import Place
from goleakprobe_schemas import RUNTIMES
from stream_messages import a_sample, fetched, samples, with_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goleakprobe_agents.publisher import Outgoing

PLACE = Place(RUNTIMES.name, 0)


class Letters:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[Outgoing] = []

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        self.messages += messages


class Life:
    """One life of a lander on a lake that outlives it."""

    def __init__(self, lake: Path, *, roll_interval: float = 0.0, roll_rows: int = 1000) -> None:
        self.acknowledged: list[int] = []
        self.letters = Letters()
        self.patience = Patience(first_wait_seconds=0.01)
        self.lander = Lander(
            LocalLake(str(lake)),
            LakeSettings(
                path=str(lake), roll_interval=Duration(roll_interval), roll_rows=roll_rows
            ),
            publisher=self.letters,  # type: ignore[arg-type]
            log_ids={RUNTIMES.name: "aaaaaaaa"},
            acknowledge=self._acknowledge,
            patience=self.patience,
        )

    def _acknowledge(self, place: Place, next_offset: int) -> None:
        self.acknowledged.append(next_offset)

    async def begin(self) -> int:
        """Take the partition over; where reading begins."""
        position = (await self.lander.positions([PLACE]))[PLACE] or 0
        self.lander.begin(PLACE, position)
        return position


async def told_to_wait(patience: Patience) -> None:
    while not patience.waiting_for:  # noqa: ASYNC110 - a plain attribute, for status files
        await asyncio.sleep(0.01)


def landed(lake: Path) -> list[int]:
    """All offsets in the lake, in file order."""
    import pyarrow.dataset as ds

    files = sorted(str(path) for path in lake.rglob("*.parquet"))
    return list(ds.dataset(files).to_table(columns=["kafka_offset"])["kafka_offset"].to_pylist())


async def test_messages_are_acknowledged_when_their_file_is_there(tmp_path: Path) -> None:
    life = Life(tmp_path)
    await life.begin()
    await life.lander.take(samples(range(3)))
    assert life.acknowledged == []
    await life.lander.tick()
    assert life.acknowledged == [3]
    assert landed(tmp_path) == [0, 1, 2]


async def test_a_file_is_cut_at_so_many_rows(tmp_path: Path) -> None:
    life = Life(tmp_path, roll_interval=3600, roll_rows=5)
    await life.begin()
    for offset in range(0, 12, 3):
        await life.lander.take(samples(range(offset, offset + 3)))
    await life.lander.tick()
    assert landed(tmp_path) == list(range(12))
    assert len(list(tmp_path.rglob("*.parquet"))) == 2


async def test_a_young_file_waits_and_a_flush_lands_it(tmp_path: Path) -> None:
    life = Life(tmp_path, roll_interval=3600)
    await life.begin()
    await life.lander.take(samples(range(3)))
    await life.lander.tick()
    assert not list(tmp_path.rglob("*.parquet"))
    await life.lander.flush()
    assert landed(tmp_path) == [0, 1, 2]


async def test_two_owners_cannot_both_land_the_same(tmp_path: Path) -> None:
    owner, zombie = Life(tmp_path), Life(tmp_path)
    await owner.begin()
    await zombie.begin()
    await owner.lander.take(samples(range(5)))
    await zombie.lander.take(samples(range(3)))
    await owner.lander.tick()
    with pytest.raises(LandingConflictError):
        await zombie.lander.tick()
    assert landed(tmp_path) == list(range(5))
    assert zombie.acknowledged == []


@hypothesis_settings(deadline=None, max_examples=30)
@given(
    numbers=st.lists(st.integers(0, 9), min_size=1, max_size=40),
    cuts=st.sets(st.tuples(st.integers(0, 40), st.sampled_from(["land", "die", "rebalance"]))),
)
async def test_however_often_an_event_comes_it_is_landed_once_by_whoever(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int], cuts: set[tuple[int, str]]
) -> None:
    lake = tmp_path_factory.mktemp("lake")
    log = [with_id(fetched(RUNTIMES, n, a_sample(e)), f"{e}") for n, e in enumerate(numbers)]
    life = Life(lake)
    at = await life.begin()
    for until, then in sorted(cuts):
        await life.lander.take(log[at:until])
        at = max(at, min(until, len(log)))
        if then == "land":
            await life.lander.tick()
        else:
            life = Life(lake) if then == "die" else life
            at = await life.begin()
    await life.lander.take(log[at:])
    await life.lander.flush()
    first_seen = {e: n for n, e in reversed(list(enumerate(numbers)))}
    assert sorted(landed(lake)) == sorted(first_seen.values())
    verification = verify_lake(lake)
    assert verification.violations == ()
    assert verification.total("repeated") == len(numbers) - len(set(numbers))


async def test_more_files_than_a_new_owner_reads_are_no_hindrance(tmp_path: Path) -> None:
    first = Life(tmp_path)
    await first.begin()
    for n in range(RECENT_FILES + 5):
        await first.lander.take([with_id(fetched(RUNTIMES, n, a_sample(n)), f"{n}")])
        await first.lander.tick()
    second = Life(tmp_path)
    at = await second.begin()
    repeats = [
        with_id(fetched(RUNTIMES, at + place, a_sample(n)), f"{n}")
        for place, n in enumerate(range(5, RECENT_FILES + 5))
    ]
    await second.lander.take(repeats)
    await second.lander.flush()
    assert landed(tmp_path) == list(range(RECENT_FILES + 5))
    assert verify_lake(tmp_path).total("repeated") == RECENT_FILES


@hypothesis_settings(deadline=None, max_examples=30)
@given(
    steps=st.lists(
        st.tuples(st.integers(1, 6), st.sampled_from(["go on", "land", "die", "rebalance"])),
        max_size=8,
    )
)
async def test_however_it_dies_every_offset_is_landed_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str]]
) -> None:
    lake = tmp_path_factory.mktemp("lake")
    life = Life(lake)
    at = await life.begin()
    for size, then in steps:
        await life.lander.take(samples(range(at, min(20, at + size))))
        at = min(20, at + size)
        if then == "land":
            await life.lander.tick()
        elif then == "die":
            life = Life(lake)
            at = await life.begin()
        elif then == "rebalance":
            at = await life.begin()
    await life.lander.take(samples(range(at, 20)))
    await life.lander.flush()
    assert landed(lake) == list(range(20))
    verification = verify_lake(lake)
    assert verification.violations == ()
    assert verification.total("events") == 20


async def test_a_lake_that_is_away_is_waited_for_and_nothing_is_acknowledged(
    tmp_path: Path,
) -> None:
    lake = tmp_path / "lake"
    life = Life(lake)
    await life.begin()
    await life.lander.take(samples(range(3)))
    lake.write_bytes(b"in the way")
    landing = asyncio.create_task(life.lander.tick())
    async with asyncio.timeout(30):
        await told_to_wait(life.patience)
        assert life.patience.waiting_for.startswith("lake: ")
        assert life.acknowledged == []
        lake.unlink()
        await landing
    assert landed(lake) == [0, 1, 2]
    assert life.patience.waiting_for == ""


async def test_a_stop_while_the_lake_is_away_ends_the_wait(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    life = Life(lake)
    await life.begin()
    await life.lander.take(samples(range(3)))
    lake.write_bytes(b"in the way")
    landing = asyncio.create_task(life.lander.tick())
    async with asyncio.timeout(30):
        await told_to_wait(life.patience)
        life.patience.stop()
        with pytest.raises(StoppingError):
            await landing
    assert life.acknowledged == []


async def test_a_bad_message_is_buried_unchanged_before_the_file_is_claimed(tmp_path: Path) -> None:
    life = Life(tmp_path)
    await life.begin()
    bad = fetched(RUNTIMES, 1, b"\x00garbage", headers=[("traceparent", b"00-1")])
    await life.lander.take([*samples(range(1)), bad, *samples(range(2, 3))])
    await life.lander.tick()
    (letter,) = life.letters.messages
    assert (letter.topic, letter.partition) == (RUNTIMES.dead_letter, 0)
    assert (letter.key, letter.value) == (b"k", b"\x00garbage")
    headers = dict(letter.headers)
    assert headers["traceparent"] == b"00-1"
    assert headers["__connect.errors.topic"] == RUNTIMES.name.encode()
    assert headers["__connect.errors.offset"] == b"1"
    assert headers["__connect.errors.exception.class.name"] == b"EventInvalidError"
    assert landed(tmp_path) == [0, 2]
    assert life.acknowledged == [3]


async def test_a_gap_is_raised_after_what_came_before_it_was_taken(tmp_path: Path) -> None:
    life = Life(tmp_path)
    await life.begin()
    with pytest.raises(LogGapError):
        await life.lander.take([*samples(range(2)), *samples(range(5, 6))])
    await life.lander.skip_to(PLACE, 5)
    await life.lander.take([*samples(range(2)), *samples(range(5, 6))])
    await life.lander.flush()
    assert landed(tmp_path) == [0, 1, 5]
    verification = verify_lake(tmp_path)
    assert verification.exact
    assert verification.total("absent") == 3


async def test_offsets_that_prove_absent_while_a_file_is_claimed_are_the_next_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = Life(tmp_path)
    await life.begin()
    with pytest.raises(LogGapError):
        await life.lander.take([*samples(range(2)), *samples(range(5, 6))])
    claim, begun, may_go_on = LocalLake.claim, threading.Event(), threading.Event()

    def slowly(*arguments: Any) -> None:
        begun.set()
        assert may_go_on.wait(30)
        claim(*arguments)

    monkeypatch.setattr(LocalLake, "claim", slowly)
    landing = asyncio.create_task(life.lander.tick())
    assert await asyncio.to_thread(begun.wait, 30)
    skipping = asyncio.create_task(life.lander.skip_to(PLACE, 5))
    await asyncio.sleep(0)
    may_go_on.set()
    await asyncio.gather(landing, skipping)
    await life.lander.take(samples(range(5, 6)))
    await life.lander.flush()
    verification = verify_lake(tmp_path)
    assert verification.exact
    assert verification.total("absent") == 3
