"""A real Chromium that opens a page and tells what happened, over the DevTools protocol.

Protocol: https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import asyncio
import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_PATIENCE_SECONDS = 60


class BrowserPage:
    """One tab; ``requests`` and ``complaints`` grow as pages load in it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.requests: list[str] = []
        """URLs that pages asked for, their own address among them."""
        self.complaints: list[str] = []
        """Console errors and warnings, exceptions, and whatever the page's policy refused."""
        self._socket = socket
        self._session = ""
        self._number = 0

    async def attach(self) -> None:
        """Open an empty tab and listen."""
        created = await self.command("Target.createTarget", url="about:blank")
        attached = await self.command(
            "Target.attachToTarget", targetId=created["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            await self.command(f"{domain}.enable")

    async def open(self, url: str) -> None:
        """Load a page and wait until it and all it asked for are there."""
        await self.command("Page.navigate", url=url)
        await self._until(lambda message: message.get("method") == "Page.loadEventFired")

    async def value_of(self, expression: str) -> Any:
        """What a JavaScript expression is worth on the page."""
        answer = await self.command(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        await self._socket.send_json(message)
        answer = await self._until(lambda message: message.get("id") == number)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    async def _until(self, wanted: Any) -> dict[str, Any]:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                message: dict[str, Any] = await self._socket.receive_json()
                self._note(message.get("method", ""), message.get("params", {}))
                if wanted(message):
                    return message

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Log.entryAdded" and params["entry"]["level"] in {"error", "warning"}:
            self.complaints.append(params["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in {"error", "warning"}:
            self.complaints.append(str(params["args"]))
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))


@asynccontextmanager
async def browser_page(profile: Path) -> AsyncIterator[BrowserPage]:
    """A tab of a Chromium of its own."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program is not None
    process = await asyncio.create_subprocess_exec(
        program,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        address = await _devtools_address(process)
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(address, max_msg_size=0) as socket,
        ):
            page = BrowserPage(socket)
            await page.attach()
            yield page
            await socket.send_json({"id": 0, "method": "Browser.close"})
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def _devtools_address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async with asyncio.timeout(_PATIENCE_SECONDS):
        async for line in process.stderr:
            _, found, address = line.decode().strip().partition("DevTools listening on ")
            if found:
                return address
    raise AssertionError(f"Chromium ended with {await process.wait()} before it listened")
