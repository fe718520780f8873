"""From a configuration file and the environment to checked settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import yaml

from goleakprobe.config.checks import Objection, contradictions, unusable_files
from goleakprobe.config.environment import overlay_environment
from goleakprobe.config.located_yaml import SettingsReader, child_node, compose_document
from goleakprobe.config.settings import Config
from goleakprobe.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["ENVIRONMENT_PREFIX", "check_config", "load_config", "parse_config"]

ENVIRONMENT_PREFIX = "GOLEAKPROBE_"

# A configuration of 10,000 jobs is below this; a file above it is the wrong file.
_MAX_FILE_BYTES = 4 * 1024 * 1024

_INHERITED = ("scrape_interval", "scrape_timeout")


Check = Callable[[Config], Iterator[Objection]]


def load_config(path: Path | str, *, environment: Mapping[str, str] | None = None) -> Config:
    """Read, overlay and check a configuration file.

    ``environment`` (the process' own by default) may set any key, as
    ``GOLEAKPROBE_BROKER__BOOTSTRAP_SERVERS=kafka-1:9092,kafka-2:9092``.
    Raises ConfigError with every problem found.
    """
    return _load(Path(path), environment, (contradictions,))


def check_config(path: Path | str, *, environment: Mapping[str, str] | None = None) -> Config:
    """``load_config`` that also refuses files and folders which cannot be used right now."""
    return _load(Path(path), environment, (contradictions, unusable_files))


def parse_config(
    text: str,
    file_name: str,
    *,
    folder: Path,
    environment: Mapping[str, str],
    checks: Iterable[Check] = (contradictions,),
) -> Config:
    """``load_config`` for text that was read already; ``folder`` is where relative files start."""
    root = compose_document(text, file_name)
    reader = SettingsReader(file_name)
    reader.problems += overlay_environment(root, environment, ENVIRONMENT_PREFIX)
    _inherit(root)
    config: Config = reader.read(root, Config)
    config = msgspec.structs.replace(
        config, scrape_configs=tuple(job.with_files_from(folder) for job in config.scrape_configs)
    )
    for check in checks:
        for key, objection in check(config):
            reader.object_to(key, objection)
    if reader.problems:
        raise ConfigError(reader.problems)
    return config


def _load(path: Path, environment: Mapping[str, str] | None, checks: Iterable[Check]) -> Config:
    environment = os.environ if environment is None else environment
    text = _read(path)
    return parse_config(text, str(path), folder=path.parent, environment=environment, checks=checks)


def _read(path: Path) -> str:
    def refuse(reason: str) -> ConfigError:
        return ConfigError([Problem(str(path), "", reason)])

    try:
        with path.open("rb") as file:
            body = file.read(_MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise refuse("there is no such file") from error
    except OSError as error:
        raise refuse(f"cannot be read: {error.strerror}") from error
    if len(body) > _MAX_FILE_BYTES:
        raise refuse(f"is larger than {_MAX_FILE_BYTES} bytes; is it the configuration file?")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem(f"{path}:{line}", "", "is not UTF-8 text")]) from error


def _inherit(root: yaml.MappingNode) -> None:
    """Hand ``global``'s intervals to the jobs that set none, before anything is checked."""
    jobs = child_node(root, "scrape_configs")
    shared = child_node(root, "global")
    if not isinstance(jobs, yaml.SequenceNode) or shared is None:
        return
    for key in _INHERITED:
        value = child_node(shared, key)
        for job in jobs.value:
            if value is not None and isinstance(job, yaml.MappingNode):
                _set_default(job, key, value)


def _set_default(job: yaml.MappingNode, key: str, value: yaml.Node) -> None:
    if child_node(job, key) is None:
        name = yaml.ScalarNode("tag:yaml.org,2002:str", key, value.start_mark, value.end_mark)
        job.value.append((name, value))
