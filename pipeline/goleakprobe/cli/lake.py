"""``goleakprobe lake``: care for the lake's files."""

from __future__ import annotations

import csv
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from goleakprobe.errors import GoLeakProbeError
from goleakprobe_agents.errors import BrokerUnavailableError, StreamError
from goleakprobe_agents.settings import LakeSettings

if TYPE_CHECKING:
    from goleakprobe.lake.verify import Verification

__all__ = ["lake_app", "verify"]

_VIOLATED = 1
_USAGE = 2
_NOT_MEASURED = 3
_DEFAULT_LAKE = LakeSettings().path
_SHOWN_VIOLATIONS = 50

lake_app = typer.Typer(help="Check the lake's files.", no_args_is_help=True)


class Format(StrEnum):
    """How to show the result."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@lake_app.callback()
def _lake() -> None:
    """The lake's files themselves; nothing is changed."""


@lake_app.command()
def verify(
    lake: Annotated[
        str,
        typer.Option(
            "--lake", metavar="FOLDER", help="The lake: a folder, or a URL such as s3://…"
        ),
    ] = _DEFAULT_LAKE,
    format_: Annotated[
        Format, typer.Option("--format", "-f", help="How to show it.")
    ] = Format.TABLE,
    footers_only: Annotated[
        bool, typer.Option("--footers-only", help="Do not read the rows themselves.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            help="Compare with the logs of the broker this configuration names, too.",
        ),
    ] = None,
) -> None:
    """Prove from the files that every message was landed once; exit 0 if so, 1 if not.

    Example: goleakprobe lake verify --lake ./lake --config leak.yaml
    """
    from goleakprobe.lake.verify import verify_lake

    try:
        found = verify_lake(lake, read_rows=not footers_only)
        if config is not None:
            found = _with_broker(found, config)
    except BrokerUnavailableError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(_NOT_MEASURED) from error
    except (GoLeakProbeError, StreamError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(_USAGE) from error
    _SHOW[format_](found)
    for violation in found.violations[:_SHOWN_VIOLATIONS]:
        typer.echo(f"{violation.path}: {violation.what}", err=True)
    if not found.exact:
        typer.echo(f"{len(found.violations)} violations", err=True)
        raise typer.Exit(_VIOLATED)


def _with_broker(found: Verification, config: Path) -> Verification:
    from goleakprobe.config import load_config
    from goleakprobe.lake.against_broker import against_broker
    from goleakprobe_agents.log_bounds import broker_logs

    logs = broker_logs(load_config(config).broker)
    if logs is None:
        typer.echo("the embedded broker cannot tell where its logs end", err=True)
        return found
    return against_broker(found, logs)


def _table(found: Verification) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("table", "partitions", "files", "messages", "rows"):
        table.add_column(name, justify="left" if name == "table" else "right")
    kinds = ["dead_letters", "repeated", "absent"]
    if any(log.waiting is not None for log in found.logs):
        kinds.append("waiting")
    for name in kinds:
        table.add_column(name.replace("_", " "), justify="right")
    for each in sorted({log.table for log in found.logs}):
        logs = [log for log in found.logs if log.table == each]
        covered = sum(log.last_offset - log.first_offset + 1 for log in logs)
        figures = [len(logs), found.total("files", each), covered, found.total("rows", each)]
        figures += [found.total(kind, each) for kind in kinds]
        table.add_row(each, *(f"{figure:,}" for figure in figures))
    console = Console()
    console.print(table)
    if found.exact and found.total("files"):
        waiting = found.total("waiting")
        behind = f"; {waiting:,} wait behind the last files" if waiting else ""
        console.print(f"every message was landed exactly once{behind}")
    elif found.exact:
        console.print("no file yet")


def _json(found: Verification) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())


def _csv(found: Verification) -> None:
    from goleakprobe.lake.verify import LogSummary

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(LogSummary.__struct_fields__)
    writer.writerows(msgspec.structs.astuple(log) for log in found.logs)


_SHOW = {Format.TABLE: _table, Format.JSON: _json, Format.CSV: _csv}
