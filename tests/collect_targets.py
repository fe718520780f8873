"""Targets for the collectors' tests: real HTTP servers on free loopback ports."""

from __future__ import annotations

import asyncio
import gzip
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from goleakprobe.collect.targets import ScrapeTarget, resolve_target
from goleakprobe.config import ScrapeConfig, StaticConfig
from goleakprobe_agents.settings import Duration, Size
from loopback import listening

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from goleakprobe_agents.stage import Output

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def grouped_text(stacks: dict[str, int], *, kind: str = "goroutine") -> bytes:
    """A debug=1 profile with so many goroutines blocked in each function of package main."""
    lines = [f"{kind} profile: total {sum(stacks.values())}"]
    for index, (function, count) in enumerate(stacks.items()):
        lines += [
            f"{count} @ 0x{index:x}1 0x{index:x}2",
            f"#\t0x{index:x}1\tmain.{function}+0x24\t/src/app/{function}.go:17",
            f"#\t0x{index:x}2\tmain.serve+0x99\t/src/app/main.go:40",
            "",
        ]
    return "\n".join(lines).encode() + b"\n"


def dump_text(ids: Sequence[int], function: str = "worker") -> bytes:
    """A debug=2 dump of goroutines that wait for a channel."""
    return b"\n".join(
        f"goroutine {number} [chan receive]:\n"
        f"main.{function}(0xc000012345)\n\t/src/app/{function}.go:17 +0x24\n"
        f"created by main.main in goroutine 1\n\t/src/app/main.go:40 +0x99\n".encode()
        for number in ids
    )


METRICS_PAGE = b"""\
# HELP go_goroutines Number of goroutines that currently exist.
# TYPE go_goroutines gauge
go_goroutines 42
go_info{version="go1.27.3"} 1
process_start_time_seconds 1.7e+09
process_open_fds 9
http_requests_total{code="200",path="/a b}"} 10
http_requests_total{code="500",path="\\"x\\""} 2
"""


class GoTarget:
    """A server that answers as net/http/pprof does, from what a test puts in."""

    def __init__(self) -> None:
        self.goroutine: dict[str, bytes] = {
            "0": grouped_text({"leak": 3, "idle": 2}),
            "2": dump_text([5, 6, 7]),
        }
        self.leak: bytes | None = None
        self.metrics: bytes | None = METRICS_PAGE
        self.requests: list[str] = []
        self.address = ""
        self.heavy_now = 0
        self.heavy_at_once = 0

    @property
    def heavy_requests(self) -> list[str]:
        return [path for path in self.requests if "debug=2" in path or _is_leak_scrape(path)]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request.path_qs)
        if request.path == "/metrics" and self.metrics is not None:
            return web.Response(body=self.metrics, content_type="text/plain")
        if request.path == "/debug/pprof/goroutine":
            body = self.goroutine.get(request.query.get("debug", "0"))
            if body is not None:
                return await self._heavily(request, body)
        if request.path == "/debug/pprof/goroutineleak" and self.leak is not None:
            if request.query.get("seconds") == "0":
                return web.Response(status=400, headers={"X-Go-Pprof": "1"})
            return await self._heavily(request, self.leak)
        return web.Response(status=404, text="404 page not found")

    async def _heavily(self, request: web.Request, body: bytes) -> web.Response:
        if request.path_qs in self.heavy_requests:
            self.heavy_now += 1
            self.heavy_at_once = max(self.heavy_at_once, self.heavy_now)
            for _ in range(10):
                await asyncio.sleep(0)
            self.heavy_now -= 1
        return web.Response(body=body)


def _is_leak_scrape(path: str) -> bool:
    return "goroutineleak" in path and "seconds=0" not in path


@asynccontextmanager
async def serving(answer: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve every path of a free loopback port by one handler; gives ``host:port``."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    async with listening(app, tls) as port:
        yield f"127.0.0.1:{port}"


@asynccontextmanager
async def serving_bytes(answer: bytes) -> AsyncIterator[str]:
    """Answer every connection with bytes that need not be HTTP; gives ``host:port``."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def go_target() -> AsyncIterator[GoTarget]:
    """A healthy target."""
    target = GoTarget()
    async with serving(target.answer) as target.address:
        yield target


def answering(
    body: bytes = b"", *, status: int = 200, headers: dict[str, str] | None = None
) -> Handler:
    """A handler that always answers the same."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status, headers=headers)

    return answer


async def endless(request: web.Request) -> web.StreamResponse:
    """A body without an end, as fast as it is taken."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"goroutine " * 10_000)


async def silent(request: web.Request) -> web.StreamResponse:
    """Headers and a first byte, then nothing."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"g")
    await asyncio.Event().wait()
    return response


async def cut_short(request: web.Request) -> web.StreamResponse:
    """Less than was announced, then the end of the connection."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"goroutine profile: total 3\n")
    assert request.transport is not None
    request.transport.close()
    return response


async def circling(request: web.Request) -> web.StreamResponse:
    """A redirect to itself."""
    raise web.HTTPFound(request.path_qs)


def bomb(size_bytes: int) -> bytes:
    """So many zeros, gzipped to a thousandth."""
    return gzip.compress(bytes(size_bytes), 9)


def job(
    *addresses: str,
    name: str = "shop",
    scrape_timeout: float = 5.0,
    body_size_limit: int = 4 * 1024 * 1024,
    **settings: object,
) -> ScrapeConfig:
    """A job with static targets."""
    fields = {
        "scrape_interval": Duration(10),
        "leak_profile_interval": Duration(0),
        "debug2_interval": Duration(0),
        "trace_interval": Duration(0),
        **settings,
    }
    return ScrapeConfig(
        job_name=name,
        static_configs=(StaticConfig(targets=addresses),) if addresses else (),
        scrape_timeout=Duration(scrape_timeout),
        body_size_limit=Size(body_size_limit),
        **fields,  # type: ignore[arg-type]
    )


def target_of(address: str, scrape_job: ScrapeConfig) -> ScrapeTarget:
    """The target a job makes of an address."""
    return resolve_target(address, {}, scrape_job)


class RecordingPublisher:
    """Takes every event at once and keeps it; ``fail_next`` makes one call fail."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []
        self.fail_next: Exception | None = None
        self.arrived = asyncio.Event()

    async def publish(
        self, outputs: Sequence[Output], *, accepted: Callable[[], None] | None = None
    ) -> None:
        if self.fail_next is not None:
            error, self.fail_next = self.fail_next, None
            raise error
        if accepted is not None:
            accepted()
        self.outputs += outputs
        self.arrived.set()

    def of(self, topic: object) -> list[Output]:
        return [output for output in self.outputs if output.topic is topic]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for arrivals until a condition holds."""
        while not condition():
            self.arrived.clear()
            if condition():
                return
            await self.arrived.wait()
