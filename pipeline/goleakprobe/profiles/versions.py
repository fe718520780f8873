"""Which Go release built a target, where its file names give it away."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["go_version_of_paths"]

_RELEASE = re.compile(r"(?:^|[/\\@-])(go1\.\d{1,3}(?:\.\d{1,3})?(?:rc\d+|beta\d+)?)(?=[./\\-]|$)")
_LOOKED_AT = 20_000


def go_version_of_paths(paths: Iterable[str]) -> str:
    """Such as ``go1.26.8`` from ``/opt/go1.26.8/src/runtime/proc.go`` or a toolchain module.

    Only files of the standard library count (a folder ``src`` below the release); empty where
    paths are trimmed or the toolchain lies in a folder without a version.
    """
    for index, path in enumerate(paths):
        if index > _LOOKED_AT:
            break
        head, src, _ = path.replace("\\", "/").rpartition("/src/")
        if src and (match := _RELEASE.search(head[-200:])):
            return match[1]
    return ""
