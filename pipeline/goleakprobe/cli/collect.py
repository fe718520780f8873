"""``goleakprobe collect``: collectors only, against a broker that is already there."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from goleakprobe.errors import ConfigError, ListenError
from goleakprobe_agents.errors import BrokerUnavailableError, StreamError

if TYPE_CHECKING:
    from goleakprobe.config import Config

__all__ = ["collect"]

_USAGE = 2
_NOT_MEASURED = 3


def collect(
    config: Annotated[
        Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration file.")
    ],
) -> None:
    """Scrape the configured targets and publish what they tell, until Ctrl-C or SIGTERM.

    The broker and its topics must be there; `goleakprobe up` brings its own.
    Exit codes: 0 stopped, 2 configuration or rights on the broker, 3 no broker.

    Example: goleakprobe collect --config leak.yaml
    """
    from goleakprobe.config import load_config

    try:
        settings = load_config(config)
        _require_work(settings, config)
        _log_to_stderr()
        asyncio.run(_collect_until_signalled(settings))
    except BrokerUnavailableError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(_NOT_MEASURED) from error
    except (ConfigError, StreamError, ListenError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(_USAGE) from error


def _require_work(settings: Config, file: Path) -> None:
    from goleakprobe.errors import Problem

    problems = []
    if not settings.scrape_configs:
        problems.append(Problem(str(file), "scrape_configs", "is missing: there is nothing to do"))
    if not settings.broker.bootstrap_servers:
        problems.append(
            Problem(
                str(file),
                "broker.bootstrap_servers",
                "is missing: collectors alone need a broker; `goleakprobe up` brings its own",
            )
        )
    if problems:
        raise ConfigError(problems)


async def _collect_until_signalled(settings: Config) -> None:
    from goleakprobe.collect import run_collector

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await run_collector(settings, stop=stop)


def _log_to_stderr() -> None:
    # kafka-python logs every attempt to reconnect; the collector tells it once, in its own words.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    if not structlog.is_configured():
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
