"""The dual-window threshold: the newest count against the last half minute and ten minutes.

With mu_s over the short window (30 s) and mu_l, sigma_l over the long one (10 minutes, population
deviation)::

    threshold = mu_l + alpha * sigma_l + beta * |mu_s - mu_l|

and the count alarms above it if its z-score (x - mu_l) / sigma_l is also in the rejection region.
Both windows end with the newest sample and hold it, as the formula was specified. That makes it
an alarm for bursts, never for leaks: a steady rise of any slope lifts mu_l, sigma_l and
mu_s - mu_l so much that the threshold stays 1.6 times as far above mu_l as the count (775 s of
growth against 299.5 s at one sample a second).

**Windows are in time**, half open like pandas' ``rolling("600s")``: a sample belongs to the window
of length W at time t if it is younger than W. All samples of the long window are kept, so every
figure is exact however irregular the scrapes are. A row keeps 64 samples (1 kB), enough for
scrapes 10 s apart or slower; a row scraped faster moves to a wide ring of 640 (10 kB), which holds
the long window at one scrape a second. Only what comes faster still is cut: the window is then the
newest 640 samples.

**Variant ``lagged``** (`lagged=True`): the long window ends where the short one begins, so a
change does not raise its own baseline, and mu_s, not a single sample, is tested, with beta 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from goleakprobe_agents.detection.protocol import NEVER_NS, SECOND_NS, Verdicts, accept
from goleakprobe_agents.detection.row_store import Field, Parts, RowStore, bytes_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DualWindow", "DualWindowParameters", "calibrate_rejection"]

_NARROW = 64
_WIDE = 640
_CHUNK_ROWS = 512
"""Rows worked on at once, so that the temporaries stay in the processor's cache."""
_FIGURES = ("value", "short_mean", "long_mean", "long_deviation", "threshold", "z")


@dataclass(frozen=True, slots=True)
class DualWindowParameters:
    """The formula's parameters; the defaults are those specified.

    ``critical_z`` is the edge of the rejection region. 2.5 leaves the decision to the threshold
    (at alpha 2.5 nothing above it has a smaller z-score); `calibrate_rejection` finds the one for
    a wanted rate of false alarms. ``least_samples`` are needed in the long window before anything
    alarms; with the newest sample in its own window none can before the ninth.
    """

    short_seconds: float = 30.0
    long_seconds: float = 600.0
    alpha: float = 2.5
    beta: float = 1.2
    critical_z: float = 2.5
    least_samples: int = 9
    lagged: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.short_seconds < self.long_seconds < math.inf:
            raise ValueError("the short window must be positive and shorter than the long one")
        if not all(math.isfinite(x) for x in (self.alpha, self.beta, self.critical_z)):
            raise ValueError("alpha, beta and critical_z must be finite")


