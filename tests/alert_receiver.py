"""A real HTTP server on loopback that takes posts and answers as it is told."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from loopback import listening

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    Answer = Callable[["Post"], web.Response]

_PATIENCE_SECONDS = 60.0


class Post:
    """One request as it arrived."""

    def __init__(self, request: web.Request, body: bytes) -> None:
        self.path = request.path
        self.headers = request.headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def services(self) -> list[str]:
        """The ``service`` label of each alert in the post."""
        return [alert["labels"]["service"] for alert in self.json]


class AlertReceiver:
    """Async context manager; ``posts`` holds what came, ``answer`` decides what goes back."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.posts: list[Post] = []
        self.answer: Answer = lambda _: web.Response(status=200)
        self.port = 0
        self.arrived = asyncio.Condition()
        self._tls = tls

    @property
    def url(self) -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://localhost:{self.port}"

    async def __aenter__(self) -> AlertReceiver:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._take)
        self._serving = listening(app, self._tls)
        self.port = await self._serving.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._serving.__aexit__(None, None, None)

    async def wait_for(self, wanted: Callable[[Post], bool]) -> Post:
        """The first post that is wanted, now or later."""
        async with asyncio.timeout(_PATIENCE_SECONDS), self.arrived:
            await self.arrived.wait_for(lambda: any(wanted(post) for post in self.posts))
        return next(post for post in self.posts if wanted(post))

    async def _take(self, request: web.Request) -> web.Response:
        post = Post(request, await request.read())
        async with self.arrived:
            self.posts.append(post)
            self.arrived.notify_all()
        return self.answer(post)
