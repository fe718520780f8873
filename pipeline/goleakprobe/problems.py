"""Warnings and errors out of log files, for somebody who watches a display and not the logs."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

__all__ = ["ProblemFeed"]

_LEVELS = ("warning", "error", "critical")
_NOT_TOLD = frozenset({"event", "level", "timestamp", "exception", "trace", "role", "pid"})
_READ_BYTES = 1 << 20
_PERIOD_SECONDS = 60.0
_LINES_PER_PERIOD = 3
_AGAIN_SECONDS = 600.0
_REMEMBERED = 1000
_LINE_CHARS = 1000


class ProblemFeed:
    """Follows logs of one JSON object a line (structlog's) from their present ends.

    The same problem is told again after ten minutes at the earliest. Of each kind (``event``) at
    most three a minute are told, then how many more there were: a network that is away makes a
    thousand targets unreachable at once. Lines that are no such object, and of a megabyte written
    at once all but the end, are passed over: the files have them.

    >>> import json, tempfile, pathlib
    >>> log = pathlib.Path(tempfile.mkdtemp()) / "worker.log"
    >>> feed = ProblemFeed([log])
    >>> with log.open("a") as file:
    ...     print(json.dumps({"level": "error", "event": "disk_full", "path": "lake"}), file=file)
    >>> feed.news()
    ['error: disk full: lake']
    """

    def __init__(
        self, logs: Sequence[Path], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._offsets = {log: _size(log) for log in logs}
        self._clock = clock
        self._told: dict[str, float] = {}
        self._period_began = clock()
        self._lines: Counter[str] = Counter()

    def news(self) -> list[str]:
        """What was logged since the last call, as lines of text; some of it is from targets."""
        told = self._held_back()
        for log in self._offsets:
            for entry in self._entries(log):
                kind = str(entry.get("event", ""))
                line = _in_words(kind, entry)
                if not self._is_due(line):
                    continue
                self._lines[kind] += 1
                if self._lines[kind] <= _LINES_PER_PERIOD:
                    told.append(line)
        return told

    def _held_back(self) -> list[str]:
        """Begin another minute once this one is over, and tell what was left out in it."""
        if self._clock() - self._period_began < _PERIOD_SECONDS:
            return []
        more = {kind: lines - _LINES_PER_PERIOD for kind, lines in self._lines.items()}
        self._period_began = self._clock()
        self._lines.clear()
        return [
            f"and {count:,} more of {kind.replace('_', ' ')}, see the logs"
            for kind, count in more.items()
            if count > 0
        ]

    def _is_due(self, line: str) -> bool:
        """Whether a problem is new, or was last told long enough ago."""
        now = self._clock()
        if now - self._told.get(line, float("-inf")) < _AGAIN_SECONDS:
            return False
        self._told.pop(line, None)
        self._told[line] = now
        if len(self._told) > _REMEMBERED:
            del self._told[next(iter(self._told))]
        return True

    def _entries(self, log: Path) -> Iterator[dict[str, Any]]:
        """The complete new lines of one file that are warnings or worse."""
        size = _size(log)
        begin = min(self._offsets[log], size)  # a file that was cut is read from its new end
        begin = max(begin, size - _READ_BYTES)
        if size == begin:
            self._offsets[log] = size
            return
        try:
            with log.open("rb") as file:
                file.seek(begin)
                lines = file.read(size - begin).split(b"\n")
        except OSError:  # removed a moment ago, or nothing to read at all: a display goes on
            return
        self._offsets[log] = size - len(lines[-1])
        for line in lines[:-1]:
            try:
                entry = msgspec.json.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            if isinstance(entry, dict) and entry.get("level") in _LEVELS:
                yield entry


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except OSError:
        return 0


def _in_words(kind: str, entry: dict[str, Any]) -> str:
    """``warning: target down: target shop/a/1, error refused``; one figure stands by itself."""
    facts = {name: value for name, value in entry.items() if name not in _NOT_TOLD}
    if len(facts) == 1:
        said = str(*facts.values())
    else:
        said = ", ".join(f"{name} {value}" for name, value in facts.items())
    line = f"{entry['level']}: {kind.replace('_', ' ')}{': ' if said else ''}{said}"
    return line[:_LINE_CHARS]
