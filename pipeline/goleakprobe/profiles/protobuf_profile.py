"""``debug=0``: the protobuf form of ``goroutine`` and ``goroutineleak``.

The schema is ``profile.proto`` of github.com/google/pprof; field numbers below are its.
"""

from __future__ import annotations

import re

import msgspec

from goleakprobe.profiles.errors import BodyDamagedError, BodyTooLargeError, NotAProfileError
from goleakprobe.profiles.grouping import Bundle, group_bundles
from goleakprobe.profiles.labels import Labels
from goleakprobe.profiles.limits import Limits
from goleakprobe.profiles.profile import Profile
from goleakprobe.profiles.protowire import fields, packed, signed
from goleakprobe.profiles.signatures import visible_frames
from goleakprobe.profiles.text import clean
from goleakprobe.profiles.versions import go_version_of_paths
from goleakprobe.profiles.waits import wait_from_leaf
from goleakprobe_schemas import Frame, SnapshotSource

__all__ = ["read_protobuf"]

_UNIT = re.compile(r"^[a-z_]{1,32}$")
_SOURCES = {"goroutine": SnapshotSource.DEBUG0, "goroutineleak": SnapshotSource.LEAK}
Span = tuple[int, int]


class _Raw(msgspec.Struct):
    """The top-level message, its parts still undecoded spans."""

    sample_types: list[Span] = []
    samples: list[Span] = []
    mappings: list[Span] = []
    locations: list[Span] = []
    functions: list[Span] = []
    strings: list[Span] = []
    time_ns: int = 0
    duration_ns: int = 0


def read_protobuf(data: bytes, limits: Limits) -> Profile:
    """Decode an uncompressed profile.

    Raises BodyCutError or BodyDamagedError for broken bytes and NotAProfileError for a profile
    of something else (``cpu``, ``heap``...). Negative counts of a delta profile (goroutines that
    ended) are left out.
    """
    raw = _split(data)
    table = _Table(data, raw, limits)
    kind = _kind(data, raw, table)
    source = _SOURCES[kind]
    if raw.duration_ns and source is SnapshotSource.LEAK:
        source = SnapshotSource.LEAK_DELTA
    bundles, dropped = _bundles(data, raw, table)
    groups, _ = group_bundles(
        [_leaked(bundle) for bundle in bundles] if kind == "goroutineleak" else bundles
    )
    binary, build_id = _binary(data, raw, table)
    return Profile(
        source=source,
        total=sum(group.count for group in groups),
        groups=groups,
        dropped_empty=dropped,
        go_version=go_version_of_paths(table.paths()),
        build_id=build_id,
        binary=binary,
        time_ns=raw.time_ns or None,
        window_seconds=raw.duration_ns / 1e9 if raw.duration_ns else None,
    )


def _split(data: bytes) -> _Raw:
    raw = _Raw()
    spans = {
        1: raw.sample_types,
        2: raw.samples,
        3: raw.mappings,
        4: raw.locations,
        5: raw.functions,
        6: raw.strings,
    }
    for number, a, b in fields(data, 0, len(data)):
        if b >= 0 and number in spans:
            spans[number].append((a, b))
        elif number == 9:
            raw.time_ns = signed(a)
        elif number == 10:
            raw.duration_ns = max(0, signed(a))
    return raw


