"""What the lake's newest files tell the new owner of a partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from goleakprobe_agents.event_ids import WINDOW_BYTES
from goleakprobe_agents.landing.files import read_footer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goleakprobe_agents.landing.files import Footer
    from goleakprobe_agents.landing.positions import LandedFile
    from goleakprobe_agents.landing.store import LakeStore

__all__ = ["Handover", "handed_over"]


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """Where the files of a partition end, and what they say of the events before."""

    next_offset: int | None = None
    """None where there are no files."""
    origins: dict[str, tuple[int, int]] = {}
    recent_events: bytes = b""
    """The newest source events, as far back as a window reaches or ``files`` did."""
    day: str = ""


def handed_over(lake: LakeStore, files: Sequence[LandedFile]) -> Handover:
    """Read the footers of a partition's newest files, newest first; LandingFileError, OSError."""
    if not files:
        return Handover()
    newest = _footer(lake, files[0])
    events = newest.event_keys
    for file in files[1:]:
        # Derived events are known by their origins alone.
        if newest.origins or len(events) >= WINDOW_BYTES:
            break
        events = _footer(lake, file).event_keys + events
    return Handover(
        next_offset=newest.last_offset + 1,
        origins=newest.origins,
        recent_events=events,
        day=files[0].day,
    )


def _footer(lake: LakeStore, file: LandedFile) -> Footer:
    with lake.open(file.path) as body:
        return read_footer(file.path, body)
