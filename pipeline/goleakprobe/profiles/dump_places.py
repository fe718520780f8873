"""The distinct places that goroutines of a text dump stand at."""

from __future__ import annotations

import msgspec

from goleakprobe.profiles.dump_header import Header
from goleakprobe.profiles.dump_shapes import Shapes
from goleakprobe.profiles.dump_stack import (
    ARGUMENTS,
    HEADER_WITHIN,
    IrregularError,
    read_frames,
    read_site,
)
from goleakprobe.profiles.errors import BodyTooLargeError
from goleakprobe.profiles.limits import DEFAULT_LIMITS, Limits
from goleakprobe.profiles.signatures import visible_frames
from goleakprobe_schemas import Frame

__all__ = ["Place", "Places", "Tally", "ends_early"]

_CREATED = b"\ncreated by "
_CREATOR = b" in goroutine "
# Beyond this the cache stops learning: arguments that never repeat would fill it in vain.
_KNOWN_BODIES = 8192
# So many bodies in a row that are not known as they stand: looking them up no longer pays.
_PATIENCE = 1000


class Place(msgspec.Struct, eq=False):
    """A stack and the go statement it came from, whatever the arguments."""

    frames: tuple[Frame, ...]
    creation_site: str
    creator_id: int | None
    """Of the body it was first read from."""
    tallies: dict[bytes, Tally]
    """By the header without the goroutine's id."""
    shaped: bool = False
    """Whether its shape is remembered."""


class Tally(msgspec.Struct, eq=False):
    """How many goroutines stand at a place with one header."""

    place: Place
    header: Header
    count: int = 0
    group: int = 0
    """Index of its group, once that is known."""


class Places:
    """Places by the text below a header."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._known: dict[bytes, Place] = {}
        self._shapes: Shapes[Place] = Shapes()
        self._bare: dict[bytes, Place] = {}
        self._misses = 0

    def find(self, body: bytes) -> tuple[Place, int | None]:
        """The place that a body shows, and the id of the goroutine's creator.

        Raises IrregularError for text that is no stack, BodyTooLargeError for too many stacks.
        """
        if self._misses < _PATIENCE:
            place = self._known.get(body)
            if place is not None:
                self._misses = 0
                return place, place.creator_id
            self._misses += 1
        return self._shapes.find(body) or self._learn(body)

    def _learn(self, body: bytes) -> tuple[Place, int | None]:
        text = body
        if (junk := body.find(b"\n\n")) >= 0:
            if HEADER_WITHIN.search(body, junk):
                raise IrregularError
            text = body[:junk]
        frames, created = _split(text)
        if HEADER_WITHIN.search(created):
            raise IrregularError
        head, _, rest = created.partition(_CREATOR)
        number, _, file = rest.partition(b"\n")
        creator = int(number[:19]) if number[:19].isdigit() else None
        bare = ARGUMENTS.sub(b"", frames) + head + file
        place = self._bare.get(bare)
        if place is None:
            place = self._bare[bare] = self._read(frames, created)
        elif not place.shaped:
            place.shaped = True
            self._shapes.add(text, place)
        if len(self._known) < _KNOWN_BODIES:
            same = creator == place.creator_id
            self._known[body] = (
                place if same else msgspec.structs.replace(place, creator_id=creator)
            )
        return place, creator

    def _read(self, frames: bytes, created: bytes) -> Place:
        if len(self._bare) >= self._limits.groups:
            raise BodyTooLargeError("the number of distinct stacks", self._limits.groups, "stacks")
        site, creator = "", None
        if created:
            site, creator = read_site(created[len(_CREATED) :], self._limits)
        found, _ = read_frames(frames, self._limits)
        return Place(visible_frames(found), site, creator, {})


def ends_early(body: bytes) -> bool:
    """Whether a body stops between a function and its file."""
    frames, created = _split(body)
    if created:
        return b"\n\t" not in created
    try:
        return read_frames(frames, DEFAULT_LIMITS)[1]
    except IrregularError:
        return False


def _split(body: bytes) -> tuple[bytes, bytes]:
    """The frames and, from its line feed on, the go statement."""
    cut = body.find(_CREATED)
    if cut >= 0:
        return body[:cut], body[cut:]
    return (b"", b"\n" + body) if body.startswith(_CREATED[1:]) else (body, b"")
