"""What the shop's real programs answer, with and without their leak: recorded anew at each run."""

from __future__ import annotations

import asyncio
import time
import zlib
from typing import TYPE_CHECKING

import aiohttp
import msgspec

from goleakprobe.demo.build import build_services, cache_directory
from goleakprobe.demo.ground_truth import SHOP
from goleakprobe.demo.services import running_services
from goleakprobe.demo.toolchain import find_toolchain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from goleakprobe.demo.services import RunningService

__all__ = ["Recording", "read_recordings", "record_shop"]

# Pools have filled by then, and a leak of three a second stands out.
_WARM_UP_SECONDS = 20.0
_TRACES = 2
_TIMEOUT = aiohttp.ClientTimeout(total=60)


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """One program's answers at one moment."""

    shape: str
    leaks: bool
    age_seconds: float
    goroutine: bytes
    """``debug=0``, uncompressed."""
    dump: bytes
    """``debug=2``."""
    leak: bytes
    """The runtime's leak profile, uncompressed; empty where the runtime has none."""
    metrics: bytes
    traces: tuple[bytes, ...]


async def record_shop(folder: Path) -> list[Recording]:
    """Build and run all services healthy and leaky, record them, and keep it in ``folder``."""
    toolchain = await asyncio.to_thread(find_toolchain)
    binaries = await build_services(toolchain, cache_directory())
    async with (
        running_services(binaries, folder / "healthy", leaks_per_second=0.0) as healthy,
        running_services(binaries, folder / "leaky") as leaky,
        aiohttp.ClientSession(timeout=_TIMEOUT) as session,
    ):
        begun = time.monotonic()
        await asyncio.sleep(_WARM_UP_SECONDS)
        recordings = [
            await _record(session, service, leaks, time.monotonic() - begun)
            for leaks, services in ((False, healthy.services), (True, leaky.services))
            for service in _wanted(services, leaks=leaks)
        ]
    (folder / "recordings.msgpack").write_bytes(msgspec.msgpack.encode(recordings))
    return recordings


def read_recordings(folder: Path) -> list[Recording]:
    """What ``record_shop`` kept."""
    return msgspec.msgpack.decode(
        (folder / "recordings.msgpack").read_bytes(), type=list[Recording]
    )


def _wanted(services: Sequence[RunningService], *, leaks: bool) -> list[RunningService]:
    leaky = {truth.service for truth in SHOP if truth.leaky}
    return [s for s in services if not leaks or s.truth.service in leaky]


async def _record(
    session: aiohttp.ClientSession, service: RunningService, leaks: bool, age_seconds: float
) -> Recording:
    pprof = f"http://{service.address}/debug/pprof"
    return Recording(
        shape=service.truth.service,
        leaks=leaks,
        age_seconds=age_seconds,
        goroutine=_plain(await _get(session, f"{pprof}/goroutine?debug=0")),
        dump=await _get(session, f"{pprof}/goroutine?debug=2"),
        leak=_plain(await _get(session, f"{pprof}/goroutineleak?debug=0", missing=b"")),
        metrics=await _get(session, f"http://{service.address}/metrics"),
        traces=tuple([await _get(session, f"{pprof}/trace?seconds=1") for _ in range(_TRACES)]),
    )


async def _get(session: aiohttp.ClientSession, url: str, *, missing: bytes | None = None) -> bytes:
    async with session.get(url) as response:
        if response.status == 404 and missing is not None:
            return missing
        response.raise_for_status()
        return await response.read()


def _plain(body: bytes) -> bytes:
    return zlib.decompress(body, zlib.MAX_WBITS | 32) if body else body
