"""The header line of a goroutine in a text dump, in every form since Go 1.

``runtime/traceback.go: goroutineheader`` prints::

    goroutine ID[ gp=0x… m=N|nil[ mp=0x…]] [STATE[ (leaked)][ (scan)][ (durable)][, N minutes]
    [, locked to thread][, synctest bubble N]][ {labels}]:

Go 1.26 printed labels inside the brackets, ``labels:{…}``.
"""

from __future__ import annotations

import re

import msgspec

from goleakprobe.profiles.labels import Labels, read_labels
from goleakprobe.profiles.limits import Limits
from goleakprobe.profiles.text import clean

__all__ = ["Header", "read_header"]

_STATUS = re.compile(rb"(?:gp=\S+ m=\S+(?: mp=\S+)? )?\[([^\]\n{:]*?)(?:\]| labels:\{)")
_END = re.compile(rb":?[ \t]*$")
_MINUTES = re.compile(rb"(\d{1,9}) minutes?$")
_BUBBLE = re.compile(rb"synctest (?:bubble|group) (\d{1,18})$")
_MARK = re.compile(rb" \((leaked|scan)\)")


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a header says beside the id."""

    wait: str
    wait_seconds: int | None = None
    locked: bool = False
    leaked: bool = False
    bubble: int | None = None
    labels: Labels = ()


def read_header(form: bytes, limits: Limits) -> Header | None:
    """Read the part after ``goroutine ID ``; None if it is no header. Linear in its length."""
    match = _STATUS.match(form)
    if match is None:
        return None
    labels: Labels = ()
    at = match.end()
    inside = form[at - 1 : at] == b"{"
    if inside or form.startswith(b" {", at):
        labels, at = read_labels(form, at + 2 * (not inside), limits)
        closing = b"}]" if inside else b"}"
        if not form.startswith(closing, at):
            return None
        at += len(closing)
    if _END.match(form, at) is None:
        return None
    status, *marks = match[1].split(b", ")
    minutes = next((int(m[1]) for mark in marks if (m := _MINUTES.match(mark))), None)
    return Header(
        wait=clean(_MARK.sub(b"", status), 80).strip(),
        wait_seconds=None if minutes is None else minutes * 60,
        locked=b"locked to thread" in marks,
        leaked=b" (leaked)" in status,
        bubble=next((int(m[1]) for mark in marks if (m := _BUBBLE.match(mark))), None),
        labels=labels,
    )
