"""Addresses as target lists write them: ``host:port``, never a URL."""

from __future__ import annotations

import re

__all__ = ["address_objection"]

_MAX_CHARS = 256
_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.%a-z]+\]|[^\s\[\]/:@?#\\]+)(?::(\d{1,5}))?")


def address_objection(address: str) -> str:
    """Why a text is no ``host:port``; empty if it is one."""
    if not address:
        return "the address is empty"
    shown = repr(address[:80])
    if "://" in address:
        return f"{shown} must be host:port without a scheme; set scheme or the label __scheme__"
    match = _ADDRESS.fullmatch(address)
    if match is None or len(address) > _MAX_CHARS or not address.isprintable():
        return f"{shown} is not an address such as 10.0.0.7:6060 or [::1]:6060"
    if match[1] is not None and not 0 < int(match[1]) < 65536:
        return f"{shown} has no port between 1 and 65535"
    return ""
