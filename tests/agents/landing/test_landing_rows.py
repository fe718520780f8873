"""Events as columns: every table takes its events, and every field finds its column."""

from __future__ import annotations

import msgspec
import pyarrow as pa
import pytest

from goleakprobe_agents.landing.rows import Landed, event_times, row_count, table_rows
from goleakprobe_schemas import (
    ASSESSMENTS,
    FINDINGS,
    LIFECYCLES,
    RUNTIMES,
    SNAPSHOTS,
    STACKS,
    STATISTICS,
    TOPICS,
    CreationTraced,
    DualWindowFigures,
    GrowthFigures,
    SignatureAssessed,
    Topic,
)
from goleakprobe_schemas.arrow import table_schema
from schemas_examples import an_event_of
from stream_messages import START_NS, a_snapshot
from traced_windows import GROWTH, SITE, blocked, flow, window


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.table)
def test_any_event_of_a_topic_becomes_rows_of_its_table(topic: Topic) -> None:
    event = an_event_of(topic)
    rows = table_rows(topic, 3, [Landed(7, event), Landed(8, event)])
    assert rows.schema == table_schema(topic.table)
    assert rows.num_rows == 2 * row_count(topic, event)
    assert set(rows["kafka_partition"].to_pylist()) == {3}
    assert set(rows["kafka_offset"].to_pylist()) == {7, 8}


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.table)
def test_no_event_makes_an_empty_table_of_the_right_shape(topic: Topic) -> None:
    rows = table_rows(topic, 0, [])
    assert rows.num_rows == 0
    assert rows.schema == table_schema(topic.table)


def test_a_snapshot_is_a_row_per_group_with_its_own_figures_on_each() -> None:
    event = a_snapshot(5, groups=3, labels={"zone": "b", "az": "1"}, requests_total=9.5)
    rows = table_rows(SNAPSHOTS, 0, [Landed(0, event)]).to_pylist()
    assert [row["signature"] for row in rows] == [f"{n:032x}" for n in range(3)]
    assert [row["count"] for row in rows] == [2, 7, 2]
    assert [row["goroutine_ids"] for row in rows] == [[1, 2], None, None]
    for row in rows:
        assert row["total"] == 15
        assert row["source"] == "debug1"
        assert row["labels"] == '{"az":"1","zone":"b"}'
        assert row["requests_total"] == 9.5


def test_a_snapshot_without_groups_still_leaves_a_row() -> None:
    (row,) = table_rows(SNAPSHOTS, 0, [Landed(0, a_snapshot(0, groups=0))]).to_pylist()
    assert row["signature"] is None
    assert row["count"] is None
    assert row["total"] == 10


def test_rows_are_sorted_by_service_signature_and_time() -> None:
    events = [
        a_snapshot(2, service="b"),
        a_snapshot(1, service="b"),
        a_snapshot(9, service="a"),
        a_snapshot(0, service="a", groups=0),
    ]
    rows = table_rows(SNAPSHOTS, 0, [Landed(n, e) for n, e in enumerate(events)]).to_pylist()
    keys = [(r["service"], r["signature"] or "", r["time_ns"]) for r in rows]
    assert keys == sorted(keys)


def test_an_assessment_has_a_row_for_the_total_and_one_per_signature() -> None:
    signature = SignatureAssessed(
        signature="a" * 32,
        count=40,
        first_seen_ns=START_NS,
        aged=3,
        dual_window=DualWindowFigures(value=40.0, z=3.5, alarm=True),
        growth=GrowthFigures(score=9.0, threshold=5.0, per_hour=12.0, onset_ns=START_NS),
    )
    event = an_event_of(
        ASSESSMENTS,
        signatures=[signature],
        restarted=True,
        dual_window=DualWindowFigures(value=3.0),
    )
    total, one = table_rows(ASSESSMENTS, 0, [Landed(0, event)]).to_pylist()
    assert (total["signature"], total["count"], total["restarted"]) == (None, 12, True)
    assert total["value"] == 3.0
    assert (one["signature"], one["count"], one["aged"]) == ("a" * 32, 40, 3)
    assert (one["z"], one["alarm"]) == (3.5, True)
    assert (one["growth_score"], one["growth_per_hour"]) == (9.0, 12.0)
    assert one["growth_onset_ns"] == START_NS


