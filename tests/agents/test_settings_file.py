"""Settings reach a worker as they were, and mistakes are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from goleakprobe_agents.settings import (
    AlertingSettings,
    AlertmanagerSettings,
    BrokerSettings,
    Duration,
    LakeSettings,
    StreamSettings,
)
from goleakprobe_agents.settings_file import SettingsFileError, read_settings, write_settings


def test_what_is_written_is_read(tmp_path: Path) -> None:
    settings = StreamSettings(
        broker=BrokerSettings(bootstrap_servers=("a:1", "b:2"), session_timeout=Duration(6)),
        lake=LakeSettings(path="/x", roll_interval=Duration(0.5)),
        alerting=AlertingSettings(alertmanagers=(AlertmanagerSettings(url="http://am:9093"),)),
    )
    path = tmp_path / "settings.json"
    write_settings(path, settings)
    assert read_settings(path) == settings
    assert path.stat().st_mode & 0o077 == 0


def test_what_a_subclass_adds_stays_behind(tmp_path: Path) -> None:
    from goleakprobe.config import Config

    path = tmp_path / "settings.json"
    write_settings(path, Config(lake=LakeSettings(path="/x")))
    assert read_settings(path) == StreamSettings(lake=LakeSettings(path="/x"))


def test_yaml_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("broker: {bootstrap_servers: [a:1]}\nlake: {roll_interval: 500ms}\n")
    settings = read_settings(path)
    assert settings.broker.bootstrap_servers == ("a:1",)
    assert settings.lake.roll_interval == 0.5


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{", "truncated"),
        ('{"lake": {"pth": "x"}}', "pth"),
        ('{"lake": {"roll_rows": "x"}}', "int"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, body: str, reason: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(body)
    with pytest.raises(SettingsFileError, match=reason):
        read_settings(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsFileError, match="nowhere"):
        read_settings(tmp_path / "nowhere.json")
