"""Other people's files: every form they come in, and every way they are wrong."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from goleakprobe.cli.detect import detect_app
from goleakprobe.simulate.files import write_series
from goleakprobe.simulate.recipe import simulate
from goleakprobe.simulate.scoring import ScoringError, score_file, score_table


def table(**columns):
    return pa.table({"series_id": ["a"] * len(columns["ts"]), **columns})


def leak(n=720):
    ts = np.arange(n) * 15.0
    return ts, 20 + np.floor(np.maximum(ts - 1800, 0) / 20)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_simulated_files_can_be_scored(tmp_path, ending):
    series = simulate(22, kind="stack", hours=3)
    samples, labels = tmp_path / f"s.{ending}", tmp_path / f"l.{ending}"
    assert write_series(series, samples, labels) == 22
    target = tmp_path / f"v.{ending}"
    tally = score_file(samples, target)
    assert (tally.series, tally.samples, tally.left_out) == (22, 22 * 720, 0)
    got = pq.read_table(target) if ending == "parquet" else pa.csv.read_csv(target)
    assert got.column_names == ["series_id", "ts", "score", "alarm"]
    assert set(got["alarm"].to_pylist()) <= {0, 1}


def test_a_leaking_series_alarms_after_its_onset_and_a_steady_one_never():
    ts, counts = leak()
    rows = pa.table(
        {
            "series_id": ["leak"] * 720 + ["calm"] * 720,
            "ts": np.tile(ts, 2),
            "count": np.concatenate([counts, np.full(720, 20.0)]),
            "kind": ["stack"] * 1440,
        }
    )
    got, tally = score_table(rows)
    assert tally.alarming_series == 1
    alarms = got.filter(pa.compute.equal(got["alarm"], 1))
    assert set(alarms["series_id"].to_pylist()) == {"leak"}
    assert min(alarms["ts"].to_pylist()) > 1800


def test_the_order_of_rows_and_of_other_series_does_not_matter():
    ts, counts = leak()
    rows = table(ts=ts, count=counts)
    shuffled = rows.take(pa.array(np.random.default_rng(0).permutation(720)))
    assert score_table(rows)[0].equals(score_table(shuffled)[0])


def test_unusable_samples_are_counted_and_have_no_row():
    rows = table(
        ts=[0.0, 15.0, 15.0, 30.0, None, 60.0, 75.0, 1e30],
        count=[1.0, 2.0, 3.0, -1.0, 5.0, None, 1e300, 2.0],
    )
    got, tally = score_table(rows)
    assert tally.left_out == 6
    assert got["ts"].to_pylist() == [0.0, 15.0]


def test_a_restart_begins_a_new_process():
    ts, counts = leak()
    restart = (np.arange(720) % 100 == 99).astype(int)
    _, tally = score_table(table(ts=ts, count=np.where(restart, 0, counts), restart=restart))
    assert tally.samples == 720


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (pa.table({"series_id": ["a"], "ts": [1.0]}), "no column count"),
        (table(ts=[0.0], count=["many"]), "count must hold numbers"),
        (table(ts=[1.7e18], count=[1.0]), "ts in seconds"),
        (table(ts=[0.0], count=[1.0], kind=["heap"]), "total or stack"),
    ],
)
def test_what_is_wrong_is_said(rows, says):
    with pytest.raises(ScoringError, match=says):
        score_table(rows)


def test_an_empty_file_gives_an_empty_answer():
    got, tally = score_table(table(ts=pa.array([], pa.float64()), count=pa.array([], pa.int64())))
    assert (got.num_rows, tally.series) == (0, 0)


@pytest.mark.parametrize("detector", ["evidence", "dual_window", "adwin", "static"])
def test_the_command_scores_with_any_detector(tmp_path, detector):
    ts, counts = leak(100)
    pa.csv.write_csv(table(ts=ts, count=counts), tmp_path / "in.csv")
    arguments = ["score", "--input", str(tmp_path / "in.csv"), "--output", str(tmp_path / "o.csv")]
    result = CliRunner().invoke(detect_app, [*arguments, "--detector", detector])
    assert result.exit_code == 0, result.output
    assert pa.csv.read_csv(tmp_path / "o.csv").num_rows == 100


@pytest.mark.parametrize(
    ("detector", "text", "code"), [("nope", "series_id,ts,count\n", 2), ("evidence", "x\n1\n", 3)]
)
def test_the_command_tells_usage_from_bad_input(tmp_path, detector, text, code):
    (tmp_path / "in.csv").write_text(text)
    arguments = ["score", "-i", str(tmp_path / "in.csv"), "-o", str(tmp_path / "o.csv")]
    result = CliRunner().invoke(detect_app, [*arguments, "--detector", detector])
    assert result.exit_code == code
