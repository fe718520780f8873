"""Engines of the decoder, and the judge: Go's own reader."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest


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
