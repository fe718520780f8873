"""The command line: one module a command, mounted here.

Command modules import heavy libraries (Faust, DuckDB, Altair) only when they run, so that
``goleakprobe --help`` answers at once.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from goleakprobe.cli.check import check
from goleakprobe.cli.collect import collect
from goleakprobe.cli.config import config_app
from goleakprobe.cli.demo import demo
from goleakprobe.cli.detect import detect_app
from goleakprobe.cli.lake import lake_app
from goleakprobe.cli.report import report_app
from goleakprobe.cli.simulate import simulate
from goleakprobe.cli.topics import topics_app
from goleakprobe.cli.trace import trace
from goleakprobe.cli.up import up
from goleakprobe.cli.worker import worker

__all__ = ["app", "main"]

app = typer.Typer(
    name="goleakprobe",
    help="Find every goroutine leak in a fleet of Go services, say where it is, and prove it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 ok, 1 leaks found or a gate failed, 2 usage or configuration, "
    "3 could not measure.",
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"goleakprobe {version('go-leak-probe')}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


for _command in (demo, check, trace, up, collect, worker, simulate):
    app.command()(_command)
for _name, _group in (
    ("report", report_app),
    ("detect", detect_app),
    ("lake", lake_app),
    ("topics", topics_app),
    ("config", config_app),
):
    app.add_typer(_group, name=_name)


def main() -> None:
    """Entry point of the ``goleakprobe`` command."""
    app()
