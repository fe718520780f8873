"""``goleakprobe config``: whether the configuration file is right, and what it comes to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
import yaml

from goleakprobe.config import Config, check_config, load_config
from goleakprobe.errors import ConfigError
from goleakprobe_agents.settings import encode_setting

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["check", "config_app", "show"]

_USAGE = 2

config_app = typer.Typer(help="Check and show the configuration.", no_args_is_help=True)

ConfigFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="The configuration file.", show_default=False)
]


@config_app.command()
def check(file: ConfigFile) -> None:
    """Name every mistake in FILE with its line and key; exit 0 if there is none, else 2.

    Files that FILE names (target lists, secrets, certificates) and the lake's folder are looked at
    too, nothing is connected to. Environment variables such as GOLEAKPROBE_BROKER__PARTITIONS
    count as part of FILE.

    Example: goleakprobe config check leak.yaml
    """
    from goleakprobe.collect.discovery import Discovery

    try:
        config = check_config(file)
    except ConfigError as error:
        raise _refused(str(problem) for problem in error.problems) from error
    discovered = Discovery(config.scrape_configs).refresh()
    if discovered.problems:
        raise _refused(discovered.problems)
    typer.echo(f"{file}: OK\n{_summary(config, len(discovered.targets))}")


@config_app.command()
def show(file: ConfigFile) -> None:
    """Print FILE with all defaults and environment variables applied; durations in seconds.

    Example: GOLEAKPROBE_LAKE__PATH=/srv/lake goleakprobe config show leak.yaml
    """
    try:
        config = load_config(file)
    except ConfigError as error:
        raise _refused(str(problem) for problem in error.problems) from error
    values = msgspec.to_builtins(config, enc_hook=encode_setting)
    typer.echo(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), nl=False)


def _summary(config: Config, targets: int) -> str:
    brokers = ", ".join(config.broker.bootstrap_servers) or "embedded (none is named)"
    alertmanagers = ", ".join(each.url for each in config.alerting.alertmanagers) or "none"
    return "\n".join(
        (
            f"  jobs           {len(config.scrape_configs)}",
            f"  targets        {targets}",
            f"  broker         {brokers}",
            f"  lake           {config.lake.path}",
            f"  alertmanagers  {alertmanagers}",
        )
    )


def _refused(problems: Iterable[str]) -> typer.Exit:
    lines = list(problems)
    for line in lines:
        typer.echo(line, err=True)
    typer.echo(f"{len(lines)} problem{'s' if len(lines) != 1 else ''} found", err=True)
    return typer.Exit(_USAGE)
