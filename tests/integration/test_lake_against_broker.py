"""``goleakprobe lake verify --config`` beside a broker that runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from goleakprobe.cli.lake import lake_app
from goleakprobe_agents.launch import RunningStream
from goleakprobe_schemas import RUNTIMES
from stream_harness import Feed, stream_settings, waited
from stream_messages import a_sample

if TYPE_CHECKING:
    from goleakprobe_agents.settings import BrokerSettings

pytestmark = [pytest.mark.broker, pytest.mark.timeout(300)]


def verify(lake: str, broker: BrokerSettings) -> tuple[int, str]:
    config = Path(lake).parent / "leak.yaml"
    servers = list(broker.bootstrap_servers)
    config.write_text(
        f"broker: {{bootstrap_servers: {servers}, partitions: {broker.partitions}}}\n"
    )
    arguments = ["verify", "--lake", lake, "--config", str(config)]
    done = CliRunner().invoke(lake_app, arguments)
    return done.exit_code, done.output


def test_the_broker_says_what_files_cannot(broker_settings: BrokerSettings, tmp_path: Path) -> None:
    settings = stream_settings(broker_settings, tmp_path)
    with Feed(broker_settings) as feed:

        def send(numbers: range) -> None:
            for number in numbers:
                feed.send(RUNTIMES, "k", a_sample(number))
            feed.flush()

        with RunningStream(settings, role="land") as stream:
            for numbers in (range(10), range(10, 20)):
                send(numbers)
                waited(
                    lambda end=numbers.stop: stream.status().events.get(RUNTIMES.name) == end,  # type: ignore[misc]
                    "the samples to be landed",
                )
            assert stream.stop() == 0
        code, output = verify(settings.lake.path, broker_settings)
        assert code == 0, output
        assert "every message was landed exactly once\n" in output
        if "cannot tell" in output:
            return  # the embedded broker
        send(range(20, 25))
        code, output = verify(settings.lake.path, broker_settings)
        assert (code, "once; 5 wait behind the last files" in output) == (0, True), output
        min(Path(settings.lake.path).rglob("*.parquet"), key=lambda path: path.name).unlink()
        code, output = verify(settings.lake.path, broker_settings)
        assert code == 1
        assert "messages from before the first file" in output
