"""What no single key shows: settings that contradict each other, and files that are not there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from goleakprobe.config.addresses import address_objection
from goleakprobe.config.file_patterns import matching_files
from goleakprobe_agents.object_store import OBJECT_SCHEMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from goleakprobe.config.scraping import ScrapeConfig
    from goleakprobe.config.settings import Config
    from goleakprobe_agents.settings import AlertingSettings, BrokerSettings

__all__ = ["Objection", "contradictions", "unusable_files"]

_TARGET_LIST_SUFFIXES = (".json", ".yml", ".yaml")

Objection = tuple[str, str]
"""A dotted key and what is wrong with it."""


def contradictions(config: Config) -> Iterator[Objection]:
    """Everything wrong that can be seen without looking outside the settings."""
    yield from _not_positive(
        config, ("broker.partitions", "broker.replication_factor", "broker.session_timeout")
    )
    yield from _not_positive(config, ("lake.roll_interval", "lake.roll_rows"))
    yield from _not_positive(config, ("state.snapshot_interval", "alerting.resend_interval"))
    yield from _not_positive(
        config,
        tuple(
            f"collect.{name}"
            for name in (
                "max_concurrent_scrapes",
                "max_concurrent_traces",
                "max_in_flight_messages",
                "max_in_flight_bytes",
                "max_groups_per_snapshot",
                "shard_count",
            )
        ),
    )
    if not 0 <= config.collect.shard_index < max(config.collect.shard_count, 1):
        yield "collect.shard_index", "must be at least 0 and below collect.shard_count"
    if config.detection.short_window >= config.detection.long_window:
        yield "detection.short_window", "must be shorter than detection.long_window"
    if config.collect.listen_address:
        yield from _addresses("collect.listen_address", (config.collect.listen_address,))
    yield from _storage(config)
    yield from _broker(config.broker)
    yield from _alerting(config.alerting)
    names: set[str] = set()
    for index, job in enumerate(config.scrape_configs):
        key = f"scrape_configs[{index}]"
        if job.job_name in names:
            yield f"{key}.job_name", f"{job.job_name!r} names another job already"
        names.add(job.job_name)
        yield from _job(config, job, key)


def unusable_files(config: Config) -> Iterator[Objection]:
    """Files and folders the settings name that cannot be read or written now.

    Target lists may still appear while collectors run; they are named all the same.
    """
    for index, job in enumerate(config.scrape_configs):
        key = f"scrape_configs[{index}]"
        for sd_index, sd in enumerate(job.file_sd_configs):
            for file_index, file in enumerate(sd.files):
                place = f"{key}.file_sd_configs[{sd_index}].files[{file_index}]"
                if not matching_files(file):
                    yield place, f"{file}: there is no such file"
    yield from _unreadable(config, "")
    for key in ("lake.path", "state.path"):
        path = str(_value(config, key))
        if "://" not in path and (reason := _unwritable(Path(path))):
            yield key, f"{path}: {reason}"


def _job(config: Config, job: ScrapeConfig, key: str) -> Iterator[Objection]:
    positive = (
        "scrape_interval",
        "body_size_limit",
        "leak_profile_min_interval",
        "trace_min_interval",
        "trace_seconds",
        "trace_size_limit",
    )
    yield from _not_positive(config, tuple(f"{key}.{name}" for name in positive))
    if job.timeout_seconds <= 0 and job.scrape_interval > 0:
        yield f"{key}.scrape_timeout", "must be more than 0"
    if not job.job_name:
        yield f"{key}.job_name", "must not be empty"
    if job.timeout_seconds > job.scrape_interval > 0:
        limit = f"{job.scrape_interval:g} s"
        yield f"{key}.scrape_timeout", f"is longer than the scrape_interval of {limit}"
    if job.scheme not in ("http", "https"):
        yield f"{key}.scheme", f"{job.scheme!r} must be http or https"
    for name in ("pprof_path", "metrics_path"):
        path = getattr(job, name)
        if not path.startswith("/") and (path or name == "pprof_path"):
            yield f"{key}.{name}", f"{path!r} must begin with /"
    if job.authorization and job.basic_auth:
        yield f"{key}.basic_auth", "a job has either authorization or basic_auth, not both"
    yield from _targets(config, job, key)


def _targets(config: Config, job: ScrapeConfig, key: str) -> Iterator[Objection]:
    if not job.static_configs and not job.file_sd_configs:
        yield key, "names no targets; give it static_configs or file_sd_configs"
    for index, group in enumerate(job.static_configs):
        yield from _addresses(f"{key}.static_configs[{index}].targets", group.targets)
    for index, sd in enumerate(job.file_sd_configs):
        place = f"{key}.file_sd_configs[{index}]"
        yield from _not_positive(config, (f"{place}.refresh_interval",))
        for file_index, file in enumerate(sd.files):
            if not file.endswith(_TARGET_LIST_SUFFIXES):
                yield f"{place}.files[{file_index}]", "must end in .json, .yml or .yaml"


def _storage(config: Config) -> Iterator[Objection]:
    scheme, is_url, _ = config.lake.path.partition("://")
    if is_url and scheme not in OBJECT_SCHEMES:
        yield "lake.path", f"must be a folder or a URL of {', '.join(OBJECT_SCHEMES)}"
    if "://" in config.state.path:
        yield "state.path", "must be a folder that the next owner can reach (local or NFSv4)"


def _broker(broker: BrokerSettings) -> Iterator[Objection]:
    yield from _addresses("broker.bootstrap_servers", broker.bootstrap_servers)
    for index, server in enumerate(broker.bootstrap_servers):
        if not urlsplit(f"//{server}").netloc.rpartition(":")[1]:
            yield f"broker.bootstrap_servers[{index}]", f"{server!r} lacks a port, such as :9092"


def _alerting(alerting: AlertingSettings) -> Iterator[Objection]:
    for index, alertmanager in enumerate(alerting.alertmanagers):
        parts = urlsplit(alertmanager.url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            yield (
                f"alerting.alertmanagers[{index}].url",
                "must be a URL such as http://alertmanager:9093",
            )


def _addresses(key: str, addresses: tuple[str, ...]) -> Iterator[Objection]:
    for index, address in enumerate(addresses):
        objection = address_objection(address)
        if objection:
            yield f"{key}[{index}]", objection


def _not_positive(config: Config, keys: tuple[str, ...]) -> Iterator[Objection]:
    for key in keys:
        if not _value(config, key) > 0:
            yield key, "must be more than 0"


def _value(config: Config, key: str) -> Any:
    value: Any = config
    for step in key.replace("]", "").replace("[", ".").split("."):
        value = value[int(step)] if step.isdigit() else getattr(value, step)
    return value


def _unreadable(settings: Any, key: str) -> Iterator[Objection]:
    if isinstance(settings, tuple):
        for index, item in enumerate(settings):
            yield from _unreadable(item, f"{key}[{index}]")
    if not isinstance(settings, msgspec.Struct):
        return
    for field in msgspec.structs.fields(settings):
        value = getattr(settings, field.name)
        path = f"{key}.{field.encode_name}" if key else field.encode_name
        if field.name.endswith("_file") and value:
            if not os.access(value, os.R_OK) or not Path(value).is_file():
                yield path, f"{value}: there is no such file that can be read"
        else:
            yield from _unreadable(value, path)


def _unwritable(folder: Path) -> str:
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        return f"{existing} is not a folder"
    if not os.access(existing, os.W_OK | os.X_OK):
        return f"{existing} may not be written to by this user"
    return ""
