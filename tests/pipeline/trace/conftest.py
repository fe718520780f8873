"""Engines of the decoder, and the judge: Go's own reader."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.util import find_spec

import pytest

from go_releases import go_root
from trace_peer import PEER
from trace_programs import PROGRAMS, build, installed_go


def _need(found: object, what: str) -> None:
    if found:
        return
    if os.environ.get("GOLEAKPROBE_REQUIRE") == "all":
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


@pytest.fixture(params=["numpy", "fast"], scope="session")
def engine(request: pytest.FixtureRequest) -> str:
    """Every test that takes this runs once for each engine."""
    if request.param == "fast":
        _need(find_spec("numba"), "numba is not installed: pip install 'go-leak-probe[fast]'")
    return request.param


@pytest.fixture(scope="session")
def go(require):
    """The machine's Go command."""
    require("go")
    found = installed_go()
    assert found is not None
    return found


@pytest.fixture(scope="session")
def peer(go, tmp_path_factory):
    """Go's own reader, from the module proxy."""
    folder = tmp_path_factory.mktemp("peer")
    for name in ("main.go", "go.mod", "go.sum"):
        shutil.copy(PEER / name, folder)
    try:
        return build(go, folder, folder / "peer")
    except subprocess.CalledProcessError as error:
        _need(
            None, f"cannot build Go's trace reader (module proxy?): {error.stderr.strip()[-300:]}"
        )


@pytest.fixture(scope="session")
def leaky(go, tmp_path_factory):
    """The program that leaks a known number of goroutines."""
    return build(go, PROGRAMS / "leaky", tmp_path_factory.mktemp("leaky") / "leaky")


@pytest.fixture(scope="session")
def busy(go, tmp_path_factory):
    """The healthy server under load."""
    return build(go, PROGRAMS / "busy", tmp_path_factory.mktemp("busy") / "busy")


@pytest.fixture(scope="session")
def toolchain():
    """``toolchain("1.23.9")``: the Go command of a release."""

    return lambda version: go_root(version) / "bin/go"
