"""Every way in which a target answers badly has a name, an end and a bound."""

from __future__ import annotations

import gzip
import socket
import ssl
import subprocess
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from collect_targets import (
    answering,
    bomb,
    circling,
    cut_short,
    endless,
    job,
    serving,
    serving_bytes,
    silent,
)
from goleakprobe.collect.scrape import Answer, Scraper
from goleakprobe.config import AuthorizationSettings, BasicAuthSettings
from goleakprobe.errors import (
    BodyTooLargeError,
    ContentEncodingError,
    HttpStatusError,
    NotAProfileError,
    ScrapeTimeoutError,
    UnreachableError,
)
from goleakprobe_agents.errors import CredentialsError
from goleakprobe_agents.settings import TlsSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from collect_targets import Handler
    from goleakprobe.config import ScrapeConfig

MIB = 1024 * 1024


@asynccontextmanager
async def scraping(answer: Handler, settings: ScrapeConfig) -> AsyncIterator[tuple[Scraper, str]]:
    async with serving(answer) as address, Scraper(settings) as scraper:
        yield scraper, f"http://{address}/debug/pprof/goroutine?debug=0"


async def scrape(answer: Handler, settings: ScrapeConfig | None = None) -> Answer:
    async with scraping(answer, settings or job()) as (scraper, url):
        return await scraper.profile(url)


async def test_a_whole_answer_carries_its_size_and_time() -> None:
    answer = await scrape(answering(b"goroutine profile: total 0\n"))
    assert answer.body == b"goroutine profile: total 0\n"
    assert answer.received_bytes == len(answer.body)
    assert answer.wall_seconds > 0


async def test_a_refused_connection_is_unreachable() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        async with Scraper(job()) as scraper:
            with pytest.raises(UnreachableError, match="no answer"):
                await scraper.get(f"http://127.0.0.1:{held.getsockname()[1]}/")


async def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    async with Scraper(job()) as scraper:
        with pytest.raises(UnreachableError, match="no answer"):
            await scraper.get("http://no-such-host.invalid:6060/")


async def test_another_protocol_is_unreachable() -> None:
    async with serving(answering()) as address, Scraper(job()) as scraper:
        with pytest.raises(UnreachableError):
            await scraper.get(f"https://{address}/")


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (401, "set authorization or basic_auth"),
        (403, "may not scrape"),
        (404, "import net/http/pprof"),
        (405, "only GET"),
        (429, "raise scrape_interval"),
        (500, "HTTP 500"),
        (204, "HTTP 204"),
    ],
)
async def test_a_status_other_than_200_says_what_to_do(status: int, hint: str) -> None:
    with pytest.raises(HttpStatusError, match=hint) as caught:
        await scrape(answering(status=status))
    assert caught.value.status == status


async def test_the_reason_phrase_of_a_target_cannot_drive_the_terminal() -> None:
    reason = b"\xc2\x9b31mred" + b"!" * 5000
    head = b"HTTP/1.1 599 " + reason + b"\r\nContent-Length: 0\r\n\r\n"
    async with serving_bytes(head) as address, Scraper(job()) as scraper:
        with pytest.raises(HttpStatusError) as caught:
            await scraper.get(f"http://{address}/")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


async def test_what_is_no_http_at_all_is_unreachable() -> None:
    async with serving_bytes(b"SSH-2.0-OpenSSH_9.2\r\n") as address, Scraper(job()) as scraper:
        with pytest.raises(UnreachableError, match="no answer"):
            await scraper.get(f"http://{address}/")


async def test_a_web_page_is_not_a_profile() -> None:
    page = answering(b"<!DOCTYPE html><title>Shop</title>", headers={"Content-Type": "text/html"})
    with pytest.raises(NotAProfileError, match="right port"):
        await scrape(page)
    with pytest.raises(NotAProfileError, match="right port"):
        await scrape(answering(b"<HTML><body>"))


async def test_an_endless_body_ends_at_the_size_limit() -> None:
    with pytest.raises(BodyTooLargeError, match=f"{MIB} bytes"):
        await scrape(endless, job(body_size_limit=MIB))


async def test_a_body_that_never_ends_ends_at_the_timeout() -> None:
    with pytest.raises(ScrapeTimeoutError, match=r"within 0\.2 s \(1 bytes received\)"):
        await scrape(silent, job(scrape_timeout=0.2))


async def test_a_connection_cut_half_way_says_how_far_it_came() -> None:
    with pytest.raises(UnreachableError, match="ended early, after 27 bytes"):
        await scrape(cut_short)


async def test_a_redirect_in_circles_is_told_as_such() -> None:
    with pytest.raises(HttpStatusError, match="circle"):
        await scrape(circling)


