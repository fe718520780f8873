"""Failures as a person should read them: one line each, no traceback for what can be explained."""

from __future__ import annotations

import typer

from goleakprobe.errors import GoLeakProbeError
from goleakprobe_agents.errors import StreamError

__all__ = ["EXPLAINED", "explain"]

_NOT_MEASURED = 3
_EXPLAINED_SINGLY = (GoLeakProbeError, StreamError, OSError)

EXPLAINED = (*_EXPLAINED_SINGLY, ExceptionGroup)
"""What ``explain`` takes: our own errors, the machine's, and groups of them from task groups."""


def explain(error: Exception, *hints: str) -> typer.Exit:
    """Say what went wrong on stderr and answer with the exit for "could not measure".

    Raises the group itself if anything in it is not ours to explain: that is a bug to be seen.
    """
    leaves = list(_leaves(error))
    if not all(isinstance(leaf, _EXPLAINED_SINGLY) for leaf in leaves):
        raise error
    for text in dict.fromkeys(str(leaf) for leaf in leaves):
        typer.echo(text, err=True)
    for hint in hints:
        typer.echo(hint, err=True)
    return typer.Exit(_NOT_MEASURED)


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]
