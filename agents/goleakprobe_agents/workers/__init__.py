"""The roles of a worker, one Faust agent a file.

Every role is a process and a consumer group of its own, so that each can be scaled and can fail
by itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from goleakprobe_agents.settings import StreamSettings
    from goleakprobe_agents.shell import Shell
    from goleakprobe_agents.workers.parts import Parts

__all__ = ["ROLES", "Role", "role_named", "wanted_roles"]

ROLES = ("detect", "lifecycles", "services", "land", "alert")


class Role(Protocol):
    """What a role's module offers."""

    def build_shell(self, parts: Parts) -> Shell:
        """The shell that does the role's work."""

    def declare_agent(self, app: Any, shell: Shell, parts: Parts) -> None:
        """Declare the role's Faust agent."""


def role_named(name: str) -> Role:
    """The module of a role, imported only now: a worker loads no other role's libraries."""
    if name not in ROLES:
        raise ValueError(f"no role {name!r}; there are {', '.join(ROLES)}")
    return cast("Role", import_module(f"goleakprobe_agents.workers.{name}"))


def wanted_roles(settings: StreamSettings) -> tuple[str, ...]:
    """The roles that have work under these settings: without receivers nobody is alerted."""
    return tuple(role for role in ROLES if role != "alert" or settings.alerting.alertmanagers)
