"""Which partition a key belongs to: Kafka's own choice, computed once a key."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from kafka.partitioner import Partitioner
from kafka.partitioner.default import murmur2

__all__ = ["ByKey"]


class ByKey(Partitioner):
    """Every Kafka client's default, without hashing in Python what was hashed before.

    Everything published has a key, or names its partition itself.
    """

    def partition(
        self, topic: str, key: object, serialized_key: bytes, value: object, body: object, log: Any
    ) -> int:
        """The partition of a key."""
        return _hash(serialized_key) % len(log.partitions_for_topic(topic))


@lru_cache(maxsize=16_384)
def _hash(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF
