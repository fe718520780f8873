"""The compose file for users, read as Compose reads it: nodes find one another and only us."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import yaml

FOLDER = Path(__file__).parents[2] / "infra" / "kafka"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]


def default_of(text: str) -> str:
    """What ``${NAME:-default}`` stands for when nobody sets it."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def addresses(text: str) -> dict[str, tuple[str, int]]:
    found = re.findall(r"(\w+)://([\w-]*):(\d+)", text)
    return {name: (host, int(port)) for name, host, port in found}


def test_every_node_listens_on_what_it_publishes_and_on_this_machine_alone() -> None:
    for name, service in SERVICES.items():
        environment = service["environment"]
        listens = addresses(environment["KAFKA_LISTENERS"])
        told = addresses(environment["KAFKA_ADVERTISED_LISTENERS"])
        port = listens["CLIENT"][1]
        assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
        assert told["CLIENT"] == ("localhost", port)
        assert told["INTERNAL"] == (name, listens["INTERNAL"][1])
        protocols = environment["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"]
        assert set(listens) == {pair.split(":")[0] for pair in protocols.split(",")}


def test_each_profile_is_a_whole_quorum_with_data_of_its_own() -> None:
    for profile, count in (("one", 1), ("three", 3)):
        nodes = {n: s for n, s in SERVICES.items() if profile in s["profiles"]}
        assert len(nodes) == count
        voters = ",".join(
            f"{s['environment']['KAFKA_NODE_ID']}@{n}:9093" for n, s in sorted(nodes.items())
        )
        for service in nodes.values():
            environment = service["environment"]
            assert environment["KAFKA_CONTROLLER_QUORUM_VOTERS"] == voters
            assert environment["KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR"] == count
            (volume,) = service["volumes"]
            assert volume.split(":")[1] == environment["KAFKA_LOG_DIRS"]
        assert len({s["volumes"][0] for s in nodes.values()}) == count
    assert {s["volumes"][0].split(":")[0] for s in SERVICES.values()} == set(COMPOSE["volumes"])


def test_the_cluster_id_is_one() -> None:
    text = default_of(SERVICES["kafka-1"]["environment"]["CLUSTER_ID"])
    assert len(base64.urlsafe_b64decode(text + "==")) == 16


def test_containers_run_the_kafka_that_the_tests_run() -> None:
    pom = ET.parse(FOLDER / "pom.xml").getroot()
    tested = pom.findtext(".//{*}kafka.version")
    images = {default_of(service["image"]) for service in SERVICES.values()}
    assert images == {f"apache/kafka:{tested}"}


def test_nobody_makes_topics_by_accident() -> None:
    for service in SERVICES.values():
        assert service["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
