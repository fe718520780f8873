"""What a body that is no goroutine profile looks like, for an error message people can act on."""

from __future__ import annotations

import re

from goleakprobe.profiles.errors import NotAProfileError

__all__ = ["refusal"]

_EXPECTED = "expected the answer of /debug/pprof/goroutine or /debug/pprof/goroutineleak"
_TRY = "ask for /debug/pprof/goroutine"

# Looked for in the first kilobytes, first match wins.
_LIKENESSES: tuple[tuple[bytes, str, str], ...] = (
    (rb"\AUnknown profile", "a 404 of net/http/pprof", "this target has no such profile"),
    (rb"\A404 page not found", "a 404 page", "no pprof handler is mounted at this path"),
    (rb"\Aseconds and debug params", "a 400 of net/http/pprof", "drop debug= or seconds="),
    (rb"(?i)\A\s*(?:<!doctype html|<html|<head|<\?xml)", "an HTML page", "is it the index page?"),
    (rb"\A\s*(?:# (?:HELP|TYPE) )", "Prometheus metrics", _TRY),
    (rb"\Aheap profile: ", "a heap profile", _TRY),
    (rb"\Athreadcreate profile: ", "a threadcreate profile", _TRY),
    (rb"\A--- (?:mutex|contention):", "a mutex or block profile", _TRY),
    (rb"\Ago 1\.\d+ trace\x00", "an execution trace", "read it with `goleakprobe trace`"),
    (rb"(?m)^WARNING: DATA RACE$", "a race detector report", "it lists two goroutines, not all"),
    (rb"(?m)^[ *]*(?:\[\d+\] )?Goroutine \d+ - (?:User|Runtime|Start|Go):",
     "a delve goroutine listing", "it has no stacks; take a debug=2 dump instead"),
    (rb"\[Goroutine \d+ in state ", "a goleak report", "take a debug=2 dump of the process"),
    (rb"(?m)^\d+: [a-z ]+(?: \[.*\])?(?: \[Created by|$)", "text condensed by panicparse",
     "give it the original dump"),
    (rb"(?m)^(?:\[pid +\d+\] |\d+ +)?(?:\d[\d:.]* )?\w+\(.*(?:\) += -?\d|<unfinished \.\.\.>)",
     "an strace log", _EXPECTED),
    (rb"(?m)^   java\.lang\.Thread\.State: ", "a Java thread dump", "this reads Go processes only"),
    (rb"(?m)^#\d+ +(?:0x[0-9a-f]+ in )?\S+ \(.*\)", "a gdb backtrace", _EXPECTED),
    (rb"(?m)^(?:Showing nodes accounting for |Type: goroutine$)", "a report of go tool pprof",
     "give it the profile itself"),
    (rb"\A\x7fELF", "an ELF binary", _EXPECTED),
    (rb"\A\x28\xb5\x2f\xfd", "zstd-compressed data", "decompress it first"),
    (rb"\APK\x03\x04", "a zip archive", "unpack it first"),
    (rb"\A\s*(?:\{\s*[\"}]|\[\s*[\[\]{\"])", "JSON", _EXPECTED),
    (rb"\A(?:HTTP/\d)", "a raw HTTP answer", "leave the headers out"),
    (rb"(?m)^panic: |^fatal error: ", "a Go crash without goroutine stacks",
     "set GOTRACEBACK=all"),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern), name, hint) for pattern, name, hint in _LIKENESSES)
_HEAD = 8192


def refusal(body: bytes) -> NotAProfileError:
    """The error for a body that no decoder takes."""
    head = body[:_HEAD]
    for pattern, name, hint in _COMPILED:
        if pattern.search(head):
            return NotAProfileError(name, hint)
    if b"\x00" in head or not _is_text(head):
        return NotAProfileError("binary data", _EXPECTED)
    return NotAProfileError("other text", _EXPECTED)


def _is_text(head: bytes) -> bool:
    try:
        head[: max(0, len(head) - 4)].decode()
    except UnicodeDecodeError:
        return False
    return True
