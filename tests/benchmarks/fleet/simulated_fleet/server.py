"""Serves every target of a plan on a loopback address of its own, in one process.

``python -m simulated_fleet.server FOLDER`` reads the plan and the recordings there, writes
``targets.json`` (Prometheus' file_sd) beside them once all listen, prints one line and serves
until standard input ends.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import msgspec
from aiohttp import web

from simulated_fleet.plan import NAMESPACE, FleetPlan
from simulated_fleet.recording import Recording, read_recordings
from simulated_fleet.target import ServiceAnswers, SimulatedTarget

__all__ = ["FleetServer", "main", "targets_of"]

_BACKLOG = 16
_HOSTS_PER_NET = 250
_PPROF = "/debug/pprof"


class FleetServer:
    """Answers for all targets; which one is asked shows in the address of the connection."""

    def __init__(self, targets: list[SimulatedTarget]) -> None:
        self._targets = targets
        self._by_address: dict[tuple[str, int], SimulatedTarget] = {}
        self._begun = time.time()
        self.addresses: list[str] = []

    async def listen(self, runner: web.AppRunner) -> None:
        """Give every target an address (127.x.y.z) and a free port there."""
        # Another net for every process, so that two fleets on one machine do not mix.
        net = 16 + os.getpid() % 200
        for number, target in enumerate(self._targets):
            host = f"127.{net}.{number // _HOSTS_PER_NET}.{1 + number % _HOSTS_PER_NET}"
            site = web.TCPSite(runner, host, 0, backlog=_BACKLOG)
            await site.start()
            place = runner.addresses[-1]
            self._by_address[place[0], place[1]] = target
            self.addresses.append(f"{place[0]}:{place[1]}")

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One request, as net/http/pprof answers it."""
        assert request.transport is not None
        target = self._by_address[request.transport.get_extra_info("sockname")[:2]]
        clock = time.time()
        now = clock - self._begun
        if request.path == "/metrics":
            return web.Response(body=target.metrics(now, clock), content_type="text/plain")
        if request.path == f"{_PPROF}/goroutine":
            if request.query.get("debug") == "2":
                return web.Response(body=target.dump(now), content_type="text/plain")
            return _binary(target.goroutine(now))
        if request.path == f"{_PPROF}/goroutineleak":
            body = target.leak(now)
            if body is not None and request.query.get("seconds") == "0":
                return web.Response(status=400, headers={"X-Go-Pprof": "1"})
            return _binary(body) if body is not None else web.Response(status=404)
        if request.path == f"{_PPROF}/trace":
            # As long as the runtime takes for a window.
            await asyncio.sleep(float(request.query.get("seconds", "1")))
            return _binary(target.trace())
        return web.Response(status=404)


def targets_of(plan: FleetPlan, recordings: list[Recording]) -> list[SimulatedTarget]:
    """Every target of a plan, in its order."""
    by_kind = {(recording.shape, recording.leaks): recording for recording in recordings}
    targets = []
    for service in plan.services:
        healthy = by_kind[service.shape, False]
        shown = by_kind[service.shape, bool(service.leaks_per_minute)]
        answers = ServiceAnswers(service, healthy, shown)
        targets += [
            SimulatedTarget(f"{service.name}-{number}", answers, seed=plan.seed)
            for number in range(service.instances)
        ]
    return targets


async def _serve(folder: Path) -> None:
    plan = msgspec.json.decode((folder / "plan.json").read_bytes(), type=FleetPlan)
    server = FleetServer(targets_of(plan, read_recordings(folder)))
    app = web.Application()
    app.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=120, shutdown_timeout=1)
    await runner.setup()
    try:
        await server.listen(runner)
        _write_targets(folder / "targets.json", plan, server.addresses)
        print("listening", flush=True)
        # Standard input ends with whoever started this process.
        await asyncio.to_thread(sys.stdin.buffer.read)
    finally:
        await runner.cleanup()


def _write_targets(path: Path, plan: FleetPlan, addresses: list[str]) -> None:
    entries = [
        {
            "targets": [address],
            "labels": {"namespace": NAMESPACE, "service": service.name, "instance": instance},
        }
        for (service, instance), address in zip(plan.instances(), addresses, strict=True)
    ]
    path.write_bytes(msgspec.json.encode(entries))


def _binary(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/octet-stream")


def main() -> None:
    """Serve until standard input ends."""
    asyncio.run(_serve(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
