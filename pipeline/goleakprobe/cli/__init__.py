"""The command line: one module a command, mounted here.

Command modules import heavy libraries (Faust, DuckDB, Altair) only when they run, so that
``goleakprobe --help`` answers at once.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

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


def main() -> None:
    """Entry point of the ``goleakprobe`` command."""
    app()
