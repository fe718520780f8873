"""Stacks and counts to the groups of a profile."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from goleakprobe.profiles.labels import Labels
from goleakprobe.profiles.profile import Group
from goleakprobe.profiles.signatures import blocking_frame, signature, site
from goleakprobe.profiles.waits import state_of
from goleakprobe_schemas import Frame

__all__ = ["Bundle", "group_bundles"]


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """Goroutines with one stack, wait, creation site and set of labels."""

    frames: tuple[Frame, ...]
    wait: str
    count: int
    creation_site: str = ""
    """Of the go statement; empty where the source does not know it."""
    labels: Labels = ()
    leaked: int = 0
    wait_seconds_max: int | None = None


def group_bundles(bundles: Sequence[Bundle]) -> tuple[tuple[Group, ...], list[int]]:
    """Merge bundles of one signature and labels.

    Answers the groups, largest first, and for each bundle the index of its group.
    """
    members: dict[tuple[str, Labels], list[int]] = {}
    for index, bundle in enumerate(bundles):
        key = (signature(bundle.frames, bundle.wait, bundle.creation_site), bundle.labels)
        members.setdefault(key, []).append(index)
    merged = [
        (_merge(key[0], [bundles[index] for index in indices]), indices)
        for key, indices in members.items()
    ]
    merged.sort(key=lambda pair: (-pair[0].count, pair[0].signature, pair[0].labels))
    position = [0] * len(bundles)
    for rank, (_, indices) in enumerate(merged):
        for index in indices:
            position[index] = rank
    return tuple(group for group, _ in merged), position


def _merge(key: str, bundles: list[Bundle]) -> Group:
    example = max(bundles, key=lambda bundle: bundle.count)
    creators = (bundle.creation_site for bundle in (example, *bundles))
    waits = [bundle.wait_seconds_max for bundle in bundles if bundle.wait_seconds_max is not None]
    return Group(
        signature=key,
        count=sum(bundle.count for bundle in bundles),
        frames=example.frames,
        wait="" if example.wait == "waiting" else example.wait,
        state=state_of(example.wait),
        labels=example.labels,
        blocking_site=site(blocking_frame(example.frames)),
        creation_site=next(filter(None, creators), ""),
        leaked=sum(bundle.leaked for bundle in bundles),
        wait_seconds_max=max(waits, default=None),
    )
