"""Which targets there are now: static ones, and lists in files that something else writes.

File format: Prometheus' file_sd (``[{"targets": [...], "labels": {...}}]`` as JSON or YAML,
https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config).
Everything here blocks; call it outside the event loop.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from goleakprobe.collect.targets import ScrapeTarget, resolve_target, spread
from goleakprobe.config.file_patterns import matching_files
from goleakprobe.errors import DiscoveryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from goleakprobe.config.scraping import ScrapeConfig

__all__ = ["Discovered", "Discovery", "TargetGroup", "read_target_list"]

_MAX_FILE_BYTES = 16 * 1024 * 1024
_MAX_TARGETS = 100_000
_MAX_PROBLEMS = 100


class TargetGroup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Addresses and the labels they share."""

    targets: tuple[str, ...]
    labels: dict[str, str] = {}


class Discovered(msgspec.Struct, frozen=True):
    """The targets by key, and what could not be used, in words."""

    targets: dict[str, ScrapeTarget]
    problems: tuple[str, ...]


def read_target_list(path: Path) -> tuple[TargetGroup, ...]:
    """Read one file; DiscoveryError says what is wrong with it."""
    try:
        with path.open("rb") as file:
            body = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise DiscoveryError(f"{path}: {error.strerror}") from error
    if len(body) > _MAX_FILE_BYTES:
        raise DiscoveryError(f"{path}: is larger than {_MAX_FILE_BYTES} bytes")
    try:
        return msgspec.convert(_parse(path, body), tuple[TargetGroup, ...])
    except (msgspec.MsgspecError, ValueError, RecursionError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())[:300]
        raise DiscoveryError(f"{path}: is not a target list: {reason}") from error


class Discovery:
    """The targets of all jobs; one collector of several sees its share of them only.

    A list that became unreadable keeps its last readable targets. A file that a pattern no longer
    matches takes its targets with it.
    """

    def __init__(
        self, jobs: Sequence[ScrapeConfig], *, shard_index: int = 0, shard_count: int = 1
    ) -> None:
        self._jobs = tuple(jobs)
        self._shard = (shard_index, shard_count)
        self._lists: dict[str, _TargetList] = {}

    @property
    def poll_seconds(self) -> float:
        """How often to refresh, by the most impatient list; infinite without lists."""
        intervals = (sd.refresh_interval for job in self._jobs for sd in job.file_sd_configs)
        return min((float(interval) for interval in intervals), default=float("inf"))

    def refresh(self) -> Discovered:
        """The targets now; only lists that changed are read again."""
        targets: dict[str, ScrapeTarget] = {}
        problems: list[str] = []
        before, self._lists = self._lists, {}
        for job in self._jobs:
            for group in self._groups(job, before, problems):
                _resolve(group, job, targets, problems)
        index, count = self._shard
        if count > 1:
            targets = {key: t for key, t in targets.items() if int(spread(key) * count) == index}
        return Discovered(targets, tuple(problems[:_MAX_PROBLEMS]))

    def _groups(
        self, job: ScrapeConfig, before: dict[str, _TargetList], problems: list[str]
    ) -> Iterator[TargetGroup]:
        for static in job.static_configs:
            yield TargetGroup(static.targets, static.labels)
        for sd in job.file_sd_configs:
            for pattern in sd.files:
                for name in matching_files(pattern) or [pattern]:
                    target_list = self._lists.setdefault(
                        name, before.get(name) or _TargetList(Path(name))
                    )
                    target_list.refresh()
                    if target_list.problem:
                        problems.append(target_list.problem)
                    yield from target_list.groups


class _TargetList:
    """One file, read again when its identity, size or time of change is another."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version: tuple[int, ...] | None = None
        self.groups: tuple[TargetGroup, ...] = ()
        self.problem = ""

    def refresh(self) -> None:
        try:
            status = self._path.stat()
            version = (status.st_ino, status.st_size, status.st_mtime_ns)
            if version == self._version:
                return
            self._version = version
            self.groups = read_target_list(self._path)
            self.problem = ""
        except DiscoveryError as error:
            self.problem = str(error)
        except OSError as error:
            self._version = None
            self.problem = f"{self._path}: {error.strerror}"


def _parse(path: Path, body: bytes) -> Any:
    if path.suffix == ".json":
        groups = msgspec.json.decode(body)
    else:
        # Every scalar stays text, as Prometheus reads labels; nothing can construct objects.
        groups = yaml.load(body.decode(), Loader=_YAML_LOADER)  # noqa: S506
    _refuse_too_many(groups)
    return [] if groups is None else groups


_YAML_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def _refuse_too_many(groups: Any) -> None:
    """YAML aliases let even a small file repeat a list of addresses without end."""
    if isinstance(groups, list):
        sizes = (len(g.get("targets") or ()) for g in groups if isinstance(g, dict))
        if sum(sizes) > _MAX_TARGETS:
            raise ValueError(f"holds more than {_MAX_TARGETS} targets")


def _resolve(
    group: TargetGroup, job: ScrapeConfig, targets: dict[str, ScrapeTarget], problems: list[str]
) -> None:
    for address in group.targets:
        try:
            target = resolve_target(address, group.labels, job)
        except DiscoveryError as error:
            problems.append(f"job {job.job_name}: {error}")
            continue
        known = targets.setdefault(target.key, target)
        if known != target:
            problems.append(
                f"job {job.job_name}: {target.base_url} calls itself {target.key} as "
                f"{known.base_url} does; give one of them another instance label"
            )
