"""Which leaks were found, and when; and what was said that is not so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from goleakprobe_schemas import FindingState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from goleakprobe_schemas import LeakFound
    from simulated_fleet.plan import FleetPlan, PlannedService

__all__ = ["FalseFinding", "FoundLeak", "Judge"]


class FoundLeak(msgspec.Struct, kw_only=True):
    """One leaky service."""

    service: str
    leaks_per_minute: float
    onset_seconds: float
    found_seconds: float | None = None
    """When, from the start of the run, a finding first named a leaking place."""
    grade: str = ""
    """Of that finding; ``best_grade`` is the strongest since."""
    best_grade: str = ""
    best_rank: int = 99


class FalseFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A finding about something that does not leak."""

    service: str
    grade: str
    site: str
    seconds: float


class Judge:
    """Takes findings as they come and compares them with the plan."""

    def __init__(self, plan: FleetPlan) -> None:
        self._services = {service.name: service for service in plan.services}
        self.leaks = {
            service.name: FoundLeak(
                service=service.name,
                leaks_per_minute=service.leaks_per_minute,
                onset_seconds=service.onset_seconds,
            )
            for service in plan.leaky
        }
        self.false: dict[tuple[str, str], FalseFinding] = {}
        self.vague: set[str] = set()
        """Leaky services that were called unusual, without a stack."""

    @property
    def found(self) -> list[FoundLeak]:
        """The leaks that were found, in the order of finding."""
        found = [leak for leak in self.leaks.values() if leak.found_seconds is not None]
        return sorted(found, key=lambda leak: leak.found_seconds or 0.0)

    def take(self, findings: Iterable[LeakFound], seconds: float) -> None:
        """Judge what is said ``seconds`` after the start; repetitions change nothing."""
        for finding in findings:
            if finding.state is FindingState.FIRING:
                self._take(finding, seconds)

    def _take(self, finding: LeakFound, seconds: float) -> None:
        service = self._services.get(finding.service)
        if service is not None and service.leaks_per_minute and not finding.signature:
            self.vague.add(finding.service)
            return
        if service is not None and _located(finding, service):
            leak = self.leaks[finding.service]
            if leak.found_seconds is None:
                leak.found_seconds, leak.grade = seconds, finding.grade.value
            if finding.grade.rank < leak.best_rank:
                leak.best_rank, leak.best_grade = finding.grade.rank, finding.grade.value
            return
        self.false.setdefault(
            (finding.service, finding.signature),
            FalseFinding(
                service=finding.service,
                grade=finding.grade.value,
                site=finding.blocking_site or "(no stack)",
                seconds=seconds,
            ),
        )


def _located(finding: LeakFound, service: PlannedService) -> bool:
    sites = (finding.blocking_site, finding.creation_site)
    return any(site.partition(" ")[0] in service.places for site in sites)
