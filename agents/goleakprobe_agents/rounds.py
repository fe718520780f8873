"""Cut a batch so that vectorised detectors see every key at most once a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

__all__ = ["rounds"]

T = TypeVar("T")


def rounds(items: Iterable[T], key: Callable[[T], Hashable]) -> list[list[tuple[int, T]]]:
    """Split into rounds without a repeated key; the order of each key's items is kept.

    Every item comes with its place in the input, so that answers can be put back in order.

    >>> rounds("abac", key=str)
    [[(0, 'a'), (1, 'b'), (3, 'c')], [(2, 'a')]]
    """
    seen: dict[Hashable, int] = {}
    cut: list[list[tuple[int, T]]] = []
    for place, item in enumerate(items):
        of = key(item)
        turn = seen.get(of, 0)
        seen[of] = turn + 1
        if turn == len(cut):
            cut.append([])
        cut[turn].append((place, item))
    return cut
