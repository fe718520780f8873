"""A decoded profile and a target to events; pure, and within every limit of the contract."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from goleakprobe.collect.untrusted import clean_text
from goleakprobe.profiles import package_of
from goleakprobe_agents.stage import Output
from goleakprobe_schemas import (
    RUNTIMES,
    SNAPSHOTS,
    STACKS,
    Frame,
    RuntimeSampled,
    ScrapeCost,
    SnapshotCollected,
    SnapshotGroup,
    StackObserved,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from goleakprobe.collect.metrics_page import ProcessFigures
    from goleakprobe.collect.targets import ScrapeTarget
    from goleakprobe.profiles import Group, Profile

__all__ = [
    "OVERFLOW_SIGNATURE",
    "ProcessIdentity",
    "event_id",
    "merged_groups",
    "runtime_event",
    "snapshot_event",
    "stack_event",
    "stack_events",
]

OVERFLOW_SIGNATURE = "0" * 32
"""The signature of the group that stands for all groups beyond the limit."""

_MAX_SITE_CHARS = 512
_MAX_NAME_CHARS = 512
_MAX_WAIT_CHARS = 64
_MAX_VERSION_CHARS = 64
_MAX_FRAMES = 128
_MAX_IDS = 100
# Room in a message for all but the groups: identity, labels (64 of 256 characters), cost.
_ENVELOPE_BYTES = 256 * 1024


class ProcessIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Which process of a target answered, as far as it is known."""

    start_ns: int | None = None
    go_version: str = ""
    build_id: str = ""


def snapshot_event(
    profile: Profile,
    target: ScrapeTarget,
    *,
    process: ProcessIdentity,
    time_ns: int,
    cost: ScrapeCost,
    requests_total: float | None = None,
    max_groups: int,
) -> Output:
    """The snapshot of one scrape.

    Groups come largest first. Those beyond ``max_groups``, or beyond what fits into a message, are
    one last group with ``OVERFLOW_SIGNATURE``, so the counts still add up to the total.
    """
    event = SnapshotCollected(
        id=event_id(target, time_ns, profile.source),
        namespace=target.identity.namespace,
        service=target.identity.service,
        instance=target.identity.instance,
        time_ns=time_ns,
        source=profile.source,
        total=profile.total,
        groups=_limited(merged_groups(profile), max_groups),
        process_start_ns=process.start_ns,
        requests_total=requests_total,
        go_version=clean_text(process.go_version, _MAX_VERSION_CHARS),
        build_id=clean_text(process.build_id, _MAX_NAME_CHARS),
        truncated=profile.truncated,
        cost=cost,
        labels=target.labels,
    )
    return Output(SNAPSHOTS, target.key, event.id, event, time_ns)


def merged_groups(profile: Profile) -> list[SnapshotGroup]:
    """The profile's groups, one per signature and labels, largest first, texts made safe.

    Of the goroutine ids the lowest are kept: ids grow with time, so those are the oldest.
    """
    ids: dict[int, list[int]] = {}
    for goroutine in profile.goroutines:
        ids.setdefault(goroutine.group, []).append(goroutine.id)
    merged: dict[tuple[str, str], SnapshotGroup] = {}
    for index, group in enumerate(profile.groups):
        made = _group(group, ids.get(index, ()))
        key = (made.signature, made.labels_digest)
        merged[key] = _joined(merged[key], made) if key in merged else made
    return sorted(merged.values(), key=lambda g: (-g.count, g.signature, g.labels_digest))


def stack_events(groups: Iterable[Group], *, build_id: str, time_ns: int) -> list[Output]:
    """The example stack of each signature among the groups."""
    by_signature = {group.signature: group for group in groups}
    return [
        stack_event(
            group.signature,
            group.frames,
            wait=group.wait,
            blocking_site=group.blocking_site,
            creation_site=group.creation_site,
            build_id=build_id,
            time_ns=time_ns,
        )
        for group in by_signature.values()
    ]


