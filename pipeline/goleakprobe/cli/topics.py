"""``goleakprobe topics``: the topics on a broker, compared with what they should be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goleakprobe.errors import ConfigError
from goleakprobe_agents.errors import BrokerUnavailableError, StreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from goleakprobe_agents.admin import TopicDifference
    from goleakprobe_agents.settings import BrokerSettings

__all__ = ["apply", "diff", "topics_app"]

_DIFFERENT = 1
_USAGE = 2
_NOT_MEASURED = 3

topics_app = typer.Typer(help="Compare and create the topics on a broker.", no_args_is_help=True)

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration file.")
]


@topics_app.command()
def diff(config: ConfigOption) -> None:
    """Show what `topics apply` would change; exit 0 if nothing, 1 if anything.

    Example: goleakprobe topics diff --config leak.yaml
    """
    from goleakprobe_agents.admin import diff_topics

    differences = _ask(config, diff_topics)
    _show(differences)
    if differences:
        raise typer.Exit(_DIFFERENT)


@topics_app.command()
def apply(config: ConfigOption) -> None:
    """Create missing topics and set retention, compaction and limits; never change partitions.

    Example: goleakprobe topics apply --config leak.yaml
    """
    from goleakprobe_agents.admin import apply_topics

    differences = _ask(config, apply_topics)
    _show(differences)
    typer.echo(f"{len(differences)} changed" if differences else "nothing to change")


def _ask(
    file: Path, question: Callable[[BrokerSettings], list[TopicDifference]]
) -> list[TopicDifference]:
    from goleakprobe.config import load_config

    try:
        return question(load_config(file).broker)
    except BrokerUnavailableError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(_NOT_MEASURED) from error
    except (ConfigError, StreamError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(_USAGE) from error


def _show(differences: Sequence[TopicDifference]) -> None:
    for each in differences:
        if each.what == "missing":
            typer.echo(f"+ {each.topic}  ({each.wanted} partitions)")
        else:
            typer.echo(f"~ {each.topic}  {each.what}: {each.found} -> {each.wanted}")
