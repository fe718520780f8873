"""The topics of the contract on a broker: what is missing, what differs, and creating them.

Brokers are never trusted to create topics by themselves: a topic made with one partition breaks
every consumer that expects more. Partition counts are equal everywhere and fixed for good, so
that a key stays in its partition and a replay publishes to the same one.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from goleakprobe_agents.connection import client_options, require_reachable, unanswered
from goleakprobe_agents.errors import BrokerUnavailableError, TopicsError
from goleakprobe_schemas import TOPICS, Topic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from goleakprobe_agents.settings import BrokerSettings

__all__ = [
    "TopicDifference",
    "WantedTopic",
    "admin_client",
    "apply_topics",
    "check_topics",
    "cluster_id",
    "diff_topics",
    "log_ids",
    "wanted_topics",
]

_CONNECT_MS = 10_000
# Record and batch headers around a value of the largest size.
_OVERHEAD_BYTES = 64 * 1024
_DEAD_LETTER_RETENTION_MS = 14 * 24 * 3600 * 1000


class WantedTopic(msgspec.Struct, frozen=True, kw_only=True):
    """One topic as it should be on the broker."""

    name: str
    partitions: int
    replication_factor: int
    config: dict[str, str]


class TopicDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which a topic on the broker is not what the contract wants."""

    topic: str
    what: str
    """``missing``, ``partitions`` or the name of a configuration key."""
    wanted: str
    found: str


def wanted_topics(settings: BrokerSettings) -> list[WantedTopic]:
    """Every topic of the contract and its dead-letter topic, in the contract's order."""
    return [
        WantedTopic(
            name=name,
            partitions=settings.partitions,
            replication_factor=settings.replication_factor,
            config=config,
        )
        for topic in TOPICS
        for name, config in ((topic.name, _config(topic)), (topic.dead_letter, _dlq_config(topic)))
    ]


def diff_topics(settings: BrokerSettings) -> list[TopicDifference]:
    """What ``apply_topics`` would have to change; empty when the broker fits.

    Configuration is compared only where the broker tells it (the embedded one does not).
    Raises BrokerUnavailableError.
    """
    with admin_client(settings) as admin:
        return _differences(admin, wanted_topics(settings))


def apply_topics(settings: BrokerSettings) -> list[TopicDifference]:
    """Create what is missing and set what differs; answers with what was done. Idempotent.

    Raises TopicsError, before anything is changed, if a topic exists with another partition
    count: that cannot be repaired without moving keys. Raises BrokerUnavailableError.
    """
    wanted = wanted_topics(settings)
    with admin_client(settings) as admin:
        differences = _differences(admin, wanted)
        _refuse_other_partitions(differences)
        missing = {each.topic for each in differences if each.what == "missing"}
        _create(admin, [topic for topic in wanted if topic.name in missing])
        _configure(admin, differences)
    return differences


def check_topics(settings: BrokerSettings) -> None:
    """Refuse to start on a broker whose topics do not fit.

    Raises TopicsError for missing topics or other partition counts, BrokerUnavailableError.
    """
    differences = diff_topics(settings)
    _refuse_other_partitions(differences)
    missing = [each.topic for each in differences if each.what == "missing"]
    if missing:
        raise TopicsError(
            f"the broker lacks {len(missing)} topics, among them {missing[0]}: "
            "run `goleakprobe topics apply`"
        )


def log_ids(settings: BrokerSettings) -> dict[str, str]:
    """A short form of the id that the broker gave each topic of the contract (KIP-516).

    It differs when a topic, or a whole in-memory broker, was made anew: offsets began again then.
    Empty strings where the broker tells no ids. Raises BrokerUnavailableError.
    """
    names = [topic.name for topic in TOPICS]
    with admin_client(settings) as admin:
        described = {each["name"]: each.get("topic_id") for each in admin.describe_topics(names)}
    return {name: _short_id(described.get(name)) for name in names}


def cluster_id(settings: BrokerSettings) -> str:
    """What the cluster calls itself. Raises BrokerUnavailableError."""
    with admin_client(settings) as admin:
        return str(admin.describe_cluster()["cluster_id"])


def _short_id(topic_id: object) -> str:
    text = str(topic_id or "").replace("-", "")
    if not text.strip("0"):
        return ""
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def _config(topic: Topic) -> dict[str, str]:
    config = {
        "cleanup.policy": topic.cleanup,
        # By a sender's clock Kafka would count retention, and forget within minutes what it knows
        # of an idempotent producer whose messages are a day old (producer.id.expiration.ms): a
        # batch resent after a restart would be written twice.
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(topic.message_limit_bytes + _OVERHEAD_BYTES),
    }
    if topic.cleanup == "compact":
        # Landing must see every record before compaction may remove it.
        config["min.compaction.lag.ms"] = str(topic.retention_ms)
    else:
        config["retention.ms"] = str(topic.retention_ms)
    return config


