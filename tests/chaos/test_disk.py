"""A disk that is full refuses writes until it is freed, by whichever means there are."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

# Of their own, because mounts and limits change the process that makes them.
PROGRAM = """
import errno, sys
from pathlib import Path
import psutil
from chaos.disk import FileSizeLimits, small_disk, unmounted

folder = Path(sys.argv[2])
disk = small_disk(folder, lambda: [psutil.Process()])
if sys.argv[1] == "limits":
    unmounted(folder)
    disk = FileSizeLimits(lambda: [psutil.Process()])
(folder / "small").write_bytes(b"x")
disk.fill()
try:
    (folder / "large").write_bytes(b"x" * 100_000)
except OSError as error:
    print(errno.errorcode[error.errno], "for", disk.means)
disk.free()
(folder / "large").write_bytes(b"x" * 100_000)
unmounted(folder)
"""


@pytest.mark.parametrize("means", ["best", "limits"])
def test_a_full_disk_refuses_until_it_is_freed(means: str, tmp_path: Path) -> None:
    """Which error is told depends on whether this user may mount."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, means, str(tmp_path)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = {
        "ENOSPC for a tmpfs of 384 MB (ENOSPC)\n",
        "EFBIG for a file size limit of the workers (EFBIG)\n",
    }
    assert done.stdout in told
    assert means == "best" or done.stdout.startswith("EFBIG")
