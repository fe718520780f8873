"""What one process offers, found out once and remembered until it restarts."""

from __future__ import annotations

from enum import StrEnum

from goleakprobe_schemas import SnapshotSource

__all__ = ["LEAK_PROFILE_PROBE", "Capabilities", "Offer", "leak_profile_offer"]

# net/http/pprof looks the profile up before it looks at the parameters, so this is answered with
# 404 by a process without the profile and with 400 by one that has it, and costs neither a garbage
# collection (serveDeltaProfile in $GOROOT/src/net/http/pprof/pprof.go refuses seconds <= 0).
LEAK_PROFILE_PROBE = "seconds=0"

# Without a process start time a restart can only be guessed; ask anew from time to time.
_RECHECK_SECONDS = 1800.0


class Offer(StrEnum):
    """Whether a process answers at an endpoint."""

    UNKNOWN = "unknown"
    OFFERED = "offered"
    ABSENT = "absent"


class Capabilities:
    """One process' endpoints; a new process is asked anew."""

    def __init__(self) -> None:
        self._start_ns: int | None = None
        self._asked_at: float | None = None
        self.build_id = ""
        self.go_version = ""
        self._reset()

    def _reset(self) -> None:
        self.leak_profile = Offer.UNKNOWN
        self.metrics_page = Offer.UNKNOWN
        self.goroutine_form = SnapshotSource.DEBUG0
        """The routine form: debug=0, or debug=1 where only text is to be had."""
        self._text_tried = False
        self.traces = Offer.UNKNOWN
        """Execution traces of a version that can be read."""

    @property
    def process_start_ns(self) -> int | None:
        """When the process started, as far as it ever told."""
        return self._start_ns

    def seen(
        self, now: float, *, start_ns: int | None = None, build_id: str = "", go_version: str = ""
    ) -> bool:
        """Note who answered; what an answer does not tell stays as it was known.

        True if it is another process than before: everything known is forgotten then. A process
        that never tells its start time is asked anew once in a while.
        """
        restarted = _differs(start_ns, self._start_ns) or _differs(build_id, self.build_id)
        if restarted:
            self._start_ns, self.build_id, self.go_version = None, "", ""
        self._start_ns = start_ns or self._start_ns
        self.build_id = build_id or self.build_id
        self.go_version = go_version or self.go_version
        if self._asked_at is None:
            self._asked_at = now
        elif restarted or (self._start_ns is None and now - self._asked_at > _RECHECK_SECONDS):
            self._asked_at = now
            self._reset()
        return restarted

    def may_try_text(self) -> bool:
        """Whether debug=1 is worth a try where debug=0 failed; True once per process."""
        untried = self.goroutine_form is SnapshotSource.DEBUG0 and not self._text_tried
        self._text_tried = True
        return untried

    def use_text(self) -> None:
        """Ask for debug=1 from now on."""
        self.goroutine_form = SnapshotSource.DEBUG1


def leak_profile_offer(status: int) -> Offer:
    """What the status of the answer to ``LEAK_PROFILE_PROBE`` says."""
    if status == 404:
        return Offer.ABSENT
    # A pprof handler of the target's own may ignore the parameters and answer 200.
    if status in (200, 400):
        return Offer.OFFERED
    return Offer.UNKNOWN


def _differs(told: int | str | None, known: int | str | None) -> bool:
    return bool(told) and bool(known) and told != known
