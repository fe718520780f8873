"""Prefixes and suffixes are known again although their numbers change."""

from __future__ import annotations

import pytest

from goleakprobe.profiles.line_wrapping import LineWrapping


@pytest.mark.parametrize(
    ("before", "line"),
    [
        ("Nov 24 10:00:01 web-1 shop[4711]: ", "Dec  3 09:59:59 web-1 shop[12]: main.f()"),
        ("2026-11-24T10:00:01.5Z stderr F ", "2026-11-24T10:00:02.123456Z stderr F main.f()"),
        ("id=00000000 ", "id=9e3779b9 main.f()"),
        ("id=deadbeef01 ", "id=1234567890 main.f()"),
        ("shop-1   | ", "shop-1 | main.f()"),
    ],
)
def test_a_prefix_is_removed_from_other_lines(before: str, line: str) -> None:
    assert LineWrapping(before.encode()).strip(line.encode()) == b"main.f()"


def test_a_line_without_the_prefix_stays() -> None:
    assert LineWrapping(b"shop | ").strip(b"main.f()") == b"main.f()"


def test_a_line_of_the_prefix_alone_is_empty() -> None:
    assert LineWrapping(b"shop | ").strip(b"shop |") == b""


def test_a_suffix_is_removed_from_the_end() -> None:
    wrapping = LineWrapping(b'msg="', b'" line=17')
    assert wrapping.strip(b'msg="\\t/srv/a.go:3 +0x1" line=4') == b"\t/srv/a.go:3 +0x1"


def test_escapes_are_undone_within_quotes_only() -> None:
    line = b'C:\\new\\a.go:3 says \\"x\\"'
    assert LineWrapping(b"shop | ").strip(b"shop | " + line) == line
    assert LineWrapping(b'"', b'"').strip(b'"a \\"b\\"\\\\"') == b'a "b"\\'
