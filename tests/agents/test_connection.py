"""What the Kafka clients cannot honour is refused, not ignored."""

from __future__ import annotations

import pytest

from goleakprobe_agents.connection import client_options
from goleakprobe_agents.errors import BrokerUnavailableError, CredentialsError
from goleakprobe_agents.settings import BrokerSettings, SaslSettings, TlsSettings


def settings(**changes: object) -> BrokerSettings:
    return BrokerSettings(bootstrap_servers=("127.0.0.1:9092",), **changes)  # type: ignore[arg-type]


def test_a_server_name_that_no_client_can_verify_is_refused() -> None:
    with pytest.raises(CredentialsError, match="server_name"):
        client_options(settings(tls=TlsSettings(server_name="kafka.internal")))


def test_an_unreadable_certificate_authority_is_named() -> None:
    with pytest.raises(CredentialsError, match=r"/no/such/ca\.pem"):
        client_options(settings(tls=TlsSettings(ca_file="/no/such/ca.pem")))


def test_an_unreadable_password_file_is_named() -> None:
    sasl = SaslSettings(username="worker", password_file="/no/such/password")
    with pytest.raises(CredentialsError, match="/no/such/password"):
        client_options(settings(sasl=sasl))


def test_no_address_is_said_so() -> None:
    with pytest.raises(BrokerUnavailableError, match="bootstrap_servers"):
        client_options(BrokerSettings())
