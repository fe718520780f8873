"""Traces over HTTP: asked for, bounded in time and size, decoded while they arrive."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import aiohttp

from goleakprobe.errors import HttpStatusError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["fetch_trace", "trace_url"]

_CHUNK_BYTES = 1 << 18
_CONNECT_SECONDS = 10.0


def trace_url(url: str, seconds: float) -> str:
    """The address to ask: ``/debug/pprof/trace`` where no path is named, and how long to trace."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    query.setdefault("seconds", [f"{seconds:g}"])
    path = parts.path if parts.path not in ("", "/") else "/debug/pprof/trace"
    return urlunsplit(parts._replace(path=path, query=urlencode(query, doseq=True)))


async def fetch_trace(
    url: str,
    feed: Callable[[bytes], None],
    advance: Callable[[int], None],
    limit_bytes: int,
    seconds: float,
    timeout: float,  # noqa: ASYNC109 - the whole answer's, handed to the client
) -> None:
    """Hand the body to ``feed`` piece by piece; past ``limit_bytes`` the rest is not read.

    Raises UnreachableError (a timeout too) and HttpStatusError.
    """
    limits = aiohttp.ClientTimeout(total=seconds + timeout, connect=_CONNECT_SECONDS)
    address = trace_url(url, seconds)
    try:
        async with (
            aiohttp.ClientSession(timeout=limits) as session,
            session.get(address, allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise HttpStatusError(response.status, f"{address} gave no trace")
            left = limit_bytes
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                piece = chunk[:left]
                left -= len(piece)
                # Decoding a generation takes a while: the socket is read on meanwhile.
                await asyncio.to_thread(feed, piece)
                advance(len(piece))
                if left <= 0:
                    return
    except TimeoutError as error:
        raise UnreachableError(
            f"{address} gave no whole trace within {seconds + timeout:g} s; raise --timeout"
        ) from error
    except aiohttp.ClientError as error:
        raise UnreachableError(f"{address}: {error}") from error
