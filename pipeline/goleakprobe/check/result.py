"""The answer of a check; its JSON form is a contract, see ``check.schema.json``."""

from __future__ import annotations

import msgspec

from goleakprobe_agents.patterns import LeakPattern, pattern_named
from goleakprobe_schemas import Evidence, Frame, Grade

__all__ = ["CheckResult", "Finding", "Ignored", "SourceReport"]


class SourceReport(msgspec.Struct, frozen=True, kw_only=True):
    """One profile that was read, or could not be."""

    source: str
    kind: str = ""
    """``debug0``, ``debug1``, ``debug2``, ``leak`` or ``leakdelta``; empty if it failed."""
    goroutines: int = 0
    groups: int = 0
    truncated: bool = False
    """Counts are lower bounds."""
    go_version: str = ""
    process: str = ""
    """Samples of one process share it."""
    repairs: tuple[str, ...] = ()
    """What had to be undone to read it."""
    error: str = ""
    """Why it could not be read."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One place where goroutines of one process wait."""

    signature: str
    process: str
    grade: Grade | None
    """None for a group that is no finding (``--all``)."""
    wait: str
    state: str
    count: int
    change: str = ""
    """``new``, ``growing``, ``steady``, ``shrinking``, ``gone``; empty for a single profile."""
    lasting: int = 0
    """Goroutines that were here in both of the last two dumps."""
    growth_per_hour: float | None = None
    oldest_seconds: float | None = None
    """Longest time one goroutine was seen here, by our own clock."""
    blocking_site: str = ""
    creation_site: str = ""
    pattern: str = ""
    """Name of the leak pattern the stack matches; empty for none."""
    note: str = ""
    """Why a group is no finding: a benign place, or cleared by leak profiles."""
    evidence: tuple[Evidence, ...] = ()
    labels: dict[str, str] = {}
    goroutine_ids: tuple[int, ...] = ()
    """At most twenty."""
    stack: tuple[Frame, ...] = ()
    """One example, leaf first."""

    @property
    def known_pattern(self) -> LeakPattern | None:
        """Likely cause and usual fix; None where the place tells neither."""
        return pattern_named(self.pattern)


class Ignored(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that the ignore list covers."""

    signature: str
    process: str
    count: int
    blocking_site: str
    reason: str


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a check has to say; findings by grade, then growth, then count."""

    sources: tuple[SourceReport, ...]
    findings: tuple[Finding, ...]
    ignored: tuple[Ignored, ...] = ()
    other_groups: int = 0
    """Groups that are no finding and are not listed."""
