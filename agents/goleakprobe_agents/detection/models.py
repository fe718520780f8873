"""One of river's online models for each row, chosen by name.

Models answer a question of their own: ``adwin`` and ``page_hinkley`` watch the floor (least count
per minute) for a change of its mean and count how often in a row it changed upwards; the others
score each count for being unusual. A leak is a little more for ever, so only the first two say
much about leaks; the others see bursts that a threshold on deviations would not.

A model's state is pickled, at most `STATE_BYTES` a row: a row that outgrows it is left out of the
dump, named in ``rebuilding`` and starts anew when the dump is loaded. Unpickling admits the few
classes these models are made of and nothing else.

Sources: Bifet and Gavaldà 2007 (ADWIN); Page 1954; Schölkopf et al. 2001 (one-class SVM, here by
stochastic gradient descent); Tan, Ting and Liu 2011 (half-space trees).
"""

from __future__ import annotations

import collections
import functools
import io
import math
import pickle
import random
import zlib
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from river import anomaly, drift

from goleakprobe_agents.detection.protocol import NEVER_NS, SECOND_NS, Verdicts, accept
from goleakprobe_agents.detection.row_store import Field, RowStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["MODELS", "STATE_BYTES", "OnlineModels"]

STATE_BYTES = 32_768
"""Budget of one row's pickled model."""
FLOOR_SECONDS = 60.0
_NO_BUCKET = -(2**40)


class _Model(Protocol):
    """What the bank asks of an adapter."""

    on_floor: bool
    threshold: float

    def learn(self, value: float) -> float:
        """Score a value and learn from it; NaN while there is too little to score by."""


class _Drifts:
    """A change detector on the floor, scored by upward changes in a row, plus the newest's size."""

    on_floor = True
    threshold = 2.0

    def __init__(self, detector: Any) -> None:
        self._detector = detector
        self._mean = math.nan
        self._ups = 0

    def learn(self, value: float) -> float:
        before = self._mean
        scaled = math.log1p(value)
        self._detector.update(scaled)
        weight = 0.1 if math.isfinite(before) else 1.0
        self._mean = scaled if weight == 1.0 else before + weight * (scaled - before)
        if self._detector.drift_detected:
            self._ups = self._ups + 1 if scaled >= before else 0
        return float(self._ups)


class _Unusual:
    """An outlier scorer on the count, relative to the first values of the row."""

    on_floor = False

    def __init__(self, scorer: Any, threshold: float, as_features: bool) -> None:
        self._scorer = scorer
        self.threshold = threshold
        self._as_features = as_features
        self._scale = math.nan
        self._seen = 0

    def learn(self, value: float) -> float:
        if not math.isfinite(self._scale):
            self._scale = max(value, 1.0)
        share = value / (value + self._scale)
        self._seen += 1
        if self._as_features:
            score = self._scorer.score_one({"share": share})
            self._scorer.learn_one({"share": share})
        else:
            score = self._scorer.score_one(None, share) if self._seen > 2 else math.nan
            self._scorer.learn_one(None, share)
        return float(score) if self._seen > 30 else math.nan


MODELS: dict[str, Callable[[], _Model]] = {
    "adwin": lambda: _Drifts(drift.ADWIN(delta=0.002, clock=1, grace_period=5)),
    "page_hinkley": lambda: _Drifts(
        drift.PageHinkley(min_instances=10, delta=0.005, threshold=0.5, mode="up")
    ),
    "gaussian": lambda: _Unusual(anomaly.GaussianScorer(window_size=None), 0.9999, False),
    "absolute_deviation": lambda: _Unusual(anomaly.StandardAbsoluteDeviation(), 4.0, False),
    "one_class_svm": lambda: _Unusual(anomaly.OneClassSVM(nu=0.1), 0.2, True),
    "half_space_trees": lambda: _Unusual(
        anomaly.HalfSpaceTrees(n_trees=5, height=5, window_size=120, seed=1), 0.95, True
    ),
}
"""Adapters by name; each call makes the model of one row."""