class _Table:
    """Strings, functions and locations by index; decoded on first use."""

    def __init__(self, data: bytes, raw: _Raw, limits: Limits) -> None:
        self._data = data
        self._strings = raw.strings
        self._limits = limits
        self.max_labels = limits.labels
        self._texts: dict[int, str] = {}
        self._functions = dict(self._function(span) for span in raw.functions)
        self._locations = {self._first_number(span): span for span in raw.locations}
        self._frames: dict[int, tuple[Frame, ...]] = {}
        if len(raw.samples) > limits.groups:
            raise BodyTooLargeError("the number of distinct stacks", limits.groups, "stacks")

    def text(self, index: int) -> str:
        """String ``index`` of the table, made safe."""
        known = self._texts.get(index)
        if known is None:
            if index >= len(self._strings):
                raise BodyDamagedError(
                    f"protobuf: string {index} of a table of {len(self._strings)}"
                )
            start, end = self._strings[index]
            known = clean(self._data[start:end], self._limits.name_chars)
            self._texts[index] = known
        return known

    def paths(self) -> list[str]:
        """Source files of the profile's functions."""
        return [self.text(file) for _, file in self._functions.values()]

    def stack(self, locations: list[int]) -> tuple[Frame, ...]:
        """Frames of a sample, leaf first, inlined ones expanded."""
        frames: list[Frame] = []
        for number in locations[: self._limits.frames]:
            known = self._frames.get(number)
            if known is None:
                known = self._frames[number] = self._location(number)
            frames.extend(known)
        return tuple(frames[: self._limits.frames])

    def _first_number(self, span: Span) -> int:
        return next((a for number, a, b in fields(self._data, *span) if number == 1 and b < 0), 0)

    def _function(self, span: Span) -> tuple[int, tuple[int, int]]:
        parts = {number: a for number, a, b in fields(self._data, *span) if b < 0}
        return parts.get(1, 0), (parts.get(2, 0), parts.get(4, 0))

    def _location(self, number: int) -> tuple[Frame, ...]:
        span = self._locations.get(number)
        if span is None:
            raise BodyDamagedError(f"protobuf: a sample names location {number}, which is missing")
        lines = [(a, b) for field, a, b in fields(self._data, *span) if field == 4 and b >= 0]
        return tuple(self._line(line) for line in lines[: self._limits.frames])

    def _line(self, span: Span) -> Frame:
        parts = {number: a for number, a, b in fields(self._data, *span) if b < 0}
        number = parts.get(1, 0)
        if number not in self._functions:
            raise BodyDamagedError(f"protobuf: a line names function {number}, which is missing")
        name, file = self._functions[number]
        return Frame(self.text(name), self.text(file), max(0, signed(parts.get(2, 0))))


def _kind(data: bytes, raw: _Raw, table: _Table) -> str:
    names = []
    for start, end in raw.sample_types:
        parts = {number: a for number, a, b in fields(data, start, end) if b < 0}
        names.append(table.text(parts.get(1, 0)))
    for name in names:
        if name in _SOURCES:
            return name
    shown = ", ".join(name for name in names[:4] if _UNIT.match(name))
    if not shown:
        raise NotAProfileError("a protobuf message", "it declares no sample type")
    raise NotAProfileError(f"a pprof profile of {shown}", "ask for /debug/pprof/goroutine")


def _bundles(data: bytes, raw: _Raw, table: _Table) -> tuple[list[Bundle], int]:
    bundles: list[Bundle] = []
    dropped = 0
    for start, end in raw.samples:
        locations: list[int] = []
        values: list[int] = []
        labels: dict[str, str] = {}
        for number, a, b in fields(data, start, end):
            if number == 1:
                locations += packed(data, a, b)
            elif number == 2:
                values += packed(data, a, b)
            elif number == 3 and b >= 0:
                _add_label(data, (a, b), table, labels)
        count = signed(values[0]) if values else 0
        if not locations:
            dropped += max(0, count)
        elif count > 0:
            bundles.append(_bundle(table.stack(locations), count, tuple(sorted(labels.items()))))
    return bundles, dropped


def _bundle(frames: tuple[Frame, ...], count: int, labels: Labels) -> Bundle:
    wait = wait_from_leaf([frame.function for frame in frames])
    return Bundle(frames=visible_frames(frames), wait=wait, count=count, labels=labels)


def _leaked(bundle: Bundle) -> Bundle:
    return msgspec.structs.replace(bundle, leaked=bundle.count)


def _add_label(data: bytes, span: Span, table: _Table, labels: dict[str, str]) -> None:
    parts = {number: a for number, a, b in fields(data, *span) if b < 0}
    if 2 in parts and len(labels) < table.max_labels:
        labels[table.text(parts.get(1, 0))] = table.text(parts[2])


def _binary(data: bytes, raw: _Raw, table: _Table) -> tuple[str, str]:
    for start, end in raw.mappings[:1]:
        parts = {number: a for number, a, b in fields(data, start, end) if b < 0}
        return table.text(parts.get(5, 0)), table.text(parts.get(6, 0))
    return "", ""
