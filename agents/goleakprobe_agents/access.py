"""Whether a part may do its work on a broker: asked once at the start, answered in its own words.

Without it a missing right shows as a stream of refusals much later, or as a topic that seems not
to exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from goleakprobe_agents.admin import admin_client
from goleakprobe_agents.errors import AccessError, BrokerUnsupportedError, TopicsError
from goleakprobe_schemas import (
    ASSESSMENTS,
    FINDINGS,
    LIFECYCLES,
    RUNTIMES,
    SNAPSHOTS,
    STACKS,
    STATISTICS,
    TOPICS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from goleakprobe_agents.settings import BrokerSettings

__all__ = ["COLLECTED", "check_access", "check_role_access"]

COLLECTED = tuple(topic.name for topic in (SNAPSHOTS, STACKS, RUNTIMES, LIFECYCLES))
"""What collectors write."""

_READS = {
    "detect": (SNAPSHOTS,),
    "lifecycles": (LIFECYCLES,),
    "services": (ASSESSMENTS,),
    "land": TOPICS,
    "alert": (FINDINGS,),
}
_WRITES = {
    "detect": (ASSESSMENTS,),
    "lifecycles": (ASSESSMENTS,),
    "services": (STATISTICS, FINDINGS),
    "land": (),
    "alert": (),
}
# Topic ids came with Kafka 2.8 (KIP-516): by them a topic is told from its successor.
_NEEDED = {"Metadata": (10, "Kafka 2.8"), "InitProducerId": (0, "Kafka 0.11")}
_NOT_AUTHORIZED = 29

_log = structlog.get_logger(__name__)


def check_role_access(settings: BrokerSettings, roles: Sequence[str]) -> None:
    """``check_access`` for all that worker roles read, write and join."""
    reads = [topic.name for role in roles for topic in _READS[role]]
    writes = [topic.name for role in roles for topic in _WRITES[role]]
    writes += [topic.dead_letter for role in roles for topic in _READS[role]]
    groups = [f"{settings.group_prefix}-{role}" for role in roles]
    check_access(settings, reads=reads, writes=writes, groups=groups)


def check_access(
    settings: BrokerSettings,
    *,
    reads: Sequence[str] = (),
    writes: Sequence[str] = (),
    groups: Sequence[str] = (),
) -> None:
    """Return if these topics are there, equally partitioned, and these rights are given.

    What a broker does not tell (the embedded one has no rights to tell) counts as given. Raises
    BrokerUnavailableError, BrokerUnsupportedError, TopicsError or AccessError. Blocks.
    """
    user = settings.sasl.username if settings.sasl is not None else ""
    with admin_client(settings) as admin:
        _check_versions(admin.api_versions())
        topics = sorted({*reads, *writes})
        described = _described(admin, topics, user)
        _check_partitions(settings, described)
        for right, names in (("READ", reads), ("WRITE", writes)):
            lacking = [name for name in names if not _has(described[name], right)]
            if lacking:
                raise AccessError(user, right.capitalize(), "topic", lacking)
        refused = [group for group in groups if _is_refused(admin, group)]
        if refused:
            raise AccessError(user, "Read", "group", refused)


def _check_versions(told: Mapping[Any, tuple[int, int]]) -> None:
    offered = {key.name: versions for key, versions in told.items()}
    for api, (version, since) in _NEEDED.items():
        newest = offered.get(api, (0, -1))[1]
        if newest < version:
            raise BrokerUnsupportedError(api, newest, version, since)


def _described(admin: Any, topics: Sequence[str], user: str) -> dict[str, Any]:
    # Asked by listing first: describing an unknown topic makes some brokers create it.
    known = set(admin.list_topics())
    missing = [name for name in topics if name not in known]
    if missing:
        shown = f", or does not show to {user}," if user else ""
        raise TopicsError(
            f"the broker lacks{shown} {len(missing)} topics, among them {missing[0]}: run "
            "`goleakprobe topics apply`" + (", or give the rights in infra/kafka" if user else "")
        )
    described = {each["name"]: each for each in admin.describe_topics(list(topics))}
    hidden = [name for name, each in described.items() if each["error_code"] == _NOT_AUTHORIZED]
    if hidden:
        raise AccessError(user, "Describe", "topic", hidden)
    return described


def _check_partitions(settings: BrokerSettings, described: Mapping[str, Any]) -> None:
    for name, each in described.items():
        count = len(each["partitions"])
        if count != settings.partitions:
            raise TopicsError(
                f"{name} has {count} partitions and broker.partitions says "
                f"{settings.partitions}: set broker.partitions to {count}, or delete the topic"
            )


def _has(described: Any, right: str) -> bool:
    told = described.get("authorized_operations")
    return not told or right in told or "ALL" in told


def _is_refused(admin: Any, group: str) -> bool:
    from kafka.errors import GroupAuthorizationFailedError, KafkaError

    try:
        admin.describe_groups([group])
    except GroupAuthorizationFailedError:
        return True
    except (KafkaError, ValueError) as error:
        # A cluster that never had a group has no coordinator yet.
        _log.debug("group_not_described", group=group, reason=str(error))
    return False
