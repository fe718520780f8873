"""``debug=2``: the text dump of every goroutine, as endpoints and crashes print it.

The speed comes from one observation: goroutines share stacks. A body is looked up as it
stands, then without its arguments, and only a stack never seen before is read line by line.
"""

from __future__ import annotations

import re

import msgspec

from goleakprobe.profiles.dump_header import Header, read_header
from goleakprobe.profiles.dump_stack import ARGUMENTS, IrregularError, read_frames, read_site
from goleakprobe.profiles.grouping import Bundle, Labels, group_bundles
from goleakprobe.profiles.limits import Limits
from goleakprobe.profiles.profile import Goroutine, Profile
from goleakprobe.profiles.versions import go_version_of_paths
from goleakprobe.profiles.waits import state_of
from goleakprobe_schemas import Frame, SnapshotSource

__all__ = ["RUNTIME_CUT_BYTES", "read_dump"]

RUNTIME_CUT_BYTES = 64 * 1024 * 1024
"""``runtime/pprof`` doubles its buffer up to this and says nothing when it does not suffice."""

_START = re.compile(rb"^goroutine \d{1,19} (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[", re.MULTILINE)
_LOOSE = re.compile(rb"goroutine \d{1,19} (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[[a-zA-Z]")
_CREATED = b"\ncreated by "
_COMPLETE_END = re.compile(rb":\d+ \+0x[0-9a-f]+(?: [a-z]+=0x.*)?$|\(\.\.\.\)\n\t[^\n]*:\d+$")
# Beyond these a cache stops learning: arguments that never repeat would fill it in vain.
_RAW_BODIES = 4096
_FORMS = 65536

_Key = tuple[int, str, str, Labels]


class _Tally(msgspec.Struct):
    """What a bundle adds up."""

    count: int = 0
    leaked: int = 0
    wait_seconds_max: int | None = None


class _Record(msgspec.Struct, frozen=True):
    """A goroutine before its group is known."""

    id: int
    bundle: int
    header: Header
    frames: tuple[Frame, ...]
    creator_id: int | None
    creation_site: str


def read_dump(data: bytes, limits: Limits, *, goroutines: bool = True) -> Profile:
    """Decode a dump that follows the runtime's own layout; IrregularError where it does not."""
    start = _START.search(data)
    if start is None:
        raise IrregularError
    reader = _Reader(limits, goroutines)
    reader.read(data, start.start())
    return reader.profile(cut=len(data) == RUNTIME_CUT_BYTES)


class _Reader:
    def __init__(self, limits: Limits, goroutines: bool) -> None:
        self._limits = limits
        self._keep = goroutines
        self._forms: dict[bytes, Header | None] = {}
        self._raw: dict[bytes, int] = {}
        self._bodies: dict[bytes, int] = {}
        self._stacks: list[tuple[Frame, ...]] = []
        self._bundles: dict[_Key, int] = {}
        self._tallies: list[_Tally] = []
        self._records: list[_Record] = []
        self._count = 0
        self._truncated = False

    def read(self, data: bytes, at: int) -> None:
        """Take in every record from ``at`` on."""
        size = len(data)
        while at < size:
            end = data.find(b"\n\n", at)
            if end < 0:
                end = size
            if data.startswith(b"goroutine ", at):
                self._record(data[at:end].rstrip(b"\n"), last=end >= size - 2)
            elif _LOOSE.search(data, at, end):
                raise IrregularError
            at = end + 2
            if self._full():
                self._truncated = True
                return
        tail = data[-200:]
        if not tail.endswith(b"\n") and _COMPLETE_END.search(tail) is None:
            self._truncated = True

    def _full(self) -> bool:
        return self._count >= self._limits.goroutines or len(self._tallies) > self._limits.groups

    def _record(self, chunk: bytes, *, last: bool) -> None:
        head, _, body = chunk.partition(b"\n")
        number, _, form = head[10:].partition(b" ")
        header = self._header(form)
        if header is None or not number.isdigit():
            if last:
                self._truncated = True
                return
            raise IrregularError
        creation, creator = "", None
        created = body.find(_CREATED) if not body.startswith(_CREATED[1:]) else -2
        if created != -1:
            cut = body[created + len(_CREATED) :] if created >= 0 else body[len(_CREATED) - 1 :]
            creation, creator = read_site(cut, self._limits)
            body = body[: max(0, created)]
        stack = self._stack(body, last=last)
        self._add(int(number[:19]), header, stack, creation, creator)

    def _header(self, form: bytes) -> Header | None:
        if form in self._forms:
            return self._forms[form]
        header = read_header(form, self._limits)
        if len(self._forms) < _FORMS:
            self._forms[form] = header
        return header

    def _stack(self, body: bytes, *, last: bool) -> int:
        known = self._raw.get(body)
        if known is not None:
            return known
        bare = ARGUMENTS.sub(b"", body)
        known = self._bodies.get(bare)
        if known is None:
            frames, cut = read_frames(body, self._limits)
            if cut:
                if not last:
                    raise IrregularError
                self._truncated = True
            known = self._bodies[bare] = len(self._stacks)
            self._stacks.append(frames)
        if len(self._raw) < _RAW_BODIES:
            self._raw[body] = known
        return known

    def _add(
        self, number: int, header: Header, stack: int, creation: str, creator: int | None
    ) -> None:
        self._count += 1
        key = (stack, header.wait, creation, header.labels)
        bundle = self._bundles.get(key)
        if bundle is None:
            bundle = self._bundles[key] = len(self._tallies)
            self._tallies.append(_Tally())
        tally = self._tallies[bundle]
        tally.count += 1
        tally.leaked += header.leaked
        if header.wait_seconds is not None:
            tally.wait_seconds_max = max(tally.wait_seconds_max or 0, header.wait_seconds)
        if self._keep:
            self._records.append(
                _Record(number, bundle, header, self._stacks[stack], creator, creation)
            )

    def profile(self, *, cut: bool) -> Profile:
        """The finished snapshot."""
        groups, position = group_bundles(
            [
                Bundle(
                    frames=self._stacks[stack],
                    wait=wait,
                    count=tally.count,
                    creation_site=creation,
                    labels=labels,
                    leaked=tally.leaked,
                    wait_seconds_max=tally.wait_seconds_max,
                )
                for (stack, wait, creation, labels), tally in zip(
                    self._bundles, self._tallies, strict=True
                )
            ]
        )
        return Profile(
            source=SnapshotSource.DEBUG2,
            total=self._count,
            groups=groups,
            goroutines=tuple(_goroutine(record, position) for record in self._records),
            truncated=self._truncated or cut,
            go_version=go_version_of_paths(
                frame.file for frames in self._stacks for frame in frames
            ),
        )


def _goroutine(record: _Record, position: list[int]) -> Goroutine:
    header = record.header
    return Goroutine(
        id=record.id,
        group=position[record.bundle],
        wait=header.wait,
        state=state_of(header.wait),
        frames=record.frames,
        wait_seconds=header.wait_seconds,
        locked=header.locked,
        leaked=header.leaked,
        labels=header.labels,
        creator_id=record.creator_id,
        creation_site=record.creation_site,
        bubble=header.bubble,
    )
