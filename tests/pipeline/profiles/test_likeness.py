"""A body that is no goroutine profile is refused with what it looks like."""

from __future__ import annotations

import gzip

import pytest

from goleakprobe.profiles import EmptyBodyError, NotAProfileError, ProfileError, read_profile

DELVE = b"""  Goroutine 1 - User: ./main.go:12 main.main (0x4a1234) (thread 4711)
* Goroutine 2 - User: ./main.go:30 main.worker (0x4a1300) [chan receive]
"""
RACE = b"""==================
WARNING: DATA RACE
Write at 0x00c0000b4010 by goroutine 7:
  main.main.func1()
      /srv/app/main.go:12 +0x44

Goroutine 7 (running) created at:
  main.main()
      /srv/app/main.go:10 +0x7c
==================
"""


@pytest.mark.parametrize(
    ("body", "likeness"),
    [
        (b"<!DOCTYPE html><html><body>profiles</body></html>", "an HTML page"),
        (b"\n  <html>", "an HTML page"),
        (b"Unknown profile\n", "a 404 of net/http/pprof"),
        (b"404 page not found\n", "a 404 page"),
        (b"seconds and debug params are incompatible\n", "a 400 of net/http/pprof"),
        (b"# HELP go_goroutines Number\n# TYPE go_goroutines gauge\n", "Prometheus metrics"),
        (b"heap profile: 1: 16 [2: 32] @ heap/1048576\n", "a heap profile"),
        (b"threadcreate profile: total 9\n", "a threadcreate profile"),
        (b"--- mutex:\ncycles/second=1\n", "a mutex or block profile"),
        (b"go 1.27 trace\x00\x00\x00\x01", "an execution trace"),
        (DELVE, "a delve goroutine listing"),
        (RACE, "a race detector report"),
        (
            b"1: chan receive [Created by main.main @ main.go:7]\n    main main.go:9 f()\n",
            "text condensed by panicparse",
        ),
        (b"3: running\n    main main.go:3 main()\n", "text condensed by panicparse"),
        (b'[pid  4711] openat(AT_FDCWD, "/etc/hosts", O_RDONLY) = 3\n', "an strace log"),
        (b"1234  10:00:01.5 futex(0xc0, FUTEX_WAIT, 0, NULL <unfinished ...>\n", "an strace log"),
        (b"    [Goroutine 19 in state chan receive, with main.f on top:\n", "a goleak report"),
        (b"[1] Goroutine 1 - User: ./main.go:5 main.main (0x1)\n", "a delve goroutine listing"),
        (b'"main" #1\n   java.lang.Thread.State: RUNNABLE\n', "a Java thread dump"),
        (b"Thread 2:\n#0  runtime.futex () at sys.s:559\n", "a gdb backtrace"),
        (b"File: app\nType: goroutine\n", "a report of go tool pprof"),
        (b"[2026-11-24 10:00:00] started\n", "other text"),
        (b"\x7fELF\x02\x01\x01\x00", "an ELF binary"),
        (b"\x28\xb5\x2f\xfd\x04\x58", "zstd-compressed data"),
        (b"PK\x03\x04\x14\x00", "a zip archive"),
        (b'{"error": "not found"}', "JSON"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "a raw HTTP answer"),
        (b"panic: oops\n", "a Go crash without goroutine stacks"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "binary data"),
        (b"hello\n", "other text"),
        (gzip.compress(b"hello\n", mtime=0), "other text"),
    ],
)
def test_the_likeness_is_named(body: bytes, likeness: str) -> None:
    with pytest.raises(NotAProfileError) as refused:
        read_profile(body)
    assert refused.value.looks_like == likeness
    assert likeness in str(refused.value)


@pytest.mark.parametrize("body", [b"", b"\n\n", b"\x00" * 100, gzip.compress(b"", mtime=0)])
def test_nothing_at_all_is_told_apart(body: bytes) -> None:
    with pytest.raises(EmptyBodyError):
        read_profile(body)


def test_every_refusal_is_a_profile_error() -> None:
    assert issubclass(NotAProfileError, ProfileError)
    assert issubclass(EmptyBodyError, ProfileError)