def test_a_trace_window_has_a_row_per_creation_site_and_one_per_flow() -> None:
    site = CreationTraced(
        creation_site="main.spawn main.go:5",
        start="main.work",
        created=14,
        exited=2,
        created_thirds=(5, 5, 4),
        alive=12,
        blocked=11,
        blocked_seconds=7.5,
    )
    one = flow(blocked(range(3)), evidence=[GROWTH], open=30)
    event = window(one, creations=(site,), lost_bytes=7)
    made, waits = table_rows(LIFECYCLES, 0, [Landed(5, event)]).to_pylist()
    assert (made["signature"], made["created"], made["blocked"]) == (None, 14, 11)
    assert (made["created_thirds"], made["blocked_seconds"]) == ([5, 5, 4], 7.5)
    assert (made["open"], made["evidence"], made["wakers"]) == (None, None, None)
    assert (waits["signature"], waits["open"], waits["blocked"]) == (SITE, 30, None)
    assert waits["goroutine_ids"] == [0, 1, 2]
    assert waits["wakers"] == [
        {"site": "main.serve main.go:30", "start": "main.serve", "count": 7, "alive": 0}
    ]
    assert waits["evidence"][0]["detector"] == "trace_growth"
    for row in (made, waits):
        assert (row["creation_site"], row["window_seconds"]) == ("main.spawn main.go:5", 1.0)
        assert (row["kafka_offset"], row["lost_bytes"]) == (5, 7)


def test_a_trace_window_of_nothing_still_leaves_a_row() -> None:
    (row,) = table_rows(LIFECYCLES, 0, [Landed(5, window())]).to_pylist()
    assert (row["signature"], row["creation_site"], row["total"]) == (None, None, 40)


def test_a_finding_keeps_its_evidence_and_numbers() -> None:
    (row,) = table_rows(FINDINGS, 0, [Landed(0, an_event_of(FINDINGS))]).to_pylist()
    assert (row["state"], row["grade"]) == ("firing", "growing")
    assert row["evidence"][0]["detector"] == "rising_floor"
    assert row["evidence"][0]["numbers"] == [("n", 1.0)]


def test_a_statistic_keeps_window_and_model_apart() -> None:
    model = {"model": "adwin", "score": 1.5, "threshold": 2.0, "alarm": True}
    (row,) = table_rows(
        STATISTICS, 0, [Landed(0, an_event_of(STATISTICS, model=model))]
    ).to_pylist()
    assert (row["value"], row["alarm"]) == (3.0, False)
    assert (row["model"], row["model_score"], row["model_alarm"]) == ("adwin", 1.5, True)


def test_a_stack_keeps_its_frames() -> None:
    (row,) = table_rows(STACKS, 0, [Landed(0, an_event_of(STACKS))]).to_pylist()
    assert row["frames"] == [{"function": "main.main", "file": "main.go", "line": 3}]


def test_a_number_that_no_column_holds_is_an_error() -> None:
    # No decoder lets this through; a column must not take it either.
    event = msgspec.structs.replace(an_event_of(RUNTIMES), goroutines=2**70)
    with pytest.raises((pa.ArrowInvalid, OverflowError)):
        table_rows(RUNTIMES, 0, [Landed(0, event)])


def test_the_time_range_is_that_of_the_events() -> None:
    landed = [Landed(0, a_snapshot(5)), Landed(1, a_snapshot(2))]
    assert event_times(SNAPSHOTS, landed) == (START_NS + 2 * 10**9, START_NS + 5 * 10**9)
    assert event_times(SNAPSHOTS, []) is None
