"""Transitions equal those of Go's own reader: on its golden traces, and on traces made here."""

from __future__ import annotations

import pytest

from trace_goldens import golden_folder, read_golden
from trace_peer import differences, read_with_go, read_with_us
from trace_programs import PROGRAMS, RELEASES, build, record

# Go refuses these for what it checks of processors, which transitions of goroutines do not need.
REFUSED_BY_GO = {"go122-create-syscall-with-p", "go122-fail-first-gen-first"}


@pytest.mark.go
def test_golden_traces_of_the_installed_toolchain(peer, engine, tmp_path):
    folder = golden_folder()
    assert folder is not None, "the toolchain has no golden traces"
    compared = 0
    for golden in sorted(folder.glob("*.test")):
        accepted, data = read_golden(golden)
        trace = tmp_path / "golden.trace"
        trace.write_bytes(data)
        ours = read_with_us(trace, engine)
        if not accepted:
            assert golden.stem in REFUSED_BY_GO
            continue
        theirs = read_with_go(peer, trace, tmp_path)
        assert not theirs.error
        assert differences(ours, theirs) == [], golden.name
        compared += 1
    assert compared >= 20


@pytest.mark.go
@pytest.mark.parametrize("program", ["leaky", "busy", "switches"])
def test_live_traces_of_the_installed_toolchain(program, go, peer, engine, tmp_path):
    _compare(go, program, peer, engine, tmp_path)


@pytest.mark.go
@pytest.mark.go_versions
@pytest.mark.parametrize("program", ["leaky", "busy", "switches"])
@pytest.mark.parametrize("release", RELEASES)
def test_live_traces_of_every_release(release, program, toolchain, peer, tmp_path):
    if program == "switches" and release.startswith("1.22"):
        return  # Coroutine switches came with Go 1.23; the program has nothing to build there.
    _compare(toolchain(release), program, peer, "numpy", tmp_path)


def _compare(go, program, peer, engine, folder):
    binary = build(go, PROGRAMS / program, folder / program)
    trace = folder / f"{program}.trace"
    length = {"leaky": ["-pattern", "unclosed", "-rounds", "400"]}.get(program, ["-seconds", "1.2"])
    if program == "switches":
        length = ["-seconds", "0.2"]
    record(binary, trace, *length)
    ours = read_with_us(trace, engine)
    theirs = read_with_go(peer, trace, folder)
    assert not ours.error
    assert not theirs.error
    assert len(ours) > 1000
    assert differences(ours, theirs) == []
