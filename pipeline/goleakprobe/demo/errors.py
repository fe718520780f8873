"""Why the demo cannot be given."""

from __future__ import annotations

from goleakprobe.errors import GoLeakProbeError

__all__ = [
    "DemoError",
    "GoBuildError",
    "GoMissingError",
    "ServiceStartError",
    "SourcesMissingError",
]


class DemoError(GoLeakProbeError):
    """Base of everything that can go wrong before the pipeline has something to look at."""


class GoMissingError(DemoError):
    """No Go that is new enough."""

    def __init__(self, needed: str, looked_at: list[str]) -> None:
        seen = "; ".join(looked_at) or "there is none"
        super().__init__(
            f"the demo needs {needed} or newer ({seen}): "
            "pip install 'go-leak-probe[demo]', or install Go"
        )


class SourcesMissingError(DemoError):
    """An installation without the Go services."""

    def __init__(self, looked_in: list[str]) -> None:
        super().__init__(
            f"the demo's Go services are not in {' nor in '.join(looked_in)}: "
            "reinstall go-leak-probe"
        )


class GoBuildError(DemoError):
    """The Go services do not build; carries the end of what the compiler said."""

    def __init__(self, toolchain: str, output: str) -> None:
        super().__init__(f"{toolchain} cannot build the demo's services: {output}")


class ServiceStartError(DemoError):
    """A Go service that ended, or said nothing, before it served."""

    def __init__(self, instance: str, reason: str) -> None:
        super().__init__(f"{instance} did not start: {reason}")
