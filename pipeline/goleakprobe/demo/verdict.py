"""What the findings are worth: compared with what is known about the demo's services."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from goleakprobe.demo.ground_truth import NAMESPACE, SHOP, ServiceTruth
from goleakprobe_agents.alerting.plain_text import one_line
from goleakprobe_schemas import LeakFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Judgement", "Verdict", "judge", "verdict_lines"]

_NAME_CHARS_MAX = 80
_SITE_CHARS_MAX = 160


class Judgement(msgspec.Struct, frozen=True):
    """One service and the findings about it, strongest evidence first."""

    truth: ServiceTruth
    located: tuple[LeakFound, ...]
    """At a place where this service does leak."""
    vague: tuple[LeakFound, ...]
    """Of a leaky service, without a stack: right, but no answer to where."""
    false: tuple[LeakFound, ...]
    """Of a healthy service, or at a place that does not leak."""

    @property
    def found(self) -> bool:
        """A leaky service whose leak was found where it is."""
        return self.truth.leaky and bool(self.located)

    @property
    def missed(self) -> bool:
        """A leaky service whose leak was not."""
        return self.truth.leaky and not self.located


class Verdict(msgspec.Struct, frozen=True):
    """The judgements in the order of the services, and findings about no service we started."""

    judgements: tuple[Judgement, ...]
    strangers: tuple[LeakFound, ...]

    @property
    def found(self) -> tuple[Judgement, ...]:
        """Leaky services that were found."""
        return tuple(judgement for judgement in self.judgements if judgement.found)

    @property
    def missed(self) -> tuple[Judgement, ...]:
        """Leaky services that were not."""
        return tuple(judgement for judgement in self.judgements if judgement.missed)

    @property
    def silent(self) -> tuple[Judgement, ...]:
        """Healthy services that nothing was said about."""
        return tuple(j for j in self.judgements if not j.truth.leaky and not j.false)

    @property
    def false_alarms(self) -> tuple[LeakFound, ...]:
        """Findings where nothing leaks."""
        return tuple(f for j in self.judgements for f in j.false) + self.strangers

    @property
    def complete(self) -> bool:
        """Every leak was found; nothing is said about false alarms."""
        return not self.missed

    @property
    def passed(self) -> bool:
        """Every leak was found, and nothing else."""
        return self.complete and not self.false_alarms


def judge(findings: Iterable[LeakFound], truths: Sequence[ServiceTruth] = SHOP) -> Verdict:
    """Compare; of several messages about one finding the newest counts.

    A finding that has resolved still counts: a leak that was found was found, and a false alarm
    that was withdrawn was one.
    """
    newest: dict[tuple[str, str, str], LeakFound] = {}
    for finding in sorted(findings, key=lambda finding: finding.time_ns):
        newest[finding.namespace, finding.service, finding.signature] = finding
    ranked = sorted(newest.values(), key=lambda finding: (finding.grade.rank, -finding.count))
    known = {truth.service for truth in truths}
    return Verdict(
        judgements=tuple(_judge_service(truth, ranked) for truth in truths),
        strangers=tuple(
            finding
            for finding in ranked
            if finding.namespace != NAMESPACE or finding.service not in known
        ),
    )


def _judge_service(truth: ServiceTruth, findings: Sequence[LeakFound]) -> Judgement:
    located, vague, false = [], [], []
    for finding in findings:
        if (finding.namespace, finding.service) != (NAMESPACE, truth.service):
            continue
        if not truth.leaky:
            false.append(finding)
        elif not finding.signature:
            vague.append(finding)
        elif _at_known_place(finding, truth):
            located.append(finding)
        else:
            false.append(finding)
    return Judgement(truth, tuple(located), tuple(vague), tuple(false))


def _at_known_place(finding: LeakFound, truth: ServiceTruth) -> bool:
    sites = (finding.blocking_site, finding.creation_site)
    # A site is "function file:line", or the function alone.
    return any(site.partition(" ")[0] in truth.places for site in sites)


def verdict_lines(verdict: Verdict) -> list[str]:
    """The verdict for people: what was found, missed, wrongly reported, and rightly left alone."""
    leaky = len(verdict.found) + len(verdict.missed)
    lines = [f"Found {len(verdict.found)} of {leaky} leaky services:"]
    for judgement in verdict.found:
        best = judgement.located[0]
        lines.append(f"  found   {judgement.truth.service}: {judgement.truth.story}")
        lines.append(f"          {_finding_line(best)}")
    for judgement in verdict.missed:
        noticed = "; noticed, but not where" if judgement.vague else ""
        lines.append(f"  MISSED  {judgement.truth.service}: {judgement.truth.story}{noticed}")
    for finding in verdict.false_alarms:
        name = one_line(finding.service, _NAME_CHARS_MAX)
        lines.append(f"  FALSE   {name}: {_finding_line(finding)}")
    lines.append("Not flagged:" if verdict.silent else "Not flagged: nothing")
    lines.extend(f"  {j.truth.service}: {j.truth.story}" for j in verdict.silent)
    return lines


def _finding_line(finding: LeakFound) -> str:
    site = one_line(finding.blocking_site or "no place named", _SITE_CHARS_MAX)
    wait = f" in {one_line(finding.wait, _NAME_CHARS_MAX)}" if finding.wait else ""
    return f"{finding.grade.value}, {finding.count:,} goroutines{wait} at {site}"
