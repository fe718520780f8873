"""What one receiver has yet to be told, decided without a clock or a network.

The shell feeds findings in (``update``), asks what is due (``due``), sends it and reports how it
went (``settle``). One outbox belongs to one receiver, so a receiver that is down delays nobody
else. ``dump`` and ``load`` carry it over a restart; sending something twice is harmless because
labels are the identity of an alert.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from goleakprobe_agents.alerting.alert import (
    Alert,
    Severity,
    alert_of,
    check_alerting_settings,
    severity_of,
)
from goleakprobe_agents.alerting.notifier import Delivered, Outcome, Retry
from goleakprobe_schemas import FindingState, LeakFound, Service, finding_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from goleakprobe_agents.settings import AlertingSettings

__all__ = ["DueAlert", "Outbox"]

_SECOND_NS = 1_000_000_000
_STATE_VERSION = 1

# A firing alert outlives four missed resends, as Prometheus sends them, and Alertmanager's
# default resolve_timeout at the least. A resolved one is repeated for as long, after which the
# receiver has ended it by itself even if it heard nothing.
_LIFETIME_RESENDS = 4
_LIFETIME_SECONDS_MIN = 300.0

_BACKOFF_SECONDS_MIN = 1.0
_BACKOFF_SECONDS_MAX = 60.0
_RETRY_AFTER_SECONDS_MAX = 300.0
_ENTRIES_MAX = 20_000


class DueAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert to send now; hand it back to ``settle`` with its outcome."""

    alert: Alert
    finding: LeakFound
    identity: str
    revision: int


class _Entry(msgspec.Struct, kw_only=True):
    """One alert identity."""

    finding: LeakFound
    severity: Severity
    revision: int = 1
    """Counts what the receiver should hear at once."""
    told_revision: int = 0
    """The revision of the latest post that was answered."""
    resend_ns: int = 0
    resolving_since_ns: int | None = None

    @property
    def firing(self) -> bool:
        return self.finding.state is FindingState.FIRING

    def is_due(self, now_ns: int) -> bool:
        return self.told_revision != self.revision or self.resend_ns <= now_ns


class _State(msgspec.Struct, frozen=True):
    version: int
    entries: dict[str, _Entry]
    failures: int = 0
    blocked_until_ns: int = 0


