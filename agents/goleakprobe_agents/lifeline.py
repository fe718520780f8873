"""Child processes that never outlive the process that started them."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["dying_with_parent"]

# linux/prctl.h
_PR_SET_PDEATHSIG = 1


def dying_with_parent(sent: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """A ``preexec_fn`` after which the kernel sends a signal to the child when its parent ends.

    The kernel ties it to the *thread* that forks (prctl(2)), so start such children from a thread
    that lives as long as they should. Elsewhere than on Linux it does nothing: there a child
    outlives a parent that is killed with SIGKILL.
    """
    if sys.platform != "linux":
        return lambda: None
    # Loaded before the fork: the child of a threaded process may not load libraries.
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def tie() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(sent), 0, 0, 0)
        if os.getppid() != parent:  # it ended between fork and prctl
            os._exit(1)

    return tie