async def test_a_redirect_is_an_error_where_it_is_not_to_be_followed() -> None:
    with pytest.raises(HttpStatusError, match="HTTP 302: redirects elsewhere"):
        await scrape(circling, job(follow_redirects=False))


async def test_gzip_on_the_way_is_undone_and_both_sizes_are_known() -> None:
    body = b"goroutine profile: total 0\n" * 100
    packed = gzip.compress(body)
    answer = await scrape(answering(packed, headers={"Content-Encoding": "gzip"}))
    assert answer.body == body
    assert answer.received_bytes == len(packed) < len(body)


async def test_a_gzip_bomb_stops_at_the_size_limit() -> None:
    packed = bomb(64 * MIB)
    assert len(packed) < MIB
    with pytest.raises(BodyTooLargeError):
        await scrape(
            answering(packed, headers={"Content-Encoding": "gzip"}), job(body_size_limit=MIB)
        )


@pytest.mark.parametrize(
    ("body", "encoding", "said"),
    [
        (gzip.compress(b"x" * 1000, mtime=0)[:-10], "gzip", "ends early"),
        (b"not gzip at all", "gzip", "damaged"),
        (b"x", "br", "only gzip was asked for"),
    ],
    ids=["cut", "garbage", "other"],
)
async def test_an_encoding_that_cannot_be_undone_is_an_error(
    body: bytes, encoding: str, said: str
) -> None:
    with pytest.raises(ContentEncodingError, match=said):
        await scrape(answering(body, headers={"Content-Encoding": encoding}))


class Gatekeeper:
    """Lets in whoever shows the credentials."""

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted

    async def answer(self, request: web.Request) -> web.StreamResponse:
        right = request.headers.get("Authorization") == self.wanted
        return web.Response(status=200 if right else 401)


async def test_credentials_are_read_anew_for_every_scrape(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    gate = Gatekeeper("Bearer first")
    settings = job(authorization=AuthorizationSettings(credentials_file=str(token)))
    async with scraping(gate.answer, settings) as (scraper, url):
        await scraper.get(url)
        token.write_text("second\n")
        gate.wanted = "Bearer second"
        await scraper.get(url)


async def test_basic_authentication_takes_its_password_from_a_file(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("s3cret")
    settings = job(basic_auth=BasicAuthSettings(username="ada", password_file=str(password)))
    await scrape(Gatekeeper("Basic YWRhOnMzY3JldA==").answer, settings)


async def test_credentials_do_not_follow_a_redirect_to_another_server(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    seen: list[str | None] = []

    async def elsewhere(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("Authorization"))
        return web.Response()

    async with serving(elsewhere) as other:

        async def redirect(_: web.Request) -> web.StreamResponse:
            raise web.HTTPFound(f"http://{other}/")

        await scrape(
            redirect, job(authorization=AuthorizationSettings(credentials_file=str(token)))
        )
    assert seen == [None]


async def test_a_secret_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    settings = job(authorization=AuthorizationSettings(credentials_file=str(tmp_path / "gone")))
    with pytest.raises(CredentialsError, match="gone"):
        await scrape(answering(), settings)


async def test_certificates_that_cannot_be_read_are_named_at_once(tmp_path: Path) -> None:
    settings = job(scheme="https", tls_config=TlsSettings(ca_file=str(tmp_path / "no-ca.pem")))
    with pytest.raises(CredentialsError, match=r"no-ca\.pem"):
        async with Scraper(settings):
            pass


@pytest.fixture
def certified(tmp_path: Path, require: Callable[[str], None]) -> tuple[Path, ssl.SSLContext]:
    """A certificate for shop.internal, and the context of a server that shows it."""
    require("openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=shop.internal"
    names = ["-addext", "subjectAltName=DNS:shop.internal", "-addext", "basicConstraints=CA:TRUE"]
    subprocess.run(
        [*command.split(), *names, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return certificate, context


async def test_a_certificate_is_held_against_the_configured_name(
    certified: tuple[Path, ssl.SSLContext],
) -> None:
    certificate, context = certified
    async with serving(answering(b"ok"), context) as address:
        for name in ("shop.internal", None):
            tls = TlsSettings(ca_file=str(certificate), server_name=name)
            async with Scraper(job(scheme="https", tls_config=tls)) as scraper:
                if name:
                    assert (await scraper.get(f"https://{address}/")).body == b"ok"
                else:
                    with pytest.raises(UnreachableError, match="certificate"):
                        await scraper.get(f"https://{address}/")


async def test_a_status_is_told_without_its_body_being_judged() -> None:
    async with scraping(answering(status=400), job()) as (scraper, url):
        assert await scraper.status(url) == 400
    async with scraping(answering(b"<html>"), job()) as (scraper, url):
        assert await scraper.status(url) == 200
