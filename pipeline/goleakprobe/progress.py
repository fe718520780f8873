"""How a pipeline is getting on: a live table on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Self

import msgspec
import structlog
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from goleakprobe_agents.alerting.plain_text import one_line
from goleakprobe_schemas import FindingState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType
    from typing import TextIO

    from goleakprobe_schemas import LeakFound

__all__ = [
    "PipelineProgress",
    "Progress",
    "findings_in_words",
    "log_to",
    "status_line",
    "status_table",
]

_NAME_CHARS_MAX = 60
_ROWS_MAX = 40
_PLAIN_SECONDS = 10.0
_REFRESH_PER_SECOND = 4


class PipelineProgress(msgspec.Struct, frozen=True, kw_only=True):
    """One moment of a pipeline; its names may come from targets."""

    stage: str
    """What is going on, in a few words."""
    elapsed_seconds: float = 0.0
    targets_up: int = 0
    targets_total: int = 0
    events: dict[str, int] = {}
    """Messages seen so far by topic."""
    lag: int | None = None
    """Messages published but not yet read by the worker; None while unknown."""
    findings: dict[str, str] = {}
    """By service, in words: its strongest grade and how many."""


def status_line(status: PipelineProgress) -> str:
    """The status on one plain line."""
    parts = [
        f"{status.elapsed_seconds:4.0f} s",
        status.stage,
        f"targets {status.targets_up}/{status.targets_total} up",
        f"events {sum(status.events.values()):,}",
        f"lag {_lag(status)}",
        f"leaky services found {len(status.findings)}",
    ]
    return ", ".join(one_line(part, _NAME_CHARS_MAX) for part in parts)


def status_table(status: PipelineProgress) -> Table:
    """The status as a table of two columns."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    table.add_row(f"{status.elapsed_seconds:.0f} s", _text(status.stage))
    table.add_row("targets up", f"{status.targets_up} of {status.targets_total}")
    table.add_row("lag", _lag(status))
    for topic, count in sorted(status.events.items())[:_ROWS_MAX]:
        table.add_row(_text(topic), f"{count:,}")
    for service, words in sorted(status.findings.items())[:_ROWS_MAX]:
        table.add_row(_text(service), _text(words, style="red"))
    if not status.findings:
        table.add_row("findings", "none yet")
    return table


class Progress(AbstractContextManager["Progress"]):
    """Shows statuses on standard error while it is entered; leaves the last one standing.

    Where that is no terminal a line is printed when the stage or the findings change, and
    otherwise every ten seconds. ``say`` prints a line of its own, above the table if there is one.
    """

    def __init__(
        self, stream: TextIO | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = Console(file=sys.stderr if stream is None else stream, highlight=False)
        self._clock = clock
        self._live: Live | None = None
        self._told: tuple[object, ...] = ()
        self._told_at = float("-inf")

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(
                console=self._console, refresh_per_second=_REFRESH_PER_SECOND, redirect_stdout=False
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def show(self, status: PipelineProgress) -> None:
        """Bring the display up to date; cheap enough to be called on every change."""
        if self._live is not None:
            self._live.update(status_table(status))
            return
        telling = (status.stage, tuple(sorted(status.findings.items())))
        now = self._clock()
        if telling != self._told or now - self._told_at >= _PLAIN_SECONDS:
            self._told, self._told_at = telling, now
            self.say(status_line(status))

    def say(self, line: str) -> None:
        """Print one line; it may hold text from a target."""
        self._console.print(_text(line, limit=400), soft_wrap=True)


def _lag(status: PipelineProgress) -> str:
    return "unknown" if status.lag is None else f"{status.lag:,}"


def _text(words: str, *, limit: int = _NAME_CHARS_MAX, style: str = "") -> Text:
    # A Text and not a string: square brackets in names are no markup.
    return Text(one_line(words, limit), style=style)


def findings_in_words(findings: Iterable[LeakFound]) -> dict[str, str]:
    """By service: the strongest grade of what fires, and how many findings do."""
    firing = [finding for finding in findings if finding.state is FindingState.FIRING]
    firing.sort(key=lambda finding: finding.grade.rank)
    counts = Counter(finding.service for finding in firing)
    words: dict[str, str] = {}
    for finding in firing:
        count = counts[finding.service]
        plural = "finding" if count == 1 else "findings"
        words.setdefault(finding.service, f"{finding.grade.value}, {count} {plural}")
    return words


def log_to(path: Path) -> None:
    """Send this process' own log lines to a file, so that they do not tear the display."""
    stream = path.open("a", encoding="utf-8")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(stream),
    )
    logging.basicConfig(stream=stream, level=logging.WARNING)
    # Every attempt to reconnect is a line there; the collector tells it once, in its own words.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
