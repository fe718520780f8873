"""What is known about the demo's services: which leak, where, and what only looks like a leak."""

from __future__ import annotations

import msgspec

__all__ = ["NAMESPACE", "SHOP", "ServiceTruth"]

NAMESPACE = "shop"

_MODULE = "example.com/shop"


class ServiceTruth(msgspec.Struct, frozen=True, kw_only=True):
    """One service of ``infra/go/demo``."""

    service: str
    story: str
    """What leaks, or what looks like a leak and is none; a phrase for people."""
    places: tuple[str, ...] = ()
    """Functions that leaked goroutines block in or are made by; empty for a healthy service."""
    leaks_per_second: float = 0.0
    """Faulty requests a second that make the leak plain within two minutes."""
    provable: bool = False
    """Whether the runtime's own leak profile can see it."""

    @property
    def leaky(self) -> bool:
        """Whether anything is to be found here."""
        return bool(self.places)


SHOP = (
    ServiceTruth(
        service="catalog",
        story="pools that fill up and stop, 200 goroutines waiting at one line, bursts, "
        "slow requests, tickers",
    ),
    ServiceTruth(
        service="checkout",
        story="a send on an unbuffered channel whose receiver timed out",
        places=(f"{_MODULE}/checkout.(*till).total.func1",),
        leaks_per_second=3,
        provable=True,
    ),
    ServiceTruth(
        service="search",
        story="a producer whose context nobody can cancel",
        places=(f"{_MODULE}/search.scan",),
        leaks_per_second=3,
        provable=True,
    ),
    ServiceTruth(
        service="payments",
        story="a WaitGroup.Wait after a worker that returned before Done",
        places=(f"{_MODULE}/payments.(*bank).settle",),
        leaks_per_second=3,
        provable=True,
    ),
    ServiceTruth(
        service="inventory",
        story="a Mutex.Lock after an error path that did not unlock",
        places=(f"{_MODULE}/inventory.(*reservation).expire",),
        leaks_per_second=3,
        provable=True,
    ),
    ServiceTruth(
        service="shipping",
        story="an HTTP response body that is never closed",
        places=(
            "net/http.(*persistConn).readLoop",
            "net/http.(*persistConn).writeLoop",
            "net.(*netFD).Read",  # The server's end of the same connections.
        ),
        leaks_per_second=2,
    ),
    ServiceTruth(
        service="notifications",
        story="a subscription that is never cancelled, in a registry that still reaches it",
        places=(f"{_MODULE}/notifications.(*hub).deliver",),
        leaks_per_second=3,
    ),
)
"""All services that the demo starts, the healthy one first."""
