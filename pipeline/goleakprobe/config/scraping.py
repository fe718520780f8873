"""What to scrape and how, in Prometheus' words where Prometheus has one."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from goleakprobe_agents.settings import Duration, Size, TlsSettings

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "AuthorizationSettings",
    "BasicAuthSettings",
    "CollectSettings",
    "FileSdConfig",
    "GlobalSettings",
    "ScrapeConfig",
    "StaticConfig",
]

S = TypeVar("S", bound=msgspec.Struct)

# The runtime cuts a debug=2 dump at 64 MiB; nothing a Go process answers is longer.
_LONGEST_ANSWER = Size(66 * 1024 * 1024)


class GlobalSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Defaults for every job."""

    scrape_interval: Duration | None = None
    scrape_timeout: Duration | None = None


class AuthorizationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Authorization header; the file is read anew for every scrape."""

    type: str = "Bearer"
    credentials_file: str


class BasicAuthSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """HTTP basic authentication; the file is read anew for every scrape."""

    username: str
    password_file: str


class FileSdConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Target lists in files that something else keeps up to date."""

    files: tuple[str, ...]
    """JSON or YAML; the last part of a name may hold ``*``."""
    refresh_interval: Duration = Duration(5)
    """How often the files are looked at; they are read only when they changed."""


class StaticConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Targets written into the configuration, and the labels they share."""

    targets: tuple[str, ...]
    labels: dict[str, str] = {}


class ScrapeConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One job: a set of targets scraped the same way.

    A target's label ``service`` (default: the job's name), ``namespace`` (default: ``default``)
    and ``instance`` (default: the address) say who it is.
    """

    job_name: str
    scrape_interval: Duration = Duration(15)
    scrape_timeout: Duration | None = None
    """For the whole answer; by default 10 s, or the interval where that is shorter."""
    scheme: str = "http"
    pprof_path: str = "/debug/pprof"
    metrics_path: str = "/metrics"
    """Prometheus metrics of the same address; ``""`` for none."""
    body_size_limit: Size = _LONGEST_ANSWER
    follow_redirects: bool = True
    file_sd_configs: tuple[FileSdConfig, ...] = ()
    static_configs: tuple[StaticConfig, ...] = ()
    authorization: AuthorizationSettings | None = None
    basic_auth: BasicAuthSettings | None = None
    tls_config: TlsSettings | None = None
    request_metric: str = ""
    """A counter of the target's metrics page that counts its requests."""
    leak_profile_interval: Duration = Duration(3600)
    """How often the runtime is asked for its leak profile, at the price of one garbage collection
    each; 0 for never."""
    leak_profile_min_interval: Duration = Duration(60)
    """How soon it may be asked again when goroutines pile up or a first leak wants confirming."""
    debug2_interval: Duration = Duration(600)
    """How often the dump with goroutine ids is taken, which stops the target's world; 0 for
    never."""
    debug2_min_interval: Duration = Duration(60)
    """How soon it may be taken again when goroutines pile up."""
    debug2_goroutine_limit: int = 1000
    """No such dump of a process with more goroutines than this."""
    trace_interval: Duration = Duration(6 * 3600)
    """How often a short execution trace is taken; 0 for never. A second of tracing every six
    hours costs a busy process less than a millionth of its time, and tells slow leaks nothing;
    it is a baseline, and shows that tracing works before it is needed."""
    trace_min_interval: Duration = Duration(300)
    """How soon a process may be traced again when goroutines pile up or a first suspicion wants
    confirming; a suspicion that stays is looked at again at intervals that double."""
    trace_seconds: Duration = Duration(1)
    """Length of a trace window."""
    trace_goroutine_limit: int = 10_000
    """No trace, unless asked for, of a process with more goroutines than this: every second of a
    trace walks the stack of each that is parked, and writes 17 bytes about it."""
    trace_size_limit: Size = Size(16 * 1024 * 1024)
    """Reading a trace stops there; what was whole before counts. A busy server on two cores
    writes 11 MB a second, and decoding takes up to 40 bytes of memory for each."""

    @property
    def timeout_seconds(self) -> float:
        """The scrape timeout in force."""
        if self.scrape_timeout is not None:
            return float(self.scrape_timeout)
        return min(10.0, float(self.scrape_interval))

    def with_files_from(self, folder: Path) -> ScrapeConfig:
        """The same job with relative file names made to start from ``folder``."""
        return msgspec.structs.replace(
            self,
            file_sd_configs=tuple(
                msgspec.structs.replace(sd, files=tuple(_join(folder, file) for file in sd.files))
                for sd in self.file_sd_configs
            ),
            authorization=_moved(self.authorization, folder),
            basic_auth=_moved(self.basic_auth, folder),
            tls_config=_moved(self.tls_config, folder),
        )


class CollectSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one collector process shares its means among all targets."""

    max_concurrent_scrapes: int = 32
    """Of targets that answer; as many again of those whose last scrape ran out of time."""
    max_concurrent_traces: int = 1
    """Execution traces under way at a time; others wait for their next visit."""
    max_in_flight_messages: int = 1000
    """Messages given to the broker and not yet acknowledged; scraping waits above this."""
    max_in_flight_bytes: Size = Size(64 * 1024 * 1024)
    max_groups_per_snapshot: int = 5000
    """Smaller groups beyond this are counted together."""
    shard_index: int = 0
    """This collector's place among ``shard_count`` that divide the targets."""
    shard_count: int = 1
    listen_address: str = ""
    """Where ``/metrics``, ``/-/healthy`` and ``/-/ready`` are served, as ``127.0.0.1:9455``."""


def _join(folder: Path, file: str) -> str:
    return str(folder / file)


def _moved(settings: S | None, folder: Path) -> S | None:
    if settings is None:
        return None
    files = {
        field.name: _join(folder, value)
        for field in msgspec.structs.fields(settings)
        if field.name.endswith("_file") and (value := getattr(settings, field.name))
    }
    return msgspec.structs.replace(settings, **files)