class Outbox:
    """The alerts of one receiver.

    New and changed findings are due at once, firing ones again every ``resend_interval``,
    resolved ones likewise for five minutes (longer for long resend intervals) and then
    forgotten. After a retryable failure nothing is due until a growing delay has passed.
    Severity is part of an alert's identity, so it only rises while a finding fires; when it
    rises, the quieter alert resolves as the louder one starts.
    """

    def __init__(self, settings: AlertingSettings, *, entries_max: int = _ENTRIES_MAX) -> None:
        check_alerting_settings(settings)
        self._settings = settings
        self._resend_ns = round(settings.resend_interval * _SECOND_NS)
        self._lifetime_seconds = max(
            _LIFETIME_RESENDS * settings.resend_interval, _LIFETIME_SECONDS_MIN
        )
        self._entries: dict[str, _Entry] = {}
        self._entries_max = entries_max
        self._failures = 0
        self._blocked_until_ns = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def firing(self) -> int:
        """How many alerts are firing."""
        return sum(entry.firing for entry in self._entries.values())

    def update(self, finding: LeakFound) -> bool:
        """Take in the newest state of a finding; feed them in stream order.

        False if the outbox is full and the finding is new: it is not remembered and the caller
        must count it.
        """
        key = finding_key(Service(finding.namespace, finding.service), finding.signature)
        severity = severity_of(finding.grade)
        if finding.state is FindingState.RESOLVED:
            return self._resolve(key, finding, severity)
        current = self._firing_severity(key)
        if current is not None and current.rank < severity.rank:
            severity = current
        elif current is not None and current is not severity:
            self._supersede(self._entries[_identity(key, current)], finding)
        return self._put(_identity(key, severity), finding, severity)

    def due(self, now_ns: int, limit: int | None = None) -> list[DueAlert]:
        """What to send at ``now_ns``: unheard news first, louder before quieter, then resends.

        Changes nothing but forgets what has been resolved for long enough.
        """
        self._forget(now_ns)
        if now_ns < self._blocked_until_ns:
            return []
        waiting = [
            (entry.told_revision == entry.revision, entry.severity.rank, entry.resend_ns, identity)
            for identity, entry in self._entries.items()
            if entry.is_due(now_ns)
        ]
        return [self._due_alert(identity, now_ns) for *_, identity in sorted(waiting)[:limit]]

    def next_due_ns(self) -> int | None:
        """The earliest time something will be due (0: at once); None while there is nothing."""
        if not self._entries:
            return None
        earliest = min(
            0 if entry.told_revision != entry.revision else entry.resend_ns
            for entry in self._entries.values()
        )
        return max(earliest, self._blocked_until_ns)

    def settle(self, sent: Sequence[DueAlert], outcomes: Sequence[Outcome], now_ns: int) -> None:
        """Record how each of ``sent`` went.

        Delivered and rejected alerts are due again after the resend interval (a rejection may be
        the receiver's mistake, put right meanwhile); a retry delays everything.
        """
        retries = [outcome for outcome in outcomes if isinstance(outcome, Retry)]
        for item, outcome in zip(sent, outcomes, strict=True):
            entry = self._entries.get(item.identity)
            if entry is None or isinstance(outcome, Retry):
                continue
            # What changed while the post was on its way is still news.
            entry.told_revision = item.revision
            entry.resend_ns = now_ns + self._resend_ns
        if retries:
            self._back_off(retries, now_ns)
        elif any(isinstance(outcome, Delivered) for outcome in outcomes):
            self._failures = 0
            self._blocked_until_ns = 0

    def dump(self) -> bytes:
        """The whole state."""
        return msgspec.json.encode(
            _State(_STATE_VERSION, self._entries, self._failures, self._blocked_until_ns)
        )

    def load(self, state: bytes) -> None:
        """Replace the state; ValueError for bytes of another version or damaged ones."""
        try:
            version = msgspec.json.decode(state, type=_Version).version
            if version != _STATE_VERSION:
                raise ValueError(f"alert outbox state has version {version}, not {_STATE_VERSION}")
            restored = msgspec.json.decode(state, type=_State)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"alert outbox state is damaged: {error}") from error
        self._entries = restored.entries
        self._failures = restored.failures
        self._blocked_until_ns = restored.blocked_until_ns

    def _firing_severity(self, key: str) -> Severity | None:
        for severity in Severity:
            entry = self._entries.get(_identity(key, severity))
            if entry is not None and entry.firing:
                return severity
        return None

    def _resolve(self, key: str, finding: LeakFound, severity: Severity) -> bool:
        # At most one severity of a finding fires. One that is unknown here may be known to the
        # receiver all the same: this outbox may have lost its state.
        severity = self._firing_severity(key) or severity
        return self._put(_identity(key, severity), finding, severity)

    def _supersede(self, entry: _Entry, by: LeakFound) -> None:
        ended = msgspec.structs.replace(
            entry.finding, state=FindingState.RESOLVED, time_ns=by.time_ns, resolved_ns=by.time_ns
        )
        _renew(entry, ended)

    def _put(self, identity: str, finding: LeakFound, severity: Severity) -> bool:
        entry = self._entries.get(identity)
        if entry is not None:
            _renew(entry, finding)
            return True
        if len(self._entries) >= self._entries_max:
            return False
        self._entries[identity] = _Entry(finding=finding, severity=severity)
        return True

    def _due_alert(self, identity: str, now_ns: int) -> DueAlert:
        entry = self._entries[identity]
        alert = alert_of(
            entry.finding,
            self._settings,
            now_ns=now_ns,
            lifetime_seconds=self._lifetime_seconds,
            severity=entry.severity,
        )
        return DueAlert(
            alert=alert, finding=entry.finding, identity=identity, revision=entry.revision
        )

    def _forget(self, now_ns: int) -> None:
        lifetime_ns = round(self._lifetime_seconds * _SECOND_NS)
        for identity, entry in list(self._entries.items()):
            if entry.firing:
                continue
            if entry.resolving_since_ns is None:
                entry.resolving_since_ns = now_ns if entry.told_revision else _ended_ns(entry)
            if entry.resolving_since_ns + lifetime_ns <= now_ns:
                del self._entries[identity]

    def _back_off(self, retries: Iterable[Retry], now_ns: int) -> None:
        self._failures += 1
        doubled = _BACKOFF_SECONDS_MIN * 2.0 ** min(self._failures - 1, 16)
        asked = max(retry.after_seconds or 0.0 for retry in retries)
        seconds = max(
            min(doubled, _BACKOFF_SECONDS_MAX), min(max(asked, 0.0), _RETRY_AFTER_SECONDS_MAX)
        )
        self._blocked_until_ns = now_ns + round(seconds * _SECOND_NS)


class _Version(msgspec.Struct):
    version: int


def _identity(key: str, severity: Severity) -> str:
    return f"{severity.value} {key}"


def _renew(entry: _Entry, finding: LeakFound) -> None:
    if _news(finding) != _news(entry.finding):
        entry.revision += 1
    if finding.state is FindingState.FIRING:
        entry.resolving_since_ns = None
    entry.finding = finding


def _news(finding: LeakFound) -> tuple[object, ...]:
    """What is worth a post of its own.

    Numbers move with every scrape, and line numbers to and fro while two builds run side by
    side; they wait for the resend.
    """
    return (finding.state, finding.grade)


def _ended_ns(entry: _Entry) -> int:
    finding = entry.finding
    return finding.time_ns if finding.resolved_ns is None else finding.resolved_ns
