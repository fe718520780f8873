"""The whole pipeline on this machine: broker, topics, workers and collectors, owned together.

`goleakprobe up` and `goleakprobe demo` run on it. Nothing is short-circuited: the collectors
publish to a Kafka-protocol broker and the workers read from it, in processes of their own.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import msgspec

from goleakprobe.collect import CollectorStatus, run_collector
from goleakprobe.problems import ProblemFeed
from goleakprobe.progress import PipelineProgress, findings_in_words
from goleakprobe_agents.admin import apply_topics
from goleakprobe_agents.broker import EmbeddedBroker
from goleakprobe_agents.errors import WorkerFailedError
from goleakprobe_agents.launch import RunningStream
from goleakprobe_agents.settings import StreamSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

    from goleakprobe.config import Config
    from goleakprobe_agents.status import WorkerStatus
    from goleakprobe_schemas import LeakFound

__all__ = ["COLLECTOR_LOG", "LocalPipeline", "running_pipeline"]

COLLECTOR_LOG = "collector.log"
"""In the folder of the logs: where the process that collects should log to."""

_WORKERS_LOG = "workers.log"
_DRAIN_SECONDS = 60.0
_DRAIN_POLL_SECONDS = 0.25
_WATCH_SECONDS = 1.0
# The embedded broker answers a new group after half its session timeout.
_EMBEDDED_SESSION_SECONDS = 6.0
_EMBEDDED_PARTITIONS = 4


class LocalPipeline:
    """A running pipeline and what can be seen of it."""

    def __init__(self, config: Config, stream: RunningStream, problems: ProblemFeed) -> None:
        self.config = config
        self.problems = problems
        """What goes wrong in collectors and workers."""
        self.collector = CollectorStatus()
        self._stream = stream
        self._stop_collecting = asyncio.Event()

    @property
    def workers(self) -> WorkerStatus:
        """What the worker processes last said about themselves."""
        return self._stream.status()

    def progress(
        self, stage: str, elapsed_seconds: float, findings: Iterable[LeakFound]
    ) -> PipelineProgress:
        """What a display shows of this moment."""
        workers = self.workers
        return PipelineProgress(
            stage=_hindrance(workers, self.collector) or stage,
            elapsed_seconds=elapsed_seconds,
            targets_up=self.collector.up,
            targets_total=len(self.collector.targets),
            events={**workers.events, **self.collector.published},
            lag=sum(workers.lag(role) for role in workers.roles),
            findings=findings_in_words(findings),
        )

    async def collect(self) -> None:
        """Scrape until ``stop_collecting``; raises what the collector raises."""
        await run_collector(
            self.config,
            bootstrap_servers=self.config.broker.bootstrap_servers,
            stop=self._stop_collecting,
            status=self.collector,
        )

    def stop_collecting(self) -> None:
        """Let the collectors end after what they have begun."""
        self._stop_collecting.set()

    async def watch_workers(self) -> None:
        """Go on for ever; WorkerFailedError once the workers have ended by themselves."""
        while self._stream.running:  # noqa: ASYNC110 - another process
            await asyncio.sleep(_WATCH_SECONDS)
        supervisor = self.workers.supervisor
        reason = supervisor.reason if supervisor is not None else ""
        raise WorkerFailedError(f"the workers have ended: {reason or 'their supervisor is gone'}")

    async def drain(self, seconds: float = _DRAIN_SECONDS) -> bool:
        """Wait until all that was published is worked through; False if that cannot be had.

        Time ran out then, or the workers have ended. Call it once the collectors have ended.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._drained() and self._stream.running:  # noqa: ASYNC110 - others tell
                    await asyncio.sleep(_DRAIN_POLL_SECONDS)
        return self._drained()

    def _drained(self) -> bool:
        """Whether nobody lags, and nothing of what was published and followed from it is unread.

        A worker knows of a lag only once it has fetched. On the embedded broker, which has no
        messages but ours, their number tells the rest; on another one the next start reads it.
        What was read and waits for its file is landed when the workers stop.
        """
        workers = self.workers
        return (
            workers.ready
            and not any(workers.lag(role) for role in workers.roles)
            and not workers.unread(self.collector.published)
        )


@asynccontextmanager
async def running_pipeline(
    config: Config, folder: Path, *, tell: Callable[[str], None] = lambda _: None
) -> AsyncIterator[LocalPipeline]:
    """Start broker (if none is configured), topics and workers; give them once they are ready.

    ``folder`` takes the logs (see ``COLLECTOR_LOG``). ``tell`` hears in words what is being
    started. On the way out the workers flush and everything started here is stopped, whatever
    happened.
    Raises StreamError where a part cannot be had or does not become ready.
    """
    folder.mkdir(parents=True, exist_ok=True)
    workers_log = folder / _WORKERS_LOG
    problems = ProblemFeed([folder / COLLECTOR_LOG, workers_log])
    broker = None
    if not config.broker.bootstrap_servers:
        tell("starting the embedded broker")
        # In this thread: the broker dies with the thread that started it.
        broker = EmbeddedBroker(log=folder / "broker.log").start()
        config = _on_embedded_broker(config, broker)
    try:
        tell("creating topics")
        await asyncio.to_thread(apply_topics, config.broker)
        tell("starting the workers")
        async with RunningStream(_stream_settings(config), log=workers_log) as stream:
            await stream.ready()
            yield LocalPipeline(config, stream, problems)
            tell("stopping the workers")
    finally:
        if broker is not None:
            broker.stop()


def _hindrance(workers: WorkerStatus, collector: CollectorStatus) -> str:
    """What keeps events from moving, in words; empty while nothing does."""
    if workers.waiting_for:
        role, dependency = next(iter(sorted(workers.waiting_for.items())))
        return f"{role} waits for {dependency}"
    return collector.last_publish_error


def _stream_settings(config: Config) -> StreamSettings:
    """The part of the configuration that workers need."""
    names = [field.name for field in msgspec.structs.fields(StreamSettings)]
    return StreamSettings(**{name: getattr(config, name) for name in names})


def _on_embedded_broker(config: Config, broker: EmbeddedBroker) -> Config:
    settings = msgspec.structs.replace(
        config.broker,
        bootstrap_servers=broker.bootstrap_servers,
        partitions=min(config.broker.partitions, _EMBEDDED_PARTITIONS),
        session_timeout=type(config.broker.session_timeout)(_EMBEDDED_SESSION_SECONDS),
    )
    return msgspec.structs.replace(config, broker=settings)
