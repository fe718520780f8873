"""Builds are kept by content, undisturbed by each other, and explain their failure."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import goleakprobe
from goleakprobe.demo import build
from goleakprobe.demo.build import build_services, cache_directory, find_sources
from goleakprobe.demo.errors import GoBuildError, SourcesMissingError
from goleakprobe.demo.ground_truth import SHOP
from goleakprobe.demo.toolchain import Toolchain

if TYPE_CHECKING:
    from collections.abc import Callable

# Writes one file per command, and a line per build to the log beside itself.
_FAKE_GO = """#!/bin/sh
echo built >> "$(dirname "$0")/builds"
for last; do out=$next; next=$last; done
mkdir -p "$out" && echo binary > "$out/till"
"""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    module = tmp_path / "module"
    (module / "cmd" / "till").mkdir(parents=True)
    (module / "go.mod").write_text("module example.com/till\n")
    (module / "cmd" / "till" / "main.go").write_text("package main\n\nfunc main() {}\n")
    return module


@pytest.fixture
def fake_go(tmp_path: Path) -> Callable[[str], Toolchain]:
    def make(script: str = _FAKE_GO, name: str = "go1.27.3") -> Toolchain:
        command = tmp_path / "go"
        command.write_text(script)
        command.chmod(0o755)
        return Toolchain(command, (1, 27), name)

    return make


def _builds(tmp_path: Path) -> int:
    return len((tmp_path / "builds").read_text().splitlines())


async def test_the_same_sources_are_built_once(
    tmp_path: Path, sources: Path, fake_go: Callable[..., Toolchain]
) -> None:
    first = await build_services(fake_go(), tmp_path / "cache", sources)
    second = await build_services(fake_go(), tmp_path / "cache", sources)
    assert first == second
    assert first["till"].read_text() == "binary\n"
    assert _builds(tmp_path) == 1


async def test_changed_sources_and_another_go_are_built_anew(
    tmp_path: Path, sources: Path, fake_go: Callable[..., Toolchain]
) -> None:
    first = await build_services(fake_go(), tmp_path / "cache", sources)
    other_go = await build_services(fake_go(name="go1.28.0"), tmp_path / "cache", sources)
    (sources / "cmd" / "till" / "main.go").write_text("package main\n\nfunc main() { }\n")
    other_source = await build_services(fake_go(), tmp_path / "cache", sources)
    assert len({first["till"], other_go["till"], other_source["till"]}) == 3
    assert _builds(tmp_path) == 3


async def test_builds_at_the_same_time_both_succeed_and_leave_no_scratch(
    tmp_path: Path, sources: Path, fake_go: Callable[..., Toolchain]
) -> None:
    go = fake_go()
    cache = tmp_path / "cache"
    first, second = await asyncio.gather(
        build_services(go, cache, sources), build_services(go, cache, sources)
    )
    assert first == second
    assert first["till"].exists()
    assert list((cache / "demo").iterdir()) == [first["till"].parent]


async def test_a_failed_build_says_what_the_compiler_said_and_is_not_kept(
    tmp_path: Path, sources: Path, fake_go: Callable[..., Toolchain]
) -> None:
    broken = fake_go("#!/bin/sh\necho 'main.go:3: undefined: x' >&2\nexit 1\n")
    with pytest.raises(GoBuildError, match=r"go1\.27\.3 cannot build.*main\.go:3: undefined: x"):
        await build_services(broken, tmp_path / "cache", sources)
    assert list((tmp_path / "cache" / "demo").iterdir()) == []


async def test_a_cancelled_build_leaves_no_compiler(
    tmp_path: Path, sources: Path, fake_go: Callable[..., Toolchain]
) -> None:
    # The "compiler", a child of go, holds the fifo open for as long as it lives.
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    slow = fake_go(f"#!/bin/sh\nexec 9>'{fifo}'\nsleep 600 &\necho compiling >&9\nwait\n")
    reader = asyncio.StreamReader()
    with os.fdopen(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK), "rb") as pipe:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        building = asyncio.create_task(build_services(slow, tmp_path / "cache", sources))
        async with asyncio.timeout(60):
            assert await reader.readline() == b"compiling\n"
            building.cancel()
            with pytest.raises(asyncio.CancelledError):
                await building
            assert await reader.read() == b""
        transport.close()


def test_the_checkouts_sources_hold_every_service_of_the_ground_truth() -> None:
    commands = {entry.name for entry in (find_sources() / "cmd").iterdir()}
    assert commands == {truth.service for truth in SHOP}


def test_an_installed_package_brings_its_own_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "site-packages" / "goleakprobe"
    (installed / "_go" / "demo").mkdir(parents=True)
    (installed / "_go" / "demo" / "go.mod").touch()
    monkeypatch.setattr(goleakprobe, "__file__", str(installed / "__init__.py"))
    assert find_sources() == installed / "_go" / "demo"


def test_missing_sources_are_said_to_be_missing_and_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build.goleakprobe, "__file__", str(tmp_path / "a" / "b" / "__init__.py"))
    with pytest.raises(SourcesMissingError, match=r"a/b/_go/demo nor in .*infra/go/demo"):
        find_sources()


def test_the_cache_is_where_the_user_keeps_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_directory() == Path("/somewhere/goleakprobe")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache_directory() == Path("/home/someone/.cache/goleakprobe")
