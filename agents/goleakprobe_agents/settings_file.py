"""The settings file that a supervisor hands to its workers."""

from __future__ import annotations

from pathlib import Path

import msgspec

from goleakprobe_agents.errors import StreamError
from goleakprobe_agents.settings import StreamSettings, decode_setting, encode_setting

__all__ = ["SettingsFileError", "read_settings", "write_settings"]


class SettingsFileError(StreamError):
    """A settings file that cannot be read or understood."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"settings file {path}: {reason}")


def read_settings(path: Path) -> StreamSettings:
    """Stream settings from JSON or YAML; SettingsFileError."""
    try:
        # JSON is YAML, but its own decoder tells better where it is wrong.
        decode = msgspec.json.decode if path.suffix == ".json" else msgspec.yaml.decode
        return decode(path.read_bytes(), type=StreamSettings, dec_hook=decode_setting)
    except (OSError, msgspec.DecodeError) as error:
        raise SettingsFileError(path, str(error)) from error


def write_settings(path: Path, settings: StreamSettings) -> None:
    """Settings as JSON that ``read_settings`` understands; readable by the owner alone."""
    fields = {name: getattr(settings, name) for name in StreamSettings.__struct_fields__}
    path.touch(mode=0o600)
    # Without what a subclass adds: a worker would refuse keys that it does not know.
    path.write_bytes(msgspec.json.encode(StreamSettings(**fields), enc_hook=encode_setting))
