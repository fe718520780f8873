"""From the bytes as they came to the bytes of a profile: decompression with a limit."""

from __future__ import annotations

import zlib

from goleakprobe.profiles.errors import BodyCutError, BodyDamagedError, BodyTooLargeError
from goleakprobe.profiles.limits import Limits

__all__ = ["plain_body"]

_GZIP = b"\x1f\x8b"
_STEP = 1 << 20
_LAYERS = 3  # a .gz of a .pb.gz is common, more is mischief
_BYTE_ORDER_MARKS = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


def plain_body(body: bytes, limits: Limits) -> bytes:
    """Undo gzip (up to three layers) and byte order marks.

    Raises BodyTooLargeError as soon as a limit is passed, BodyCutError for a gzip stream without
    its end and BodyDamagedError for one whose checksum or blocks are wrong.
    """
    if len(body) > limits.body_bytes:
        raise BodyTooLargeError("the body", limits.body_bytes)
    for _ in range(_LAYERS):
        if not body.startswith(_GZIP):
            break
        body = _gunzip(body, limits.decoded_bytes)
    for mark, encoding in _BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return body[2:].decode(encoding, "replace").encode()
    return body.removeprefix(b"\xef\xbb\xbf")


def _gunzip(body: bytes, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    rest = body
    while rest.startswith(_GZIP):
        stream = zlib.decompressobj(wbits=31)
        while not stream.eof:
            try:
                part = stream.decompress(rest, _STEP)
            except zlib.error as error:
                raise BodyDamagedError(f"gzip: damaged after {size} bytes ({error})") from error
            size += len(part)
            if size > limit:
                raise BodyTooLargeError("the decompressed body", limit)
            parts.append(part)
            rest = stream.unused_data if stream.eof else stream.unconsumed_tail
            if not stream.eof and not part and not rest:
                raise BodyCutError(
                    f"gzip: the stream ends early, after {len(body)} bytes ({size} decompressed); "
                    "the answer was cut on its way"
                )
    return b"".join(parts)
