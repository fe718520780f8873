"""A disk for lake, state and logs that can be filled up.

As root it is a small tmpfs in a mount namespace of this process, which ends with it; what is full
then is really full (ENOSPC). Without that right, the workers are forbidden to let any file grow
(RLIMIT_FSIZE: EFBIG), which stands in for it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

__all__ = ["SmallDisk", "small_disk"]

SIZE_MB = 384

_CLONE_NEWNS = 0x00020000
_MS_REC = 0x4000
_MS_PRIVATE = 1 << 18
_BALLAST = "ballast"
_BLOCK = b"\0" * (1024 * 1024)
_SMALL_BLOCK = b"\0" * 4096


class SmallDisk(Protocol):
    """Where the workers write."""

    means: str
    """How it is made full, for the report."""

    def fill(self) -> None:
        """Leave no room."""

    def free(self) -> None:
        """Give the room back."""


def small_disk(folder: Path, processes: Callable[[], Iterable[psutil.Process]]) -> SmallDisk:
    """A disk mounted at a folder if this process may mount, else limits for the processes."""
    try:
        return Tmpfs(folder)
    except OSError:
        return FileSizeLimits(processes)


class Tmpfs:
    """A file system of its own."""

    means = f"a tmpfs of {SIZE_MB} MB (ENOSPC)"
    _separated = False

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / _BALLAST
        self._separate()
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "chaos", str(folder)]
        if subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode:
            raise OSError("mount failed")

    def fill(self) -> None:
        """Leave no room."""
        with self._ballast.open("ab", buffering=0) as file:
            for block in (_BLOCK, _SMALL_BLOCK):
                with suppress(OSError):
                    while True:
                        file.write(block)

    def free(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)

    @classmethod
    def _separate(cls) -> None:
        """Make mounts of this process, and of those it starts from now on, its own."""
        if Tmpfs._separated:
            return
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_CLONE_NEWNS):
            raise OSError(ctypes.get_errno(), "unshare failed")
        if libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None):
            raise OSError(ctypes.get_errno(), "mount failed")
        Tmpfs._separated = True


class FileSizeLimits:
    """No file of the workers may grow."""

    means = "a file size limit of the workers (EFBIG)"

    def __init__(self, processes: Callable[[], Iterable[psutil.Process]]) -> None:
        self._processes = processes

    def fill(self) -> None:
        """Forbid growth."""
        self._limit(0)

    def free(self) -> None:
        """Allow it again, to those that were started meanwhile too."""
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, size: int) -> None:
        for process in self._processes():
            with suppress(psutil.Error, OSError):
                _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
                process.rlimit(psutil.RLIMIT_FSIZE, (size, hard))


def unmounted(folder: Path) -> None:
    """Give a mounted disk back; harmless for a plain folder."""
    if os.path.ismount(folder):
        subprocess.run(["umount", "-l", str(folder)], check=False)
