"""One round of telling one receiver what is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from goleakprobe_agents.alerting.notifier import Delivered, Outcome, Rejected
from goleakprobe_schemas import LeakFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from goleakprobe_agents.alerting.notifier import Notifier
    from goleakprobe_agents.alerting.outbox import Outbox

__all__ = ["Delivery", "deliver_due", "outcome_name"]

# Bounds how long a round lasts, so that fresh findings get their turn.
_ROUND_ALERTS = 256


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one alert in one round."""

    finding: LeakFound
    receiver: str
    outcome: Outcome

    @property
    def answered(self) -> bool:
        """Whether the receiver gave its word; only then a row in the ``alerts`` table is due."""
        return isinstance(self.outcome, Delivered | Rejected)


async def deliver_due(
    outbox: Outbox, notifier: Notifier, clock_ns: Callable[[], int]
) -> list[Delivery]:
    """Send what is due to the outbox's receiver and settle it; empty if nothing is due.

    ``clock_ns`` tells UTC epoch nanoseconds. The outbox may take updates while this waits for
    the network, but only one round of an outbox may run at a time. Cancelling loses nothing:
    what was not settled stays due.
    """
    due = outbox.due(clock_ns(), _ROUND_ALERTS)
    if not due:
        return []
    outcomes = await notifier.notify([item.alert for item in due])
    outbox.settle(due, outcomes, clock_ns())
    return [
        Delivery(finding=item.finding, receiver=notifier.name, outcome=outcome)
        for item, outcome in zip(due, outcomes, strict=True)
    ]


def outcome_name(outcome: Outcome) -> str:
    """``delivered``, ``retry`` or ``rejected``: the word in metrics and the ``alerts`` table."""
    name = type(outcome).__struct_config__.tag
    assert isinstance(name, str)
    return name
