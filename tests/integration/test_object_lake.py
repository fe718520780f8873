"""A lake on an S3-protocol server: claimed, landed, verified and read like one in a folder."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from goleakprobe.cli import app
from goleakprobe.lake import Lake, LakeMissingError
from goleakprobe.lake.verify import verify_lake
from goleakprobe_agents.errors import LandingConflictError
from goleakprobe_agents.landing import (
    Footer,
    file_name,
    landed_files,
    newest_files,
    open_lake,
    read_footer,
)
from goleakprobe_agents.launch import RunningStream
from goleakprobe_agents.object_store import ObjectStore
from goleakprobe_schemas import RUNTIMES, SNAPSHOTS
from goleakprobe_schemas.arrow import table_schema
from object_store_server import s3_server
from stream_harness import (
    Feed,
    assert_exact,
    covered,
    drained,
    leaking_fleet,
    stream_settings,
    waited,
)
from stream_messages import a_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from goleakprobe_agents.landing import LakeStore
    from goleakprobe_agents.settings import BrokerSettings
    from object_store_server import S3Server

pytestmark = [
    pytest.mark.object_store,
    pytest.mark.xdist_group("object_store"),
    pytest.mark.timeout(600),
]

BUCKET = "s3://lakes"
LOG = "ab12cd34"


@pytest.fixture(scope="module")
def server(
    require: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[S3Server]:
    require("weed")
    with s3_server(tmp_path_factory.mktemp("weed"), BUCKET) as running:
        yield running


@pytest.fixture
def url(server: S3Server, tmp_path: Path) -> str:
    return f"{BUCKET}/{tmp_path.name}"


def land(lake: LakeStore, first: int, last: int, *, day: str = "2023-11-14") -> Path | str:
    schema = table_schema("runtime")
    offsets = list(range(first, last + 1))
    columns = {
        field.name: pa.nulls(len(offsets), field.type)
        for field in schema
        if field.name not in ("kafka_partition", "kafka_offset")
    }
    rows = pa.table(
        columns
        | {
            "kafka_partition": pa.array([0] * len(offsets), schema.field("kafka_partition").type),
            "kafka_offset": pa.array(offsets, schema.field("kafka_offset").type),
        }
    ).select(schema.names)
    footer = Footer(
        topic=RUNTIMES.name, partition=0, log_id=LOG, first_offset=first, last_offset=last,
        rows=len(offsets), events=len(offsets),
    )  # fmt: skip
    return lake.claim("runtime", day, file_name(RUNTIMES.name, 0, LOG, first), rows, footer)


def test_a_key_is_claimed_by_one_and_keeps_what_the_first_wrote(url: str) -> None:
    lake = open_lake(url)
    path = str(land(lake, 0, 4))
    with pytest.raises(LandingConflictError, match="another worker landed these offsets"):
        land(open_lake(url), 0, 9)
    with lake.open(path) as body:
        assert read_footer(path, body).last_offset == 4


def test_of_many_who_claim_at_once_one_wins(url: str) -> None:
    start = threading.Barrier(8)
    outcomes: list[str] = []

    def claim() -> None:
        lake = open_lake(url)
        lake.prepare()
        start.wait()
        try:
            land(lake, 0, 4)
            outcomes.append("won")
        except LandingConflictError:
            outcomes.append("lost")

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["lost"] * 7 + ["won"]


def test_the_newest_file_is_found_and_the_chain_is_proven(url: str) -> None:
    lake = open_lake(url)
    land(lake, 0, 4, day="2023-11-13")
    land(lake, 5, 5)
    land(lake, 6, 19)
    assert len(list(landed_files(lake, "runtime"))) == 3
    newest = newest_files(lake, "runtime", RUNTIMES.name, LOG, [0, 1])
    assert {number: file.first_offset for number, file in newest.items()} == {0: 6}
    assert verify_lake(url).exact
    land(lake, 21, 22)
    (violation,) = verify_lake(url).violations
    assert violation.what == "1 offsets from 20 on are in no file"
    assert violation.path.startswith(url)


def test_duckdb_reads_its_tables(url: str) -> None:
    lake = open_lake(url)
    land(lake, 0, 4, day="2023-11-13")
    land(lake, 5, 9)
    with Lake(url) as opened:
        ((count, days),) = opened._connection.execute(
            "SELECT count(*), count(DISTINCT dt) FROM runtime"
        ).fetchall()
        assert (count, days) == (10, 2)
        assert opened._connection.execute("SELECT count(*) FROM findings").fetchall() == [(0,)]


def test_a_bucket_that_is_not_there_is_named(server: S3Server) -> None:
    with pytest.raises(LakeMissingError, match="s3://nowhere-at-all/lake"):
        Lake("s3://nowhere-at-all/lake")


@pytest.mark.broker
@pytest.mark.parametrize("fresh_broker", ["embedded"], indirect=True)
def test_a_killed_and_cut_off_stream_lands_every_message_there_once(
    broker_settings: BrokerSettings, server: S3Server, url: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker_settings, tmp_path, path=url)
    with RunningStream(settings) as stream, Feed(broker_settings) as feed:
        stream.wait_ready()
        for number, (key, event) in enumerate(leaking_fleet(40)):
            feed.send(SNAPSHOTS, key, event)
            if number == 100:
                feed.flush()
                waited(lambda: stream.status().landed_rows.get("snapshots", 0) > 0, "first rows")
                status = stream.status()
                assert status.supervisor is not None
                os.kill(status.supervisor.roles["land"].pid or 0, signal.SIGKILL)
        feed.flush()
        waited(lambda: stream.status().restarts > 0, "a new life")
        server.stop()
        for number in range(50):
            feed.send(RUNTIMES, f"{number}", a_sample(number))
        feed.flush()
        waited(lambda: "lake" in stream.status().waiting_for.get("land", ""), "a word about it")
        assert "dependency_fails" in stream.log_tail()
        server.start()
        server.wait_ready(url)
        logs = drained(stream, broker_settings)
        assert_exact(stream, logs)
        assert covered(verify_lake(url), RUNTIMES) == 50
    shown = CliRunner().invoke(app, ["lake", "verify", "--lake", url])
    assert shown.exit_code == 0, shown.output
    assert "every message was landed exactly once" in shown.output
    ranked = CliRunner().invoke(
        app, ["report", "fleet", "--lake", url, "--as-of", "2023-11-15", "--format", "csv"]
    )
    assert ranked.exit_code == 0, ranked.output
    assert "service-0" in ranked.output


def test_objects_are_read_in_parts_and_deleted_twice_without_harm(url: str) -> None:
    store = ObjectStore(url)
    store.put("a/b", b"12345")
    with store.open("a/b") as body:
        body.seek(-2, os.SEEK_END)
        assert body.read() == b"45"
    store.delete("a/b")
    store.delete("a/b")
    with pytest.raises(FileNotFoundError):
        store.get("a/b")
