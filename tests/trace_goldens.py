"""Go's own golden traces: text files of the installed toolchain, made bytes."""

from __future__ import annotations

import subprocess
from pathlib import Path

from goleakprobe.trace.wire import Event

_NAMES = {
    "".join(part.capitalize() for part in kind.name.split("_")).lower(): kind for kind in Event
}


def golden_folder() -> Path | None:
    """Where the toolchain keeps its golden traces; None without a toolchain or without them."""
    try:
        root = subprocess.run(["go", "env", "GOROOT"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    folder = Path(root.stdout.strip()) / "src/internal/trace/testdata/tests"
    return folder if folder.is_dir() else None


def read_golden(path: Path) -> tuple[bool, bytes]:
    """Whether Go's reader must accept the trace, and its bytes."""
    text = path.read_text()
    expect, _, trace = text.partition("-- trace --\n")
    return "SUCCESS" in expect, _encode(trace.splitlines())


def _encode(lines: list[str]) -> bytes:
    version = lines[0].split("Go1.")[1]
    out = bytearray(f"go 1.{version} trace".encode() + b"\0\0\0")
    for line in lines[1:]:
        words = line.split()
        if not words:
            continue
        name, arguments = words[0], [word.partition("=") for word in words[1:]]
        if line[0] in "\t ":
            out += _continuation(line.strip())
            continue
        kind = _NAMES[name.lower()]
        out.append(kind)
        for _, _, value in arguments:
            out += _uv(int(value))
    return bytes(out)


def _continuation(line: str) -> bytes:
    if line.startswith("data="):
        data = _unquote(line[len("data=") :])
        return _uv(len(data)) + data
    return b"".join(_uv(int(word.partition("=")[2])) for word in line.split())


def _unquote(text: str) -> bytes:
    assert text[0] == text[-1] == '"'
    return text[1:-1].encode().decode("unicode_escape").encode("latin-1", "surrogateescape")


def _uv(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
