"""``goleakprobe up``: the whole pipeline on one machine, against your own targets."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goleakprobe.cli.failures import EXPLAINED, explain
from goleakprobe.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from goleakprobe.config import Config
    from goleakprobe.interrupts import StopSignal
    from goleakprobe.progress import Progress
    from goleakprobe_schemas import LeakFound

__all__ = ["up"]

_USAGE = 2
_SHOW_SECONDS = 1.0
_SHOWN_FINDINGS = 20
_UNREAD = "warning: the workers have not read every event"
_UNREAD_IN_MEMORY = "; the rest is lost with the embedded broker"


def up(
    config: Annotated[
        Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration file.")
    ],
) -> None:
    """Scrape, detect, land and alert until Ctrl-C or SIGTERM.

    Without broker.bootstrap_servers an embedded broker is started, which keeps topics in memory:
    fine for trying out. The lake and the detectors' state are kept. For a fleet, run `goleakprobe
    collect` and `goleakprobe worker` against a Kafka cluster instead.
    Exit codes: 0 stopped, 2 configuration, 3 a part could not be had or has ended.

    Example: goleakprobe up --config leak.yaml
    """
    from goleakprobe.config import check_config
    from goleakprobe.interrupts import Interrupted, run_interruptible
    from goleakprobe.local import COLLECTOR_LOG
    from goleakprobe.progress import Progress, log_to

    try:
        settings = check_config(config)
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(_USAGE) from error
    if not settings.scrape_configs:
        typer.echo(f"{config}: scrape_configs is missing: there is nothing to do", err=True)
        raise typer.Exit(_USAGE)
    logs = Path(settings.state.path) / "logs"
    try:
        logs.mkdir(parents=True, exist_ok=True)
        log_to(logs / COLLECTOR_LOG)
        with Progress() as progress:
            run_interruptible(lambda stop: _run(settings, logs, progress, stop))
    except Interrupted as interrupted:
        typer.echo("stopped before everything had started", err=True)
        raise typer.Exit(interrupted.exit_code) from interrupted
    except EXPLAINED as error:
        raise explain(error, f"the logs are in {logs}") from error
    typer.echo(f"stopped; goleakprobe report fleet --lake {settings.lake.path}", err=True)


async def _run(config: Config, logs: Path, progress: Progress, stop: StopSignal) -> None:
    from goleakprobe.findings_feed import FindingsFeed
    from goleakprobe.local import running_pipeline
    from goleakprobe.progress import PipelineProgress

    begun = time.monotonic()

    def tell(stage: str) -> None:
        progress.show(PipelineProgress(stage=stage, elapsed_seconds=time.monotonic() - begun))

    async def show() -> None:
        while True:
            elapsed = time.monotonic() - begun
            progress.show(pipeline.progress("running", elapsed, feed.newest.values()))
            for line in [*_in_words(feed.news()), *pipeline.problems.news()]:
                progress.say(line)
            await asyncio.sleep(_SHOW_SECONDS)

    async with running_pipeline(config, logs, tell=tell) as pipeline:
        feed = FindingsFeed(pipeline.config.broker)
        async with asyncio.TaskGroup() as tasks:
            collecting = tasks.create_task(pipeline.collect())
            meanwhile = [
                tasks.create_task(each)
                for each in (feed.follow(), show(), pipeline.watch_workers())
            ]
            await stop.wait()
            tell("stopping the collectors")
            pipeline.stop_collecting()
            await collecting
            for task in meanwhile:
                task.cancel()
        tell("letting the last rows land")
        if not await pipeline.drain():
            progress.say(_UNREAD + ("" if config.broker.bootstrap_servers else _UNREAD_IN_MEMORY))
    for line in pipeline.problems.news():
        progress.say(line)


def _in_words(news: Sequence[LeakFound]) -> Iterator[str]:
    from goleakprobe_agents.alerting import summary_of

    for finding in news[:_SHOWN_FINDINGS]:
        yield f"finding {finding.state.value} {finding.grade.value} {summary_of(finding)}"
    if len(news) > _SHOWN_FINDINGS:
        yield f"and {len(news) - _SHOWN_FINDINGS:,} more findings, see goleakprobe report fleet"
