"""A web application on a free loopback port that leaves no socket behind when it ends."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

_SHUTDOWN_SECONDS = 0.1


@asynccontextmanager
async def listening(app: web.Application, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve an application over IPv4; gives the port.

    asyncio loses a connection that was accepted in the very turn of the event loop in which its
    server closes: the socket stays open until it is garbage. So no more are accepted first, and
    those accepted reach the application before it is shut down.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    try:
        await web.SockSite(runner, listener, ssl_context=tls).start()
        yield listener.getsockname()[1]
    finally:
        asyncio.get_running_loop().remove_reader(listener)
        for _ in ("the connection's transport is made", "and handed to the application"):
            await asyncio.sleep(0)
        await runner.cleanup()
        listener.close()
