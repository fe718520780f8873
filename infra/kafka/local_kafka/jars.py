"""Kafka's jars, fetched once with Maven into a cache beside no checkout."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from local_kafka.errors import JarsError, JavaMissingError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["class_archive", "jars_cached", "java", "kafka_jars", "one_at_a_time"]

_POM = Path(__file__).parents[1] / "pom.xml"
_FETCH_SECONDS = 900.0
_REASON_CHARS = 1000


def java() -> str:
    """The ``java`` program, from JAVA_HOME if that is set; JavaMissingError."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else None
    found = found or shutil.which("java")
    if found is None:
        raise JavaMissingError
    return found


def jars_cached() -> bool:
    """Whether ``kafka_jars`` would need neither Maven nor a network."""
    return _folder().is_dir()


def kafka_jars() -> Path:
    """The folder of all jars, fetched by the first who asks; JarsError.

    Processes that ask at the same time wait for the first.
    """
    folder = _folder()
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with one_at_a_time(folder.with_suffix(".lock")):
            if not folder.is_dir():
                _fetch(folder)
    return folder


def class_archive() -> Path:
    """Where the archive of Kafka's classes is, or would be."""
    return _folder().with_suffix(".jsa")


def _folder() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    pom = hashlib.sha256(_POM.read_bytes()).hexdigest()[:16]
    return cache / "goleakprobe" / "kafka" / pom


@contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Hold a lock file; other processes wait."""
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _fetch(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise JarsError("Maven is missing: apt-get install maven")
    with tempfile.TemporaryDirectory(dir=folder.parent) as partial:
        target = Path(partial) / "jars"
        # --strict-checksums: a jar that does not match what its repository says is refused.
        command = [maven, "--batch-mode", "--quiet", "--strict-checksums", "--file", str(_POM)]
        command += ["dependency:copy-dependencies", f"-DoutputDirectory={target}"]
        try:
            done = subprocess.run(  # noqa: S603 - our own pom, arguments are ours
                command, capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise JarsError(f"Maven gave no answer in {_FETCH_SECONDS:.0f} s") from error
        if done.returncode != 0:
            raise JarsError((done.stdout + done.stderr).strip()[:_REASON_CHARS])
        target.rename(folder)
