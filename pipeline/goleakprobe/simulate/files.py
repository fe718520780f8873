"""Simulated series as rows of a file: samples as ``detect score`` reads them, labels beside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from goleakprobe.simulate.series import SimulatedSeries

__all__ = ["LABELS", "SAMPLES", "write_series"]

SAMPLES = pa.schema(
    [
        ("series_id", pa.string()),
        ("ts", pa.float64()),
        ("count", pa.int64()),
        ("kind", pa.string()),
        ("rate", pa.float64()),
        ("aged", pa.int64()),
        ("restart", pa.int8()),
    ]
)
LABELS = pa.schema(
    [
        ("series_id", pa.string()),
        ("kind", pa.string()),
        ("family", pa.string()),
        ("leaking", pa.bool_()),
        ("onset_seconds", pa.float64()),
    ]
)


def write_series(
    batches: Iterable[SimulatedSeries],
    samples: Path,
    labels: Path,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write samples and labels as the names' endings say (Parquet, else CSV); how many series."""
    written = 0
    with _writer(samples, SAMPLES) as sample_file, _writer(labels, LABELS) as label_file:
        for batch in batches:
            n = batch.count.shape[1]
            ids = [f"{batch.kind}-{batch.family}-{written + i:06d}" for i in range(n)]
            sample_file.write_table(_samples(batch, ids))
            label_file.write_table(_labels(batch, ids))
            written += n
            if progress is not None:
                progress(n)
    return written


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter | pa.csv.CSVWriter:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in (".parquet", ".pq"):
        return pq.ParquetWriter(path, schema, compression="zstd")
    return pa.csv.CSVWriter(path, schema)


def _samples(batch: SimulatedSeries, ids: list[str]) -> pa.Table:
    steps, n = batch.count.shape
    ts = np.tile(np.arange(steps) * batch.clock.step_seconds, n)
    columns = {
        "series_id": pa.array(ids).take(pa.array(np.repeat(np.arange(n), steps))),
        "ts": pa.array(ts, pa.float64()),
        "count": pa.array(batch.count.T.ravel()),
        "kind": pa.array([batch.kind]).take(pa.array(np.zeros(steps * n, dtype=np.int64))),
        "rate": _optional(None if batch.rate is None else batch.rate, steps * n, pa.float64()),
        "aged": _optional(None if batch.aged is None else batch.aged, steps * n, pa.int64()),
        "restart": pa.array(batch.restart.T.ravel().astype(np.int8)),
    }
    return pa.table(columns, schema=SAMPLES)


def _optional(values: np.ndarray | None, rows: int, kind: pa.DataType) -> pa.Array:
    return pa.nulls(rows, kind) if values is None else pa.array(values.T.ravel(), kind)


def _labels(batch: SimulatedSeries, ids: list[str]) -> pa.Table:
    n = len(ids)
    onset = pa.array(batch.onset_seconds, from_pandas=True)
    return pa.table(
        [pa.array(ids), pa.array([batch.kind] * n), pa.array([batch.family] * n),
         pa.array([batch.leaking] * n), onset],
        schema=LABELS,
    )  # fmt: skip
