"""What each answer of an Alertmanager means for each alert, over a real socket."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from alert_receiver import AlertReceiver, Post
from goleakprobe_agents.alerting import (
    Alert,
    AlertmanagerNotifier,
    Delivered,
    Outcome,
    ReceiverConfigError,
    Rejected,
    Retry,
    alert_of,
)
from goleakprobe_agents.alerting.alertmanager import BATCH_ALERTS
from goleakprobe_agents.settings import (
    AlertingSettings,
    AlertmanagerSettings,
    Duration,
    TlsSettings,
)
from leak_findings import NOON_NS, a_finding

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


def alerts(*services: str) -> list[Alert]:
    return [
        alert_of(a_finding(service=name), AlertingSettings(), now_ns=NOON_NS, lifetime_seconds=300)
        for name in services
    ]


async def notify(settings: AlertmanagerSettings, *services: str) -> list[Outcome]:
    notifier = AlertmanagerNotifier(settings)
    try:
        return await notifier.notify(alerts(*services))
    finally:
        await notifier.close()


@pytest.fixture
async def receiver() -> AsyncIterator[AlertReceiver]:
    async with AlertReceiver() as running:
        yield running


async def test_alerts_are_posted_as_one_json_array(receiver: AlertReceiver) -> None:
    settings = AlertmanagerSettings(url=receiver.url + "/prefix/")
    assert await notify(settings, "a", "b") == [Delivered(), Delivered()]
    (post,) = receiver.posts
    assert post.path == "/prefix/api/v2/alerts"
    assert post.headers["Content-Type"] == "application/json"
    assert post.services == ["a", "b"]
    assert set(post.json[0]) == {"labels", "annotations", "startsAt", "endsAt"}


async def test_nothing_to_say_is_not_posted(receiver: AlertReceiver) -> None:
    assert await notify(AlertmanagerSettings(url=receiver.url)) == []
    assert receiver.posts == []


async def test_many_alerts_go_in_batches(receiver: AlertReceiver) -> None:
    names = [f"s{number}" for number in range(2 * BATCH_ALERTS + 1)]
    outcomes = await notify(AlertmanagerSettings(url=receiver.url), *names)
    assert outcomes == [Delivered()] * len(names)
    assert [len(post.json) for post in receiver.posts] == [BATCH_ALERTS, BATCH_ALERTS, 1]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_a_busy_or_broken_receiver_is_worth_a_retry(
    receiver: AlertReceiver, status: int
) -> None:
    receiver.answer = lambda _: web.Response(
        status=status, text="later\x1b[31m\n", headers={"Retry-After": "17"}
    )
    names = [f"s{number}" for number in range(BATCH_ALERTS + 5)]
    outcomes = await notify(AlertmanagerSettings(url=receiver.url), *names)
    assert outcomes == [Retry(f"answered {status}: later[31m", 17.0)] * len(names)
    assert len(receiver.posts) == 1, "what failed once is not tried with the rest"


async def test_a_date_to_retry_after_is_understood(receiver: AlertReceiver) -> None:
    receiver.answer = lambda _: web.Response(
        status=503,
        headers={
            "Date": "Mon, 21 Sep 2026 14:13:20 GMT",
            "Retry-After": "Mon, 21 Sep 2026 14:15:20 GMT",
        },
    )
    (outcome,) = await notify(AlertmanagerSettings(url=receiver.url), "a")
    assert outcome == Retry("answered 503", 120.0)


async def test_nobody_listening_is_worth_a_retry(free_port: int) -> None:
    (outcome,) = await notify(AlertmanagerSettings(url=f"http://127.0.0.1:{free_port}"), "a")
    assert isinstance(outcome, Retry)
    assert "refused" in outcome.reason.lower() or "connect" in outcome.reason.lower()


@asynccontextmanager
async def tcp_server(says: bytes) -> AsyncIterator[str]:
    """A server that answers every connection with the same bytes, or with silence."""
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(says)
        if not says:
            with suppress(ConnectionError):
                await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.create_task(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await asyncio.gather(*connections)
    await server.wait_closed()


async def test_a_receiver_that_never_answers_is_given_up() -> None:
    async with tcp_server(b"") as url:
        settings = AlertmanagerSettings(url=url, timeout=Duration(0.2))
        assert await notify(settings, "a") == [Retry("no answer within 0.2 s")]


async def test_what_answers_is_not_http() -> None:
    async with tcp_server(b"SSH-2.0-OpenSSH_9.2\r\n" * 3) as url:
        (outcome,) = await notify(AlertmanagerSettings(url=url), "a")
    assert isinstance(outcome, Retry)


def refuse(*bad: str, status: int = 400) -> object:
    """As Alertmanager: a batch with a bad alert is refused as a whole."""

    def answer(post: Post) -> web.Response:
        guilty = [name for name in post.services if name in bad]
        return web.Response(status=status, text=f"bad: {guilty}") if guilty else web.Response()

    return answer


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("bad", [("s0",), ("s7",), ("s3", "s4", "s20"), ()])
async def test_a_bad_alert_never_keeps_good_ones_from_being_delivered(
    receiver: AlertReceiver, bad: tuple[str, ...], status: int
) -> None:
    receiver.answer = refuse(*bad, status=status)  # type: ignore[assignment]
    names = [f"s{number}" for number in range(21)]
    outcomes = await notify(AlertmanagerSettings(url=receiver.url), *names)
    for name, outcome in zip(names, outcomes, strict=True):
        if name in bad:
            assert outcome == Rejected(f"answered {status}: bad: ['{name}']")
        else:
            assert outcome == Delivered()
    assert len(receiver.posts) < 2 * len(names)


async def test_a_receiver_that_goes_down_between_halves_is_not_asked_on(
    receiver: AlertReceiver,
) -> None:
    answers = iter([400, 200, 503])
    receiver.answer = lambda _: web.Response(status=next(answers))
    outcomes = await notify(AlertmanagerSettings(url=receiver.url), "a", "b", "c", "d")
    assert outcomes == [Delivered(), Delivered(), Retry("answered 503"), Retry("answered 503")]


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405, 410])
async def test_a_wrong_address_or_token_is_not_blamed_on_the_alerts(
    receiver: AlertReceiver, status: int
) -> None:
    receiver.answer = lambda _: web.Response(
        status=status, headers={"Location": "http://localhost:1/elsewhere"}
    )
    outcomes = await notify(AlertmanagerSettings(url=receiver.url), "a", "b")
    assert outcomes == [Rejected(f"answered {status}")] * 2
    assert len(receiver.posts) == 1


async def test_an_endless_answer_is_not_read_to_its_end(receiver: AlertReceiver) -> None:
    receiver.answer = lambda _: web.Response(status=401, body=b"x" * 8_000_000)
    (outcome,) = await notify(AlertmanagerSettings(url=receiver.url), "a")
    assert isinstance(outcome, Rejected)
    assert len(outcome.reason) < 400


async def test_the_token_is_read_for_each_post_and_never_told(
    receiver: AlertReceiver, tmp_path: Path
) -> None:
    token_file = tmp_path / "token"
    notifier = AlertmanagerNotifier(
        AlertmanagerSettings(url=receiver.url, bearer_token_file=str(token_file))
    )
    token_file.write_text("first\n")
    await notifier.notify(alerts("a"))
    token_file.write_text("second\n")
    await notifier.notify(alerts("a"))
    assert [post.headers["Authorization"] for post in receiver.posts] == [
        "Bearer first",
        "Bearer second",
    ]
    await notifier.close()
    await notifier.close()


@pytest.mark.parametrize(
    "content", [None, b"", b"sec ret", b"sec\nret", b"sec\x00ret", b"secret\xff"]
)
async def test_a_missing_or_broken_token_is_a_retry_that_keeps_the_secret(
    receiver: AlertReceiver, tmp_path: Path, content: bytes | None
) -> None:
    token_file = tmp_path / "token"
    if content is not None:
        token_file.write_bytes(content)
    settings = AlertmanagerSettings(url=receiver.url, bearer_token_file=str(token_file))
    (outcome,) = await notify(settings, "a")
    assert isinstance(outcome, Retry)
    assert "bearer_token_file" in outcome.reason
    assert "sec" not in outcome.reason
    assert receiver.posts == []


@pytest.mark.parametrize(
    "url",
    [
        "alertmanager:9093",
        "ftp://host/",
        "http://",
        "http://user:hunter2@host:9093",
        "http://host:9093/?token=hunter2",
        "http://host:hunter2/",
        "http://[::1",
        "http://" + "a" * 70 + ".example",
    ],
)
def test_an_address_that_cannot_work_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ReceiverConfigError, match=r"alerting\.alertmanagers\.url") as refusal:
        AlertmanagerNotifier(AlertmanagerSettings(url=url))
    assert "hunter2" not in str(refusal.value)


def test_a_receiver_is_called_by_its_address() -> None:
    named = AlertmanagerNotifier(AlertmanagerSettings(url="https://[::1]:9093/am/"))
    assert named.name == "[::1]:9093/am"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory, require: Callable[[str], None]) -> Path:
    """A self-signed certificate for localhost with its key, in one file."""
    require("openssl")
    pem = tmp_path_factory.mktemp("tls") / "server.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=CA:TRUE"]
    subprocess.run(
        [*command.split(), *names, "-keyout", pem, "-out", f"{pem}.crt"],
        check=True,
        capture_output=True,
    )
    pem.write_text(pem.read_text() + Path(f"{pem}.crt").read_text())
    return pem


@pytest.mark.parametrize(
    ("tls", "delivered"),
    [
        (lambda pem: TlsSettings(ca_file=f"{pem}.crt"), True),
        (lambda _: TlsSettings(insecure_skip_verify=True), True),
        (lambda _: TlsSettings(), False),
        (lambda pem: TlsSettings(ca_file=f"{pem}.crt", server_name="other"), False),
    ],
    ids=["trusted", "unverified", "unknown issuer", "other name"],
)
async def test_tls_is_verified_as_configured(
    certificate: Path, tls: object, delivered: bool
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with AlertReceiver(tls=context) as receiver:
        settings = AlertmanagerSettings(url=receiver.url, tls=tls(certificate))  # type: ignore[operator]
        (outcome,) = await notify(settings, "a")
    assert isinstance(outcome, Delivered if delivered else Retry), outcome


def test_a_tls_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    tls = TlsSettings(ca_file=str(tmp_path / "no-such.pem"))
    with pytest.raises(ReceiverConfigError, match=r"no-such\.pem: No such file"):
        AlertmanagerNotifier(AlertmanagerSettings(url="https://host", tls=tls))
