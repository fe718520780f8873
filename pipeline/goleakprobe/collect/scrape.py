"""One HTTP GET of a target: whole, within a time and a size, or a typed error."""

from __future__ import annotations

import asyncio
import time
import zlib
from base64 import b64encode
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import aiohttp
import msgspec

from goleakprobe.collect.untrusted import clean_text
from goleakprobe.errors import (
    BodyTooLargeError,
    ContentEncodingError,
    HttpStatusError,
    NotAProfileError,
    ScrapeTimeoutError,
    UnreachableError,
)
from goleakprobe_agents.connection import read_secret, tls_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from goleakprobe.config.scraping import ScrapeConfig

__all__ = ["Answer", "Scraper", "Streamed"]

_CHUNK_BYTES = 64 * 1024
_MAX_REDIRECTS = 5
_KEEP_ALIVE_SECONDS = 90.0
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS

_STATUS_HINTS = {
    301: "redirects elsewhere; scrape the address it names",
    302: "redirects elsewhere; scrape the address it names",
    400: "the target refuses the request; is pprof_path right?",
    401: "credentials are wanted; set authorization or basic_auth",
    403: "these credentials, or this collector's address, may not scrape it",
    404: "nothing at this path; import net/http/pprof in the target or set pprof_path",
    405: "only GET is ever asked; something in front of the target refuses it",
    429: "the target is asked too often; raise scrape_interval",
}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer with status 200."""

    body: bytes
    content_type: str
    received_bytes: int
    """Bytes as they came over the network."""
    wall_seconds: float


class Streamed(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer with status 200 whose body went elsewhere."""

    received_bytes: int
    wall_seconds: float


class Scraper:
    """Asks the targets of one job; an asynchronous context manager that owns its connections.

    Raises CredentialsError on entry for TLS files that cannot be used.
    """

    def __init__(self, job: ScrapeConfig) -> None:
        self._job = job
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        tls = tls_context(self._job.tls_config) if self._job.tls_config else True
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                ssl=tls,
                keepalive_timeout=min(2 * self._job.scrape_interval, _KEEP_ALIVE_SECONDS),
            ),
            # The timeout over the whole answer is ours, and so is decompression, with a limit.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._job.timeout_seconds),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": _user_agent(), "Accept-Encoding": "gzip"},
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()

    async def profile(self, url: str, *, timeout_seconds: float | None = None) -> Answer:
        """Fetch a runtime profile; NotAProfileError for a page made for a browser.

        Raises a ScrapeError, or CredentialsError for a secret that cannot be read.
        """
        answer = await self.get(url, timeout_seconds=timeout_seconds)
        if answer.content_type == "text/html" or answer.body[:15].lower().startswith(
            (b"<!doctype html", b"<html")
        ):
            raise NotAProfileError(
                "the target answers with an HTML page; is it the right port and pprof_path?"
            )
        return answer

    async def status(self, url: str) -> int:
        """The status of an answer whose body does not matter."""
        try:
            await self.get(url)
        except HttpStatusError as error:
            return error.status
        return 200

    async def get(self, url: str, *, timeout_seconds: float | None = None) -> Answer:
        """Fetch a URL within the job's timeout and size limit; a ScrapeError says why not."""
        received = _Received(self._job.body_size_limit)
        started = time.perf_counter()
        content_type = await self._fetch(url, received, timeout_seconds)
        return Answer(
            body=received.body(),
            content_type=content_type,
            received_bytes=received.received_bytes,
            wall_seconds=time.perf_counter() - started,
        )

    async def stream(
        self, url: str, take: Callable[[bytes], None], *, limit_bytes: int, timeout_seconds: float
    ) -> Streamed:
        """Fetch an execution trace and hand its bytes on, uncompressed, as they come.

        Raises a ScrapeError, or whatever ``take`` raises, which ends the connection; what was
        handed on before stays good.
        """
        received = _Received(limit_bytes, "trace_size_limit", take)
        started = time.perf_counter()
        await self._fetch(url, received, timeout_seconds)
        received.end()
        return Streamed(
            received_bytes=received.received_bytes, wall_seconds=time.perf_counter() - started
        )

    async def _fetch(self, url: str, received: _Received, timeout_seconds: float | None) -> str:
        """Receive an answer within a time; gives its content type."""
        timeout = timeout_seconds or self._job.timeout_seconds
        try:
            async with asyncio.timeout(timeout):
                return await self._receive(url, received)
        except TimeoutError as error:
            raise ScrapeTimeoutError(timeout, received.received_bytes) from error
        except aiohttp.TooManyRedirects as error:
            raise HttpStatusError(error.status, "redirects in a circle") from error
        except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError) as error:
            raise UnreachableError(
                f"the connection ended early, after {received.received_bytes} bytes; "
                "the target may be restarting, or its WriteTimeout too short for the answer"
            ) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason = clean_text(str(error), 300) or type(error).__name__
            raise UnreachableError(f"no answer: {reason}") from error

    async def _receive(self, url: str, received: _Received) -> str:
        assert self._session is not None
        async with self._session.get(
            url,
            headers=self._credentials(),
            allow_redirects=self._job.follow_redirects,
            max_redirects=_MAX_REDIRECTS,
            server_hostname=self._server_name(url),
        ) as response:
            if response.status != 200:
                hint = _STATUS_HINTS.get(response.status, clean_text(response.reason or "", 100))
                raise HttpStatusError(response.status, hint or "the target failed to answer")
            received.encoding(response.headers.get("Content-Encoding", ""))
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                received.add(chunk)
            return response.content_type

    def _credentials(self) -> dict[str, str]:
        """Read anew for every request: tokens are rotated underneath."""
        if authorization := self._job.authorization:
            secret = read_secret(authorization.credentials_file)
            return {"Authorization": f"{authorization.type} {secret}"}
        if basic := self._job.basic_auth:
            pair = f"{basic.username}:{read_secret(basic.password_file)}"
            return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        return {}

    def _server_name(self, url: str) -> str | None:
        tls = self._job.tls_config
        return tls.server_name if tls and urlsplit(url).scheme == "https" else None


