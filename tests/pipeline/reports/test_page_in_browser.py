"""The page in a real browser: quiet, asks nobody for anything, fits a phone, follows the dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from browser_watch import BrowserPage, browser_page
from goleakprobe.reports import render_html

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from goleakprobe.reports import FleetReport

pytestmark = pytest.mark.browser


@pytest.fixture
async def tab(require: Callable[[str], None], tmp_path: Path) -> AsyncIterator[BrowserPage]:
    require("chromium")
    async with browser_page(tmp_path / "profile") as page:
        yield page


async def test_the_watch_notices_requests_and_complaints(tab: BrowserPage, tmp_path: Path) -> None:
    """The other tests would pass in a browser that tells nothing."""
    file = tmp_path / "loud.html"
    file.write_text(
        "<script>console.error('no'); throw 1</script><img src='http://127.0.0.1:9/x.png'>"
    )
    await tab.open(file.as_uri())
    assert "http://127.0.0.1:9/x.png" in tab.requests
    assert len(tab.complaints) >= 2


@pytest.mark.parametrize("names", ["report", "hostile_report"])
async def test_the_page_loads_quietly_and_asks_nobody_for_anything(
    tab: BrowserPage, tmp_path: Path, names: str, request: pytest.FixtureRequest
) -> None:
    fleet: FleetReport = request.getfixturevalue(names)
    file = tmp_path / "fleet.html"
    file.write_text(render_html(fleet))
    await tab.open(file.as_uri())
    assert tab.complaints == []
    assert [url for url in tab.requests if not url.startswith("data:")] == [file.as_uri()]
    assert await tab.value_of("document.scripts.length") == 0
    assert await tab.value_of("document.querySelectorAll('svg.chart path[stroke]').length") >= 9

    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    for width in (1280, 390, 320):
        await tab.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=800,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        assert await tab.value_of(wide) == 0, f"the page is wider than a screen of {width}"


async def test_charts_follow_light_and_dark(
    tab: BrowserPage, tmp_path: Path, report: FleetReport
) -> None:
    file = tmp_path / "fleet.html"
    file.write_text(render_html(report))
    await tab.open(file.as_uri())
    colours = []
    for scheme in ("light", "dark"):
        await tab.command(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        line = "getComputedStyle(document.querySelector('.chart [stroke=\"var(--series-1)\"]'))"
        colours.append(
            (
                await tab.value_of("getComputedStyle(document.body).backgroundColor"),
                await tab.value_of(f"{line}.stroke"),
            )
        )
    assert colours == [
        ("rgb(246, 247, 248)", "rgb(11, 107, 181)"),
        ("rgb(20, 23, 26)", "rgb(108, 182, 240)"),
    ]
