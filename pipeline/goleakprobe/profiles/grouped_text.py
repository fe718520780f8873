"""``debug=1``: the grouped text form of ``goroutine`` and ``goroutineleak``.

``runtime/pprof/pprof.go: printCountProfile`` and ``printStackRecord`` write it. The runtime's own
frames at the leaf are hidden, but their program counters stay in the ``@`` list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from goleakprobe.profiles.dump_stack import IrregularError
from goleakprobe.profiles.grouping import Bundle, group_bundles
from goleakprobe.profiles.labels import Labels, read_labels
from goleakprobe.profiles.limits import Limits
from goleakprobe.profiles.profile import Profile
from goleakprobe.profiles.signatures import visible_frames
from goleakprobe.profiles.text import clean
from goleakprobe.profiles.versions import go_version_of_paths
from goleakprobe.profiles.waits import REQUESTER_FRAMES, wait_from_sync
from goleakprobe_schemas import Frame, SnapshotSource

__all__ = ["GROUPED_HEADER", "read_grouped"]

GROUPED_HEADER = re.compile(rb"^(goroutine|goroutineleak) profile: total (\d{1,12})$", re.MULTILINE)

_RECORD = re.compile(rb"^(\d{1,12}) @((?: 0x[0-9a-f]+)*)[ \t]*$")
_PLACE = re.compile(rb"(.*):(\d{1,9})$")
_ADDRESS = re.compile(rb"0x[0-9a-f]{1,16}$")
_OFFSET = re.compile(rb"\+0x[0-9a-f]{1,16}$")
_LABELS = re.compile(rb"#? ?labels: \{")
# A label line that something on the way has wrapped spans at most so many lines.
_WRAPPED = 8


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    count: int
    counters: tuple[int, ...]
    addresses: tuple[int, ...]
    """Of the visible frames; each is its program counter less one."""
    frames: tuple[Frame, ...]
    labels: Labels

    @property
    def hidden(self) -> int:
        """Runtime frames at the leaf that the text leaves out."""
        if not self.addresses:
            return 0
        shown = self.addresses[0] + 1
        return self.counters.index(shown) if shown in self.counters else 0

    @property
    def whole(self) -> bool:
        """Whether there is a frame for every counter but that of ``goexit``."""
        return self.hidden + len(self.addresses) >= len(self.counters) - 1

    @property
    def functions(self) -> list[str]:
        return [frame.function for frame in self.frames]


def read_grouped(data: bytes, limits: Limits, *, strict: bool = True) -> Profile:
    """Decode a grouped profile.

    Waits are known where a visible frame names them (sync, sleep, network, system calls) and for
    ``select``; a channel operation is ``waiting`` with empty words, as the text does not tell a
    send from a receive. Truncated if the counts do not add up to the header's total. Raises
    IrregularError for records in another layout, unless ``strict`` is off: then they are lost.
    """
    header = GROUPED_HEADER.search(data)
    if header is None:
        raise IrregularError
    leak = header[1] == b"goroutineleak"
    records: list[_Record] = []
    dropped, lost = 0, False
    blocks = list(_blocks(data[header.end() :]))
    for index, block in enumerate(blocks[: limits.groups]):
        record = _record(block, limits)
        last = index == len(blocks) - 1
        if record is None or (last and not data.endswith(b"\n\n") and not record.whole):
            if strict and not last:
                raise IrregularError
            lost = True
        elif not record.frames:
            dropped += record.count
        else:
            records.append(record)
    parking = _parking_counters(records)
    groups, _ = group_bundles([_bundle(record, parking, leak) for record in records])
    total = sum(group.count for group in groups)
    return Profile(
        source=SnapshotSource.LEAK if leak else SnapshotSource.DEBUG1,
        total=total,
        groups=groups,
        truncated=lost or total + dropped < int(header[2]),
        dropped_empty=dropped,
        go_version=go_version_of_paths(frame.file for record in records for frame in record.frames),
    )


def _blocks(text: bytes) -> Iterator[list[bytes]]:
    block: list[bytes] = []
    for line in text.split(b"\n"):
        if _RECORD.match(line):
            if block:
                yield block
            block = [line]
        elif block and line:
            block.append(line)
    if block:
        yield block


def _record(block: list[bytes], limits: Limits) -> _Record | None:
    """Read one record; None if it was cut within a frame."""
    head = _RECORD.match(block[0])
    if head is None:
        return None
    frames: list[Frame] = []
    addresses: list[int] = []
    labels: Labels = ()
    for line in _joined(block[1:]):
        if (found := _LABELS.match(line)) is not None:
            labels, _ = read_labels(line, found.end(), limits)
        elif line.startswith(b"#") and (place := _frame(line, limits)) is not None:
            address, frame = place
            if frame.function:
                addresses.append(address)
                frames += [frame] * (len(frames) < limits.frames)
        elif line.startswith(b"#"):
            return None
    return _Record(
        count=int(head[1]),
        counters=tuple(int(word[:18], 16) for word in head[2].split()),
        addresses=tuple(addresses),
        frames=tuple(frames),
        labels=labels,
    )


def _frame(line: bytes, limits: Limits) -> tuple[int, Frame] | None:
    """Read a line of address, function and file; a frame without a name for a bare address."""
    _, *cells = filter(None, line.split(b"\t"))
    if not cells or _ADDRESS.match(cells[0]) is None:
        return None
    address = int(cells[0], 16)
    if len(cells) == 1:
        return address, Frame("")
    place = _PLACE.match(cells[2]) if len(cells) == 3 else None
    if place is None:
        return None
    name = _OFFSET.sub(b"", cells[1].strip())
    file = clean(place[1], limits.name_chars)
    return address, Frame(clean(name, limits.name_chars), file, int(place[2]))


def _joined(lines: list[bytes]) -> Iterator[bytes]:
    """Mend label lines that something on the way has wrapped."""
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if _LABELS.match(line) is not None:
            last = min(at + _WRAPPED, len(lines))
            while at < last and not line.rstrip().endswith(b"}") and lines[at][:2] != b"#\t":
                line += b" " + lines[at].removeprefix(b"#").strip()
                at += 1
        yield line


def _parking_counters(records: list[_Record]) -> frozenset[int]:
    """The program counters of ``gopark``, learnt from records whose visible frames show a wait."""
    return frozenset(
        record.counters[0]
        for record in records
        if record.hidden and _blocked(wait_from_sync(record.functions))
    )


def _blocked(words: str) -> bool:
    return words not in ("", "syscall", "semacquire")


def _bundle(record: _Record, parking: frozenset[int], leak: bool) -> Bundle:
    return Bundle(
        frames=visible_frames(record.frames),
        wait=_wait(record, parking),
        count=record.count,
        labels=record.labels,
        leaked=record.count if leak else 0,
    )


def _wait(record: _Record, parking: frozenset[int]) -> str:
    functions = record.functions
    if functions[0].startswith(REQUESTER_FRAMES):
        return "running"
    words = wait_from_sync(functions)
    if words:
        return words
    if not record.hidden:
        return "runnable"
    if parking and record.counters[0] not in parking:
        return "runnable"
    # gopark < selectgo (or block); a channel operation has one frame more.
    return "select" if record.hidden == 2 and parking else "waiting"