class _Received:
    """A body as it arrives; BodyTooLargeError as soon as it is over the limit, inflated or not.

    It is kept, or else every part is given to ``take``.
    """

    def __init__(
        self,
        limit_bytes: int,
        limited_by: str = "body_size_limit",
        take: Callable[[bytes], None] | None = None,
    ) -> None:
        self._limit = limit_bytes
        self._limited_by = limited_by
        self._parts: list[bytes] = []
        self._take = take or self._parts.append
        self._size = 0
        self._inflate: zlib._Decompress | None = None
        self.received_bytes = 0

    def encoding(self, name: str) -> None:
        name = name.strip().lower()
        if name in ("gzip", "x-gzip", "deflate"):
            self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
        elif name not in ("", "identity"):
            raise ContentEncodingError(
                f"the answer is encoded as {clean_text(name, 40)!r}; only gzip was asked for"
            )

    def add(self, chunk: bytes) -> None:
        self.received_bytes += len(chunk)
        if self._inflate is not None:
            try:
                chunk = self._inflate.decompress(chunk, self._limit - self._size + 1)
            except zlib.error as error:
                raise ContentEncodingError(f"the answer's gzip is damaged: {error}") from error
        self._take(chunk)
        self._size += len(chunk)
        if self._size > self._limit:
            raise BodyTooLargeError(self._limit, self._limited_by)

    def end(self) -> None:
        if self._inflate is not None and not self._inflate.eof:
            raise ContentEncodingError("the answer's gzip ends early")

    def body(self) -> bytes:
        self.end()
        return b"".join(self._parts)


def _user_agent() -> str:
    with suppress(PackageNotFoundError):
        return f"goleakprobe/{version('go-leak-probe')}"
    return "goleakprobe"
