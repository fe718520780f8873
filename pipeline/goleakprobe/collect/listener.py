"""The collector's own HTTP listener: ``/metrics``, ``/-/healthy`` and ``/-/ready``."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from goleakprobe.errors import ListenError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

__all__ = ["listening"]

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@asynccontextmanager
async def listening(
    address: str, exposition: Callable[[], bytes], unready: Callable[[], str] = lambda: ""
) -> AsyncIterator[int]:
    """Serve on ``host:port`` for as long as the context lasts; gives the port bound to.

    Health is that the event loop turns, which scrapes too. ``unready`` says in words why nothing
    can be collected now.
    Raises ListenError where the address cannot be had.
    """

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=exposition(), headers={"Content-Type": _CONTENT_TYPE})

    async def healthy(_: web.Request) -> web.Response:
        return web.Response(text="collecting\n")

    async def ready(_: web.Request) -> web.Response:
        reason = unready()
        return web.Response(status=503 if reason else 200, text=f"{reason or 'ready'}\n")

    app = web.Application()
    app.add_routes(
        [
            web.get("/metrics", metrics),
            web.get("/-/healthy", healthy),
            web.get("/-/ready", ready),
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        host, _, port = address.rpartition(":")
        site = web.TCPSite(runner, host.strip("[]") or "127.0.0.1", int(port or 0))
        try:
            await site.start()
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ListenError(address, reason) from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
