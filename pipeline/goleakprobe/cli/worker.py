"""``goleakprobe worker``: the stream's agents under their supervisor, against a broker."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goleakprobe.errors import ConfigError

if TYPE_CHECKING:
    from goleakprobe.config import Config

__all__ = ["worker"]

_USAGE = 2


class WorkerRole(StrEnum):
    """Which agents to run."""

    ALL = "all"
    DETECT = "detect"
    LIFECYCLES = "lifecycles"
    SERVICES = "services"
    LAND = "land"
    ALERT = "alert"


def worker(
    config: Annotated[
        Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration file.")
    ],
    role: Annotated[
        WorkerRole, typer.Option("--role", help="Which agents; each is a process and a group.")
    ] = WorkerRole.ALL,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            "--metrics-port",
            metavar="PORT",
            help="Serve /metrics, /-/healthy and /-/ready there, on loopback.",
        ),
    ] = None,
) -> None:
    """Detect, land and alert, until Ctrl-C or SIGTERM; everything taken is durable then.

    The broker must be there, with its topics (`goleakprobe topics apply`). Workers that end or
    stand still are started again. A second worker of a role, on another host, shares the
    partitions with the first; both must reach the same lake and state folders.
    Exit codes: 0 stopped, 2 configuration, 3 no broker.

    Example: goleakprobe worker --config leak.yaml --role land
    """
    from goleakprobe.config import load_config

    try:
        settings = load_config(config)
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(_USAGE) from error
    path = _hand_over(settings, role)
    arguments = ["--settings", str(path), "--role", role.value]
    if metrics_port is not None:
        arguments += ["--metrics-port", str(metrics_port)]
    # The supervisor takes this process' place: signals reach it, and it is what ends.
    os.execv(sys.executable, [sys.executable, "-m", "goleakprobe_agents.supervisor", *arguments])  # noqa: S606


def _hand_over(settings: Config, role: WorkerRole) -> Path:
    from goleakprobe_agents.settings_file import write_settings

    state = Path(settings.state.path)
    path = state / f"settings-{role.value}.json"
    try:
        state.mkdir(parents=True, exist_ok=True)
        write_settings(path, settings)
    except OSError as error:
        typer.echo(f"state.path {state} cannot be written: {error}", err=True)
        raise typer.Exit(_USAGE) from error
    return path
