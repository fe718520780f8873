"""A finding on the broker reaches a receiver, also one that was down and one after a restart."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from goleakprobe_agents.launch import RunningStream
from goleakprobe_agents.settings import AlertingSettings, AlertmanagerSettings, Duration
from goleakprobe_schemas import FINDINGS
from schemas_examples import an_event_of
from stream_harness import Feed, stream_settings, waited

if TYPE_CHECKING:
    from collections.abc import Iterator

    from goleakprobe_agents.settings import BrokerSettings

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600)]


class Receiver:
    """An Alertmanager as far as its front door."""

    def __init__(self, port: int) -> None:
        receiver = self
        self.alerts: list[dict[str, Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.alerts += json.loads(body)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)

    @contextmanager
    def open(self) -> Iterator[None]:
        thread = Thread(target=self._server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def firing(self) -> set[str]:
        return {alert["labels"]["signature"] for alert in self.alerts}


def test_findings_reach_a_receiver_that_comes_late_and_again_only_when_due(
    broker_settings: BrokerSettings, tmp_path: Path, free_port: int
) -> None:
    alerting = AlertingSettings(
        alertmanagers=(AlertmanagerSettings(url=f"http://127.0.0.1:{free_port}"),),
        resend_interval=Duration(3600),
    )
    settings = msgspec.structs.replace(
        stream_settings(broker_settings, tmp_path), alerting=alerting
    )
    first, second = "a" * 32, "b" * 32
    with Feed(broker_settings) as feed:
        with RunningStream(settings, role="alert") as stream:
            feed.send(FINDINGS, "one", an_event_of(FINDINGS, signature=first))
            feed.flush()
            waited(lambda: bool(stream.status().count("alert", "alerts_retry")), "a failed try")
            receiver = Receiver(free_port)
            with receiver.open():
                waited(lambda: receiver.firing() == {first}, "the alert")
            waited(lambda: bool(stream.status().count("alert", "snapshots")), "a record of it")
            assert stream.status().restarts == 0
            assert stream.stop() == 0
        feed.send(FINDINGS, "two", an_event_of(FINDINGS, signature=second))
        feed.flush()
        receiver = Receiver(free_port)
        with receiver.open(), RunningStream(settings, role="alert"):
            waited(lambda: second in receiver.firing(), "the next alert")
        assert receiver.firing() == {second}
