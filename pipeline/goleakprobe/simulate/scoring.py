"""Judge anyone's series: a CSV or Parquet file of samples in, a file of verdicts out.

Input columns: ``series_id``, ``ts`` (seconds from any origin), ``count``; where known ``kind``
(``total`` or ``stack``, one per series), ``rate`` (requests per second), ``aged`` (how many of the
count are older than ten minutes) and ``restart`` (1 on the first sample of a new process). Rows may
come in any order and at any distance; empty fields mean unknown.

Output columns: ``series_id``, ``ts``, ``score``, ``alarm`` (0 or 1): one row per sample that the
detector took, in order of time within each series. A score of 0 says there is none yet. Samples
that no detector can use (no time, a count that is missing, negative or absurd, a time that was
there before) have no row and are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from goleakprobe.errors import GoLeakProbeError
from goleakprobe.simulate.contestants import DEFAULT, contestant
from goleakprobe_agents.detection.protocol import BOUNDLESS_COUNT, LATEST_NS, SECOND_NS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from goleakprobe.simulate.recipe import Kind

__all__ = ["ScoringError", "Tally", "score_file", "score_table"]

_REQUIRED = ("series_id", "ts", "count")


class ScoringError(GoLeakProbeError):
    """A file of samples that cannot be read as one."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the samples."""

    series: int
    samples: int
    left_out: int
    alarming_series: int


@dataclass(frozen=True, slots=True)
class _Samples:
    """Usable samples, by series and time; ``rank`` is a sample's place within its series."""

    names: pa.Array
    series: NDArray[np.int64]
    rank: NDArray[np.int64]
    ts: NDArray[np.float64]
    times_ns: NDArray[np.int64]
    count: NDArray[np.float64]
    rate: NDArray[np.float64]
    aged: NDArray[np.float64]
    start_ns: NDArray[np.int64]
    stack: NDArray[np.bool_]
    """One per series."""
    left_out: int


def score_file(source: Path, target: Path, detector: str = DEFAULT) -> Tally:
    """Score one file into another; the names' endings choose CSV or Parquet.

    ScoringError for a file that is not one of samples; ValueError for an unknown detector.
    """
    contestant(detector, "total")
    try:
        table = pq.read_table(source) if _is_parquet(source) else pa.csv.read_csv(source)
    except pa.ArrowInvalid as problem:
        raise ScoringError(f"{source}: not a readable table: {problem}") from problem
    scored, tally = score_table(table, detector)
    if _is_parquet(target):
        pq.write_table(scored, target)
    else:
        pa.csv.write_csv(scored, target)
    return tally


def score_table(table: pa.Table, detector: str = DEFAULT) -> tuple[pa.Table, Tally]:
    """Score samples in memory; rows of the answer are sorted by series and time."""
    samples = _prepare(table)
    score = np.zeros(len(samples.series))
    alarm = np.zeros(len(samples.series), dtype=np.int8)
    kinds: tuple[tuple[Kind, NDArray[np.bool_]], ...] = (
        ("stack", samples.stack),
        ("total", ~samples.stack),
    )
    for kind, members in kinds:
        _score_kind(samples, kind, members, detector, score, alarm)
    loud = np.unique(samples.series[alarm > 0])
    answer = pa.table(
        {
            "series_id": samples.names.take(pa.array(samples.series)),
            "ts": samples.ts,
            "score": score,
            "alarm": alarm,
        }
    )
    return answer, Tally(len(samples.names), len(score), samples.left_out, len(loud))


def _is_parquet(path: Path) -> bool:
    return path.suffix in (".parquet", ".pq")


