"""A live table on a terminal, plain lines elsewhere, and no trust in names."""

from __future__ import annotations

import io

import msgspec
import pytest
from rich.console import Console

from goleakprobe.progress import PipelineProgress, Progress, status_line, status_table

_STATUS = PipelineProgress(
    stage="watching",
    elapsed_seconds=12.4,
    targets_up=6,
    targets_total=7,
    events={"goroutine.snapshot.collected.v1": 1200, "goroutine.leak.found.v1": 3},
    lag=4,
    findings={"checkout": "proven, 40 goroutines"},
)


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _rendered(status: PipelineProgress) -> str:
    stream = io.StringIO()
    Console(file=stream, width=100).print(status_table(status))
    return stream.getvalue()


def test_the_line_holds_the_figures() -> None:
    line = status_line(_STATUS)
    assert line == ("12 s, watching, targets 6/7 up, events 1,203, lag 4, leaky services found 1")


def test_an_unknown_lag_is_not_called_zero() -> None:
    assert "lag unknown" in status_line(msgspec.structs.replace(_STATUS, lag=None))


def test_the_table_holds_targets_events_lag_and_findings() -> None:
    text = _rendered(_STATUS)
    for part in ("6 of 7", "goroutine.snapshot.collected.v1", "1,200", "checkout", "proven, 40"):
        assert part in text


def test_names_are_neither_markup_nor_control_characters() -> None:
    text = _rendered(msgspec.structs.replace(_STATUS, findings={"[bold]x[/bold]": "\x1b[2Jgone"}))
    assert "[bold]x[/bold]" in text
    assert "\x1b" not in text


def test_elsewhere_than_on_a_terminal_lines_come_on_change_and_every_ten_seconds() -> None:
    stream, clock = io.StringIO(), _Clock()
    with Progress(stream, clock=clock) as progress:
        progress.show(_STATUS)
        progress.show(msgspec.structs.replace(_STATUS, lag=9))
        assert len(stream.getvalue().splitlines()) == 1
        progress.show(msgspec.structs.replace(_STATUS, stage="reporting"))
        assert len(stream.getvalue().splitlines()) == 2
        clock.now = 10.0
        progress.show(msgspec.structs.replace(_STATUS, stage="reporting", lag=2))
    assert len(stream.getvalue().splitlines()) == 3
    assert "\x1b" not in stream.getvalue()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> _Terminal:
    for name in ("NO_COLOR", "TTY_COMPATIBLE", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return _Terminal()


def test_on_a_terminal_the_last_table_stays_and_the_cursor_comes_back(
    terminal: _Terminal,
) -> None:
    with Progress(terminal) as progress:
        progress.show(_STATUS)
        progress.say("alert [red]firing[/red]")
    shown = terminal.getvalue()
    assert "checkout" in shown
    assert "alert [red]firing[/red]" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
