"""Who an event is about: targets, services and findings, and their message keys."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote, unquote

import msgspec

from goleakprobe_schemas.errors import IdentityError

__all__ = ["DEFAULT_NAMESPACE", "Service", "Target", "finding_key"]

DEFAULT_NAMESPACE = "default"

# A key travels in logs, file names and alert labels; more than this is an attack or a mistake.
_MAX_PART_CHARS = 256


@lru_cache(maxsize=16_384)
def _escape(part: str) -> str:
    return quote(part, safe=":.-_~[]@ ")


class Service(msgspec.Struct, frozen=True, order=True):
    """A service: what a team owns and what a page is about."""

    namespace: str
    name: str

    @property
    def key(self) -> str:
        """The message key ``namespace/service``; a slash inside a part is percent-encoded."""
        return f"{_escape(self.namespace)}/{_escape(self.name)}"

    @classmethod
    def parse(cls, key: str) -> Service:
        """Read a key back.

        Raises IdentityError unless it has exactly two non-empty parts.
        """
        return cls(*_split(key, 2))


class Target(msgspec.Struct, frozen=True, order=True):
    """One scraped process endpoint of a service."""

    namespace: str
    service: str
    instance: str

    @property
    def key(self) -> str:
        """The message key ``namespace/service/instance``; slashes inside are percent-encoded."""
        return f"{_escape(self.namespace)}/{_escape(self.service)}/{_escape(self.instance)}"

    @property
    def service_key(self) -> str:
        """The key of the service this target is an instance of."""
        return Service(self.namespace, self.service).key

    @classmethod
    def parse(cls, key: str) -> Target:
        """Read a key back.

        Raises IdentityError unless it has exactly three non-empty parts.
        """
        return cls(*_split(key, 3))


def finding_key(service: Service, signature: str) -> str:
    """The message key of a finding: ``namespace/service/signature``."""
    return f"{service.key}/{signature}"


def _split(key: str, count: int) -> list[str]:
    parts = [unquote(part) for part in key.split("/")]
    if len(parts) != count or not all(0 < len(part) <= _MAX_PART_CHARS for part in parts):
        raise IdentityError(
            f"{key[:80]!r} is not a key of {count} non-empty parts divided by '/', "
            f"each at most {_MAX_PART_CHARS} characters"
        )
    return parts
