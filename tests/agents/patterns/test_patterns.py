"""A pattern names what keeps goroutines at a place, and says nothing where nothing is known."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from goleakprobe_agents.patterns import pattern_named, pattern_of
from goleakprobe_agents.patterns.places import PLACES
from goleakprobe_agents.patterns.waits import WAITS

HANDLER = "example.com/shop.(*Cart).Load.func1 /src/shop/cart.go:7"
_METHOD = re.compile(r"(?P<package>[\w/]+)\.\(\*(?P<type>\w+)\)\.(?P<name>\w*)")


def name(wait: str, site: str, *started: str) -> str:
    pattern = pattern_of(wait, site, *started)
    return "" if pattern is None else pattern.name


@pytest.mark.parametrize(
    ("wait", "expected"),
    [
        ("chan send", "send-without-receiver"),
        ("chan send (nil chan)", "nil-channel"),
        ("chan send (durable)", "send-without-receiver"),
        ("select (no cases)", "select-without-cases"),
        ("select", "select-without-way-out"),
        ("sync.WaitGroup.Wait", "waitgroup-never-done"),
        ("sync.RWMutex.RLock", "lock-not-released"),
        ("coroutine", "iterator-not-stopped"),
        ("running", ""),
        ("GC worker (idle)", ""),
        ("", ""),
    ],
)
def test_a_place_of_the_programs_own_is_told_by_its_wait(wait: str, expected: str) -> None:
    assert name(wait, HANDLER) == expected


def test_a_function_that_is_known_tells_more_than_the_wait() -> None:
    assert name("select", "database/sql.(*Tx).awaitDone sql.go:2209") == "sql-transaction-not-ended"
    assert name("select", "net/http.(*persistConn).readLoop transport.go:2400") == (
        "http-response-body-not-closed"
    )


def test_a_connection_is_told_by_what_started_the_goroutine() -> None:
    reading = "net.(*netFD).Read fd_posix.go:55"

    assert name("IO wait", reading) == "io-without-deadline"
    assert name("IO wait", reading, "net/http.(*Server).Serve server.go:3493") == (
        "http-server-without-timeouts"
    )
    assert name("IO wait", reading, "", "net/http.(*persistConn).readLoop") == (
        "http-client-connections-kept"
    )


def test_a_handler_that_blocks_by_itself_is_no_matter_of_the_server() -> None:
    assert name("chan send", HANDLER, "net/http.(*Server).Serve server.go:3493") == (
        "send-without-receiver"
    )


def test_vendored_code_is_known_all_the_same() -> None:
    site = "example.com/shop/vendor/golang.org/x/sync/errgroup.(*Group).Go errgroup.go:71"

    assert name("chan send", site) == "errgroup-limit-reached"


def test_hostile_names_match_nothing_but_their_wait() -> None:
    assert name("chan send", "\x1b[2J" * 10_000) == "send-without-receiver"
    assert name("\x00" * 10_000, "/vendor/" * 5_000) == ""


def test_every_pattern_is_found_by_its_name_and_a_name_means_one_thing() -> None:
    patterns = [*dict.fromkeys(WAITS.values()), *(pattern for pattern, _ in PLACES)]

    assert [pattern_named(pattern.name) for pattern in patterns] == patterns
    assert pattern_named("") is None


@pytest.mark.go
def test_the_standard_librarys_functions_are_called_so(require) -> None:
    """Names are read from the toolchain at hand; a package that it lacks is not asked for."""
    require("go")
    root = Path(subprocess.check_output(["go", "env", "GOROOT"], text=True).strip()) / "src"
    starts = [start for _, places in PLACES for place in places for start in _starts(place)]
    methods = [found for start in starts if (found := _METHOD.match(start))]
    asked = 0
    for found in methods:
        folder = root / found["package"]
        if not folder.is_dir():
            continue
        sources = "\n".join(path.read_text() for path in folder.glob("*.go"))
        if found["type"].startswith("http2") and "type http2" not in sources:
            continue
        method = rf"^func \(\w+ \*{found['type']}\) {found['name']}"
        assert re.search(method, sources, re.MULTILINE), found[0]
        asked += 1

    assert asked > 10


def _starts(place) -> tuple[str, ...]:
    return (*place.blocked, *place.started)
