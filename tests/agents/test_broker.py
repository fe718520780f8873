"""The embedded broker: starts on loopback only, says why it cannot, never outlives its parent."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goleakprobe_agents.broker import EmbeddedBroker
from goleakprobe_agents.errors import PortTakenError

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.broker


@pytest.fixture(autouse=True)
def _broker_installed(require: Callable[[str], None]) -> None:
    require("broker")


def test_it_answers_on_the_port_that_was_asked_for_and_frees_it(free_port: int) -> None:
    with EmbeddedBroker(free_port) as running:
        assert running.bootstrap_servers == (f"127.0.0.1:{free_port}",)
        assert running.running
        pid = running.pid
    assert not running.running
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with EmbeddedBroker(free_port) as again:
        assert again.running


def test_a_taken_port_is_named_and_what_listens_there_is_left_alone() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"127.0.0.1:{port} is already in use"):
            EmbeddedBroker(port).start()


def test_two_of_them_take_two_ports() -> None:
    with EmbeddedBroker() as one, EmbeddedBroker() as other:
        assert one.port != other.port


def test_it_listens_on_loopback_only(require: Callable[[str], None]) -> None:
    require("linux")
    with EmbeddedBroker() as running:
        listeners = Path("/proc/net/tcp").read_text().splitlines()[1:]
        addresses = [line.split()[1] for line in listeners if line.split()[3] == "0A"]
    assert [a for a in addresses if a.endswith(f":{running.port:04X}")] == [
        f"0100007F:{running.port:04X}"
    ]


def test_it_ends_with_a_parent_that_is_killed(require: Callable[[str], None]) -> None:
    require("linux")
    program = (
        "import sys, time\n"
        "from goleakprobe_agents.broker import EmbeddedBroker\n"
        "with EmbeddedBroker() as b:\n"
        "    print(b.pid, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        watched = os.pidfd_open(pid)
        try:
            parent.send_signal(signal.SIGKILL)
            parent.wait()
            # A process descriptor becomes readable when its process ends.
            import select

            assert select.select([watched], [], [], 30)[0]
        finally:
            os.close(watched)


def test_its_log_goes_where_it_was_told(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "broker.log"
    with EmbeddedBroker(log=log):
        pass
    assert log.exists()
