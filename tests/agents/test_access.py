"""What a part is told when it starts on a broker on which it cannot work."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from goleakprobe_agents import access
from goleakprobe_agents.access import COLLECTED, check_access, check_role_access
from goleakprobe_agents.errors import AccessError, BrokerUnsupportedError, TopicsError
from goleakprobe_agents.settings import BrokerSettings, SaslSettings
from goleakprobe_schemas import FINDINGS, SNAPSHOTS, TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SETTINGS = BrokerSettings(bootstrap_servers=("kafka:9092",), partitions=4)
AS_USER = BrokerSettings(
    bootstrap_servers=("kafka:9092",),
    partitions=4,
    sasl=SaslSettings(username="reader", password_file="x"),
)
ALL_TOPICS = [name for topic in TOPICS for name in (topic.name, topic.dead_letter)]


class ApiKey(NamedTuple):
    """As kafka-python names what a broker offers."""

    name: str


class Admin:
    """A broker as an admin client sees it."""

    def __init__(
        self,
        *,
        topics: Sequence[str] = ALL_TOPICS,
        partitions: int = 4,
        rights: Sequence[str] | None = ("READ", "WRITE", "DESCRIBE"),
        metadata: int = 13,
    ) -> None:
        self._topics, self._partitions, self._rights = topics, partitions, rights
        self._metadata = metadata
        self.refuse_groups = False

    def api_versions(self) -> dict[ApiKey, tuple[int, int]]:
        return {ApiKey("Metadata"): (0, self._metadata), ApiKey("InitProducerId"): (0, 5)}

    def list_topics(self) -> list[str]:
        return list(self._topics)

    def describe_topics(self, names: Sequence[str]) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "error_code": 0,
                "partitions": [None] * self._partitions,
                "authorized_operations": self._rights,
            }
            for name in names
        ]

    def describe_groups(self, groups: Sequence[str]) -> dict[str, object]:
        from kafka.errors import CoordinatorNotAvailableError, GroupAuthorizationFailedError

        if self.refuse_groups:
            raise GroupAuthorizationFailedError
        raise CoordinatorNotAvailableError


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Any:
    def install(admin: Admin) -> None:
        @contextmanager
        def client(_: BrokerSettings) -> Iterator[Admin]:
            yield admin

        monkeypatch.setattr(access, "admin_client", client)

    return install


def test_who_has_all_it_needs_may_begin(broker: Any) -> None:
    broker(Admin())
    check_access(AS_USER, writes=COLLECTED)
    check_role_access(AS_USER, ["detect", "lifecycles", "services", "land", "alert"])


def test_what_a_broker_does_not_tell_counts_as_given(broker: Any) -> None:
    broker(Admin(rights=None))
    check_role_access(SETTINGS, ["land"])


def test_a_right_that_lacks_is_named_with_user_and_topic(broker: Any) -> None:
    broker(Admin(rights=("DESCRIBE", "READ")))
    with pytest.raises(AccessError, match=f"lacks Write on topic {COLLECTED[0]} and 3 more"):
        check_access(AS_USER, writes=COLLECTED)
    check_access(AS_USER, reads=[SNAPSHOTS.name])


def test_a_group_that_may_not_be_joined_is_named(broker: Any) -> None:
    admin = Admin()
    admin.refuse_groups = True
    broker(admin)
    with pytest.raises(AccessError, match="reader lacks Read on group goleakprobe-land"):
        check_role_access(AS_USER, ["land"])


def test_a_topic_that_is_not_shown_may_be_missing_or_hidden(broker: Any) -> None:
    broker(Admin(topics=COLLECTED))
    with pytest.raises(TopicsError, match=r"lacks 1 topics.*run `goleakprobe topics apply`$"):
        check_access(SETTINGS, reads=[FINDINGS.name])
    with pytest.raises(TopicsError, match=r"or does not show to reader.*or give the rights"):
        check_access(AS_USER, reads=[FINDINGS.name])


def test_other_partition_counts_are_refused_with_the_remedy(broker: Any) -> None:
    broker(Admin(partitions=1))
    with pytest.raises(TopicsError, match=r"has 1 partitions.*set broker\.partitions to 1"):
        check_access(SETTINGS, reads=[SNAPSHOTS.name])


def test_a_broker_without_topic_ids_is_too_old(broker: Any) -> None:
    broker(Admin(metadata=9))
    with pytest.raises(BrokerUnsupportedError, match=r"use Kafka 2\.8 or newer"):
        check_access(SETTINGS, reads=[SNAPSHOTS.name])
