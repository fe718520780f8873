"""Which services leak, where, how fast, and how we know: the fleet at one time."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from goleakprobe.lake import Lake, TimeWindow
from goleakprobe.reports.errors import NothingMeasuredError
from goleakprobe.reports.queries import query_text
from goleakprobe_agents.alerting import finding_anchor
from goleakprobe_agents.patterns import LeakPattern, pattern_named
from goleakprobe_schemas import Evidence, FindingState, Frame, Grade, Service

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = [
    "CHARTS_MAX",
    "FindingReport",
    "FleetReport",
    "InstanceSeries",
    "SeriesPoint",
    "ServiceReport",
    "fleet_report",
]

CHARTS_MAX = 24
"""Charts of one page: a phone still opens it at once, and they are drawn in some seconds."""
_SERIES_INSTANCES_MAX = 6
_SERIES_BUCKETS = 160
# As long as the agents remember an instance that is no longer scraped.
_LIVE = timedelta(minutes=15)
_SECOND_NS = 1_000_000_000


class SeriesPoint(msgspec.Struct, frozen=True, array_like=True):
    """One point of a chart; as JSON ``[time_ns, count, floor]``."""

    time_ns: int
    count: int
    floor: float | None = None


class InstanceSeries(msgspec.Struct, frozen=True):
    """The count of a signature in one instance, in time order, thinned out."""

    instance: str
    points: tuple[SeriesPoint, ...]


class FindingReport(msgspec.Struct, frozen=True, kw_only=True):
    """The newest state of one finding; fields as in the event it was told by."""

    namespace: str
    service: str
    signature: str
    state: FindingState
    grade: Grade
    count: int = 0
    growth_per_hour: float | None = None
    growth_per_hour_low: float | None = None
    growth_per_hour_high: float | None = None
    oldest_seconds: float | None = None
    wait: str = ""
    blocking_site: str = ""
    creation_site: str = ""
    pattern: str = ""
    first_seen_ns: int
    fired_ns: int
    resolved_ns: int | None = None
    onset_ns: int | None = None
    last_told_ns: int
    """Time of the scrape that this state was computed from."""
    instances: tuple[str, ...] = ()
    instances_affected: int = 0
    instances_total: int = 0
    builds: tuple[str, ...] = ()
    go_versions: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    clears_when: str = ""
    stack: tuple[Frame, ...] = ()
    """An example, leaf first; lines of one build, if possible of a leaking one."""
    series: tuple[InstanceSeries, ...] = ()

    @property
    def firing(self) -> bool:
        """Whether it is still there."""
        return self.state is FindingState.FIRING

    @property
    def known_pattern(self) -> LeakPattern | None:
        """Likely cause and usual fix; None where the place tells neither."""
        return pattern_named(self.pattern)

    @property
    def starts_in(self) -> str:
        """``function file:line`` of the root frame: what the unknown go statement started."""
        if not self.stack:
            return ""
        root = self.stack[-1]
        return f"{root.function} {root.file}:{root.line}" if root.file else root.function

    @property
    def anchor(self) -> str:
        """Its element id on the page; alerts link to it."""
        return finding_anchor(Service(self.namespace, self.service), self.signature)


class ServiceReport(msgspec.Struct, frozen=True, kw_only=True):
    """One service: what was seen of it, and its findings, strongest first."""

    namespace: str
    service: str
    instances_seen: int = 0
    instances_live: int = 0
    goroutines: int = 0
    """In all live instances at their latest scrape."""
    scrapes: int = 0
    newest_ns: int | None = None
    """Time of the latest scrape in the window."""
    findings: tuple[FindingReport, ...] = ()

    @property
    def firing(self) -> tuple[FindingReport, ...]:
        """The findings that are still there."""
        return tuple(finding for finding in self.findings if finding.firing)

    @property
    def leaked(self) -> int:
        """Goroutines in firing findings that name a stack."""
        return sum(finding.count for finding in self.firing if finding.signature)

    @property
    def growth_per_hour(self) -> float:
        """Growth of the firing findings that name a stack and grow."""
        rates = (finding.growth_per_hour for finding in self.firing if finding.signature)
        return sum(rate for rate in rates if rate is not None and rate > 0)

    @property
    def grade(self) -> Grade | None:
        """The strongest evidence against it; None if nothing fires."""
        return min((f.grade for f in self.firing), key=lambda grade: grade.rank, default=None)


class FleetReport(msgspec.Struct, frozen=True, kw_only=True):
    """All services: those with findings ranked by leak, then the others by name.

    Times are UTC epoch nanoseconds.
    """

    as_of_ns: int
    from_ns: int
    services: tuple[ServiceReport, ...]

    @property
    def leaking(self) -> tuple[ServiceReport, ...]:
        """Services with a firing finding, worst first."""
        return tuple(service for service in self.services if service.firing)

    @property
    def recovered(self) -> tuple[ServiceReport, ...]:
        """Services whose findings have all resolved within the window."""
        return tuple(each for each in self.services if each.findings and not each.firing)

    @property
    def clean(self) -> tuple[ServiceReport, ...]:
        """Services that were scraped and have no finding."""
        return tuple(service for service in self.services if not service.findings)

    @property
    def findings(self) -> tuple[FindingReport, ...]:
        """All findings in the order of their services."""
        return tuple(finding for service in self.services for finding in service.findings)


class _StackRow(msgspec.Struct):
    signature: str
    build_id: str = ""
    creation_site: str = ""
    frames: tuple[Frame, ...] = ()


class _SeriesRow(msgspec.Struct):
    namespace: str
    service: str
    signature: str
    instance: str
    time_ns: int
    count: int
    floor: float | None = None


def fleet_report(
    lake: Path | str,
    *,
    since: timedelta = timedelta(hours=24),
    as_of_ns: int | None = None,
    charts: int = 0,
    memory_limit: str = "1GB",
    threads: int | None = None,
) -> FleetReport:
    """Read the fleet's state at ``as_of_ns`` (now, if not given) from a lake folder.

    Scrapes count if they lie within ``since`` before that time; findings that still fire count
    however old they are. The first ``charts`` findings get their series. The same arguments give
    the same report as long as no row of the window lands late.

    Raises LakeError, and NothingMeasuredError if there is nothing to report on.
    """
    to_ns = time.time_ns() if as_of_ns is None else as_of_ns
    from_ns = max(0, to_ns - since // timedelta(microseconds=1) * 1000)
    window = TimeWindow(from_ns, max(from_ns, to_ns))
    with Lake(lake, window=window, memory_limit=memory_limit, threads=threads) as opened:
        findings = opened.query(
            query_text("fleet_findings"), FindingReport, as_of_ns=to_ns, from_ns=window.from_ns
        )
        services = opened.query(
            query_text("fleet_services"),
            ServiceReport,
            live_ns=int(_LIVE.total_seconds()) * _SECOND_NS,
        )
        if not findings and not services:
            raise NothingMeasuredError(window.from_ns, to_ns)
        findings = _with_stacks(opened, findings)
        if charts > 0:
            findings = _with_series(opened, findings, charts)
    return FleetReport(as_of_ns=to_ns, from_ns=window.from_ns, services=_ranked(services, findings))


def _ranked(
    services: Iterable[ServiceReport], findings: Iterable[FindingReport]
) -> tuple[ServiceReport, ...]:
    found: dict[tuple[str, str], list[FindingReport]] = defaultdict(list)
    for finding in findings:
        found[finding.namespace, finding.service].append(finding)
    known = {(service.namespace, service.service): service for service in services}
    # A finding outlives the scrapes of its service.
    for namespace, name in found.keys() - known.keys():
        known[namespace, name] = ServiceReport(namespace=namespace, service=name)
    whole = (
        msgspec.structs.replace(service, findings=tuple(found.get(key, ())))
        for key, service in known.items()
    )
    return tuple(sorted(whole, key=_rank))


def _rank(service: ServiceReport) -> tuple[object, ...]:
    return (
        not service.firing,
        not service.findings,
        -service.leaked,
        -service.growth_per_hour,
        service.grade.rank if service.grade else len(Grade),
        service.namespace,
        service.service,
    )


def _with_stacks(lake: Lake, findings: Sequence[FindingReport]) -> list[FindingReport]:
    rows = lake.query(
        query_text("finding_stacks"),
        _StackRow,
        signatures=sorted({finding.signature for finding in findings if finding.signature}),
        builds=sorted({build for finding in findings for build in finding.builds}),
    )
    known: dict[str, list[_StackRow]] = defaultdict(list)
    for row in rows:
        known[row.signature].append(row)
    return [_with_stack(finding, known[finding.signature]) for finding in findings]


def _with_stack(finding: FindingReport, rows: Sequence[_StackRow]) -> FindingReport:
    """Show the stack as a build of the finding has it, or else as any has.

    Stacks of library code are the same in many services, but not the lines, nor the go statement.
    Dumps and traces tell that, profiles do not: it may be known of the stack before any scrape
    that the finding rests on told it.
    """
    if not rows:
        return finding
    own = [row for row in rows if row.build_id in finding.builds]
    shown = next((row for row in own if row.creation_site), (own or rows)[0])
    ours = own or not shown.build_id or not finding.builds
    return msgspec.structs.replace(
        finding,
        stack=shown.frames,
        creation_site=finding.creation_site or (shown.creation_site if ours else ""),
    )


def _with_series(lake: Lake, findings: Sequence[FindingReport], charts: int) -> list[FindingReport]:
    wanted = findings[:charts]
    rows = lake.query(
        query_text("finding_series"),
        _SeriesRow,
        namespaces=[finding.namespace for finding in wanted],
        services=[finding.service for finding in wanted],
        signatures=[finding.signature for finding in wanted],
        instances_max=_SERIES_INSTANCES_MAX,
        buckets=_SERIES_BUCKETS,
    )
    series: dict[tuple[str, str, str], dict[str, list[SeriesPoint]]] = defaultdict(dict)
    for row in rows:
        of_finding = series[row.namespace, row.service, row.signature]
        point = SeriesPoint(row.time_ns, row.count, row.floor)
        of_finding.setdefault(row.instance, []).append(point)
    return [
        msgspec.structs.replace(
            finding,
            series=tuple(
                InstanceSeries(instance, tuple(points))
                for instance, points in series.get(
                    (finding.namespace, finding.service, finding.signature), {}
                ).items()
            ),
        )
        for finding in findings
    ]
