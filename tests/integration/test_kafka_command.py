"""``python -m local_kafka``, from a cache that has the jars alone."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import local_kafka
from goleakprobe.config import load_config
from goleakprobe_agents.admin import diff_topics
from local_kafka.jars import kafka_jars

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


def test_it_prints_settings_that_lead_to_it(require: Callable[[str], None], tmp_path: Path) -> None:
    require("java")
    require("maven")
    jars = kafka_jars()
    cache = tmp_path / "cache" / "goleakprobe" / "kafka"
    cache.mkdir(parents=True)
    (cache / jars.name).symlink_to(jars)
    command = [sys.executable, "-m", "local_kafka", "--folder", str(tmp_path / "kafka")]
    here = str(Path(local_kafka.__file__).parents[1])
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": here}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as kafka:
        assert kafka.stdout is not None
        try:
            assert select.select([kafka.stdout], [], [], 200)[0], "it says nothing"
            printed = b"".join(takewhile(lambda line: line != b"\n", kafka.stdout))
            config = tmp_path / "goleakprobe.yml"
            config.write_bytes(printed)
            assert diff_topics(load_config(config).broker) == []
        finally:
            kafka.send_signal(signal.SIGTERM)
    assert kafka.returncode == 0