def stack_event(
    signature: str,
    frames: Sequence[Frame],
    *,
    wait: str,
    blocking_site: str,
    creation_site: str,
    build_id: str,
    time_ns: int,
) -> Output:
    """One example stack, leaf first, of a signature."""
    shown = tuple(
        Frame(
            clean_text(frame.function, _MAX_NAME_CHARS),
            clean_text(frame.file, _MAX_NAME_CHARS),
            frame.line,
        )
        for frame in frames[:_MAX_FRAMES]
    )
    event = StackObserved(
        signature=signature,
        frames=shown,
        wait=clean_text(wait, _MAX_WAIT_CHARS),
        blocking_site=clean_text(blocking_site, _MAX_SITE_CHARS),
        creation_site=clean_text(creation_site, _MAX_SITE_CHARS),
        package=clean_text(
            package_of(blocking_site.partition(" ")[0][:_MAX_NAME_CHARS]), _MAX_NAME_CHARS
        ),
        first_seen_ns=time_ns,
        build_id=clean_text(build_id, _MAX_NAME_CHARS),
    )
    identity = _digest("stack", signature, event.build_id, str(time_ns))
    return Output(STACKS, signature, identity, event, time_ns)


def runtime_event(
    figures: ProcessFigures,
    target: ScrapeTarget,
    *,
    process: ProcessIdentity,
    goroutines: int,
    time_ns: int,
) -> Output:
    """The runtime figures of one visit; ``goroutines`` stands in where the page has no count."""
    event = RuntimeSampled(
        id=event_id(target, time_ns, "runtime"),
        namespace=target.identity.namespace,
        service=target.identity.service,
        instance=target.identity.instance,
        time_ns=time_ns,
        process_start_ns=process.start_ns,
        goroutines=goroutines if figures.goroutines is None else figures.goroutines,
        goroutines_created_total=figures.goroutines_created_total,
        heap_inuse_bytes=figures.heap_inuse_bytes,
        stack_inuse_bytes=figures.stack_inuse_bytes,
        resident_bytes=figures.resident_bytes,
        open_fds=figures.open_fds,
        gc_cycles_total=figures.gc_cycles_total,
        gc_pause_seconds_total=figures.gc_pause_seconds_total,
        requests_total=figures.requests_total,
        sql_connections_open=figures.sql_connections_open,
        sql_connections_in_use=figures.sql_connections_in_use,
    )
    return Output(RUNTIMES, target.key, event.id, event, time_ns)


def _group(group: Group, ids: Iterable[int]) -> SnapshotGroup:
    return SnapshotGroup(
        signature=group.signature,
        count=group.count,
        wait=clean_text(group.wait, _MAX_WAIT_CHARS),
        state=clean_text(group.state, _MAX_WAIT_CHARS),
        blocking_site=clean_text(group.blocking_site, _MAX_SITE_CHARS),
        creation_site=clean_text(group.creation_site, _MAX_SITE_CHARS),
        wait_seconds_max=group.wait_seconds_max,
        labels_digest=_labels_digest(group.labels),
        goroutine_ids=tuple(sorted(ids)[:_MAX_IDS]),
        leaked=group.leaked,
        main=group.main,
    )


def _joined(one: SnapshotGroup, other: SnapshotGroup) -> SnapshotGroup:
    larger = one if one.count >= other.count else other
    waits = [g.wait_seconds_max for g in (one, other) if g.wait_seconds_max is not None]
    return msgspec.structs.replace(
        larger,
        count=one.count + other.count,
        leaked=one.leaked + other.leaked,
        wait_seconds_max=max(waits, default=None),
        goroutine_ids=tuple(sorted({*one.goroutine_ids, *other.goroutine_ids})[:_MAX_IDS]),
    )


def _limited(groups: Sequence[SnapshotGroup], max_groups: int) -> tuple[SnapshotGroup, ...]:
    room = SNAPSHOTS.message_limit_bytes - _ENVELOPE_BYTES
    kept = 0
    for group in groups:
        room -= len(msgspec.json.encode(group)) + 1
        # One place stays free for the group of all others.
        if room < 0 or (kept >= max_groups - 1 and len(groups) > max_groups):
            break
        kept += 1
    others = groups[kept:]
    if not others:
        return tuple(groups)
    overflow = SnapshotGroup(
        signature=OVERFLOW_SIGNATURE,
        count=sum(group.count for group in others),
        blocking_site=f"({len(others)} smaller groups beyond the limit)",
        leaked=sum(group.leaked for group in others),
    )
    return (*groups[:kept], overflow)


def _labels_digest(labels: Iterable[tuple[str, str]]) -> str:
    pairs = sorted(labels)
    if not pairs:
        return ""
    return _digest(*(part for pair in pairs for part in pair))[:16]


def event_id(target: ScrapeTarget, time_ns: int, what: str) -> str:
    """The id of a target's event, the same whenever it is made again."""
    return _digest(target.key, str(time_ns), what)


def _digest(*parts: str) -> str:
    digest = blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()