def _dlq_config(topic: Topic) -> dict[str, str]:
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(_DEAD_LETTER_RETENTION_MS),
        # A dead letter may be what the codec refused for its size; the broker let it in once.
        "max.message.bytes": str(2 * topic.message_limit_bytes + _OVERHEAD_BYTES),
    }


@contextmanager
def admin_client(settings: BrokerSettings) -> Iterator[Any]:
    """kafka-python's admin client; BrokerUnavailableError for whatever it raises."""
    from kafka.admin import KafkaAdminClient
    from kafka.errors import KafkaError

    options = client_options(settings)
    require_reachable(settings)
    try:
        admin = KafkaAdminClient(**options, bootstrap_timeout_ms=_CONNECT_MS)
    except (KafkaError, OSError) as error:
        raise unanswered(settings, error) from error
    try:
        yield admin
    except KafkaError as error:
        raise BrokerUnavailableError(settings.bootstrap_servers, _reason(error)) from error
    finally:
        admin.close()


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _differences(admin: Any, wanted: Sequence[WantedTopic]) -> list[TopicDifference]:
    # Asked by listing: describing an unknown topic makes some brokers create it.
    known = set(admin.list_topics())
    present = [topic.name for topic in wanted if topic.name in known]
    partitions = _partition_counts(admin, present)
    configs = _told_configs(admin, present)
    found: list[TopicDifference] = []
    for topic in wanted:
        if topic.name not in partitions:
            found.append(_difference(topic.name, "missing", str(topic.partitions), "-"))
            continue
        if partitions[topic.name] != topic.partitions:
            counts = (str(topic.partitions), str(partitions[topic.name]))
            found.append(_difference(topic.name, "partitions", *counts))
        told = configs.get(topic.name, {})
        found += [
            _difference(topic.name, key, value, told[key])
            for key, value in topic.config.items()
            if key in told and told[key] != value
        ]
    return found


def _difference(topic: str, what: str, wanted: str, found: str) -> TopicDifference:
    return TopicDifference(topic=topic, what=what, wanted=wanted, found=found)


def _partition_counts(admin: Any, names: Sequence[str]) -> dict[str, int]:
    if not names:
        return {}
    described = admin.describe_topics(list(names))
    return {each["name"]: len(each["partitions"]) for each in described if not each["error_code"]}


def _told_configs(admin: Any, names: Sequence[str]) -> dict[str, dict[str, str]]:
    from kafka.admin import ConfigResource, ConfigResourceType

    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    answer = admin.describe_configs(resources, config_filter="all")
    topics = answer.get("topic", {})
    return {name: {key: _value(told) for key, told in topics[name].items()} for name in topics}


def _value(told: Any) -> str:
    return str(told["value"]) if isinstance(told, dict) else str(told)


def _refuse_other_partitions(differences: Sequence[TopicDifference]) -> None:
    for each in differences:
        if each.what == "partitions":
            raise TopicsError(
                f"{each.topic} has {each.found} partitions and broker.partitions says "
                f"{each.wanted}: set broker.partitions to {each.found}, or delete the topic"
            )


def _create(admin: Any, topics: Sequence[WantedTopic]) -> None:
    from kafka.admin import NewTopic

    if not topics:
        return
    requests = [
        NewTopic(
            name=topic.name,
            num_partitions=topic.partitions,
            replication_factor=topic.replication_factor,
            topic_configs=topic.config,
        )
        for topic in topics
    ]
    # Another worker may create them at the same moment: existing is what we want.
    answer = admin.create_topics(requests, raise_errors=False)
    for each in answer["topics"]:
        if each["error_code"] not in (0, _TOPIC_ALREADY_EXISTS):
            raise TopicsError(f"cannot create {each['name']}: {each['error_message']}")
    admin.wait_for_topics([topic.name for topic in topics])


# Kafka protocol error code.
_TOPIC_ALREADY_EXISTS = 36


def _configure(admin: Any, differences: Sequence[TopicDifference]) -> None:
    from kafka.admin import ConfigResource, ConfigResourceType

    changed: dict[str, dict[str, str]] = {}
    for each in differences:
        if each.what != "missing":
            changed.setdefault(each.topic, {})[each.what] = each.wanted
    if changed:
        admin.alter_configs(
            [
                ConfigResource(ConfigResourceType.TOPIC, name, configs=configs)
                for name, configs in changed.items()
            ]
        )
