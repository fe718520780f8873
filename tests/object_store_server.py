"""An S3-protocol server of a test's own: SeaweedFS, one process on loopback ports."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goleakprobe_agents.broker import free_port
from goleakprobe_agents.lifeline import dying_with_parent
from goleakprobe_agents.object_store import ObjectStore, ObjectStoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["S3Server", "s3_server", "weed_command"]

_PORTS = ("master.port", "volume.port", "filer.port", "s3.port")
_START_SECONDS = 120.0
_KEY, _SECRET = "test-key", "test-secret"
_IDENTITIES = {
    "identities": [
        {
            "name": "test",
            "credentials": [{"accessKey": _KEY, "secretKey": _SECRET}],
            "actions": ["Admin"],
        }
    ]
}


def weed_command() -> str | None:
    """SeaweedFS' command: beside this Python, else on the path."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


class S3Server:
    """A running server; ``stop`` and ``start`` stand for an outage."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = _free_ports()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What leads clients here."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._ports['s3.port']}",
            "AWS_ACCESS_KEY_ID": _KEY,
            "AWS_SECRET_ACCESS_KEY": _SECRET,
            "AWS_REGION": "us-east-1",
        }

    def start(self) -> None:
        """Start it; its data is what it was."""
        command = weed_command()
        assert command is not None
        self._folder.mkdir(parents=True, exist_ok=True)
        identities = self._folder / "identities.json"
        identities.write_text(json.dumps(_IDENTITIES))
        arguments = [f"-{name}={port}" for name, port in self._ports.items()]
        with (self._folder / "weed.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    command, "server", f"-dir={self._folder}", "-ip=127.0.0.1",
                    "-ip.bind=127.0.0.1", "-filer", "-s3", f"-s3.config={identities}",
                    "-s3.port.iceberg=0",
                    "-s3.port.lance=0", "-master.telemetry=false",
                    "-master.volumeSizeLimitMB=64", "-volume.max=50", *arguments,
                ],
                cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={"PATH": os.environ["PATH"], "HOME": str(self._folder)},
                preexec_fn=dying_with_parent(), start_new_session=True,
            )  # fmt: skip

    def stop(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def wait_ready(self, url: str) -> None:
        """Wait until an object can be stored; the bucket comes with the first."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                ObjectStore(url).put(".ready", b"")
                return
            except ObjectStoreError:
                log = (self._folder / "weed.log").read_text()[-2000:]
                assert self._process is not None
                assert self._process.poll() is None, f"it ended by itself: {log}"
                assert time.monotonic() < deadline, log
                time.sleep(0.3)


def _free_ports() -> dict[str, int]:
    """A port for each of the server's listeners, no two the same."""
    names = (*_PORTS, *(f"{name}.grpc" for name in _PORTS))
    free: set[int] = set()
    while len(free) < len(names):
        free.add(free_port())
    return dict(zip(names, free, strict=True))


@contextmanager
def s3_server(folder: Path, url: str) -> Iterator[S3Server]:
    """A server that takes objects below ``url``; the environment leads to it meanwhile."""
    server = S3Server(folder)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        server.start()
        try:
            server.wait_ready(url)
            yield server
        finally:
            server.stop()
