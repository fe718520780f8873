"""``topics``, ``worker`` and ``lake verify`` as people run them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from goleakprobe.cli.lake import lake_app
from goleakprobe.cli.topics import topics_app
from goleakprobe.cli.worker import WorkerRole, worker
from goleakprobe_agents.broker import EmbeddedBroker
from goleakprobe_agents.landing import Landed, LocalLake, file_name, table_rows
from goleakprobe_agents.landing.files import Footer
from goleakprobe_agents.status import default_status_folder, read_status
from goleakprobe_agents.workers import ROLES
from goleakprobe_schemas import RUNTIMES, TOPICS
from stream_harness import waited
from stream_messages import a_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def empty_broker(require: Callable[[str], None]) -> Iterator[EmbeddedBroker]:
    require("broker")
    with EmbeddedBroker() as running:
        yield running


def a_config(folder: Path, port: int) -> Path:
    path = folder / "leak.yaml"
    path.write_text(
        f"broker: {{bootstrap_servers: ['127.0.0.1:{port}'], partitions: 2, session_timeout: 6s}}\n"
        f"lake: {{path: {folder}/lake, roll_interval: 500ms}}\n"
        f"state: {{path: {folder}/state}}\n"
    )
    return path


@pytest.mark.broker
def test_topics_are_compared_created_and_then_fit(
    empty_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    config = ["--config", str(a_config(tmp_path, empty_broker.port))]
    run = CliRunner()
    before = run.invoke(topics_app, ["diff", *config])
    assert before.exit_code == 1
    assert f"+ {TOPICS[0].name}  (2 partitions)" in before.output
    applied = run.invoke(topics_app, ["apply", *config])
    assert applied.exit_code == 0
    assert applied.output.endswith(f"{2 * len(TOPICS)} changed\n")
    after = run.invoke(topics_app, ["diff", *config])
    assert (after.exit_code, after.output) == (0, "")
    assert run.invoke(topics_app, ["apply", *config]).output == "nothing to change\n"


def test_topics_without_a_broker_could_not_be_measured(tmp_path: Path, free_port: int) -> None:
    result = CliRunner().invoke(
        topics_app, ["diff", "--config", str(a_config(tmp_path, free_port))]
    )
    assert result.exit_code == 3
    assert f"no Kafka broker answers at 127.0.0.1:{free_port}" in result.output


def test_topics_with_a_misspelt_configuration_is_a_usage_error(tmp_path: Path) -> None:
    path = tmp_path / "leak.yaml"
    path.write_text("brokr: {}\n")
    result = CliRunner().invoke(topics_app, ["diff", "--config", str(path)])
    assert result.exit_code == 2
    assert "brokr" in result.output


def land(lake: Path, first: int, last: int) -> None:
    rows = table_rows(RUNTIMES, 0, [Landed(n, a_sample(n)) for n in range(first, last + 1)])
    footer = Footer(
        topic=RUNTIMES.name,
        partition=0,
        log_id="aa",
        first_offset=first,
        last_offset=last,
        rows=rows.num_rows,
        events=rows.num_rows,
    )
    name = file_name(RUNTIMES.name, 0, "aa", first)
    LocalLake(str(lake)).claim("runtime", "2023-11-14", name, rows, footer)


def test_an_exact_lake_is_said_to_be_so_in_every_format(tmp_path: Path) -> None:
    land(tmp_path, 0, 4)
    land(tmp_path, 5, 9)
    run = CliRunner()
    table = run.invoke(lake_app, ["verify", "--lake", str(tmp_path)])
    assert table.exit_code == 0
    assert "every message was landed exactly once" in table.output
    shown = run.invoke(lake_app, ["verify", "--lake", str(tmp_path), "--format", "json"])
    assert json.loads(shown.output)["logs"][0]["rows"] == 10
    listed = run.invoke(lake_app, ["verify", "--lake", str(tmp_path), "--format", "csv"])
    assert listed.output.splitlines()[0].startswith("table,topic,log_id,partition,files")
    assert len(listed.output.splitlines()) == 2


def test_a_lake_with_a_hole_fails_and_names_the_file(tmp_path: Path) -> None:
    land(tmp_path, 0, 4)
    land(tmp_path, 7, 9)
    result = CliRunner().invoke(lake_app, ["verify", "--lake", str(tmp_path)])
    assert result.exit_code == 1
    assert "00000000000000000007.parquet: 2 offsets from 5 on are in no file" in result.output
    assert "1 violations" in result.output


def test_an_absent_lake_is_a_usage_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(lake_app, ["verify", "--lake", str(tmp_path / "nowhere")])
    assert result.exit_code == 2
    assert "nowhere" in result.output


def test_every_role_can_be_asked_for() -> None:
    assert {role.value for role in WorkerRole} == {"all", *ROLES}


_PROGRAM = "import typer; from goleakprobe.cli.worker import worker; typer.run(worker)"


@pytest.mark.broker
@pytest.mark.timeout(300)
def test_a_worker_runs_until_it_is_told_to_stop(
    empty_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    config = str(a_config(tmp_path, empty_broker.port))
    assert CliRunner().invoke(topics_app, ["apply", "--config", config]).exit_code == 0
    status = default_status_folder(tmp_path / "state")
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, "--config", config, "--role", "land"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        try:
            waited(lambda: read_status(status).ready, "the worker to be ready")
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert read_status(status).roles["land"].state == "stopped"


def test_a_worker_whose_state_folder_cannot_be_written_says_so(
    tmp_path: Path, free_port: int
) -> None:
    (tmp_path / "state").write_bytes(b"in the way")
    app = typer.Typer()
    app.command()(worker)
    result = CliRunner().invoke(app, ["--config", str(a_config(tmp_path, free_port))])
    assert result.exit_code == 2
    assert "cannot be written" in result.output
