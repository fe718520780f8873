"""The tests' own web server leaves nothing open, whenever its clients come."""

from __future__ import annotations

import asyncio
import gc
import socket

import pytest
from aiohttp import web

from loopback import listening


@pytest.mark.parametrize("turns", range(6))
async def test_connections_made_as_it_ends_are_closed(turns: int) -> None:
    # A socket or transport left open is a ResourceWarning when collected, and so an error.
    async with listening(web.Application()) as port:
        for _ in range(2):
            socket.create_connection(("127.0.0.1", port)).close()
        for _ in range(turns):
            await asyncio.sleep(0)
    await asyncio.sleep(0)
    gc.collect()
