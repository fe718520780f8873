"""The ignore list: places that are known and why, one a line.

::

    # where                                        # why (required)
    example.com/shop/pool.(*Pool).worker           # idle workers wait for jobs
    example.com/vendor/telemetry.*                 # background exporters
    signature:01765bba10082d6f312389406e2131cf     # OPS-12, fixed in the next release
"""

from __future__ import annotations

import re

import msgspec

from goleakprobe.check.errors import IgnoreListError
from goleakprobe.profiles import Group, normal_function

__all__ = ["IgnoreRule", "ignore_reason", "read_ignore_list"]

_LINE = re.compile(r"(\S+)(?:\s+#\s*(.*))?$")
_SIGNATURE = re.compile(r"signature:([0-9a-f]{32})$")


class IgnoreRule(msgspec.Struct, frozen=True):
    """One line of the list."""

    place: str
    """A function (in any frame or as creator), the start of one and ``*``, or a signature."""
    reason: str


def read_ignore_list(text: str, name: str) -> tuple[IgnoreRule, ...]:
    """Read a list; IgnoreListError names the line that is wrong."""
    rules = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            raise IgnoreListError(name, number, "is not `place  # reason`")
        place, reason = match[1], (match[2] or "").strip()
        if not reason:
            raise IgnoreListError(name, number, f"{place} is ignored without a reason; add `# why`")
        if place.startswith("signature:") and not _SIGNATURE.match(place):
            raise IgnoreListError(name, number, "a signature has 32 hexadecimal digits")
        rules.append(IgnoreRule(place, reason))
    return tuple(rules)


def ignore_reason(group: Group, rules: tuple[IgnoreRule, ...]) -> str:
    """The reason of the first rule that covers a group; empty for none."""
    functions = [frame.function for frame in group.frames]
    functions.append(group.creation_site.partition(" ")[0])
    names = {*functions, *map(normal_function, functions)}
    for rule in rules:
        if rule.place == f"signature:{group.signature}" or _covers(rule.place, names):
            return rule.reason
    return ""


def _covers(place: str, names: set[str]) -> bool:
    if place.endswith("*"):
        return any(name.startswith(place[:-1]) for name in names)
    return place in names or normal_function(place) in names
