"""Apache Kafka on this machine without containers: real nodes, for trying out and for tests.

One node or three, in KRaft's combined mode, on the loopback interface only, plain or with TLS,
SCRAM and ACLs. ``python -m local_kafka`` (with this folder's parent in PYTHONPATH) starts one.
"""

from __future__ import annotations

from local_kafka.cluster import KafkaCluster
from local_kafka.errors import JarsError, JavaMissingError, KafkaStartError, LocalKafkaError
from local_kafka.jars import jars_cached, kafka_jars
from local_kafka.node import KafkaNode
from local_kafka.properties import Security

__all__ = [
    "JarsError",
    "JavaMissingError",
    "KafkaCluster",
    "KafkaNode",
    "KafkaStartError",
    "LocalKafkaError",
    "Security",
    "jars_cached",
    "kafka_jars",
]