class OnlineModels:
    """A bank of one model's instances.

    Reasons: ``value``, what the model learnt last (a floor or a count).

    >>> import numpy as np
    >>> bank = OnlineModels("adwin")
    >>> bank.resize(1)
    >>> for minute in range(300):
    ...     count = np.array([100.0 + minute])
    ...     verdict = bank.update(np.array([0]), np.array([minute * 60 * 10**9]), count)
    >>> bool(verdict.alarm[0])
    True
    """

    def __init__(self, model: str = "adwin") -> None:
        if model not in MODELS:
            raise ValueError(f"there is no model {model!r}; choose one of {', '.join(MODELS)}")
        self.model = model
        self.rebuilding: tuple[int, ...] = ()
        """Rows whose model was left out of the newest dump or load."""
        self._models: list[_Model | None] = []
        self._threshold = MODELS[model]().threshold
        self._on_floor = MODELS[model]().on_floor
        self._store = RowStore(
            f"online models 1 {model}",
            [
                Field("newest_ns", "<i8", (), NEVER_NS),
                Field("bucket", "<i8", (), _NO_BUCKET),
                Field("least", "<f8", (), math.inf),
                Field("last", "<f8", (2,), math.nan),
                Field("pickle_bytes", "<i8"),
            ],
        )

    @property
    def rows(self) -> int:
        """How many rows the bank has."""
        return self._store.rows

    def resize(self, rows: int) -> None:
        """Grow or shrink; new rows are empty."""
        self._store.resize(rows)
        del self._models[rows:]
        self._models += [None] * (rows - len(self._models))

    def reset(self, rows: NDArray[np.int64]) -> None:
        """Forget these rows."""
        self._store.reset(rows)
        for row in rows.tolist():
            self._models[row] = None

    def update(
        self,
        rows: NDArray[np.int64],
        times_ns: NDArray[np.int64],
        values: NDArray[np.float64],
        *,
        rate: NDArray[np.float64] | None = None,
        aged: NDArray[np.float64] | None = None,
        process_start_ns: NDArray[np.int64] | None = None,
    ) -> Verdicts:
        """One sample per row; the channels beside the count are not used."""
        store = self._store
        fresh = accept(rows, times_ns, values, store["newest_ns"])
        for row, time, value in zip(
            fresh.rows.tolist(), fresh.times_ns.tolist(), fresh.values.tolist(), strict=True
        ):
            store["newest_ns"][row] = time
            learnt = self._floor(row, time, value) if self._on_floor else value
            if learnt is not None:
                store["last"][row] = (self._model(row).learn(learnt), learnt)
        last = store["last"][rows]
        with np.errstate(invalid="ignore"):
            alarm = last[:, 0] >= self._threshold
        threshold = np.full(len(rows), self._threshold)
        return Verdicts(last[:, 0].copy(), threshold, alarm, {"value": last[:, 1].copy()})

    def _floor(self, row: int, time_ns: int, value: float) -> float | None:
        """The floor of the bucket that this sample closes, if it does."""
        store = self._store
        bucket = time_ns // round(FLOOR_SECONDS * SECOND_NS)
        closed = (
            float(store["least"][row]) if store["bucket"][row] not in (_NO_BUCKET, bucket) else None
        )
        store["least"][row] = (
            value if bucket != store["bucket"][row] else min(value, store["least"][row])
        )
        store["bucket"][row] = bucket
        return closed

    def _model(self, row: int) -> _Model:
        model = self._models[row]
        if model is None:
            model = self._models[row] = MODELS[self.model]()
        return model

    def dump(self) -> bytes:
        """The whole bank; see ``rebuilding`` for rows over budget."""
        pickles = [b"" if m is None else pickle.dumps(m, 5) for m in self._models]
        over = [row for row, pickled in enumerate(pickles) if len(pickled) > STATE_BYTES]
        for row in over:
            pickles[row] = b""
        self.rebuilding = tuple(over)
        self._store["pickle_bytes"][:] = [len(pickled) for pickled in pickles]
        head = self._store.dump()
        body = len(head).to_bytes(8, "little") + head + b"".join(pickles)
        return zlib.crc32(body).to_bytes(4, "little") + body

    def load(self, state: bytes) -> None:
        """Replace the bank; ValueError, and no change, for bytes that are not its own."""
        if int.from_bytes(state[:4], "little") != zlib.crc32(state[4:]):
            raise ValueError("state is damaged: its checksum does not match")
        state = state[4:]
        size = int.from_bytes(state[:8], "little")
        store = RowStore(self._store.layout, self._store.fields)
        store.load(state[8 : 8 + size])
        sizes = store["pickle_bytes"].tolist()
        if any(s < 0 or s > STATE_BYTES for s in sizes) or 8 + size + sum(sizes) != len(state):
            raise ValueError("state is damaged: its models are not where they should be")
        models: list[_Model | None] = []
        offset = 8 + size
        for pickled_bytes in sizes:
            pickled = state[offset : offset + pickled_bytes]
            models.append(_unpickle(pickled) if pickled else None)
            offset += pickled_bytes
        self._store, self._models = store, models
        self.rebuilding = ()


def _method(owner: object, name: str) -> Any:
    """``getattr`` for river's own models: a change detector keeps one of its test methods."""
    if type(owner) is not drift.PageHinkley or not name.startswith("_test_"):
        raise pickle.UnpicklingError(f"{name!r} of {type(owner).__name__} is not a model's method")
    return getattr(owner, name)


_ADMITTED: dict[tuple[str, str], Any] = {
    ("builtins", "getattr"): _method,
    ("builtins", "tuple"): tuple,
    ("collections", "defaultdict"): collections.defaultdict,
    ("functools", "partial"): functools.partial,
    ("random", "Random"): random.Random,
    (__name__, "_Drifts"): _Drifts,
    (__name__, "_Unusual"): _Unusual,
}
_ADMITTED_OF_RIVER = {
    "ADWIN", "AdaptiveWindowing", "PageHinkley", "Mean", "Var", "Gaussian", "GaussianScorer",
    "StandardAbsoluteDeviation", "OneClassSVM", "SGD", "Constant", "Hinge", "Zeros", "VectorDict",
    "HalfSpaceTrees", "PaddedBranch", "PaddedLeaf",
}  # fmt: skip


class _Unpickler(pickle.Unpickler):
    """Admits what the models here are made of."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ADMITTED:
            return _ADMITTED[module, name]
        if module.partition(".")[0] == "river" and name in _ADMITTED_OF_RIVER:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a model")


def _unpickle(pickled: bytes) -> _Model:
    try:
        model = _Unpickler(io.BytesIO(pickled)).load()
    except Exception as problem:
        raise ValueError(f"state is damaged: a model does not read ({problem})") from problem
    if not isinstance(model, _Drifts | _Unusual):
        raise ValueError("state is damaged: it holds something that is no model")
    return model
