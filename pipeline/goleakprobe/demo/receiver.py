"""A stand-in for Alertmanager: takes posted alerts and hands on what is new about them."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from goleakprobe_agents.alerting.plain_text import one_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

__all__ = ["AlertHistory", "PostedAlert", "alert_line", "alert_receiver"]

_HOST = "127.0.0.1"
_BODY_BYTES_MAX = 4 * 1024 * 1024
_ALERTS_KEPT_MAX = 10_000
_LINE_CHARS_MAX = 240
_STOP_SECONDS = 1.0


class PostedAlert(msgspec.Struct, frozen=True, kw_only=True):
    """One element of the posted array; unknown members are ignored, as Alertmanager does.

    Contract: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
    """

    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: datetime | None = msgspec.field(name="startsAt", default=None)
    ends_at: datetime | None = msgspec.field(name="endsAt", default=None)
    generator_url: str = msgspec.field(name="generatorURL", default="")

    def resolved_at(self, now: datetime) -> bool:
        """Whether its end has come; times without a zone are UTC, as Alertmanager takes them."""
        if self.ends_at is None:
            return False
        ends = self.ends_at if self.ends_at.tzinfo else self.ends_at.replace(tzinfo=UTC)
        return ends <= now


class AlertHistory:
    """Tells news from repetition: senders post a firing alert again and again.

    News is an alert never seen, or one that fires or resolves when it did not before. The oldest
    of too many alerts are forgotten.
    """

    def __init__(self) -> None:
        self._resolved: OrderedDict[frozenset[tuple[str, str]], bool] = OrderedDict()

    def news(self, alerts: Sequence[PostedAlert], now: datetime) -> list[PostedAlert]:
        """The alerts that are news, in the order posted; they are none the next time."""
        fresh = []
        for alert in alerts:
            # The labels are the identity of an alert, all of them, as in Alertmanager.
            identity = frozenset(alert.labels.items())
            resolved = alert.resolved_at(now)
            if self._resolved.get(identity) is not resolved:
                fresh.append(alert)
            self._resolved[identity] = resolved
            self._resolved.move_to_end(identity)
            if len(self._resolved) > _ALERTS_KEPT_MAX:
                self._resolved.popitem(last=False)
        return fresh


def alert_line(alert: PostedAlert, now: datetime) -> str:
    """An alert on one line of a terminal; all of its text is untrusted."""
    state = "resolved" if alert.resolved_at(now) else "firing"
    severity = alert.labels.get("severity", "")
    about = alert.annotations.get("summary") or alert.labels.get("alertname", "an alert")
    return one_line(f"alert {state} {severity} {about}", _LINE_CHARS_MAX)


@asynccontextmanager
async def alert_receiver(
    on_alerts: Callable[[Sequence[PostedAlert]], None], *, port: int = 0
) -> AsyncIterator[str]:
    """Serve Alertmanager's ``POST /api/v2/alerts`` on loopback and give the base URL.

    ``on_alerts`` gets every post whole, repetitions too, in the event loop; it must not block.
    A malformed post is answered with 400, an oversized one with 413.
    """

    async def take(request: web.Request) -> web.Response:
        try:
            alerts = msgspec.json.decode(await request.read(), type=list[PostedAlert])
        except (msgspec.MsgspecError, ValueError) as error:
            return web.json_response(one_line(str(error), _LINE_CHARS_MAX), status=400)
        if not all(alert.labels for alert in alerts):
            return web.json_response("an alert has no labels", status=400)
        on_alerts(alerts)
        return web.Response()

    app = web.Application(client_max_size=_BODY_BYTES_MAX)
    app.router.add_post("/api/v2/alerts", take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, _HOST, port).start()
        yield f"http://{_HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
