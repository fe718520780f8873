"""What a check can be asked in a way it refuses."""

from __future__ import annotations

from goleakprobe.errors import GoLeakProbeError

__all__ = ["CheckError", "IgnoreListError", "SourceError"]


class CheckError(GoLeakProbeError):
    """Base of the errors of a check that are a matter of usage."""


class SourceError(CheckError):
    """A source that is neither an address nor a file that can be read."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source}: {reason}")


class IgnoreListError(CheckError):
    """An ignore list with a line that says nothing or gives no reason."""

    def __init__(self, file: str, line: int, reason: str) -> None:
        super().__init__(f"{file}:{line}: {reason}")
