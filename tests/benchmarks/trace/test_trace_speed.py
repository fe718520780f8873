"""Decoding beside Go's own reader: CPU time and memory, all in one run, best of the rounds.

``read`` is a bare ReadEvent loop, ``cols`` keeps the same columns that we give. The gates are on
ratios: seconds mean nothing on a machine that others use too.
"""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

pytestmark = [pytest.mark.bench, pytest.mark.go, pytest.mark.timeout(900)]

MAX_BYTES_PER_BYTE = 24
LIVE_CORES = 0.5


def engines() -> list[str]:
    if find_spec("numba"):
        return ["numpy", "fast"]
    if os.environ.get("GOLEAKPROBE_REQUIRE") == "all":
        pytest.fail("numba is not installed: pip install 'go-leak-probe[fast]'", pytrace=False)
    print("\nnumba is not installed: the fast engine is not measured")
    return ["numpy"]


def show(name: str, size: int, best: dict[str, dict[str, float]]) -> None:
    print(f"\n{name}: {size / 1e6:.1f} MB, {best['read']['events']:,.0f} events")
    print(f"{'':8}{'CPU s':>8}{'Mev/s':>8}{'x read':>8}{'x cols':>8}{'B/B':>8}")
    for contestant, figures in best.items():
        used = figures["cpu_seconds"]
        memory = figures.get("grown_bytes", 0) / max(1, figures.get("largest_generation", 0))
        print(
            f"{contestant:8}{used:8.3f}{figures['events'] / used / 1e6:8.1f}"
            f"{best['read']['cpu_seconds'] / used:8.2f}{best['cols']['cpu_seconds'] / used:8.2f}"
            f"{memory:8.1f}"
        )


def ratio(best: dict[str, dict[str, float]], peer: str, ours: str) -> float:
    return best[peer]["cpu_seconds"] / best[ours]["cpu_seconds"]


def test_a_busy_server(traces, rounds, analysed):
    trace = traces("busy")
    size = trace.stat().st_size
    best = rounds(trace, engines())
    show("busy server", size, best)
    assert size >= 50e6, "the server was not busy enough on this machine"
    for engine in engines():
        assert best[engine]["transitions"] == best["cols"]["transitions"]
        assert best[engine]["damages"] == 0
    used = analysed(trace, "numpy")["cpu_seconds"]
    cores = used / size * 11e6
    print(f"with all statistics: {used:.2f} CPU s; a live trace of 11 MB/s takes {cores:.2f} cores")
    print(f"decoding alone: {best['numpy']['cpu_seconds'] / size * 11e6:.2f} cores")
    assert ratio(best, "read", "numpy") >= 0.8
    assert ratio(best, "cols", "numpy") >= 1.7
    assert best["numpy"]["grown_bytes"] <= MAX_BYTES_PER_BYTE * best["numpy"]["largest_generation"]
    assert best["numpy"]["cpu_seconds"] / size * 11e6 < LIVE_CORES
    if "fast" in best:
        assert ratio(best, "read", "fast") >= 2.2
        assert ratio(best, "cols", "fast") >= 4.5


@pytest.mark.parametrize("name", ["parked", "switches"])
def test_unusual_traces(name, traces, rounds):
    """Informational: 50,000 parked goroutines, and nothing but coroutine switches."""
    trace = traces(name)
    best = rounds(trace, engines())
    show(name, trace.stat().st_size, best)
    for engine in engines():
        assert best[engine]["transitions"] == best["cols"]["transitions"]
