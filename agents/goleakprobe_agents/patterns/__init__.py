"""Where a goroutine waits → which leak pattern that is → its likely cause and the usual fix."""

from __future__ import annotations

from goleakprobe_agents.patterns.matching import pattern_named, pattern_of
from goleakprobe_agents.patterns.pattern import LeakPattern

__all__ = ["LeakPattern", "pattern_named", "pattern_of"]
