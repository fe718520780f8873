"""The collector's own figures, for Prometheus."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

import aiohttp
import pytest

from goleakprobe.collect.listener import listening
from goleakprobe.collect.metrics import CollectorMetrics
from goleakprobe.collect.status import CollectorStatus, TargetStatus
from goleakprobe.errors import ListenError

if TYPE_CHECKING:
    from collections.abc import Callable


def metrics() -> CollectorMetrics:
    status = CollectorStatus()
    for key, up in (("a", True), ("b", False), ("c", None)):
        status.targets[key] = TargetStatus()
        status.targets[key].up = up
    status.messages_in_flight = 3
    made = CollectorMetrics(status)
    made.scrapes.labels("debug0", "ok").inc()
    made.scrape_seconds.labels("debug0").observe(0.02)
    made.events.labels("goroutine.snapshot.collected.v1").inc()
    made.publish_failures.labels("goroutine.snapshot.collected.v1").inc()
    return made


async def test_metrics_and_health_are_served() -> None:
    async with (
        listening("127.0.0.1:0", metrics().exposition) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        async with session.get("/metrics") as response:
            text = await response.text()
            assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        async with session.get("/-/healthy") as response:
            assert response.status == 200
    assert 'goleakprobe_collect_targets{state="down"} 1.0' in text
    assert 'goleakprobe_collect_targets{state="unknown"} 1.0' in text
    assert "goleakprobe_collect_in_flight_messages 3.0" in text


async def test_readiness_says_what_keeps_events_from_the_broker() -> None:
    status = CollectorStatus()
    async with (
        listening("127.0.0.1:0", bytes, lambda: status.unready) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):

        async def ready() -> tuple[int, str]:
            async with session.get("/-/ready") as response:
                return response.status, await response.text()

        assert await ready() == (503, "still starting\n")
        status.collecting = True
        assert await ready() == (200, "ready\n")
        status.last_publish_error = "the broker is away"
        assert await ready() == (503, "the broker is away\n")


async def test_a_port_that_is_taken_is_named(free_port: int) -> None:
    address = f"127.0.0.1:{free_port}"
    async with listening(address, bytes):
        with pytest.raises(ListenError, match=f"{address}.*in use.*collect.listen_address"):
            async with listening(address, bytes):
                pass


@pytest.mark.alertmanager
async def test_promtool_finds_nothing_to_object_to(require: Callable[[str], None]) -> None:
    require("promtool")
    promtool = shutil.which("promtool")
    assert promtool is not None
    process = await asyncio.create_subprocess_exec(
        promtool,
        "check",
        "metrics",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate(metrics().exposition())
    assert process.returncode == 0, said.decode()
    assert said == b""
