"""What a partition takes in is accounted for, offset by offset, in the file it makes."""

from __future__ import annotations

import pytest

from goleakprobe_agents.errors import LogRewoundError
from goleakprobe_agents.landing.pending import PendingPartition
from goleakprobe_schemas import RUNTIMES, SNAPSHOTS
from stream_messages import START_SECONDS, a_sample, fetched, samples, snapshots, with_id

LOG = "0a0a0a0a"
DAY_SECONDS = 86_400


def a_partition(first_offset: int = 0, **given: object) -> PendingPartition:
    return PendingPartition(RUNTIMES, 2, LOG, first_offset=first_offset, **given)  # type: ignore[arg-type]


def test_a_harvest_covers_everything_taken_and_clearing_moves_on() -> None:
    partition = a_partition(5)
    assert partition.take(samples(range(5, 9))) is None
    harvest = partition.harvest()
    footer = harvest.footer
    assert (footer.first_offset, footer.last_offset) == (5, 8)
    assert (footer.rows, footer.events) == (4, 4)
    assert harvest.rows["kafka_offset"].to_pylist() == [5, 6, 7, 8]
    partition.clear(harvest.day)
    assert partition.first_offset == 9
    assert (partition.pending, partition.rows, partition.since) == (0, 0, None)
    partition.take(samples(range(9, 10)))
    assert partition.harvest().footer.first_offset == 9


def test_harvesting_twice_gives_the_same_file() -> None:
    """A lake that refuses the first attempt gets the very same one again."""
    partition = a_partition()
    partition.take([*samples(range(2)), fetched(RUNTIMES, 2, b"garbage")])
    first, second = partition.harvest(), partition.harvest()
    assert first.footer == second.footer
    assert first.rows.equals(second.rows)
    assert len(first.refused) == len(second.refused) == 1


def test_rows_count_groups_not_messages() -> None:
    partition = PendingPartition(SNAPSHOTS, 0, LOG, first_offset=0)
    partition.take(snapshots(range(3)))
    assert partition.rows == 6


@pytest.mark.parametrize("body", [None, b"", b"garbage", b'{"id": 1}'])
def test_what_is_no_event_is_refused_with_its_bytes_and_still_covered(body: bytes | None) -> None:
    partition = a_partition()
    message = fetched(RUNTIMES, 1, body)
    partition.take([*samples(range(1)), message, *samples(range(2, 3))])
    harvest = partition.harvest()
    assert (harvest.footer.events, harvest.footer.dead_letters) == (2, 1)
    assert harvest.footer.last_offset == 2
    (refused,) = harvest.refused
    assert refused.message is message
    assert refused.message.value == body


def test_an_event_with_a_number_beyond_64_bits_is_refused_and_the_rest_lands() -> None:
    partition = a_partition()
    monstrous = fetched(RUNTIMES, 1, a_sample(1, goroutines=2**70))
    partition.take([*samples(range(1)), monstrous, *samples(range(2, 3))])
    harvest = partition.harvest()
    assert harvest.rows["kafka_offset"].to_pylist() == [0, 2]
    assert (harvest.footer.events, harvest.footer.dead_letters) == (2, 1)
    assert [refused.message.offset for refused in harvest.refused] == [1]


def test_a_file_of_nothing_but_refusals_still_holds_the_position() -> None:
    partition = a_partition()
    partition.take([fetched(RUNTIMES, 0, b"x"), fetched(RUNTIMES, 1, b"y")])
    footer = partition.harvest().footer
    assert (footer.rows, footer.dead_letters, footer.last_offset) == (0, 2, 1)
    assert footer.min_time_ns is None


def test_an_event_derived_twice_lands_once_also_over_files_and_owners() -> None:
    def derived(offset: int, number: int) -> object:
        origin = [("ce_origin", f"up-0-{number}".encode()), ("ce_sequence", b"0")]
        return fetched(RUNTIMES, offset, a_sample(number), headers=origin)

    partition = a_partition()
    partition.take([derived(0, 7), derived(1, 8), derived(2, 7)])  # type: ignore[list-item]
    footer = partition.harvest().footer
    assert (footer.events, footer.repeated) == (2, 1)
    owner_after = a_partition(3, origins=footer.origins)
    owner_after.take([derived(3, 8), derived(4, 9)])  # type: ignore[list-item]
    footer = owner_after.harvest().footer
    assert (footer.events, footer.repeated) == (1, 1)


def test_a_source_event_that_comes_twice_lands_once() -> None:
    partition = a_partition()
    partition.take([with_id(fetched(RUNTIMES, n, a_sample(n)), f"{n % 3}") for n in range(5)])
    footer = partition.harvest().footer
    assert (footer.events, footer.repeated) == (3, 2)
    partition.clear("2023-11-14")
    partition.take([with_id(fetched(RUNTIMES, 5, a_sample(1)), "1")])
    footer = partition.harvest().footer
    assert (footer.events, footer.repeated, footer.event_keys) == (0, 1, b"")


def test_events_without_an_id_are_all_different() -> None:
    partition = a_partition()
    partition.take([fetched(RUNTIMES, n, a_sample(0)) for n in range(3)])
    assert partition.harvest().footer.events == 3


def test_what_is_no_event_does_not_stand_for_the_event_of_its_id() -> None:
    partition = a_partition()
    garbage = with_id(fetched(RUNTIMES, 0, b"garbage"), "1")
    partition.take([garbage, with_id(fetched(RUNTIMES, 1, a_sample(1)), "1")])
    footer = partition.harvest().footer
    assert (footer.events, footer.dead_letters, footer.repeated) == (1, 1, 0)


def test_a_gap_is_answered_with_all_before_it_taken() -> None:
    partition = a_partition()
    gap = partition.take([*samples(range(2)), *samples(range(4, 5))])
    assert gap is not None
    assert (gap.expected, gap.got) == (2, 4)
    assert partition.pending == 2
    partition.skip_to(4)
    assert partition.take(samples(range(4, 5))) is None
    footer = partition.harvest().footer
    assert (footer.events, footer.absent, footer.last_offset) == (3, 2, 4)


def test_another_log_under_the_same_name_is_refused() -> None:
    partition = a_partition(100)
    with pytest.raises(LogRewoundError):
        partition.take(samples(range(1)))


def test_the_day_is_that_of_the_first_message_and_never_goes_back() -> None:
    partition = a_partition()
    partition.take(samples(range(1)))
    assert partition.harvest().day == "2023-11-14"
    partition.clear("2023-11-14")
    late = fetched(RUNTIMES, 1, a_sample(1), timestamp=START_SECONDS + DAY_SECONDS)
    early = fetched(RUNTIMES, 2, a_sample(2), timestamp=START_SECONDS - 5 * DAY_SECONDS)
    partition.take([late])
    assert partition.harvest().day == "2023-11-15"
    partition.clear("2023-11-15")
    partition.take([early])
    assert partition.harvest().day == "2023-11-15"


@pytest.mark.parametrize(("timestamp", "day"), [(-1.0, "1970-01-01"), (1e15, "9999-12-31")])
def test_an_absurd_timestamp_still_names_a_day(timestamp: float, day: str) -> None:
    partition = a_partition()
    partition.take([fetched(RUNTIMES, 0, a_sample(), timestamp=timestamp)])
    assert partition.harvest().day == day