def _score_kind(
    samples: _Samples,
    kind: Kind,
    members: NDArray[np.bool_],
    detector: str,
    score: NDArray[np.float64],
    alarm: NDArray[np.int8],
) -> None:
    """Feed all series of a kind in step: the first samples of all, then the second..."""
    if not members.any():
        return
    bank = contestant(detector, kind)
    bank.resize(int(members.sum()))
    row_of = np.cumsum(members) - 1
    mine = np.flatnonzero(members[samples.series])
    order = mine[np.argsort(samples.rank[mine], kind="stable")]
    for at in np.split(order, np.flatnonzero(np.diff(samples.rank[order])) + 1):
        verdicts = bank.update(
            row_of[samples.series[at]].astype(np.int64),
            samples.times_ns[at],
            samples.count[at],
            rate=samples.rate[at],
            aged=samples.aged[at],
            process_start_ns=samples.start_ns[at],
        )
        score[at] = np.nan_to_num(verdicts.score, nan=0.0, posinf=1e9, neginf=-1e9)
        alarm[at] = verdicts.alarm


def _prepare(table: pa.Table) -> _Samples:
    missing = [name for name in _REQUIRED if name not in table.column_names]
    if missing:
        raise ScoringError(
            f"the input has no column {', '.join(missing)}; it needs {', '.join(_REQUIRED)}"
        )
    ids = pc.dictionary_encode(table["series_id"].combine_chunks(), null_encoding="encode")
    series = ids.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    ts, count = _floats(table, "ts"), _floats(table, "count")
    with np.errstate(invalid="ignore"):
        usable = (np.abs(ts) < LATEST_NS / SECOND_NS) & (count >= 0) & (count <= BOUNDLESS_COUNT)
    if len(ts) and not usable.any():
        raise ScoringError("no sample can be used: is ts in seconds, and count a number?")
    order = np.flatnonzero(usable)
    order = order[np.lexsort((ts[order], series[order]))]
    times = np.rint(ts[order] * SECOND_NS).astype(np.int64)
    own = series[order]
    repeated = np.zeros(len(order), dtype=np.bool_)
    repeated[1:] = (own[1:] == own[:-1]) & (times[1:] == times[:-1])
    order, own, times = order[~repeated], own[~repeated], times[~repeated]
    first = np.ones(len(own), dtype=np.bool_)
    first[1:] = own[1:] != own[:-1]
    begin = np.maximum.accumulate(np.where(first, np.arange(len(own)), 0))
    return _Samples(
        names=ids.dictionary,
        series=own,
        rank=np.arange(len(own)) - begin,
        ts=ts[order],
        times_ns=times,
        count=count[order],
        rate=_floats(table, "rate")[order],
        aged=_floats(table, "aged")[order],
        start_ns=_starts(_floats(table, "restart")[order], times, first, begin),
        stack=_stacks(table, series, len(ids.dictionary)),
        left_out=table.num_rows - len(order),
    )


def _floats(table: pa.Table, name: str) -> NDArray[np.float64]:
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    try:
        column = table[name].cast(pa.float64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as problem:
        raise ScoringError(f"column {name} must hold numbers: {problem}") from problem
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _starts(
    restart: NDArray[np.float64],
    times: NDArray[np.int64],
    first: NDArray[np.bool_],
    begin: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Start of the process each sample is of; 0 (unknown) before a series' first restart."""
    began = (np.nan_to_num(restart) > 0) & ~first
    newest = np.maximum.accumulate(np.where(began, np.arange(len(times)), -1))
    known = newest >= begin
    return np.where(known, times[np.maximum(newest, 0)], 0).astype(np.int64)


def _stacks(table: pa.Table, series: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    """Which series are stacks: as ``kind`` says, else those of which ages are known."""
    stack = np.zeros(n, dtype=np.bool_)
    if "kind" not in table.column_names:
        stack[np.unique(series[~np.isnan(_floats(table, "aged"))])] = True
        return stack
    kinds: Any = np.asarray(table["kind"].cast(pa.string()).to_pylist(), dtype=object)
    strange = {kind for kind in set(kinds) if kind not in ("stack", "total", None, "")}
    if strange:
        raise ScoringError(f"kind must be total or stack, not {min(strange)!r}")
    stack[np.unique(series[kinds == "stack"])] = True
    return stack
