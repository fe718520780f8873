"""What Faust is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from goleakprobe_agents.app import build_app
from goleakprobe_agents.settings import BrokerSettings, StateSettings, StreamSettings

if TYPE_CHECKING:
    from pathlib import Path


def test_a_topic_that_the_broker_did_not_name_yet_is_looked_for_again_within_its_watch(
    tmp_path: Path,
) -> None:
    """Else nobody owns its partitions: a group's leader assigns what it knows of."""
    settings = StreamSettings(
        broker=BrokerSettings(bootstrap_servers=("127.0.0.1:1",)),
        state=StateSettings(path=str(tmp_path)),
    )
    app = build_app(settings, "detect")
    assert app.conf.consumer_metadata_max_age_ms <= 30_000
