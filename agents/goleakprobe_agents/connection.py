"""Broker settings in the words of the two Kafka clients."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goleakprobe_agents.errors import BrokerUnavailableError, CredentialsError

if TYPE_CHECKING:
    from goleakprobe_agents.settings import BrokerSettings, TlsSettings

__all__ = [
    "client_options",
    "faust_credentials",
    "read_secret",
    "require_reachable",
    "tls_context",
    "unanswered",
]

_CONNECT_SECONDS = 5.0
_KAFKA_PORT = 9092


def client_options(settings: BrokerSettings) -> dict[str, Any]:
    """Keyword arguments that every kafka-python client takes for address and security.

    Raises BrokerUnavailableError without an address and CredentialsError for unreadable files.
    """
    if not settings.bootstrap_servers:
        raise BrokerUnavailableError((), "broker.bootstrap_servers is empty")
    options: dict[str, Any] = {"bootstrap_servers": list(settings.bootstrap_servers)}
    if settings.tls is not None:
        options["ssl_context"] = _broker_context(settings.tls)
    if settings.sasl is not None:
        options["sasl_mechanism"] = settings.sasl.mechanism
        options["sasl_plain_username"] = settings.sasl.username
        options["sasl_plain_password"] = read_secret(settings.sasl.password_file)
    options["security_protocol"] = _protocol(settings)
    return options


def faust_credentials(settings: BrokerSettings) -> Any:
    """The same security for Faust's consumer; None for a plain connection."""
    import faust

    context = _broker_context(settings.tls) if settings.tls is not None else None
    if settings.sasl is not None:
        return faust.SASLCredentials(
            mechanism=settings.sasl.mechanism,
            username=settings.sasl.username,
            password=read_secret(settings.sasl.password_file),
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context is not None else None


def require_reachable(settings: BrokerSettings) -> None:
    """Return once any of the addresses accepts a connection, else raise BrokerUnavailableError.

    With TLS, one whose certificate is trusted. Kafka clients would try on for half a minute, and
    then say no more than that they have tried. Raises CredentialsError for unreadable files.
    """
    reasons = []
    context = tls_context(settings.tls) if settings.tls is not None else None
    for server in settings.bootstrap_servers:
        host, _, port = server.rpartition(":")
        try:
            address = (host.strip("[]"), int(port)) if host else (server, _KAFKA_PORT)
            with socket.create_connection(address, timeout=_CONNECT_SECONDS) as connection:
                if context is not None:
                    context.wrap_socket(connection, server_hostname=address[0]).close()
        except (OSError, ValueError) as error:
            reasons.append(str(error))
        else:
            return
    reason = "; ".join(dict.fromkeys(reasons)) or "broker.bootstrap_servers is empty"
    raise BrokerUnavailableError(settings.bootstrap_servers, reason)


def unanswered(settings: BrokerSettings, error: BaseException) -> BrokerUnavailableError:
    """The error to raise where a client of a reachable broker gets no answer.

    kafka-python 3.0 does not pass on that a broker refuses a login: over TLS it drops the answer
    in front of the broker's disconnect, tries again and at last runs out of time.
    """
    from kafka.errors import KafkaTimeoutError

    reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if settings.sasl is not None and isinstance(error, KafkaTimeoutError):
        who = f"{settings.sasl.username} by {settings.sasl.mechanism}"
        reason = f"it is reachable, but authentication of {who} did not succeed in time ({reason})"
    return BrokerUnavailableError(settings.bootstrap_servers, reason)


def tls_context(settings: TlsSettings) -> ssl.SSLContext:
    """A client context, without the name to verify; CredentialsError names an unusable file."""
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise CredentialsError(settings.ca_file or "the system's certificates", str(error)) from (
            error
        )
    if settings.cert_file:
        try:
            context.load_cert_chain(settings.cert_file, settings.key_file)
        except (OSError, ssl.SSLError) as error:
            raise CredentialsError(settings.cert_file, str(error)) from error
    if settings.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _broker_context(settings: TlsSettings) -> ssl.SSLContext:
    if settings.server_name:
        # Both Kafka clients verify against the address they connect to, which the broker names.
        raise CredentialsError(
            "broker.tls.server_name", "no Kafka client here can verify another name; leave it out"
        )
    return tls_context(settings)


def read_secret(path: str) -> str:
    """A secret's first line; CredentialsError if the file cannot be read or is empty."""
    try:
        secret = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialsError(path, str(error)) from error
    if not secret:
        raise CredentialsError(path, "the file is empty")
    return secret.splitlines()[0]


def _protocol(settings: BrokerSettings) -> str:
    if settings.sasl is not None:
        return "SASL_SSL" if settings.tls is not None else "SASL_PLAINTEXT"
    return "SSL" if settings.tls is not None else "PLAINTEXT"
