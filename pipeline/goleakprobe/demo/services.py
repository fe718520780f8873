"""The demo's Go services as child processes that never outlive the demo."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from goleakprobe.demo.errors import ServiceStartError
from goleakprobe.demo.ground_truth import NAMESPACE, SHOP, ServiceTruth

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Mapping, Sequence

__all__ = ["Fleet", "RunningService", "running_services", "write_targets"]

_START_SECONDS = 20.0
_STOP_SECONDS = 3.0
_LOG_TAIL_BYTES = 500


class _Announcement(msgspec.Struct, frozen=True):
    """The one line a service prints once it listens."""

    service: str
    address: str
    pid: int
    go: str


class RunningService(msgspec.Struct, frozen=True):
    """One instance that serves."""

    truth: ServiceTruth
    instance: str
    address: str
    """``127.0.0.1:port``; business, /metrics and /debug/pprof/ alike."""
    pid: int
    go_version: str
    log: Path


class Fleet:
    """All running instances; ended ones can be asked for."""

    def __init__(self, children: Mapping[str, Process], services: Sequence[RunningService]) -> None:
        self._children = children
        self.services = tuple(services)

    def ended(self) -> tuple[RunningService, ...]:
        """Instances whose process has ended, which none should while the demo runs."""
        return tuple(
            service
            for service in self.services
            if self._children[service.instance].returncode is not None
        )


@asynccontextmanager
async def running_services(
    binaries: Mapping[str, Path],
    log_directory: Path,
    *,
    truths: Sequence[ServiceTruth] = SHOP,
    instances: int = 1,
    leaks_per_second: float | None = None,
) -> AsyncIterator[Fleet]:
    """Start every service, give them once all of them serve, and stop them on the way out.

    ``leaks_per_second`` overrides each leaky service's own rate. The children sit in sessions of
    their own, so Ctrl-C reaches only this process, and each of them holds the other end of a pipe
    to it: if this process is killed, the pipe breaks and they stop by themselves.
    Raises ServiceStartError.
    """
    plans = _plan(log_directory, truths, instances, leaks_per_second)
    async with AsyncExitStack() as stack:
        children: dict[str, Process] = {}
        services: list[RunningService] = []
        for plan in plans:
            binary = binaries[plan.truth.service]
            child = await stack.enter_async_context(_child(binary, plan))
            said = await _announcement(child, plan)
            children[plan.instance] = child
            services.append(
                RunningService(plan.truth, plan.instance, said.address, said.pid, said.go, plan.log)
            )
        yield Fleet(children, services)


def write_targets(path: Path, services: Sequence[RunningService]) -> None:
    """Write a Prometheus file_sd target list of the instances; readers never see half of it."""
    groups = [
        {
            "targets": [service.address],
            "labels": {
                "namespace": NAMESPACE,
                "service": service.truth.service,
                "instance": service.instance,
            },
        }
        for service in services
    ]
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(groups), indent=2) + b"\n")
    unfinished.replace(path)


class _Plan(msgspec.Struct, frozen=True):
    """One instance to start."""

    truth: ServiceTruth
    instance: str
    leaks_per_second: float
    log: Path

    def tail(self) -> str:
        """The end of what the instance wrote on standard error."""
        return self.log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace").strip()


def _plan(
    log_directory: Path,
    truths: Sequence[ServiceTruth],
    instances: int,
    leaks_per_second: float | None,
) -> list[_Plan]:
    log_directory.mkdir(parents=True, exist_ok=True)
    plans: list[_Plan] = []
    for truth in truths:
        rate = truth.leaks_per_second
        if truth.leaky and leaks_per_second is not None:
            rate = leaks_per_second
        names = [f"{truth.service}-{number}" for number in range(instances)]
        plans.extend(_Plan(truth, name, rate, log_directory / f"{name}.log") for name in names)
    return plans


@asynccontextmanager
async def _child(binary: Path, plan: _Plan) -> AsyncIterator[Process]:
    rate = f"{plan.leaks_per_second:g}"
    arguments = ("-addr", "127.0.0.1:0", "-leak-rate", rate, "-stop-with-parent")
    with plan.log.open("wb") as log_file:
        try:
            process = await asyncio.create_subprocess_exec(
                binary,
                *arguments,
                # Nothing of the user's environment (GODEBUG, GOGC...) changes what is shown.
                env={},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log_file,
                start_new_session=True,
            )
        except OSError as error:
            raise ServiceStartError(plan.instance, f"{binary}: {error.strerror}") from error
    try:
        yield process
    finally:
        await _stop(process)


async def _stop(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
    finally:
        # Also when a second Ctrl-C cut the wait short.
        with suppress(ProcessLookupError):
            process.kill()
    await process.wait()


async def _announcement(process: Process, plan: _Plan) -> _Announcement:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_START_SECONDS):
            line = await process.stdout.readline()
        return msgspec.json.decode(line, type=_Announcement)
    except TimeoutError as error:
        reason = f"it said nothing for {_START_SECONDS:g} s; see {plan.log}"
        raise ServiceStartError(plan.instance, reason) from error
    except (msgspec.MsgspecError, ValueError) as error:
        reason = plan.tail() or f"its first line is {line[:200]!r}"
        raise ServiceStartError(plan.instance, reason) from error
