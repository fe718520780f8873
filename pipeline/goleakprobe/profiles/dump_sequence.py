"""A text that holds several dumps, one after the other, as logs of repeated SIGQUITs do."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from goleakprobe.profiles.profile import Goroutine, Group, Profile

__all__ = ["separate_dumps"]


def separate_dumps(profile: Profile) -> tuple[Profile, ...]:
    """The dumps that were read as one, in their order; the profile itself if it is one dump.

    No goroutine is twice in a dump, so where an id comes again the next one has begun. Its first
    goroutine, which took it and may be new, is still ``running``. Every id that comes a second
    time alone (a crash prints those that run once more for each thread) stays where it is.
    """
    goroutines = profile.goroutines
    starts = [0]
    seen: set[int] = set()
    for at, goroutine in enumerate(goroutines):
        if goroutine.id in seen:
            opens = at - 1 > starts[-1] and goroutines[at - 1].state == "running"
            starts.append(at - opens)
            seen = {goroutines[at - opens].id}
        seen.add(goroutine.id)
    ends = [*starts[1:], len(goroutines)]
    parts = [goroutines[a:b] for a, b in zip(starts, ends, strict=True)]
    if len(parts) == 1 or any(all(g.state == "running" for g in part) for part in parts):
        return (profile,)
    last = len(parts) - 1
    return tuple(
        _part(profile, part, truncated=profile.truncated and number in (0, last))
        for number, part in enumerate(parts)
    )


def _part(profile: Profile, goroutines: Sequence[Goroutine], *, truncated: bool) -> Profile:
    members: dict[int, list[Goroutine]] = {}
    for goroutine in goroutines:
        members.setdefault(goroutine.group, []).append(goroutine)
    order = sorted(members, key=lambda group: (-len(members[group]), group))
    position = {group: rank for rank, group in enumerate(order)}
    return msgspec.structs.replace(
        profile,
        total=len(goroutines),
        groups=tuple(_group(profile.groups[group], members[group]) for group in order),
        goroutines=tuple(
            msgspec.structs.replace(one, group=position[one.group]) for one in goroutines
        ),
        truncated=truncated,
    )


def _group(group: Group, members: list[Goroutine]) -> Group:
    waits = [one.wait_seconds for one in members if one.wait_seconds is not None]
    return msgspec.structs.replace(
        group,
        count=len(members),
        leaked=sum(one.leaked for one in members),
        wait_seconds_max=max(waits, default=None),
    )
