"""Programs with a known number of leaks are found out exactly, healthy ones not at all."""

from __future__ import annotations

import pytest

from goleakprobe.trace import TraceAnalysis, TraceReport
from trace_programs import record

LEAKS = {
    # pattern: what they wait in, the function that waits, evidence beyond growth
    "sender": ("chan send", "main.sender.func1", set()),
    "detached": ("select", "main.detached.func1", set()),
    "undone": ("sync.WaitGroup.Wait", "main.undone.func3", {"trace_outlasting"}),
    "kept": ("sync.Mutex.Lock", "main.kept.func2", set()),
    "unclosed": ("chan receive", "main.unclosed.func2", {"trace_wakers_gone"}),
}


def analyse(trace) -> TraceReport:
    analysis = TraceAnalysis()
    with trace.open("rb") as file:
        while chunk := file.read(1 << 16):
            analysis.feed(chunk)
    return analysis.finish()


@pytest.mark.go
@pytest.mark.parametrize("pattern", LEAKS)
def test_the_leaks_are_counted_exactly(pattern, leaky, tmp_path):
    truth = record(leaky, tmp_path / "t", "-pattern", pattern)
    report = analyse(tmp_path / "t")
    wait, function, more = LEAKS[pattern]
    [suspect] = report.suspects
    assert suspect.leaked == truth["inside"]
    assert suspect.wait == wait
    assert suspect.blocking_site.startswith(function + " ")
    assert suspect.creation_site.startswith(f"main.{pattern} ")
    detectors = {one.detector for one in suspect.evidence}
    assert "trace_growth" in detectors
    assert more <= detectors
    [site] = [
        one for one in report.window.creation_sites if one.start == suspect.start and one.site
    ]
    assert site.net == truth["inside"]
    [where] = [
        one
        for one in report.window.blocking_sites
        if (one.wait, one.site) == (wait, suspect.blocking_site)
    ]
    assert where.open == truth["inside"] + truth["before"]
    assert where.open_earlier == truth["before"]


@pytest.mark.go
def test_a_healthy_program_is_silent(leaky, tmp_path):
    record(leaky, tmp_path / "t", "-pattern", "healthy")
    assert analyse(tmp_path / "t").suspects == ()


@pytest.mark.go
@pytest.mark.parametrize("parked", [0, 2000])
def test_a_busy_healthy_server_is_silent(busy, tmp_path, parked):
    record(busy, tmp_path / "t", "-seconds", "2", "-parked", str(parked))
    report = analyse(tmp_path / "t")
    assert report.suspects == ()
    assert report.window.alive >= parked
    assert not report.window.damages
