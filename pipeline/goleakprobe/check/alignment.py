"""Let samples of different forms speak of the same places.

``debug=1`` text does not tell a send from a receive, so its channel waits sign as another
place. Where another sample of the process knows exactly one wait for the same stack, it is
taken for that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from goleakprobe.check.samples import Sample
from goleakprobe.profiles import Group
from goleakprobe.profiles.signatures import signed_functions

__all__ = ["aligned"]

_Stack = tuple[str, ...]


def aligned(samples: Sequence[Sample]) -> list[Sample]:
    """The samples, unknown waits replaced where the others leave no doubt."""
    known: dict[_Stack, dict[str, Group]] = defaultdict(dict)
    for sample in samples:
        for group in sample.profile.groups:
            if group.wait and group.state == "waiting":
                known[_stack(group)][group.signature] = group
    return [_named(sample, known) for sample in samples]


def _named(sample: Sample, known: dict[_Stack, dict[str, Group]]) -> Sample:
    groups = sample.profile.groups
    if all(group.wait for group in groups):
        return sample
    named = tuple(group if group.wait else _like_its_twin(group, known) for group in groups)
    profile = msgspec.structs.replace(sample.profile, groups=named)
    return msgspec.structs.replace(sample, profile=profile)


def _like_its_twin(group: Group, known: dict[_Stack, dict[str, Group]]) -> Group:
    candidates = list(known.get(_stack(group), {}).values())
    if len(candidates) != 1:
        return group
    twin = candidates[0]
    return msgspec.structs.replace(group, signature=twin.signature, wait=twin.wait)


def _stack(group: Group) -> _Stack:
    return tuple(signed_functions([frame.function for frame in group.frames]))
