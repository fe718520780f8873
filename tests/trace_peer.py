"""Go's own trace reader as the judge: builds it, runs it, compares its rows with ours."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from goleakprobe.trace.decoder import Decoder
from goleakprobe.trace.errors import TraceError

PEER = Path(__file__).parent / "pipeline/trace/peer"
_ROW = np.dtype(
    [
        ("goroutine", "<i8"),
        ("actor", "<i8"),
        ("reason", "<i4"),
        ("stack", "<i4"),
        ("start_stack", "<i4"),
        ("before", "u1"),
        ("after", "u1"),
        ("pad", "<u2"),
        ("time", "<i8"),
    ]
)


@dataclass
class Rows:
    """Transitions in goroutine order, stacks and reasons as texts by number."""

    columns: dict[str, np.ndarray]
    reasons: list[str]
    stacks: list[str]
    error: str = ""

    def __len__(self) -> int:
        return len(self.columns["goroutine"])


def read_with_go(peer: Path, trace: Path, scratch: Path) -> Rows:
    """What Go's reader says of a trace, stably sorted by goroutine."""
    rows, tables = scratch / "rows.bin", scratch / "tables.json"
    done = subprocess.run(
        [peer, "dump", trace, rows, tables], check=True, capture_output=True, text=True
    )
    answer = json.loads(done.stdout)
    table = np.fromfile(rows, _ROW)
    order = np.argsort(table["goroutine"], kind="stable")
    names = json.loads(tables.read_text())
    columns = {name: table[name][order] for name in _ROW.names if name != "pad"}
    return Rows(
        columns, _in_order(names["reasons"]), _in_order(names["stacks"]), answer.get("error", "")
    )


def read_with_us(trace: Path, engine: str = "numpy") -> Rows:
    """What we say of a trace, stably sorted by goroutine."""
    decoder = Decoder(engine=engine)
    parts = []
    try:
        with trace.open("rb") as file:
            while chunk := file.read(1 << 20):
                parts += decoder.feed(chunk)
        parts += decoder.finish()
        error = "; ".join(damage.reason for damage in decoder.damages)
    except TraceError as refused:
        error = str(refused)
    names = ("goroutine", "actor", "reason", "stack", "start_stack", "before", "after")
    joined = {
        name: np.concatenate([getattr(part, name) for part in parts] or [np.empty(0, np.int64)])
        for name in names
    }
    joined["time"] = np.concatenate([part.time_ns for part in parts] or [np.empty(0, np.int64)])
    order = np.argsort(joined["goroutine"], kind="stable")
    stacks = [
        "".join(f"{frame.function}\x1f{frame.file}\x1f{frame.line}\x1e" for frame in frames)
        for frames in decoder.stacks.frames
    ]
    return Rows({k: v[order] for k, v in joined.items()}, decoder.reasons, stacks, error)


def differences(ours: Rows, theirs: Rows) -> list[str]:
    """How the two differ; empty if they are the same transitions in the same order.

    Times are not compared: Go's reader moves them so that they strictly increase.
    """
    if len(ours) != len(theirs):
        return [f"{len(ours)} rows, Go has {len(theirs)}"]
    found = []
    for name in ("goroutine", "before", "after"):
        found += _unequal(name, ours.columns[name], theirs.columns[name])
    # A status is nobody's action; Go names whoever was on the thread in the generation before.
    acted = (ours.columns["before"] != 0) & (ours.columns["before"] != ours.columns["after"])
    found += _unequal("actor", ours.columns["actor"][acted], theirs.columns["actor"][acted])
    for name, texts in (("reason", "reasons"), ("stack", "stacks"), ("start_stack", "stacks")):
        mine, its = getattr(ours, texts), getattr(theirs, texts)
        number = {text: place for place, text in enumerate(its)}
        mapping = np.array([number.get(text, -2) for text in mine], np.int64)
        found += _unequal(name, mapping[ours.columns[name]], theirs.columns[name])
    return found


def _unequal(name: str, ours: np.ndarray, theirs: np.ndarray) -> list[str]:
    where = np.flatnonzero(ours != theirs)
    if not len(where):
        return []
    first = where[0]
    return [f"{name}: {len(where)} rows, first row {first}: {ours[first]}, Go has {theirs[first]}"]


def _in_order(numbers: dict[str, int]) -> list[str]:
    return sorted(numbers, key=numbers.__getitem__)
