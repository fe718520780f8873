"""The configuration file: what it may say, and how every mistake is named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from goleakprobe.cli.config import config_app
from goleakprobe.config import Config, check_config, load_config
from goleakprobe.errors import ConfigError
from goleakprobe_agents.settings import Duration, Size

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLE = """\
global:
  scrape_interval: 30s
scrape_configs:
  - job_name: shop
    scrape_timeout: 5s
    scheme: https
    body_size_limit: 16MB
    authorization:
      credentials_file: token
    tls_config:
      ca_file: /etc/ssl/ca.pem
      server_name: shop.internal
    file_sd_configs:
      - files: [targets/*.json]
    request_metric: http_requests_total
  - job_name: "1234"
    scrape_interval: 1m30s
    static_configs:
      - targets: ["127.0.0.1:6060"]
        labels: {shard: 7, team: on}
broker:
  bootstrap_servers: [kafka-1:9092]
  partitions: 16
lake:
  path: /srv/lake
alerting:
  alertmanagers:
    - url: http://alertmanager:9093
"""


def load(folder: Path, text: str, environment: Mapping[str, str] | None = None) -> Config:
    file = folder / "leak.yaml"
    file.write_text(text)
    return load_config(file, environment=environment or {})


def problems(folder: Path, text: str, environment: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text, environment)
    assert str(caught.value) == "\n".join(map(str, caught.value.problems))
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_prometheus_words_mean_what_they_mean_in_prometheus(tmp_path: Path) -> None:
    config = load(tmp_path, EXAMPLE)
    shop, other = config.scrape_configs
    assert shop.scrape_interval == 30
    assert shop.timeout_seconds == 5
    assert shop.body_size_limit == 16 * 1024 * 1024
    assert shop.file_sd_configs[0].files == (str(tmp_path / "targets/*.json"),)
    assert shop.authorization is not None
    assert shop.authorization.credentials_file == str(tmp_path / "token")
    assert shop.tls_config is not None
    assert shop.tls_config.ca_file == "/etc/ssl/ca.pem"
    assert other.scrape_interval == 90
    assert other.timeout_seconds == 10
    assert other.static_configs[0].labels == {"shard": "7", "team": "on"}
    assert config.broker.bootstrap_servers == ("kafka-1:9092",)
    assert config.broker.partitions == 16
    assert config.lake.path == "/srv/lake"


@pytest.mark.parametrize("text", ["", "# nothing\n", "broker:\nlake: ~\n"])
def test_nothing_said_means_the_defaults(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text) == Config()


def test_a_short_interval_shortens_the_default_timeout(tmp_path: Path) -> None:
    text = "scrape_configs: [{job_name: a, scrape_interval: 2s, static_configs: [{targets: [a]}]}]"
    assert load(tmp_path, text).scrape_configs[0].timeout_seconds == 2


def test_the_environment_lies_over_the_file(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        EXAMPLE,
        {
            "GOLEAKPROBE_BROKER__BOOTSTRAP_SERVERS": "k1:9092, k2:9092",
            "GOLEAKPROBE_BROKER__PARTITIONS": "3",
            "GOLEAKPROBE_GLOBAL__SCRAPE_INTERVAL": "20s",
            "GOLEAKPROBE_SCRAPE_CONFIGS__1__SCRAPE_INTERVAL": "45s",
            "GOLEAKPROBE_SCRAPE_CONFIGS__0__FOLLOW_REDIRECTS": "false",
            "GOLEAKPROBE_ALERTING__EXTERNAL_LABELS": "{cluster: eu-1}",
            "GOLEAKPROBE_STATE__PATH": "",
            "GOLEAKPROBE_REQUIRE": "all",
            "PATH": "/bin",
        },
    )
    assert config.broker.bootstrap_servers == ("k1:9092", "k2:9092")
    assert config.broker.partitions == 3
    assert [job.scrape_interval for job in config.scrape_configs] == [20, 45]
    assert config.scrape_configs[0].follow_redirects is False
    assert config.alerting.external_labels == {"cluster": "eu-1"}
    assert config.state.path == ""


def test_a_mistake_in_the_environment_is_named_by_its_variable(tmp_path: Path) -> None:
    assert problems(
        tmp_path,
        EXAMPLE,
        {
            "GOLEAKPROBE_BROKER__PARTITIONS": "many",
            "GOLEAKPROBE_LAKE__PATHH": "x",
            "GOLEAKPROBE_SCRAPE_CONFIGS__9__SCHEME": "http",
            "GOLEAKPROBE_ALERTING__EXTERNAL_LABELS": "{a",
        },
    ) == [
        (
            "environment variable GOLEAKPROBE_ALERTING__EXTERNAL_LABELS: alerting.external_labels: "
            "cannot be applied: while parsing a flow mapping"
        ),
        (
            "environment variable GOLEAKPROBE_SCRAPE_CONFIGS__9__SCHEME: scrape_configs.9.scheme: "
            "cannot be applied: the list has no item 9"
        ),
        (
            "environment variable GOLEAKPROBE_BROKER__PARTITIONS: broker.partitions: "
            "Expected `int`, got `str`"
        ),
        (
            "environment variable GOLEAKPROBE_LAKE__PATHH: lake.pathh: is not a key here; "
            "did you mean path?"
        ),
    ]


def test_every_mistake_of_form_is_named_with_line_and_key(tmp_path: Path) -> None:
    text = """\
scrape_configs:
  - job_name: shop
    scrape_timout: 5s
    basic_auth: {username: ada, password: hunter2}
    static_configs:
      - targets: {a: 1}
        labels: [b]
  - scrape_interval: 5x
    body_size_limit: big
    follow_redirects: perhaps
    debug2_goroutine_limit: 1.5
    tls_config: yes please
  - just text
broker:
  partitions: [1]
  partitions: 2
  sasl: {username: ada}
colour: red
"""
    found = problems(tmp_path, text)
    assert [line.rsplit(": ", 1)[0] for line in found[:2]] == [
        "leak.yaml:3: scrape_configs[0].scrape_timout",
        "leak.yaml:4: scrape_configs[0].basic_auth.password: is not a key here",
    ]
    assert found == [
        (
            "leak.yaml:3: scrape_configs[0].scrape_timout: is not a key here; "
            "did you mean scrape_timeout?"
        ),
        (
            "leak.yaml:4: scrape_configs[0].basic_auth.password: is not a key here: "
            "secrets are read from files; use password_file"
        ),
        "leak.yaml:4: scrape_configs[0].basic_auth.password_file: is missing",
        "leak.yaml:6: scrape_configs[0].static_configs[0].targets: must be a list",
        "leak.yaml:7: scrape_configs[0].static_configs[0].labels: must hold keys and values",
        (
            "leak.yaml:8: scrape_configs[1].scrape_interval: '5x' is not a duration such as "
            "15s, 1m30s or 500ms"
        ),
        "leak.yaml:9: scrape_configs[1].body_size_limit: 'big' is not a size such as 64MB",
        "leak.yaml:10: scrape_configs[1].follow_redirects: Expected `bool`, got `str`",
        "leak.yaml:11: scrape_configs[1].debug2_goroutine_limit: Expected `int`, got `float`",
        "leak.yaml:12: scrape_configs[1].tls_config: must hold keys and values",
        "leak.yaml:8: scrape_configs[1].job_name: is missing",
        "leak.yaml:13: scrape_configs[2]: must hold keys and values",
        "leak.yaml:15: broker.partitions: must be a single value",
        "leak.yaml:16: broker.partitions: is set twice",
        "leak.yaml:17: broker.sasl.password_file: is missing",
        found[-1],
    ]
    assert found[-1].startswith("leak.yaml:18: colour: is not a key here; known are alerting, ")
    assert "hunter2" not in "\n".join(found)


def test_every_contradiction_is_named_with_line_and_key(tmp_path: Path) -> None:
    text = """\
scrape_configs:
  - job_name: shop
    scrape_interval: 5s
    scrape_timeout: 6s
    scheme: ftp
    metrics_path: metrics
    authorization: {credentials_file: t}
    basic_auth: {username: a, password_file: p}
    static_configs:
      - targets: [a:1, "http://b:1"]
  - job_name: shop
    file_sd_configs:
      - files: [targets.txt]
        refresh_interval: 0s
  - job_name: idle
    scrape_interval: 0s
broker:
  bootstrap_servers: kafka
  partitions: 0
detection: {short_window: 10m, long_window: 30s}
collect: {shard_index: 2, shard_count: 2, listen_address: "x:99999"}
alerting:
  alertmanagers: [{url: alertmanager}]
"""
    found = problems(tmp_path, text)
    said = {line.split(": ", 2)[0] + " " + line.split(": ", 2)[1] for line in found}
    assert said == {
        "leak.yaml:4 scrape_configs[0].scrape_timeout",
        "leak.yaml:5 scrape_configs[0].scheme",
        "leak.yaml:6 scrape_configs[0].metrics_path",
        "leak.yaml:8 scrape_configs[0].basic_auth",
        "leak.yaml:10 scrape_configs[0].static_configs[0].targets[1]",
        "leak.yaml:11 scrape_configs[1].job_name",
        "leak.yaml:13 scrape_configs[1].file_sd_configs[0].files[0]",
        "leak.yaml:14 scrape_configs[1].file_sd_configs[0].refresh_interval",
        "leak.yaml:15 scrape_configs[2]",
        "leak.yaml:16 scrape_configs[2].scrape_interval",
        "leak.yaml:18 broker.bootstrap_servers[0]",
        "leak.yaml:19 broker.partitions",
        "leak.yaml:20 detection.short_window",
        "leak.yaml:21 collect.shard_index",
        "leak.yaml:21 collect.listen_address[0]",
        "leak.yaml:23 alerting.alertmanagers[0].url",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [b\n", "leak.yaml:2: not YAML: expected ',' or ']', but got '<stream end>'"),
        ("- a\n", "leak.yaml:1: the file must hold keys and values"),
        ("just text", "leak.yaml:1: the file must hold keys and values"),
        ("a: 1\n--- \nb: 2\n", "leak.yaml:2: not YAML: but found another document"),
        ("a: \x00", "leak.yaml: not YAML: unacceptable character #x0000"),
        ("[" * 5000, "leak.yaml: not YAML: nested too deeply"),
    ],
)
def test_what_is_no_yaml_is_refused_at_its_line(tmp_path: Path, text: str, said: str) -> None:
    (found,) = problems(tmp_path, text)
    assert found.startswith(said)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml: there is no such file"):
        load_config(tmp_path / "gone.yaml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: \xe9\n")
    with pytest.raises(ConfigError, match=r"latin\.yaml:2: is not UTF-8"):
        load_config(tmp_path / "latin.yaml")
    with (tmp_path / "huge.yaml").open("wb") as file:
        file.truncate(5 * 1024 * 1024)
    with pytest.raises(ConfigError, match="is it the configuration file"):
        load_config(tmp_path / "huge.yaml")


def test_files_the_settings_name_are_looked_at_by_check(tmp_path: Path) -> None:
    (tmp_path / "not-a-folder").write_text("")
    text = EXAMPLE.replace("/srv/lake", str(tmp_path / "not-a-folder" / "lake"))
    load(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        check_config(tmp_path / "leak.yaml", environment={})
    found = {(problem.key, problem.where.rsplit(":")[-1]) for problem in caught.value.problems}
    assert found == {
        ("scrape_configs[0].file_sd_configs[0].files[0]", "14"),
        ("scrape_configs[0].authorization.credentials_file", "9"),
        ("scrape_configs[0].tls_config.ca_file", "11"),
        ("lake.path", "25"),
    }


def test_a_lake_that_may_not_be_written_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    if os.geteuid() == 0:
        # The mode stops everybody but root: answer as the system would answer anybody else.
        allowed = os.access
        monkeypatch.setattr(os, "access", lambda path, mode: path != locked and allowed(path, mode))
    (tmp_path / "leak.yaml").write_text(f"lake: {{path: {locked}/lake}}\n")
    with pytest.raises(ConfigError, match="may not be written to"):
        check_config(tmp_path / "leak.yaml", environment={})


class TestCommand:
    """``goleakprobe config check`` and ``config show``."""

    def run(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        result = CliRunner().invoke(config_app, list(arguments), env=environment)
        return result.exit_code, result.stdout, result.stderr

    def test_a_right_file_is_summed_up(self, tmp_path: Path) -> None:
        file = tmp_path / "leak.yaml"
        file.write_text(
            "scrape_configs: [{job_name: a, static_configs: [{targets: [a:1, b:1]}]}]\n"
            f"lake: {{path: {tmp_path}/lake}}\nstate: {{path: {tmp_path}/state}}\n"
        )
        code, out, err = self.run("check", str(file))
        assert (code, err) == (0, "")
        assert out.splitlines()[:3] == [
            f"{file}: OK",
            "  jobs           1",
            "  targets        2",
        ]

    def test_a_wrong_file_exits_2_with_every_problem(self, tmp_path: Path) -> None:
        file = tmp_path / "leak.yaml"
        file.write_text("brokr: {}\nlake: {roll_rows: x}\n")
        code, out, err = self.run("check", str(file))
        assert (code, out) == (2, "")
        assert err.splitlines() == [
            f"{file}:1: brokr: is not a key here; did you mean broker?",
            f"{file}:2: lake.roll_rows: Expected `int`, got `str`",
            "2 problems found",
        ]

    def test_a_malformed_target_list_is_a_problem(self, tmp_path: Path) -> None:
        file = tmp_path / "leak.yaml"
        file.write_text(
            "scrape_configs: [{job_name: a, file_sd_configs: [{files: [t.json]}]}]\n"
            f"lake: {{path: {tmp_path}/lake}}\nstate: {{path: {tmp_path}/state}}\n"
        )
        (tmp_path / "t.json").write_text("[{")
        code, _, err = self.run("check", str(file))
        assert code == 2
        assert "t.json: is not a target list" in err

    def test_what_is_shown_can_be_read_back(self, tmp_path: Path) -> None:
        file = tmp_path / "leak.yaml"
        file.write_text(EXAMPLE)
        code, out, _ = self.run("show", str(file), GOLEAKPROBE_LAKE__PATH="/srv/other")
        assert code == 0
        shown = tmp_path / "shown.yaml"
        shown.write_text(out)
        environment = {"GOLEAKPROBE_LAKE__PATH": "/srv/other"}
        assert load_config(shown, environment={}) == load_config(file, environment=environment)


def test_sizes_and_durations_may_be_plain_numbers(tmp_path: Path) -> None:
    config = load(tmp_path, "collect: {max_in_flight_bytes: 1024}\nlake: {roll_interval: 2.5}\n")
    assert config.collect.max_in_flight_bytes == Size(1024)
    assert config.lake.roll_interval == Duration(2.5)


def test_the_processes_own_environment_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "GOLEAKPROBE_LAKE__ROLL_ROWS", "7")
    (tmp_path / "leak.yaml").write_text("")
    assert load_config(tmp_path / "leak.yaml").lake.roll_rows == 7


def test_storage_that_no_store_here_can_use_is_named(tmp_path: Path) -> None:
    text = "lake: {path: 'ftp://host/lake'}\nstate: {path: 's3://bucket/state'}\n"
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    said = {problem.key: problem.text for problem in caught.value.problems}
    assert said["lake.path"].startswith("must be a folder or a URL of s3")
    assert said["state.path"] == "must be a folder that the next owner can reach (local or NFSv4)"
    assert load(tmp_path, "lake: {path: 's3://bucket/lake'}\n").lake.path == "s3://bucket/lake"
