"""What one entry of a target list stands for."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import msgspec

from goleakprobe.collect.untrusted import clean_text
from goleakprobe.config.addresses import address_objection
from goleakprobe.errors import DiscoveryError
from goleakprobe_schemas import DEFAULT_NAMESPACE, IdentityError, Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from goleakprobe.config.scraping import ScrapeConfig

__all__ = ["ScrapeTarget", "resolve_target", "spread"]

_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,127}")
_MAX_LABELS = 64
_MAX_LABEL_CHARS = 256


class ScrapeTarget(msgspec.Struct, frozen=True, kw_only=True):
    """One process endpoint and how to ask it; equal when nothing about it changed."""

    identity: Target
    base_url: str
    """``scheme://address``, without a path."""
    pprof_path: str
    metrics_path: str
    """Empty for no metrics page."""
    labels: dict[str, str]
    """Its own labels without the identity and without ``__`` ones."""
    job_name: str

    @property
    def key(self) -> str:
        """The message key of its events."""
        return self.identity.key

    def profile_url(self, profile: str, query: str) -> str:
        """The URL of a runtime profile."""
        return f"{self.base_url}{self.pprof_path}/{profile}?{query}"

    @property
    def metrics_url(self) -> str:
        """The URL of the metrics page."""
        return self.base_url + self.metrics_path


def resolve_target(address: str, labels: Mapping[str, str], job: ScrapeConfig) -> ScrapeTarget:
    """Apply Prometheus' special labels to one entry of a target list.

    ``__address__``, ``__scheme__`` and ``__metrics_path__`` override the entry and the job; all
    other labels that begin with ``__`` are dropped. Raises DiscoveryError for an entry that cannot
    be a target.
    """
    address = labels.get("__address__", address)
    scheme = labels.get("__scheme__", job.scheme)
    metrics_path = labels.get("__metrics_path__", job.metrics_path)
    objection = address_objection(address)
    if objection:
        raise DiscoveryError(objection)
    if scheme not in ("http", "https"):
        raise DiscoveryError(f"{address}: scheme {scheme[:40]!r} must be http or https")
    if metrics_path and not metrics_path.startswith("/"):
        raise DiscoveryError(f"{address}: metrics path {metrics_path[:80]!r} must begin with /")
    own = _own_labels(address, labels)
    identity = Target(
        own.pop("namespace", "") or DEFAULT_NAMESPACE,
        own.pop("service", "") or job.job_name,
        own.pop("instance", "") or address,
    )
    try:
        Target.parse(identity.key)
    except IdentityError as error:
        raise DiscoveryError(f"{address}: {error}") from error
    return ScrapeTarget(
        identity=identity,
        base_url=f"{scheme}://{address}",
        pprof_path=job.pprof_path.rstrip("/"),
        metrics_path=metrics_path,
        labels=own,
        job_name=job.job_name,
    )


def spread(key: str) -> float:
    """A number in [0, 1) that is always the same for a key and even over many keys."""
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _own_labels(address: str, labels: Mapping[str, str]) -> dict[str, str]:
    own = {name: value for name, value in labels.items() if not name.startswith("__")}
    if len(own) > _MAX_LABELS:
        raise DiscoveryError(f"{address}: {len(own)} labels are more than {_MAX_LABELS}")
    for name in own:
        if _LABEL_NAME.fullmatch(name) is None:
            raise DiscoveryError(f"{address}: {name[:80]!r} is not a label name")
    return {name: clean_text(value, _MAX_LABEL_CHARS) for name, value in sorted(own.items())}
