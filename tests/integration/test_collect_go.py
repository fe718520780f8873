"""The collector and its command against a real Go program and a real broker."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from consumed_messages import consume
from goleakprobe.demo.build import build_services, cache_directory
from goleakprobe.demo.toolchain import find_toolchain
from goleakprobe_agents.broker import free_port
from goleakprobe_schemas import RUNTIMES, SNAPSHOTS, STACKS, SnapshotSource, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from goleakprobe_agents.settings import BrokerSettings

pytestmark = [pytest.mark.broker, pytest.mark.go]

PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def checkout(require: Callable[[str], None]) -> Path:
    """A service that leaks a goroutine per faulty request."""
    require("go")
    return asyncio.run(build_services(find_toolchain(), cache_directory()))["checkout"]


@contextmanager
def serving(program: Path) -> Iterator[str]:
    """Run the service; gives its address."""
    process = subprocess.Popen(
        [program, "-addr", "127.0.0.1:0", "-leak-rate", "20"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield str(json.loads(process.stdout.readline())["address"])
    finally:
        process.terminate()
        process.communicate(timeout=10)


def configure(folder: Path, address: str, servers: tuple[str, ...]) -> Path:
    file = folder / "leak.yaml"
    settings = {
        "broker": {"bootstrap_servers": list(servers), "partitions": 4},
        "scrape_configs": [
            {
                "job_name": "checkout",
                "scrape_interval": "500ms",
                "scrape_timeout": "400ms",
                "leak_profile_interval": "1s",
                "leak_profile_min_interval": "500ms",
                "debug2_interval": "1s",
                "static_configs": [{"targets": [address]}],
            }
        ],
    }
    file.write_text(json.dumps(settings))
    return file


def collect(*arguments: object) -> subprocess.Popen[str]:
    """``goleakprobe collect``, as the command line mounts it."""
    program = "import typer; from goleakprobe.cli.collect import collect; typer.run(collect)"
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.timeout(600)  # the first build of the services compiles Go's library
async def test_a_leaking_program_is_collected_until_the_command_is_told_to_stop(
    checkout: Path, tmp_path: Path, broker_settings: BrokerSettings
) -> None:
    with serving(checkout) as address:
        process = collect(
            "--config", configure(tmp_path, address, broker_settings.bootstrap_servers)
        )
        try:
            expected = {SNAPSHOTS.name: 20, STACKS.name: 3, RUNTIMES.name: 8}
            await asyncio.to_thread(_wait_for, broker_settings, expected)
            process.send_signal(signal.SIGTERM)
            out, err = await asyncio.to_thread(process.communicate, timeout=PATIENCE_SECONDS)
        finally:
            process.kill()
            process.wait()
    assert process.returncode == 0, err
    assert out == ""
    assert "target_up" in err
    found = await asyncio.to_thread(consume, broker_settings, expected)
    snapshots = [decode(SNAPSHOTS, record.value) for record in found[SNAPSHOTS.name]]
    by_source: dict[SnapshotSource, list[object]] = {}
    for snapshot in snapshots:
        by_source.setdefault(snapshot.source, []).append(snapshot)
        assert snapshot.go_version.startswith("go1.")
        assert snapshot.process_start_ns is not None
        assert sum(group.count for group in snapshot.groups) == snapshot.total
    routine = [s for s in snapshots if s.source is SnapshotSource.DEBUG0]
    assert all(snapshot.build_id for snapshot in routine)

    def leaking(snapshot: object) -> dict[str, int]:
        return {
            group.signature: group.count
            for group in snapshot.groups  # type: ignore[attr-defined]
            if group.wait == "chan send" and "checkout" in group.blocking_site
        }

    counts = [sum(leaking(snapshot).values()) for snapshot in routine]
    assert counts[-1] > counts[0], "the leak grows"
    proven = [s for s in snapshots if s.source is SnapshotSource.LEAK]
    dumps = [s for s in snapshots if s.source is SnapshotSource.DEBUG2]
    assert proven
    assert dumps
    signatures = {name for snapshot in routine for name in leaking(snapshot)}
    assert len(signatures) == 1
    assert signatures <= {group.signature for s in proven for group in s.groups}
    with_ids = [g for s in dumps for g in s.groups if g.signature in signatures]
    assert with_ids
    assert all(group.goroutine_ids for group in with_ids)
    assert signatures <= {decode(STACKS, r.value).signature for r in found[STACKS.name]}


def _wait_for(settings: BrokerSettings, expected: dict[str, int]) -> None:
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(bootstrap_servers=list(settings.bootstrap_servers), group_id=None)
    missing = dict(expected)
    try:
        consumer.assign(
            [TopicPartition(name, p) for name in expected for p in range(settings.partitions)]
        )
        consumer.seek_to_beginning()
        for _ in range(2 * PATIENCE_SECONDS):
            for records in consumer.poll(timeout_ms=500).values():
                missing[records[0].topic] -= len(records)
            if all(count <= 0 for count in missing.values()):
                return
        raise AssertionError(f"not published in time: {missing}")
    finally:
        consumer.close()


def test_without_a_broker_the_command_exits_3_and_says_where_it_looked(tmp_path: Path) -> None:
    port = free_port()
    process = collect("--config", configure(tmp_path, "127.0.0.1:1", (f"127.0.0.1:{port}",)))
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out) == (3, "")
    assert f"no Kafka broker answers at 127.0.0.1:{port}" in err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "broker.bootstrap_servers: is missing: collectors alone need a broker"),
        ("{}", "scrape_configs: is missing: there is nothing to do"),
        ("brokr: {}", "did you mean broker?"),
    ],
)
def test_a_configuration_that_is_not_enough_exits_2(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "leak.yaml").write_text(text)
    process = collect("--config", tmp_path / "leak.yaml")
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 2
    assert said in err
