"""The answer as a pprof profile, for ``go tool pprof`` and every viewer that reads one."""

from __future__ import annotations

import gzip

from goleakprobe.check.result import CheckResult, Finding
from goleakprobe_schemas import Frame

__all__ = ["render_pprof"]


def render_pprof(result: CheckResult) -> bytes:
    """A gzip protobuf of type ``goroutine/count``; wait, grade and signature become labels."""
    return gzip.compress(_Message(result).body, mtime=0)


class _Message:
    """Fields of ``profile.proto`` in github.com/google/pprof."""

    def __init__(self, result: CheckResult) -> None:
        self._strings: dict[str, int] = {"": 0}
        self._frames: dict[Frame, int] = {}
        kind = _number(1, self._text("goroutine")) + _number(2, self._text("count"))
        parts = [_block(1, kind), _block(11, kind), _number(12, 1)]
        parts += [_block(2, self._sample(found)) for found in result.findings if found.count]
        for frame, number in self._frames.items():
            line = _number(1, number) + _number(2, frame.line)
            parts.append(_block(4, _number(1, number) + _block(4, line)))
            name = _number(1, number) + _number(2, self._text(frame.function))
            parts.append(_block(5, name + _number(4, self._text(frame.file))))
        parts += [_block(6, text.encode()) for text in self._strings]
        self.body = b"".join(parts)

    def _sample(self, finding: Finding) -> bytes:
        numbers = [self._frames.setdefault(f, len(self._frames) + 1) for f in finding.stack]
        labels = {
            "wait": finding.wait,
            "grade": finding.grade.value if finding.grade else "",
            "signature": finding.signature,
            "process": finding.process,
            **finding.labels,
        }
        return (
            _block(1, b"".join(map(_varint, numbers)))
            + _block(2, _varint(finding.count))
            + b"".join(_block(3, self._label(k, v)) for k, v in labels.items() if v)
        )

    def _label(self, key: str, value: str) -> bytes:
        return _number(1, self._text(key)) + _number(2, self._text(value))

    def _text(self, text: str) -> int:
        return self._strings.setdefault(text, len(self._strings))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _block(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
