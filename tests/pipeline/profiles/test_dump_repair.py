"""What logs, chats and editors do to a dump is undone without losing a goroutine."""

from __future__ import annotations

import html
import json
from collections.abc import Callable

import pytest

from goleakprobe.profiles import read_profile
from profile_dumps import RELEASES, dump


def prefixed(body: bytes, prefix: str) -> bytes:
    lines = body.decode().splitlines()
    return "".join(
        prefix.format(second=i % 60, nanos=f"{i * 7919 % 10**9:09}") + line + "\n"
        for i, line in enumerate(lines)
    ).encode()


def no_blank_lines(body: bytes) -> bytes:
    return b"".join(line for line in body.splitlines(keepends=True) if line.strip())


def each_line(body: bytes, wrap: Callable[[str], str]) -> bytes:
    return "".join(wrap(line) + "\n" for line in body.decode().splitlines()).encode()


def interleaved(body: bytes) -> bytes:
    """Another writer of the same log comes between the lines of a dump."""
    other = b"2026/11/24 10:00:00 served GET /cart (200)\n"
    lines = body.splitlines(keepends=True)
    return b"".join(line + other * (number % 5 == 3) for number, line in enumerate(lines))


DAMAGES = {
    "crlf": lambda body: body.replace(b"\n", b"\r\n"),
    "syslog": lambda body: prefixed(body, "Nov 24 10:00:{second:02} web-1 shop[4711]: "),
    "journald": lambda body: prefixed(body, "2026-11-24T10:00:{second:02}.{nanos}Z stderr F "),
    "quoted mail": lambda body: prefixed(body, "> "),
    "container": lambda body: prefixed(body, "shop-1  | "),
    "four spaces": lambda body: body.replace(b"\n\t", b"\n    "),
    "eight spaces": lambda body: body.replace(b"\n\t", b"\n        "),
    "no indent": lambda body: body.replace(b"\n\t", b"\n"),
    "all indented": lambda body: prefixed(body, "    "),
    "no blank lines": no_blank_lines,
    "markdown": lambda body: b"We saw this:\n\n```\n" + body + b"```\n\nAny idea?\n",
    "json log": lambda body: json.dumps({"level": "error", "stack": body.decode()}).encode(),
    "indented json": lambda body: json.dumps({"dump": body.decode(), "n": [1]}, indent=2).encode(),
    "json in json": lambda body: json.dumps(json.dumps({"stack": body.decode()})).encode(),
    "json lines": lambda body: each_line(
        body, lambda line: json.dumps({"log": line + "\n", "time": "2026-11-24T10:00:00.5Z"})
    ),
    "json lines of a container": lambda body: each_line(
        body, lambda line: "shop-1  | " + json.dumps({"ts": 1732442400.5, "msg": line})
    ),
    "request ids": lambda body: prefixed(body, "req={nanos}ab0f1c2d "),
    "colours": lambda body: each_line(body, lambda line: f"\x1b[36mshop |\x1b[0m {line}"),
    "colours inside": lambda body: body.replace(b"goroutine ", b"\x1b[1;31mgoroutine\x1b[0m "),
    "trailing blanks": lambda body: each_line(body, lambda line: line + "  "),
    "no-break spaces": lambda body: body.replace(b"\n\t", "\n\u00a0\u00a0".encode()),
    "web page": lambda body: b"<html><pre>" + html.escape(body.decode()).encode() + b"</pre>",
    "other lines between": interleaved,
    "zeroes behind": lambda body: body + bytes(4096),
    "escaped": lambda body: (
        body.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\t", b"\\t")
    ),
    "byte order mark": lambda body: b"\xef\xbb\xbf" + body,
    "utf-16": lambda body: b"\xff\xfe" + body.decode().encode("utf-16-le"),
    "crash log around": lambda body: (
        b"SIGQUIT: quit\nPC=0x46f4e1 m=0 sigcode=0\n\n" + body + b"\nrax    0xca\nexit status 2\n"
    ),
}


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_groups_survive_the_damage(release: str, damage: str) -> None:
    body = dump(release, "goroutine-2.txt")
    found = read_profile(DAMAGES[damage](body))
    whole = read_profile(body)
    assert {(g.signature, g.count) for g in found.groups} == {
        (g.signature, g.count) for g in whole.groups
    }
    assert (found.total, found.truncated) == (whole.total, False)


@pytest.mark.parametrize(
    "damage", ["syslog", "json lines", "json log", "json lines of a container"]
)
def test_grouped_text_survives_too(damage: str) -> None:
    body = dump("go1.27", "goroutine-1.txt")
    assert read_profile(DAMAGES[damage](body)).groups == read_profile(body).groups


@pytest.mark.parametrize("damage", ["crlf", "syslog", "json log"])
def test_labels_survive_the_damage(damage: str) -> None:
    body = dump("go1.27", "labels-2.txt")
    found = read_profile(DAMAGES[damage](body))
    assert {g.labels for g in found.groups} == {g.labels for g in read_profile(body).groups}


def test_what_was_undone_is_said() -> None:
    body = DAMAGES["syslog"](dump("go1.27", "goroutine-2.txt")).replace(b"\n", b"\r\n")
    assert read_profile(body).repairs == ("carriage returns", "line prefixes")
    assert read_profile(dump("go1.27", "goroutine-2.txt")).repairs == ()


def test_a_dump_that_starts_in_the_middle_of_a_goroutine_loses_only_that() -> None:
    body = dump("go1.27", "goroutine-2.txt")
    start = body.find(b"\n\t", 3000) + 1
    found = read_profile(body[start:])
    assert found.truncated
    assert found.total == body[start:].count(b"\ngoroutine ")


def test_logfmt_around_every_line_is_undone() -> None:
    lines = dump("go1.26", "goroutine-2.txt").decode().splitlines()
    text = "".join(
        f'time=2026-11-24T10:00:0{i % 10}Z msg="{line}"\n' for i, line in enumerate(lines)
    )
    assert (
        read_profile(text.encode()).total == read_profile(dump("go1.26", "goroutine-2.txt")).total
    )
