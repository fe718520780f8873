"""One target's life: a visit every interval, whatever becomes of the others."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING

import structlog

from goleakprobe.collect.targets import spread
from goleakprobe.collect.untrusted import clean_text
from goleakprobe.errors import PublishError, ScrapeError
from goleakprobe_agents.errors import CredentialsError

if TYPE_CHECKING:
    from goleakprobe.collect.status import TargetStatus
    from goleakprobe.collect.target_visits import TargetVisits

__all__ = ["TargetLoop"]

_log = structlog.get_logger("goleakprobe.collect")

_MAX_ERROR_CHARS = 400


class TargetLoop:
    """Visits one target on time and keeps its status.

    Errors are counted and shown, and the next visit tries again; nothing a target does ends the
    loop.
    """

    def __init__(self, visits: TargetVisits, status: TargetStatus) -> None:
        self._visits = visits
        self._status = status
        self._log = _log.bind(target=visits.target.key, address=visits.target.base_url)

    async def run(self) -> None:
        """Visits at fixed times, moved apart from other targets' by the key; until cancelled."""
        interval = self._visits.interval_seconds
        loop = asyncio.get_running_loop()
        behind = (time.time() - spread(self._visits.target.key) * interval) % interval
        due = loop.time() + interval - behind
        while True:
            await asyncio.sleep(due - loop.time())
            await self.visit()
            # Visits that fell into this one are left out, not made up for.
            due += interval * max(1, math.floor((loop.time() - due) / interval) + 1)

    async def visit(self) -> None:
        """One visit; how it ended is in the status."""
        try:
            await self._visits.visit()
        except ScrapeError as error:
            self._failed(error.outcome, str(error))
        except CredentialsError as error:
            self._failed("credentials", str(error))
        except PublishError as error:
            self._failed("publish", str(error))
        except Exception as error:
            # A defect of ours must not blind the collector to its other targets.
            self._log.exception("visit_failed")
            self._failed("internal", f"{type(error).__name__}: {error}")
        else:
            self._ended(up=True, outcome="ok", error="")
            self._status.consecutive_failures = 0

    def _failed(self, outcome: str, error: str) -> None:
        self._status.failures += 1
        self._status.consecutive_failures += 1
        self._ended(up=False, outcome=outcome, error=clean_text(error, _MAX_ERROR_CHARS))

    def _ended(self, *, up: bool, outcome: str, error: str) -> None:
        status = self._status
        changed = (up, outcome) != (status.up, status.outcome)
        status.up, status.outcome, status.last_error = up, outcome, error
        status.scrapes += 1
        if changed and up:
            self._log.info("target_up", goroutines=status.goroutines)
        elif changed:
            self._log.warning("target_down", outcome=outcome, error=error)
