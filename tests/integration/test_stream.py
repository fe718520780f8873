"""The stream on a real broker: everything that goes in comes out once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goleakprobe_agents.launch import RunningStream
from goleakprobe_schemas import FINDINGS, RUNTIMES, SNAPSHOTS, STACKS, STATISTICS, TOPICS
from schemas_examples import an_event_of
from stream_harness import (
    Feed,
    assert_exact,
    count,
    drained,
    leaking_fleet,
    read_logs,
    stream_settings,
    without_repetitions,
)
from stream_messages import a_sample

if TYPE_CHECKING:
    from goleakprobe_agents.settings import BrokerSettings

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600)]

GARBAGE = b"\x00\xffnot an event"


def test_every_message_becomes_rows_once_and_what_is_no_event_a_dead_letter(
    broker_settings: BrokerSettings, tmp_path: Path
) -> None:
    settings = stream_settings(broker_settings, tmp_path)
    with RunningStream(settings) as stream, Feed(broker_settings) as feed:
        for number, (key, snapshot) in enumerate(leaking_fleet(20)):
            feed.send(SNAPSHOTS, key, snapshot)
            if number % 5 == 0:
                feed.send(RUNTIMES, key, a_sample(number))
        for number in range(10):
            feed.send(STACKS, f"{number}", an_event_of(STACKS, signature=f"{number:032x}"))
        for topic in TOPICS:
            feed.send(topic, "bad", GARBAGE)
            feed.send(topic, "worse", None)
        feed.flush()
        logs = drained(stream, broker_settings)
        assert stream.status().restarts == 0

        verification = assert_exact(stream, logs)
        assert verification.total("events", "runtime") == feed.sent[RUNTIMES.name] - 2
        assert verification.total("rows", "stacks") == 10
        assert count(logs[STATISTICS.name]) > 0
        assert count(logs[FINDINGS.name]) > 2, "the leak is found"
        buried = read_logs(broker_settings, [topic.dead_letter for topic in TOPICS])
        for topic in TOPICS:
            letters = [m for part in buried[topic.dead_letter].values() for m in part]
            assert sorted((m.key, m.value) for m in letters) == [
                (b"bad", GARBAGE),
                (b"worse", None),
            ]
            for letter in letters:
                headers = dict(letter.headers)
                offset = int(headers["__connect.errors.offset"])
                original = logs[topic.name][letter.partition][offset]
                assert (original.key, original.value) == (letter.key, letter.value)
        status = stream.status()
        assert status.dead_letters == {topic.name: 2 for topic in TOPICS}
        events = {
            topic.name: sum(len(p) for p in without_repetitions(logs[topic.name]).values()) - 2
            for topic in TOPICS
        }
        assert status.events == {name: number for name, number in events.items() if number}


def test_a_graceful_stop_lands_what_was_taken_and_the_next_start_goes_on(
    broker_settings: BrokerSettings, tmp_path: Path
) -> None:
    from goleakprobe.lake.verify import verify_lake
    from goleakprobe_agents.settings import Duration
    from stream_harness import covered, waited

    settings = stream_settings(broker_settings, tmp_path, roll_interval=Duration(3600))
    with Feed(broker_settings) as feed:
        for half in range(2):
            with RunningStream(settings, role="land") as stream:
                for number in range(50):
                    feed.send(RUNTIMES, f"{number}", a_sample(100 * half + number))
                feed.flush()
                waited(
                    lambda: sum(stream.status().next_offsets("land").values()) >= 50 * (half + 1),  # noqa: B023
                    "all samples to be taken",
                )
                assert stream.stop() == 0
            verification = verify_lake(settings.lake.path)
            assert verification.exact
            assert covered(verification, RUNTIMES) == 50 * (half + 1)
            assert stream.status().roles["land"].state == "stopped"
