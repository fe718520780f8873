"""What a broker adds to what files prove."""

from __future__ import annotations

from goleakprobe.lake.against_broker import against_broker
from goleakprobe.lake.verify import LogSummary, Verification
from goleakprobe_agents.log_bounds import BrokerLog
from goleakprobe_schemas import RUNTIMES


def landed(first: int, last: int, *, log_id: str = "aa") -> Verification:
    summary = LogSummary(
        table="runtime",
        topic=RUNTIMES.name,
        log_id=log_id,
        partition=0,
        files=1,
        first_offset=first,
        last_offset=last,
        rows=last - first + 1,
        events=last - first + 1,
        dead_letters=0,
        repeated=0,
        absent=0,
    )
    return Verification(logs=(summary,), violations=())


def log(first: int, end: int, *, log_id: str = "aa") -> BrokerLog:
    return BrokerLog(
        topic=RUNTIMES.name, log_id=log_id, partition=0, first_offset=first, end_offset=end
    )


def test_a_log_that_is_landed_to_its_end_is_exact() -> None:
    found = against_broker(landed(0, 9), [log(0, 10)])
    assert found.exact
    assert found.total("waiting") == 0


def test_what_is_not_landed_yet_waits() -> None:
    found = against_broker(landed(0, 9), [log(0, 15)])
    assert found.exact
    assert found.total("waiting", "runtime") == 5


def test_what_retention_has_taken_since_is_not_missed() -> None:
    assert against_broker(landed(0, 9), [log(7, 10)]).exact


def test_messages_from_before_the_first_file_were_lost() -> None:
    (violation,) = against_broker(landed(3, 9), [log(0, 10)]).violations
    assert violation.what == "the broker has 3 messages from before the first file"
    assert violation.path == f"{RUNTIMES.name}-0"


def test_landed_offsets_that_the_broker_never_had_are_told() -> None:
    (violation,) = against_broker(landed(0, 9), [log(0, 8)]).violations
    assert violation.what == "2 landed offsets are not in the broker's log"


def test_a_log_of_which_nothing_is_landed_waits_whole() -> None:
    found = against_broker(Verification(logs=(), violations=()), [log(2, 6)])
    assert found.exact
    assert found.total("waiting") == 4
    assert found.total("files") == found.total("rows") == 0


def test_an_empty_log_is_not_mentioned() -> None:
    assert against_broker(Verification(logs=(), violations=()), [log(0, 0)]).logs == ()


def test_a_topic_that_was_made_anew_is_not_compared_with_the_old_one() -> None:
    found = against_broker(landed(3, 9, log_id="old"), [log(0, 4, log_id="new")])
    assert found.exact
    assert [each.waiting for each in found.logs] == [None, 4]
