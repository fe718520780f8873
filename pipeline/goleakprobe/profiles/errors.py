"""Everything a profile decoder can refuse; messages say what the body looks like instead."""

from __future__ import annotations

__all__ = [
    "BodyCutError",
    "BodyDamagedError",
    "BodyTooLargeError",
    "EmptyBodyError",
    "NotAProfileError",
    "ProfileError",
]


class ProfileError(Exception):
    """Base of all errors of this package."""


class EmptyBodyError(ProfileError):
    """A body without a single byte that counts."""

    def __init__(self) -> None:
        super().__init__(
            "the body is empty: the target closed the connection early, or the file was never "
            "written"
        )


class NotAProfileError(ProfileError):
    """A body that is something else than a goroutine profile.

    ``looks_like`` names what it was taken for, in a few words fit for a table cell.
    """

    def __init__(self, looks_like: str, hint: str = "") -> None:
        self.looks_like = looks_like
        super().__init__(
            f"not a goroutine profile; it looks like {looks_like}" + (f": {hint}" if hint else "")
        )


class BodyTooLargeError(ProfileError):
    """A body, or what it decompresses to, over the limit; decompression stopped there."""

    def __init__(self, what: str, limit: int, unit: str = "bytes") -> None:
        self.limit = limit
        super().__init__(f"{what} is over the limit of {limit} {unit}")


class BodyCutError(ProfileError):
    """A compressed or protobuf body that ends early; nothing of it can be trusted."""


class BodyDamagedError(ProfileError):
    """A body of the right kind whose bytes contradict themselves."""
