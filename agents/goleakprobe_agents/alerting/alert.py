"""A finding as an alert in Alertmanager's terms.

Labels are the identity of an alert: Alertmanager merges alerts with equal labels and takes the
rest from the newest post. So nothing that moves (counts, rates, times, pods) is a label, and
every post carries the full annotations, the resolving one too: what it leaves out is lost from
the notification.
Contract: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from urllib.parse import urlsplit

import msgspec

from goleakprobe_agents.alerting.errors import ReceiverConfigError
from goleakprobe_agents.alerting.plain_text import distinct_line, one_line
from goleakprobe_agents.patterns import pattern_named
from goleakprobe_agents.settings import AlertingSettings
from goleakprobe_schemas import FindingState, Grade, LeakFound, Service, finding_key

__all__ = [
    "LABEL_CHARS_MAX",
    "Alert",
    "Severity",
    "alert_of",
    "check_alerting_settings",
    "finding_anchor",
    "severity_of",
    "summary_of",
]

LABEL_CHARS_MAX = 256
_SITE_CHARS_MAX = 500
_SUMMARY_CHARS_MAX = 300
_DESCRIPTION_CHARS_MAX = 4000
_EVIDENCE_CHARS_MAX = 400
_EVIDENCE_LINES_MAX = 6

# Alertmanager before 0.28 accepts nothing wider.
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OWN_LABELS = frozenset({"alertname", "severity", "namespace", "service", "signature"})

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Severity(StrEnum):
    """How loudly to tell people, in the customary words of Prometheus rules."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the loudest."""
        return list(Severity).index(self)


_SEVERITIES = {
    Grade.PROVEN: Severity.CRITICAL,
    Grade.GROWING: Severity.WARNING,
    Grade.STUCK: Severity.WARNING,
    Grade.ANOMALOUS: Severity.INFO,
}


