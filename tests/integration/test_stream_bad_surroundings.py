"""Lakes that cannot be written, ports that are taken, brokers that are not there."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from goleakprobe_agents.errors import WorkerFailedError
from goleakprobe_agents.launch import RunningStream
from goleakprobe_schemas import RUNTIMES
from stream_harness import Feed, covered, landed_so_far, stream_settings, waited
from stream_messages import a_sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from goleakprobe_agents.settings import BrokerSettings

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600)]


def test_a_lake_that_cannot_be_written_stops_landing_until_it_can(
    broker_settings: BrokerSettings, tmp_path: Path
) -> None:
    from goleakprobe.lake.verify import verify_lake

    settings = stream_settings(broker_settings, tmp_path)
    lake = Path(settings.lake.path)
    lake.write_bytes(b"in the way")
    with RunningStream(settings, role="land") as stream, Feed(broker_settings) as feed:
        for number in range(100):
            feed.send(RUNTIMES, f"{number}", a_sample(number))
        feed.flush()
        waited(lambda: "lake" in stream.status().waiting_for.get("land", ""), "a word about it")
        assert "dependency_fails" in stream.log_tail()
        assert stream.status().restarts == 0
        lake.unlink()
        waited(
            lambda: covered(landed_so_far(lake), RUNTIMES) == 100,
            "everything to be landed",
        )
        assert verify_lake(lake).exact
        assert stream.status().restarts == 0
        waited(lambda: not stream.status().waiting_for, "the waiting to end")


def test_a_taken_metrics_port_is_named(broker_settings: BrokerSettings, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = stream_settings(broker_settings, tmp_path)
        with (
            RunningStream(settings, role="land", metrics_port=port) as stream,
            pytest.raises(WorkerFailedError, match=f"127.0.0.1:{port} is already in use"),
        ):
            stream.wait_ready()


def test_a_broker_with_other_partitions_is_refused_with_the_remedy(
    broker_settings: BrokerSettings, tmp_path: Path
) -> None:
    other = msgspec.structs.replace(broker_settings, partitions=7)
    with (
        RunningStream(stream_settings(other, tmp_path), role="land") as stream,
        pytest.raises(WorkerFailedError, match=r"set broker\.partitions to 4"),
    ):
        stream.wait_ready()
    assert stream.stop() == 2


def test_a_broker_that_is_not_there_is_named(
    broker_settings: BrokerSettings, tmp_path: Path, free_port: int
) -> None:
    nowhere = msgspec.structs.replace(
        broker_settings, bootstrap_servers=(f"127.0.0.1:{free_port}",)
    )
    with (
        RunningStream(stream_settings(nowhere, tmp_path), role="land") as stream,
        pytest.raises(WorkerFailedError, match="no Kafka broker answers"),
    ):
        stream.wait_ready()
    assert stream.stop() == 3


def test_the_stream_stops_when_its_starter_is_killed(
    broker_settings: BrokerSettings, tmp_path: Path, require: Callable[[str], None]
) -> None:
    require("linux")
    import os
    import select
    import signal

    from goleakprobe_agents.settings_file import write_settings

    path = tmp_path / "given.json"
    write_settings(path, stream_settings(broker_settings, tmp_path))
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from goleakprobe_agents.launch import RunningStream\n"
        "from goleakprobe_agents.settings_file import read_settings\n"
        "with RunningStream(read_settings(Path(sys.argv[1])), role='land') as stream:\n"
        "    stream.wait_ready()\n"
        "    supervisor = stream.status().supervisor\n"
        "    print(supervisor.pid, supervisor.roles['land'].pid, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as starter:
        assert starter.stdout is not None
        pids = [int(word) for word in starter.stdout.readline().split()]
        watched = [os.pidfd_open(pid) for pid in pids]
        try:
            starter.send_signal(signal.SIGKILL)
            starter.wait()
            for one in watched:
                assert select.select([one], [], [], 60)[0]
        finally:
            for one in watched:
                os.close(one)
