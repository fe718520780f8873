"""Samples of processes to the answer of a check; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from goleakprobe.check.benign import benign_reason
from goleakprobe.check.grading import Policy, cleared, grade
from goleakprobe.check.history import SignatureHistory, histories
from goleakprobe.check.ignore import IgnoreRule, ignore_reason
from goleakprobe.check.result import CheckResult, Finding, Ignored, SourceReport
from goleakprobe.check.samples import Sample, in_time
from goleakprobe.profiles import Group
from goleakprobe_agents.patterns import pattern_of
from goleakprobe_schemas import Grade

__all__ = ["check_samples", "source_report"]

_SHOWN_IDS = 20
_NO_GRADE = 9


def check_samples(
    processes: Mapping[str, Sequence[Sample]],
    *,
    policy: Policy | None = None,
    ignore: tuple[IgnoreRule, ...] = (),
    failed: Sequence[SourceReport] = (),
    list_all: bool = False,
) -> CheckResult:
    """Judge every signature of every process.

    ``processes`` maps a name to its samples in time order. ``list_all`` keeps groups that are
    no finding, with no grade and a note.
    """
    policy = policy or Policy()
    findings: list[Finding] = []
    ignored: list[Ignored] = []
    others = 0
    for process, samples in processes.items():
        for history in histories(in_time(list(samples))):
            found = _finding(process, history, policy)
            reason = ignore_reason(history.group, ignore) if found.grade else ""
            if reason:
                ignored.append(_ignored(found, reason))
            if (found.grade and not reason) or list_all:
                findings.append(_noted(found, reason))
            elif not reason:
                others += 1
    findings.sort(key=_order)
    reports = [source_report(s, name) for name, samples in processes.items() for s in samples]
    return CheckResult(
        sources=(*reports, *failed),
        findings=tuple(findings),
        ignored=tuple(ignored),
        other_groups=others,
    )


def source_report(sample: Sample, process: str) -> SourceReport:
    """What a sample was."""
    profile = sample.profile
    return SourceReport(
        source=sample.source,
        kind=profile.source.value,
        goroutines=profile.total,
        groups=len(profile.groups),
        truncated=profile.truncated,
        go_version=profile.go_version,
        process=process,
        repairs=profile.repairs,
    )


def _finding(process: str, history: SignatureHistory, policy: Policy) -> Finding:
    strongest, evidence = grade(history, policy)
    group = history.group
    return Finding(
        signature=group.signature,
        process=process,
        grade=strongest,
        wait=group.wait,
        state=group.state,
        count=history.count,
        change=history.change,
        lasting=len(history.lasting_ids),
        growth_per_hour=history.growth_per_hour,
        oldest_seconds=history.oldest_seconds,
        blocking_site=group.blocking_site,
        creation_site=group.creation_site,
        pattern=_pattern(group) if _accused(strongest, history, policy) else "",
        note="" if strongest else _note(history),
        evidence=evidence,
        labels=dict(history.labels),
        goroutine_ids=(history.lasting_ids or history.ids)[:_SHOWN_IDS],
        stack=group.frames,
    )


def _accused(strongest: Grade | None, history: SignatureHistory, policy: Policy) -> bool:
    """Whether a likely cause is worth telling: not of the one or two that wait in any process."""
    if strongest is Grade.ANOMALOUS:
        return history.change == "growing" or history.count >= policy.many
    return strongest is not None


def _pattern(group: Group) -> str:
    outermost = group.frames[-1].function if group.frames else ""
    pattern = pattern_of(group.wait, group.blocking_site, group.creation_site, outermost)
    return "" if pattern is None else pattern.name


def _note(history: SignatureHistory) -> str:
    if cleared(history):
        return f"not listed by any of {history.leak_profiles} leak profiles"
    return benign_reason(history.group)


def _noted(finding: Finding, ignored_for: str) -> Finding:
    if not ignored_for:
        return finding
    return msgspec.structs.replace(
        finding, grade=None, evidence=(), pattern="", note=f"ignored: {ignored_for}"
    )


def _ignored(finding: Finding, reason: str) -> Ignored:
    return Ignored(
        signature=finding.signature,
        process=finding.process,
        count=finding.count,
        blocking_site=finding.blocking_site,
        reason=reason,
    )


def _order(finding: Finding) -> tuple[float, float, int, str]:
    rank = _NO_GRADE if finding.grade is None else finding.grade.rank
    return rank, -(finding.growth_per_hour or 0.0), -finding.count, finding.signature