class Alert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One element of the array that ``POST /api/v2/alerts`` takes; times are RFC 3339, UTC.

    ``endsAt`` is always there. While firing it lies ahead, so an alert whose sender died
    resolves by itself; once it has passed, the alert is resolved.
    """

    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: str = msgspec.field(name="startsAt")
    ends_at: str = msgspec.field(name="endsAt")
    generator_url: str = msgspec.field(name="generatorURL", default="")


def severity_of(grade: Grade) -> Severity:
    """The severity a grade of evidence is worth."""
    return _SEVERITIES[grade]


def finding_anchor(service: Service, signature: str) -> str:
    """The element id of a finding on a report page; safe in a URL whatever the names are."""
    key = finding_key(service, signature).encode("utf-8", "surrogatepass")
    return f"finding-{blake2b(key, digest_size=8).hexdigest()}"


def summary_of(finding: LeakFound) -> str:
    """What a finding says, on one line fit to show."""
    where = f"{finding.service} ({finding.namespace})"
    if not finding.signature:
        said = f"{where} has an unusual number of goroutines: {finding.count:,}"
    else:
        waiting = f" in {finding.wait}" if finding.wait else ""
        site = f" at {finding.blocking_site}" if finding.blocking_site else ""
        said = f"{where} leaks goroutines: {finding.count:,} blocked{waiting}{site}"
    return one_line(said, _SUMMARY_CHARS_MAX)


def check_alerting_settings(settings: AlertingSettings) -> None:
    """Raise ReceiverConfigError for settings that every receiver would refuse or misread."""
    for name in settings.external_labels:
        if not _LABEL_NAME.fullmatch(name):
            raise ReceiverConfigError(
                "external_labels", f"{name!r} is no label name ([a-zA-Z_][a-zA-Z0-9_]*)"
            )
        if name in _OWN_LABELS:
            raise ReceiverConfigError("external_labels", f"{name!r} is set by go-leak-probe itself")
    if settings.report_url is not None:
        parts = urlsplit(settings.report_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ReceiverConfigError("report_url", "must be an http:// or https:// address")


def alert_of(
    finding: LeakFound,
    settings: AlertingSettings,
    *,
    now_ns: int,
    lifetime_seconds: float,
    severity: Severity | None = None,
) -> Alert:
    """The alert a finding is at ``now_ns`` (UTC epoch nanoseconds, the sender's clock).

    A firing one ends ``lifetime_seconds`` after now, a resolved one when it resolved. Times of
    the finding that lie ahead of now (a target's or collector's wrong clock) count as now.
    ``severity`` overrides what the present grade is worth.
    """
    starts_ns = min(max(finding.fired_ns, 0), now_ns)
    if finding.state is FindingState.RESOLVED:
        resolved_ns = finding.time_ns if finding.resolved_ns is None else finding.resolved_ns
        ends_ns = max(starts_ns, min(resolved_ns, now_ns))
    else:
        ends_ns = now_ns + round(lifetime_seconds * 1e9)
    link = _report_link(finding, settings)
    return Alert(
        labels=_labels(finding, settings, severity or severity_of(finding.grade)),
        annotations=_annotations(finding, link),
        starts_at=_rfc3339(starts_ns),
        ends_at=_rfc3339(ends_ns),
        generator_url=link,
    )


def _labels(finding: LeakFound, settings: AlertingSettings, severity: Severity) -> dict[str, str]:
    labels = {
        **settings.external_labels,
        "alertname": "GoroutineLeak" if finding.signature else "GoroutineCountAnomalous",
        "severity": severity.value,
        "namespace": finding.namespace,
        "service": finding.service,
        "signature": finding.signature,
    }
    clean = {name: distinct_line(value, LABEL_CHARS_MAX) for name, value in labels.items()}
    # Alertmanager drops empty labels; without them here, what is logged is what is stored.
    return {name: value for name, value in clean.items() if value}


def _annotations(finding: LeakFound, link: str) -> dict[str, str]:
    annotations = {
        "summary": summary_of(finding),
        "description": _description(finding),
        "blocking_site": one_line(finding.blocking_site, _SITE_CHARS_MAX),
        "creation_site": one_line(finding.creation_site, _SITE_CHARS_MAX),
        "grade": finding.grade.value,
        "pattern": one_line(finding.pattern, LABEL_CHARS_MAX),
        "report_url": link,
    }
    return {name: value for name, value in annotations.items() if value}


def _description(finding: LeakFound) -> str:
    pattern = pattern_named(finding.pattern)
    evidence = (
        f"{item.grade.value}: {item.summary}" for item in finding.evidence[:_EVIDENCE_LINES_MAX]
    )
    lines = [
        _numbers(finding),
        f"Blocked at: {finding.blocking_site}" if finding.blocking_site else "",
        f"Created at: {finding.creation_site}" if finding.creation_site else "",
        *evidence,
        f"Likely cause: {pattern.cause}" if pattern else "",
        f"Usual fix: {pattern.fix}" if pattern else "",
        f"Clears when: {finding.clears_when}" if finding.clears_when else "",
    ]
    text = "\n".join(one_line(line, _EVIDENCE_CHARS_MAX) for line in lines if line)
    return text[:_DESCRIPTION_CHARS_MAX]


def _numbers(finding: LeakFound) -> str:
    parts = [f"{finding.count:,} goroutines"]
    if finding.instances_total:
        parts.append(f"on {finding.instances_affected} of {finding.instances_total} instances")
    if finding.growth_per_hour is not None:
        growth = f"growing by {finding.growth_per_hour:,.1f} an hour"
        if finding.growth_per_hour_low is not None and finding.growth_per_hour_high is not None:
            growth += (
                f" ({finding.growth_per_hour_low:,.1f} to {finding.growth_per_hour_high:,.1f})"
            )
        parts.append(growth)
    if finding.oldest_seconds is not None:
        parts.append(f"the oldest for at least {_span(finding.oldest_seconds)}")
    return ", ".join(parts) + "."


def _span(seconds: float) -> str:
    if not 0 <= seconds < float(timedelta.max.days * 86_400):
        return f"{seconds:g} s"
    for unit, size in (("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} seconds"


def _report_link(finding: LeakFound, settings: AlertingSettings) -> str:
    if not settings.report_url:
        return ""
    anchor = finding_anchor(Service(finding.namespace, finding.service), finding.signature)
    return f"{settings.report_url.partition('#')[0]}#{anchor}"


def _rfc3339(time_ns: int) -> str:
    # Integers throughout: a float of nanoseconds since 1970 is off by a quarter microsecond.
    moment = _EPOCH + timedelta(microseconds=time_ns // 1000)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
