"""Findings become alerts, and receivers hear of them until they are over.

A shell holds one ``Outbox`` and one ``Notifier`` per receiver. It feeds every finding to each
outbox (``update``), and whenever ``next_due_ns`` has come it runs ``deliver_due``. That is all:
what to send, when to repeat, back off and forget is the outbox's business, and how to send it
the notifier's.
"""

from __future__ import annotations

from goleakprobe_agents.alerting.alert import (
    Alert,
    Severity,
    alert_of,
    check_alerting_settings,
    finding_anchor,
    severity_of,
    summary_of,
)
from goleakprobe_agents.alerting.alertmanager import AlertmanagerNotifier
from goleakprobe_agents.alerting.delivery import Delivery, deliver_due, outcome_name
from goleakprobe_agents.alerting.errors import AlertingError, ReceiverConfigError
from goleakprobe_agents.alerting.metrics import AlertMetrics
from goleakprobe_agents.alerting.notifier import Delivered, Notifier, Outcome, Rejected, Retry
from goleakprobe_agents.alerting.outbox import DueAlert, Outbox

__all__ = [
    "Alert",
    "AlertMetrics",
    "AlertingError",
    "AlertmanagerNotifier",
    "Delivered",
    "Delivery",
    "DueAlert",
    "Notifier",
    "Outbox",
    "Outcome",
    "ReceiverConfigError",
    "Rejected",
    "Retry",
    "Severity",
    "alert_of",
    "check_alerting_settings",
    "deliver_due",
    "finding_anchor",
    "outcome_name",
    "severity_of",
    "summary_of",
]
