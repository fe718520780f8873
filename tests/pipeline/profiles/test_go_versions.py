"""Real builds by every Go release: forms agree, and signatures survive whatever may change."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from go_releases import RELEASES, build
from goleakprobe.profiles import Group, Profile, read_profile

pytestmark = [pytest.mark.go_versions, pytest.mark.timeout(600)]

ZOO = Path(__file__).parents[3] / "infra" / "go" / "zoo"
# Loops, so that the helpers are called again, and a dependency that gets vendored and bumped.
APP = """package main

import (
	"os"
	"runtime/pprof"
	"time"

	"example.com/{path}"
)

func main() {{
	for i := 0; i < 3; i++ {{
		go lib.Hold(make(chan int))
		lib.Start(make(chan int))
		go lib.Each(make(chan map[string]int))
	}}
	time.Sleep(200 * time.Millisecond)
	pprof.Lookup("goroutine").WriteTo(os.Stdout, {form})
}}
"""
LIB = """package lib

func Hold(in chan int) { <-in }

//go:noinline
func Start(in chan int) { go func() { Hold(in) }() }

func Each[T any](in chan T) { <-in }
"""
LIB_NEXT = """package lib

// A closure more before the old one, and every line moved.
func unused() func() { return func() {} }

func Hold(in chan int) {

	<-in
}

//go:noinline
func Start(in chan int) {
	before := func(c chan int) { _ = c }
	before(in)
	go func() { Hold(in) }()
}

func Each[T any](in chan T) { <-in }
"""


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every form of the zoo's profile by every release."""
    folders = {}
    for version in RELEASES:
        folder = folders[version] = tmp_path_factory.mktemp(version)
        build(version, ZOO, folder / "zoo")
        _dump(folder)
    return folders


def _dump(folder: Path) -> None:
    subprocess.run([folder / "zoo", "-dump", folder], check=True, timeout=60, capture_output=True)


def _read(folder: Path, name: str) -> Profile:
    return read_profile((folder / name).read_bytes())


def _others(profile: Profile) -> list[Group]:
    return [group for group in profile.groups if group.state != "running"]


def _states(profile: Profile) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for group in _others(profile):
        counts[group.signature, group.state] += group.count
    return counts


@pytest.mark.parametrize("version", RELEASES)
def test_totals_groups_and_states_of_all_forms_agree(version: str, dumps: dict[str, Path]) -> None:
    protobuf, grouped, dump = (_read(dumps[version], f"goroutine-{form}") for form in range(3))
    assert protobuf.total == grouped.total == dump.total
    assert _states(protobuf) == _states(dump)
    channels = {"chan send", "chan receive"}
    exact = {
        group.signature for group in _others(dump) if group.wait.split(" (")[0] not in channels
    }
    assert exact <= {group.signature for group in grouped.groups}
    assert sum(group.count for group in _others(grouped)) == protobuf.total - 1


def test_signatures_are_the_same_by_every_release(dumps: dict[str, Path]) -> None:
    by_release = [
        {group.signature for group in _others(_read(dumps[version], "goroutine-2"))}
        for version in RELEASES
    ]
    # Coroutines and loops over functions came with Go 1.23.
    assert by_release[0] == by_release[1]
    assert by_release[0] < by_release[2]
    assert by_release[2] == by_release[3] == by_release[4] == by_release[5]


@pytest.mark.parametrize("version", [v for v in RELEASES if v >= "1.26"])
def test_the_leaks_of_all_forms_agree(version: str, dumps: dict[str, Path]) -> None:
    protobuf, grouped, dump = (_read(dumps[version], f"goroutineleak-{form}") for form in range(3))
    assert protobuf.total == grouped.total == dump.leaked > 50
    assert {g.signature for g in protobuf.groups} == {g.signature for g in dump.groups if g.leaked}


@pytest.mark.parametrize("flags", [(), ("-trimpath",), ("-gcflags=all=-l",), ("-ldflags=-s -w",)])
def test_signatures_survive_another_folder_and_other_flags(
    flags: tuple[str, ...], dumps: dict[str, Path], tmp_path: Path
) -> None:
    """Moved, paths trimmed, nothing inlined, symbols stripped."""
    shutil.copytree(ZOO, tmp_path / "elsewhere" / "zoo")
    build(RELEASES[-1], tmp_path / "elsewhere" / "zoo", tmp_path / "zoo", *flags)
    _dump(tmp_path)
    for form in ("goroutine-0", "goroutine-2"):
        assert _states(_read(tmp_path, form)) == _states(_read(dumps[RELEASES[-1]], form))


def test_signatures_survive_vendoring_a_major_version_and_moved_code(tmp_path: Path) -> None:
    plain = _app(tmp_path / "plain", RELEASES[-1], "lib", LIB)
    vendored = _app(tmp_path / "vendored", RELEASES[-1], "lib", LIB, vendor=True)
    bumped = _app(tmp_path / "bumped", RELEASES[-1], "lib/v2", LIB_NEXT)
    older = _app(tmp_path / "older", RELEASES[0], "lib", LIB)
    assert len(plain) == 3
    assert plain == vendored == bumped == older


def _app(folder: Path, version: str, path: str, source: str, *, vendor: bool = False) -> object:
    """Build a program with a dependency; the signatures both of its dumps agree on."""
    library, app = folder / "lib", folder / "app"
    library.mkdir(parents=True)
    app.mkdir()
    major = path.partition("/")[2]
    tag = f"{major}.0.0" if major else "v1.0.0"
    (library / "go.mod").write_text(f"module example.com/{path}\n\ngo 1.21\n")
    (library / "lib.go").write_text(source)
    (app / "go.mod").write_text(
        f"module example.com/app\n\ngo 1.21\n\nrequire example.com/{path} {tag}\n\n"
        f"replace example.com/{path} => ../lib\n"
    )
    if vendor:
        copy = app / "vendor" / "example.com" / path
        shutil.copytree(library, copy)
        (copy.parents[len(path.split("/"))] / "modules.txt").write_text(
            f"# example.com/{path} {tag} => ../lib\n## explicit; go 1.21\nexample.com/{path}\n"
            f"# example.com/{path} => ../lib\n"
        )
    counts = []
    for form in (0, 2):
        (app / "main.go").write_text(APP.format(path=path, form=form))
        build(version, app, folder / "app.bin", *(["-mod=vendor"] if vendor else []))
        ran = subprocess.run([folder / "app.bin"], check=True, timeout=60, capture_output=True)
        counts.append(_states(read_profile(ran.stdout)))
    assert counts[0] == counts[1]
    return counts[0]
