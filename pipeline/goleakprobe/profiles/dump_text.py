"""``debug=2``: the text dump of every goroutine, as endpoints and crashes print it.

The speed comes from one observation: goroutines share stacks. What follows a header is looked
up as it stands, then without arguments and creator id, and only a stack never seen before is
read line by line. ``dump_stack`` and ``dump_header`` know the grammar.
"""

from __future__ import annotations

import re

from goleakprobe.profiles.dump_header import Header, read_header
from goleakprobe.profiles.dump_places import Place, Places, Tally, ends_early
from goleakprobe.profiles.dump_stack import HEADER_WITHIN, IrregularError
from goleakprobe.profiles.grouping import Bundle, group_bundles
from goleakprobe.profiles.labels import Labels
from goleakprobe.profiles.limits import Limits
from goleakprobe.profiles.profile import Goroutine, Profile
from goleakprobe.profiles.versions import go_version_of_paths
from goleakprobe.profiles.waits import state_of
from goleakprobe_schemas import Frame, SnapshotSource

__all__ = ["RUNTIME_CUT_BYTES", "read_dump"]

RUNTIME_CUT_BYTES = 64 * 1024 * 1024
"""``runtime/pprof`` doubles its buffer up to this and says nothing when it does not suffice."""

_FIRST = re.compile(
    rb"^goroutine (\d{1,19}) ((?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[[^\n]*)\n?", re.MULTILINE
)
_NEXT = re.compile(rb"\n\ngoroutine (\d{1,19}) ([^\n]*)\n?")
# Before the first header: a header that does not begin its line, or a web page.
_FOREIGN = re.compile(HEADER_WITHIN.pattern + rb"|<pre")
# The last frame of a goroutine is never an inlined one, so it always has its offset.
_COMPLETE_END = re.compile(rb":\d+ \+0x[0-9a-f]+(?: [a-z]+=0x.*)?$")
_FORMS = 65536

_BundleKey = tuple[tuple[Frame, ...], str, str, Labels]


def read_dump(data: bytes, limits: Limits, *, goroutines: bool = True) -> Profile:
    """Decode a dump that follows the runtime's own layout; IrregularError where it does not."""
    first = _FIRST.search(data)
    if first is None or _FOREIGN.search(data, 0, first.start()):
        raise IrregularError
    reader = _Reader(limits, goroutines)
    reader.read(data, first)
    return reader.profile()


class _Reader:
    def __init__(self, limits: Limits, goroutines: bool) -> None:
        self._limits = limits
        self._places = Places(limits)
        self._forms: dict[bytes, Header | None] = {}
        self._tallies: list[Tally] = []
        self._truncated = False
        self._keep = goroutines
        # The goroutines, one list a property: a list of objects would cost more than the parsing.
        self._numbers: list[bytes] = []
        self._tally_of: list[Tally] = []
        self._creators: list[int | None] = []

    def read(self, data: bytes, first: re.Match[bytes]) -> None:
        """Take in every record from the one with the header ``first`` on."""
        find, count = self._places.find, self._count
        left = self._limits.goroutines
        number, form = first.groups()
        start = first.end()
        for match in _NEXT.finditer(data, start):
            place, creator = find(data[start : match.start()])
            count(number, form, place, creator)
            number, form = match.groups()
            start = match.end()
            left -= 1
            if left <= 0:
                self._truncated = True
                return
        self._last(number, form, data, start)

    def _last(self, number: bytes, form: bytes, data: bytes, start: int) -> None:
        """Take in the last record, unless it was cut; a cut leaves the rest as it is."""
        if read_header(form, self._limits) is None:
            if data[start - 1 : start] == b"\n" or not self._tallies:
                raise IrregularError
            self._truncated = True
            return
        end = data.find(b"\n\n", start)
        if end >= 0:
            junk = data[end + 2 :]
            if HEADER_WITHIN.search(junk):
                raise IrregularError
            self._truncated = bool(junk) and b"goroutine ".startswith(junk[:10])
        else:
            end = max(start, len(data) - data.endswith(b"\n"))
            self._truncated = not data.endswith(b"\n") and not _COMPLETE_END.search(data[-4096:])
        self._truncated |= len(data) == RUNTIME_CUT_BYTES or ends_early(data[start:end])
        # A stack that lost its root would sign as another one.
        if not self._truncated or not self._tallies:
            place, creator = self._places.find(data[start:end])
            self._count(number, form, place, creator)

    def _count(self, number: bytes, form: bytes, place: Place, creator: int | None) -> None:
        tally = place.tallies.get(form) or self._tally(place, form)
        tally.count += 1
        if self._keep:
            self._numbers.append(number)
            self._tally_of.append(tally)
            self._creators.append(creator)

    def _tally(self, place: Place, form: bytes) -> Tally:
        header = self._forms.get(form)
        if header is None:
            header = read_header(form, self._limits)
            if header is None:
                raise IrregularError
            if len(self._forms) < _FORMS:
                self._forms[form] = header
        tally = Tally(place=place, header=header)
        place.tallies[form] = tally
        self._tallies.append(tally)
        return tally

    def profile(self) -> Profile:
        """The finished snapshot."""
        keys: dict[_BundleKey, list[Tally]] = {}
        for tally in self._tallies:
            place, header = tally.place, tally.header
            key = (place.frames, header.wait, place.creation_site, header.labels)
            keys.setdefault(key, []).append(tally)
        groups, position = group_bundles([_bundle(key, tallies) for key, tallies in keys.items()])
        for index, tallies in enumerate(keys.values()):
            for tally in tallies:
                tally.group = position[index]
        return Profile(
            source=SnapshotSource.DEBUG2,
            total=sum(tally.count for tally in self._tallies),
            groups=groups,
            goroutines=tuple(map(_goroutine, self._numbers, self._tally_of, self._creators)),
            truncated=self._truncated,
            go_version=go_version_of_paths(
                frame.file for group in groups for frame in group.frames
            ),
        )


def _bundle(key: _BundleKey, tallies: list[Tally]) -> Bundle:
    frames, wait, creation, labels = key
    claims = [
        tally.header.wait_seconds for tally in tallies if tally.header.wait_seconds is not None
    ]
    return Bundle(
        frames=frames,
        wait=wait,
        count=sum(tally.count for tally in tallies),
        creation_site=creation,
        labels=labels,
        leaked=sum(tally.count for tally in tallies if tally.header.leaked),
        wait_seconds_max=max(claims, default=None),
    )


def _goroutine(number: bytes, tally: Tally, creator: int | None) -> Goroutine:
    header, place = tally.header, tally.place
    return Goroutine(
        id=int(number),
        group=tally.group,
        wait=header.wait,
        state=state_of(header.wait),
        frames=place.frames,
        wait_seconds=header.wait_seconds,
        locked=header.locked,
        leaked=header.leaked,
        labels=header.labels,
        creator_id=creator,
        creation_site=place.creation_site,
        bubble=header.bubble,
    )
