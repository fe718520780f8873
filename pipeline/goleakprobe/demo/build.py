"""The demo's Go services, built once for each state of their sources and each Go."""

from __future__ import annotations

import asyncio
import hashlib
import os
import platform
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import goleakprobe
from goleakprobe.demo.errors import GoBuildError, SourcesMissingError
from goleakprobe_agents.lifeline import dying_with_parent

if TYPE_CHECKING:
    from goleakprobe.demo.toolchain import Toolchain

__all__ = ["build_services", "cache_directory", "find_sources"]

# -trimpath: the same binary, and the same file names in its stacks, wherever it is built.
# -buildvcs=false: git is not needed, and may refuse a checkout owned by somebody else.
# -s -w: half the link time; stacks do not use what they drop.
_FLAGS = ("-trimpath", "-buildvcs=false", "-ldflags=-s -w")
_BUILD_SECONDS = 600.0
_OUTPUT_TAIL_BYTES = 2000


def cache_directory() -> Path:
    """Where builds are kept between runs: ``$XDG_CACHE_HOME/goleakprobe`` or below ``~/.cache``."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(configured) if configured else Path.home() / ".cache") / "goleakprobe"


def find_sources() -> Path:
    """The Go module of the services, in the installed package or in the checkout.

    Raises SourcesMissingError.
    """
    package = Path(goleakprobe.__file__).parent
    places = [package / "_go" / "demo", package.parents[1] / "infra" / "go" / "demo"]
    for place in places:
        if (place / "go.mod").is_file():
            return place
    raise SourcesMissingError([str(place) for place in places])


async def build_services(
    toolchain: Toolchain, cache: Path, sources: Path | None = None
) -> dict[str, Path]:
    """Build every command of the module and give the binaries by service name.

    A build of the same sources by the same Go is taken from ``cache``. Concurrent builds do not
    disturb each other, and a cancelled one leaves no compiler running. Raises GoBuildError.
    """
    sources = find_sources() if sources is None else sources
    names = sorted(entry.name for entry in (sources / "cmd").iterdir() if entry.is_dir())
    finished = cache / "demo" / _fingerprint(sources, toolchain)
    if not finished.is_dir():
        finished.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=finished.parent, prefix="building-") as scratch:
            fresh = Path(scratch) / "bin"
            await _go_build(toolchain, cache, sources, fresh)
            _publish(fresh, finished)
    return {name: finished / name for name in names}


def _fingerprint(sources: Path, toolchain: Toolchain) -> str:
    digest = hashlib.blake2b(digest_size=16)
    described = (toolchain.name, platform.system(), platform.machine(), *_FLAGS)
    digest.update("\0".join(described).encode())
    for path in sorted([*sources.rglob("*.go"), sources / "go.mod"]):
        body = path.read_bytes()
        digest.update(f"\0{path.relative_to(sources).as_posix()}\0{len(body)}\0".encode())
        digest.update(body)
    return digest.hexdigest()


def _publish(fresh: Path, finished: Path) -> None:
    try:
        fresh.rename(finished)
    except OSError:
        # Somebody else finished the same build first; theirs is as good.
        if not finished.is_dir():
            raise
        shutil.rmtree(fresh)


async def _go_build(toolchain: Toolchain, cache: Path, sources: Path, output: Path) -> None:
    process = _start(toolchain, cache, sources, output)
    try:
        said, _ = await asyncio.to_thread(process.communicate, timeout=_BUILD_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise GoBuildError(toolchain.name, f"not done after {_BUILD_SECONDS:g} s") from error
    finally:
        if process.poll() is None:
            # go runs compilers of its own; all of them are in its session.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode != 0:
        text = said[-_OUTPUT_TAIL_BYTES:].decode(errors="replace").strip()
        raise GoBuildError(toolchain.name, text)


# Not asyncio's own subprocess: cancelled while it starts one, it kills go but not the compilers.
def _start(
    toolchain: Toolchain, cache: Path, sources: Path, output: Path
) -> subprocess.Popen[bytes]:
    command = (toolchain.command, "build", *_FLAGS, "-o", f"{output}/", "./cmd/...")
    return subprocess.Popen(  # noqa: S603 - a probed go command on our own sources
        command,
        cwd=sources,
        env=toolchain.environment(cache),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=dying_with_parent(),  # noqa: PLW1509 - it only calls prctl
    )
