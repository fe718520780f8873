"""The Faust application of a worker role, and the few places where Faust is told what to trust.

What is taken from Faust: the consumer group, partitions handed to agents, batches. What is not:
its offsets (positions come from the shell), its bookkeeping of every message (see consumer.py),
its error handling (any error ends the process), its tables, its producer and its web server.
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import faust
import structlog

from goleakprobe_agents.connection import faust_credentials
from goleakprobe_agents.consumer import BundlingConsumer
from goleakprobe_agents.errors import LogGapError, StoppingError
from goleakprobe_agents.log_ends import first_offset_from
from goleakprobe_agents.shell import Place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from goleakprobe_agents.intake import Message
    from goleakprobe_agents.settings import BrokerSettings, StreamSettings
    from goleakprobe_agents.shell import Shell

__all__ = ["EXIT_CRASHED", "build_app", "consume", "end_process", "read_from_shell"]

EXIT_CRASHED = 70
"""EX_SOFTWARE of sysexits.h: start me again."""

_BATCH_BUNDLES = 8
_BATCH_SECONDS = 0.1
# Bundles that Faust may hold; never reached, the consumer holds fewer.
_BUFFERED_BUNDLES = 1024
_FETCH_BYTES = 4 * 1024 * 1024
_COMMIT_SECONDS = 1.0
# A worker that waits for a full disk keeps its partitions: nobody else could do better.
_POLL_SECONDS = 86_400.0
_REQUEST_SECONDS = 90.0
# A broker that is just starting may not name a topic yet; the group's leader then gives nobody its
# partitions, and looks again only when metadata are this old (aiokafka: five minutes).
_METADATA_MS = 10_000
_SUMMARY_CHARS = 1000
_TRACE_CHARS = 6000

_log = structlog.get_logger(__name__)


def build_app(settings: StreamSettings, role: str) -> Any:
    """A Faust application that consumes as the group of a role."""
    broker = settings.broker
    # Faust makes its own folder, but none above it.
    data = Path(settings.state.path) / "faust" / role
    data.parent.mkdir(parents=True, exist_ok=True)
    app = faust.App(
        f"{broker.group_prefix}-{role}",
        broker=[f"kafka://{server}" for server in broker.bootstrap_servers],
        broker_credentials=faust_credentials(broker),
        broker_session_timeout=float(broker.session_timeout),
        broker_heartbeat_interval=float(broker.session_timeout) / 3,
        broker_rebalance_timeout=max(20.0, 2 * float(broker.session_timeout)),
        broker_request_timeout=_REQUEST_SECONDS,
        broker_max_poll_interval=_POLL_SECONDS,
        broker_commit_interval=_COMMIT_SECONDS,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=_FETCH_BYTES,
        consumer_metadata_max_age_ms=_METADATA_MS,
        key_serializer="raw",
        value_serializer="raw",
        stream_wait_empty=False,
        stream_buffer_maxsize=_BUFFERED_BUNDLES,
        stream_recovery_delay=0.0,
        # Faust's own assignor exists for table changelogs; without tables it uses round robin.
        table_standby_replicas=0,
        store="memory://",
        topic_partitions=broker.partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        datadir=str(data),
        autodiscover=False,
    )
    app.finalize()
    return app


def read_from_shell(app: Any, shell: Shell) -> None:
    """Make Faust's consumer begin where the shell says instead of at committed offsets.

    Faust seeks to committed offsets after every rebalance. Those can run ahead of the work (it
    counts a hole in what it fetched as done), so its consumer class, which a transport names as
    an attribute, is replaced by one that asks the shell.
    """

    class PositionedConsumer(BundlingConsumer):
        async def seek_to_committed(self) -> Mapping[Any, int]:
            try:
                return await _seek_to_positions(self, shell)
            except StoppingError:
                return {}
            except Exception as error:
                end_process("cannot take over partitions", error)

    app.transport.Consumer = PositionedConsumer


async def _seek_to_positions(consumer: Any, shell: Shell) -> dict[Any, int]:
    assigned = list(consumer.assignment())
    wanted = await shell.positions([Place(tp.topic, tp.partition) for tp in assigned])
    offsets = {tp: wanted[Place(tp.topic, tp.partition)] for tp in assigned}
    unknown = [tp for tp, offset in offsets.items() if offset is None]
    if unknown:
        offsets |= await consumer.earliest_offsets(*unknown)
    sought = {tp: int(offset or 0) for tp, offset in offsets.items()}
    for tp, offset in sought.items():
        shell.begin(Place(tp.topic, tp.partition), offset)
    if sought:
        await consumer.seek_wait(sought)
    return sought


async def consume(stream: Any, shell: Shell, broker: BrokerSettings) -> None:
    """The body of every agent: raw batches to the shell; any error ends the process."""
    async for events in stream.noack_take(_BATCH_BUNDLES, within=_BATCH_SECONDS):
        try:
            await _work(
                [each for event in events for each in event.message.messages], shell, broker
            )
        except StoppingError:
            return
        except Exception as error:
            end_process("agent failed", error)


async def _work(messages: Sequence[Message], shell: Shell, broker: BrokerSettings) -> None:
    while True:
        try:
            await shell.take(messages)
            return
        except LogGapError as gap:
            # Compaction, retention and transaction markers leave holes in the log itself. One
            # that the broker does not confirm is in what was fetched, and must not be crossed.
            first = await asyncio.to_thread(
                first_offset_from, broker, gap.topic, gap.partition, gap.expected
            )
            if first != gap.got:
                raise
            _log.warning(
                "log_lacks_offsets",
                topic=gap.topic,
                partition=gap.partition,
                first_absent=gap.expected,
                next_present=gap.got,
            )
            await shell.skip_to(Place(gap.topic, gap.partition), gap.got)


def end_process(what: str, error: BaseException) -> NoReturn:
    """End at once, without clean-up that could acknowledge anything; the supervisor restarts."""
    try:
        trace = "".join(traceback.format_exception(error))[-_TRACE_CHARS:]
        summary = f"{type(error).__name__}: {error}"[:_SUMMARY_CHARS]
        _log.error("worker_crashed", what=what, error=summary, trace=trace)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        # Even if the reason cannot be written down.
        os._exit(EXIT_CRASHED)
