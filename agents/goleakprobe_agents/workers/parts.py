"""What every role is built from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from goleakprobe_agents.patience import Patience
    from goleakprobe_agents.publisher import Publisher
    from goleakprobe_agents.settings import StreamSettings
    from goleakprobe_agents.shell import Acknowledge
    from goleakprobe_schemas import Topic

__all__ = ["Parts", "raw_topic"]


class Parts(NamedTuple):
    """The parts that a worker process hands to its role."""

    settings: StreamSettings
    publisher: Publisher
    log_ids: Mapping[str, str]
    acknowledge: Acknowledge
    patience: Patience


def raw_topic(app: Any, topics: Sequence[Topic]) -> Any:
    """A Faust topic over several of ours that leaves every byte alone.

    Faust's own decoding would drop a message it cannot read, and then stand still; its following
    of acknowledgements would only remember for ever what the shells know.
    """
    return app.topic(
        *(topic.name for topic in topics),
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        acks=False,
    )
