"""What goes wrong is told beside the display, once, few at a time, and never trusted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from goleakprobe.problems import ProblemFeed

if TYPE_CHECKING:
    from pathlib import Path


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _log(path: Path, event: str, level: str = "warning", **facts: object) -> None:
    with path.open("a") as file:
        file.write(json.dumps({**facts, "event": event, "level": level, "timestamp": "now"}) + "\n")


def test_warnings_and_errors_of_all_logs_are_told_and_nothing_else(tmp_path: Path) -> None:
    one, other = tmp_path / "collector.log", tmp_path / "workers.log"
    feed = ProblemFeed([one, other])
    _log(one, "target_up", "info")
    _log(one, "target_down", target="shop/a/1", outcome="refused")
    _log(other, "state_unwritable", "error", role="detect", pid=7, trace="a\nlong\nstory")
    assert feed.news() == [
        "warning: target down: target shop/a/1, outcome refused",
        "error: state unwritable",
    ]
    assert feed.news() == []


def test_what_was_logged_before_is_not_told(tmp_path: Path) -> None:
    log = tmp_path / "workers.log"
    _log(log, "worker_ended", how="of an earlier run")
    feed = ProblemFeed([log])
    _log(log, "worker_ended", how="now")
    assert feed.news() == ["warning: worker ended: now"]


def test_a_line_is_told_when_it_is_complete(tmp_path: Path) -> None:
    log = tmp_path / "workers.log"
    feed = ProblemFeed([log])
    whole = json.dumps({"event": "disk_full", "level": "error"}) + "\n"
    log.write_text(whole[:10])
    assert feed.news() == []
    log.write_text(whole)
    assert feed.news() == ["error: disk full"]


def test_a_problem_that_lasts_is_told_every_ten_minutes(tmp_path: Path) -> None:
    log, clock = tmp_path / "workers.log", _Clock()
    feed = ProblemFeed([log], clock=clock)
    told = []
    for minute in range(21):
        clock.now = 60.0 * minute
        _log(log, "receiver_fails", reason="refused")
        told += [minute for _ in feed.news()]
    assert told == [0, 10, 20]


def test_a_thousand_at_once_are_counted(tmp_path: Path) -> None:
    log, clock = tmp_path / "collector.log", _Clock()
    feed = ProblemFeed([log], clock=clock)
    for number in range(1000):
        _log(log, "target_down", target=number)
    _log(log, "discovery_problem", problem="targets.json: is not a target list")
    assert feed.news() == [
        "warning: target down: 0",
        "warning: target down: 1",
        "warning: target down: 2",
        "warning: discovery problem: targets.json: is not a target list",
    ]
    clock.now = 61.0
    assert feed.news() == ["and 997 more of target down, see the logs"]
    assert feed.news() == []


def test_a_log_that_cannot_be_read_ends_nothing(tmp_path: Path) -> None:
    folder, log = tmp_path / "a-folder.log", tmp_path / "workers.log"
    feed = ProblemFeed([folder, log])
    folder.mkdir()
    (folder / "grows").touch()
    _log(log, "disk_full", "error")
    assert feed.news() == ["error: disk full"]


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    log = tmp_path / "collector.log"
    feed = ProblemFeed([log])
    _log(log, "discovery_problem", problem="x" * 500_000)
    (told,) = feed.news()
    assert len(told) == 1000


def test_other_lines_other_files_and_cut_files_do_no_harm(tmp_path: Path) -> None:
    log = tmp_path / "workers.log"
    feed = ProblemFeed([log, tmp_path / "never-written.log"])
    log.write_bytes(b'Traceback (most recent call last):\n\xff\xfe\n[1]\n"text"\n{"level": []}\n')
    assert feed.news() == []
    log.write_bytes(b"")
    assert feed.news() == []
    log.write_bytes(b"x" * 3_000_000 + b"\n")
    _log(log, "disk_full", "error")
    assert feed.news() == ["error: disk full"]
