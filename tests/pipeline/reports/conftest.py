"""One lake of a small fleet for all tests of reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fleet_lakes import AS_OF_NS, land_fleet
from goleakprobe.reports import FleetReport, fleet_report

if TYPE_CHECKING:
    from pathlib import Path

_HOSTILE = "<script>alert(1)</script>\"'><img src=//evil.example onerror=x>{{7*7}}[red]"


@pytest.fixture(scope="session")
def fleet_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the lake; nobody may write to it."""
    folder = tmp_path_factory.mktemp("fleet")
    land_fleet(folder)
    return folder


@pytest.fixture(scope="session")
def report(fleet_lake: Path) -> FleetReport:
    """The fleet with charts."""
    return fleet_report(fleet_lake, as_of_ns=AS_OF_NS, charts=10)


def hostile(name: str) -> str:
    """A name that tries everything: markup, quotes, templates, terminal codes, direction."""
    return f"{_HOSTILE}\x1b[2J\u202e\x00\n{name}"


@pytest.fixture(scope="session")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> FleetReport:
    """The same fleet, every name of it chosen by an attacker."""
    folder = tmp_path_factory.mktemp("hostile")
    land_fleet(folder, rename=hostile)
    return fleet_report(folder, as_of_ns=AS_OF_NS, charts=10)