class DualWindow:
    """A bank of dual-window thresholds.

    The score is (x - mu_l - beta * |mu_s - mu_l|) / sigma_l and its threshold alpha, which is the
    same test made comparable between rows; 0 while sigma_l is 0. Reasons: ``value``,
    ``short_mean``, ``long_mean``, ``long_deviation``, ``threshold`` (a count) and ``z``.

    >>> import numpy as np
    >>> bank = DualWindow()
    >>> bank.resize(1)
    >>> row = np.array([0])
    >>> for second in range(0, 600, 15):
    ...     calm = bank.update(row, np.array([second * 10**9]), np.array([100.0 + second % 2]))
    >>> burst = bank.update(row, np.array([600 * 10**9]), np.array([300.0]))
    >>> bool(calm.alarm[0]), bool(burst.alarm[0])
    (False, True)
    """

    def __init__(self, parameters: DualWindowParameters | None = None) -> None:
        self.parameters = parameters = parameters or DualWindowParameters()
        self._short_ns = round(parameters.short_seconds * SECOND_NS)
        self._long_ns = round(parameters.long_seconds * SECOND_NS)
        self._span_ns = self._long_ns + (self._short_ns if parameters.lagged else 0)
        # How many samples back the one lies without which there is no score. The lagged window,
        # which does not hold the newest samples, is always worked out.
        self._calm_slots = max(parameters.least_samples - 1, 0)
        workable = not parameters.lagged and self._calm_slots < _NARROW
        self._calm_ns = self._long_ns if workable else 0
        self._store = RowStore(
            f"dual window 1 {parameters}",
            [
                Field("newest_ns", "<i8", (), NEVER_NS),
                Field("head", "<i8"),
                Field("wide", "<i8", (), -1),
                Field("last", "<f8", (len(_FIGURES) + 1,), math.nan),
                Field("times_ns", "<i8", (_NARROW,), NEVER_NS),
                Field("values", "<f8", (_NARROW,)),
            ],
        )
        self._wide = RowStore(
            f"dual window wide 1 {parameters}",
            [
                Field("owner", "<i8", (), -1),
                Field("times_ns", "<i8", (_WIDE,), NEVER_NS),
                Field("values", "<f8", (_WIDE,)),
            ],
        )

    @property
    def rows(self) -> int:
        """How many rows the bank has."""
        return self._store.rows

    @property
    def state_bytes(self) -> int:
        """Bytes of state the whole bank holds now."""
        return self.rows * self._store.row_bytes + self._wide.rows * self._wide.row_bytes

    def resize(self, rows: int) -> None:
        """Grow or shrink; new rows are empty."""
        dropped = self._wide["owner"] >= rows
        self._wide.reset(np.flatnonzero(dropped))
        self._store.resize(rows)

    def reset(self, rows: NDArray[np.int64]) -> None:
        """Forget these rows."""
        slots = self._store["wide"][rows]
        self._wide.reset(slots[slots >= 0])
        self._store.reset(rows)

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
        for start in range(0, len(fresh.at), _CHUNK_ROWS):
            part = slice(start, start + _CHUNK_ROWS)
            self._advance(fresh.rows[part], fresh.times_ns[part], fresh.values[part])
        last = store["last"][rows]
        figures = {name: last[:, i].copy() for i, name in enumerate(_FIGURES)}
        threshold = np.full(len(rows), self.parameters.alpha)
        return Verdicts(last[:, -1].copy(), threshold, self._alarms(last), figures)

    def dump(self) -> bytes:
        """The whole bank: narrow rings, then wide ones."""
        return b"".join(self.parts())

    def parts(self) -> Parts:
        """What ``dump`` puts together (see RowStore.parts)."""
        narrow = self._store.parts()
        return [bytes_in(narrow).to_bytes(8, "little"), *narrow, *self._wide.parts()]

    def load(self, state: bytes) -> None:
        """Replace the bank; ValueError, and no change, for bytes that are not its own."""
        size = int.from_bytes(state[:8], "little")
        narrow = RowStore(self._store.layout, self._store.fields)
        wide = RowStore(self._wide.layout, self._wide.fields)
        narrow.load(state[8 : 8 + size])
        wide.load(state[8 + size :])
        self._store, self._wide = narrow, wide

    def _alarms(self, last: NDArray[np.float64]) -> NDArray[np.bool_]:
        """The threshold and the z-test, on rows of figures."""
        tested = last[:, 1] if self.parameters.lagged else last[:, 0]
        with np.errstate(invalid="ignore"):
            above = (tested > last[:, 4]) & (last[:, 5] >= self.parameters.critical_z)
        return np.asarray(above & ~np.isnan(last[:, -1]), dtype=np.bool_)

    def _advance(
        self, rows: NDArray[np.int64], times: NDArray[np.int64], values: NDArray[np.float64]
    ) -> None:
        store = self._store
        self._widen(rows, times)
        store["newest_ns"][rows] = times
        slots = store["wide"][rows]
        narrow = np.flatnonzero(slots < 0)
        wide = np.flatnonzero(slots >= 0)
        for ring, members, index, width in (
            (store, narrow, rows[narrow], _NARROW),
            (self._wide, wide, slots[wide], _WIDE),
        ):
            if not len(members):
                continue
            keys, now, value = rows[members], times[members], values[members]
            head = store["head"][keys]
            ring["times_ns"][index, head] = now
            ring["values"][index, head] = value
            store["head"][keys] = (head + 1) % width
            calm = self._calm(
                keys, ring["times_ns"][index, (head - self._calm_slots) % width], now, value
            )
            moved = np.flatnonzero(~calm)
            if len(moved):
                at = index[moved]
                ages = now[moved, None] - ring["times_ns"][at]
                figures = self._figures(ages, ring["values"][at], value[moved])
                store["last"][keys[moved]] = figures

    def _calm(
        self,
        rows: NDArray[np.int64],
        sample_before_ns: NDArray[np.int64],
        now: NDArray[np.int64],
        values: NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        """Rows whose figures stay as they are: the window held one value, and this is it again.

        ``sample_before_ns`` is the time of the last sample that must be in the window for there to
        be a score; a row without one yet is not calm. Most places of most programs are calm.
        """
        last = self._store["last"][rows]
        same = (last[:, 0] == values) & (last[:, 3] == 0) & (last[:, -1] == 0)
        return np.asarray(same & (now - sample_before_ns < self._calm_ns), dtype=np.bool_)

    def _widen(self, rows: NDArray[np.int64], times: NDArray[np.int64]) -> None:
        """Move the rows whose next sample would push one of the long window out of the ring."""
        store = self._store
        oldest = store["times_ns"][rows, store["head"][rows] % _NARROW]
        full = (store["wide"][rows] < 0) & (times - oldest < self._span_ns)
        moving = rows[full]
        if not len(moving):
            return
        free = np.flatnonzero(self._wide["owner"] < 0)
        if len(free) < len(moving):
            first = self._wide.rows
            self._wide.resize(first + max(len(moving), first // 2, 16))
            free = np.flatnonzero(self._wide["owner"] < 0)
        slots = free[: len(moving)]
        order = (store["head"][moving][:, None] + np.arange(_NARROW)) % _NARROW
        for name in ("times_ns", "values"):
            self._wide[name][slots, :_NARROW] = np.take_along_axis(
                store[name][moving], order, axis=1
            )
        self._wide["owner"][slots] = moving
        store["wide"][moving] = slots
        store["head"][moving] = _NARROW

    def _figures(
        self, ages: NDArray[np.int64], ring: NDArray[np.float64], value: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """All figures of rows whose samples have these ages; the last column is the score."""
        parameters = self.parameters
        short = (ages < self._short_ns).astype(np.float64)
        long = (ages < self._span_ns).astype(np.float64)
        if parameters.lagged:
            long -= short
        # About the newest sample, so that big counts lose no digits; blank slots hold zeros.
        offset = ring - value[:, None]
        count = _total(long)
        with np.errstate(invalid="ignore", divide="ignore"):
            short_mean = value + _product(offset, short) / _total(short)
            long_offset = _product(offset, long) / count
            long_mean = value + long_offset
            offset -= long_offset[:, None]
            offset *= long
            deviation = np.sqrt(_product(offset, offset) / count)
            shift = 0.0 if parameters.lagged else parameters.beta * np.abs(short_mean - long_mean)
            tested = short_mean if parameters.lagged else value
            threshold = long_mean + parameters.alpha * deviation + shift
            z = _ratio(tested - long_mean, deviation)
            score = _ratio(tested - long_mean - shift, deviation)
        score[count < parameters.least_samples] = np.nan
        columns: list[Any] = [value, short_mean, long_mean, deviation, threshold, z, score]
        return np.stack(columns, axis=1)


def calibrate_rejection(z_scores: NDArray[np.float64], false_alarms: float) -> float:
    """The critical z that healthy samples reach at no more than the given rate.

    ``z_scores`` are the ``z`` reasons of samples known to be healthy; NaNs are passed over. The
    rate is a share of samples (0 < rate < 1) and holds for what the samples stand for, no more.

    >>> import numpy as np
    >>> calibrate_rejection(np.arange(1000.0), 0.01)
    989.0000000000001
    """
    known = np.sort(z_scores[np.isfinite(z_scores)])
    if not len(known) or not 0 < false_alarms < 1:
        raise ValueError("calibration needs healthy z-scores and a rate between 0 and 1")
    allowed = min(int(false_alarms * len(known)), len(known) - 1)
    return float(np.nextafter(known[len(known) - 1 - allowed], math.inf))


def _total(member: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many members each row has."""
    return np.asarray(np.einsum("ij->i", member), dtype=np.float64)


def _product(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """The scalar product of each row with the same row of another matrix, in one pass."""
    return np.asarray(np.einsum("ij,ij->i", one, other), dtype=np.float64)


def _ratio(excess: NDArray[np.float64], deviation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Excess in deviations; 0 / 0 is 0, and a rise over a flat window counts one goroutine as 1."""
    flat = deviation == 0
    return np.asarray(np.where(flat, excess, excess / np.where(flat, 1.0, deviation)), np.float64)
