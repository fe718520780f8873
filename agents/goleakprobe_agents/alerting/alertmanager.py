"""Alerts to Alertmanager by its v2 API.

Retry as Prometheus' own notifiers do: a refused connection, a timeout, 429 and 5xx are worth
another try. For the rest of the answers the contract has two surprises, both seen on a real
Alertmanager: one invalid alert makes the answer to a whole batch 400, and the valid ones of that
batch are stored nevertheless. So a refused batch is halved until the guilty alerts stand alone.
"""

from __future__ import annotations

import asyncio
import ssl
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
import msgspec
from yarl import URL

from goleakprobe_agents.alerting.errors import ReceiverConfigError
from goleakprobe_agents.alerting.notifier import Delivered, Outcome, Rejected, Retry
from goleakprobe_agents.alerting.plain_text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goleakprobe_agents.alerting.alert import Alert
    from goleakprobe_agents.settings import AlertmanagerSettings, TlsSettings

__all__ = ["BATCH_ALERTS", "AlertmanagerNotifier"]

# Prometheus' notification queue posts no more at once by default either.
BATCH_ALERTS = 64

_API_PATH = "/api/v2/alerts"
_REASON_CHARS_MAX = 300
_ANSWER_BYTES_MAX = 4096

# These blame the alerts themselves; any other 4xx blames the address or our credentials and
# would be the same for each alert alone.
_BLAMES_ALERTS = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)


class AlertmanagerNotifier:
    """One Alertmanager; a cluster's members are separate receivers and each must be told.

    Raises ReceiverConfigError for an unusable address or TLS file. The token file is read anew
    for every batch, so a rotated token is picked up.
    """

    def __init__(self, settings: AlertmanagerSettings) -> None:
        self.name = _safe_name(settings.url)
        self._url = URL(settings.url.rstrip("/") + _API_PATH)
        self._timeout = aiohttp.ClientTimeout(total=settings.timeout)
        self._token_file = settings.bearer_token_file
        self._ssl = _ssl_context(settings.tls) if settings.tls else True
        self._server_name = settings.tls.server_name if settings.tls else None
        self._session: aiohttp.ClientSession | None = None

    async def notify(self, alerts: Sequence[Alert]) -> list[Outcome]:
        """Deliver in batches; after the first failure worth a retry the rest is not tried."""
        outcomes: list[Outcome] = []
        for start in range(0, len(alerts), BATCH_ALERTS):
            outcomes += await self._deliver(alerts[start : start + BATCH_ALERTS])
            if isinstance(outcomes[-1], Retry):
                break
        return outcomes + outcomes[-1:] * (len(alerts) - len(outcomes))

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _deliver(self, alerts: Sequence[Alert]) -> list[Outcome]:
        """Deliver one batch, halving it while it is refused because of its content."""
        outcome, divisible = await self._post(alerts)
        if not divisible or len(alerts) == 1:
            return [outcome] * len(alerts)
        middle = len(alerts) // 2
        first = await self._deliver(alerts[:middle])
        if isinstance(first[-1], Retry):
            return first + [first[-1]] * (len(alerts) - middle)
        return first + await self._deliver(alerts[middle:])

    async def _post(self, alerts: Sequence[Alert]) -> tuple[Outcome, bool]:
        """One request: its outcome, and whether a part of the batch could fare better."""
        try:
            headers = await self._headers()
        except (OSError, ValueError) as error:
            return Retry(f"cannot read alerting bearer_token_file: {_cause(error)}"), False
        try:
            async with self._open_session().post(
                self._url,
                data=msgspec.json.encode(alerts),
                headers=headers,
                allow_redirects=False,
                server_hostname=self._server_name,
            ) as response:
                body = await response.content.read(_ANSWER_BYTES_MAX)
                return _judge(response, body)
        except TimeoutError:
            return Retry(f"no answer within {self._timeout.total:g} s"), False
        except (aiohttp.ClientError, OSError) as error:
            return Retry(one_line(_cause(error), _REASON_CHARS_MAX)), False

    async def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "go-leak-probe"}
        if self._token_file is not None:
            token = await asyncio.to_thread(Path(self._token_file).read_text, "ascii")
            headers["Authorization"] = f"Bearer {_token(token)}"
        return headers

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                connector=aiohttp.TCPConnector(ssl=self._ssl, limit=1),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def _judge(response: aiohttp.ClientResponse, body: bytes) -> tuple[Outcome, bool]:
    status = response.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Delivered(), False
    said = one_line(body.decode("utf-8", "replace"), _REASON_CHARS_MAX)
    reason = f"answered {status}: {said}" if said else f"answered {status}"
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Retry(reason, _retry_after_seconds(response)), False
    return Rejected(reason), status in _BLAMES_ALERTS


def _retry_after_seconds(response: aiohttp.ClientResponse) -> float | None:
    """Retry-After in either of its forms (RFC 9110, 10.2.3); None if absent or neither."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        until = parsedate_to_datetime(value)
        asked = parsedate_to_datetime(response.headers.get("Date", ""))
        return max(0.0, (until - asked).total_seconds())
    except (TypeError, ValueError):
        return None


def _safe_name(url: str) -> str:
    """Host, port and path of an address that is fit to use and holds no credentials."""
    try:
        parts = urlsplit(url)
        port = parts.port
        # What no resolver takes must not surface in the middle of a delivery.
        (parts.hostname or "").encode("idna")
    except ValueError:
        raise ReceiverConfigError("alertmanagers.url", "is not a valid address") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ReceiverConfigError(
            "alertmanagers.url", "must look like http://alertmanager.example:9093"
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ReceiverConfigError(
            "alertmanagers.url",
            "must hold no user, password, query or fragment; name a bearer_token_file instead",
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return one_line(host + (f":{port}" if port else "") + parts.path.rstrip("/"), 200)


def _ssl_context(tls: TlsSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
        if tls.cert_file is not None:
            context.load_cert_chain(tls.cert_file, tls.key_file)
    except OSError as error:
        files = [name for name in (tls.ca_file, tls.cert_file, tls.key_file) if name]
        raise ReceiverConfigError(
            "alertmanagers.tls", f"cannot use {', '.join(files)}: {_cause(error)}"
        ) from error
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _token(text: str) -> str:
    token = text.strip()
    if not token or any(char.isspace() or not char.isprintable() for char in token):
        raise ValueError("it does not hold one token")
    return token


def _cause(error: Exception) -> str:
    # A UnicodeDecodeError quotes the bytes it stumbled over: here, the secret.
    if isinstance(error, UnicodeDecodeError):
        return "it is not plain text"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
