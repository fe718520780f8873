"""A verified lake beside the broker's own logs: what files alone cannot show.

Files prove that nothing is missing between them. Only the broker knows what came before the first
file and what waits behind the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from goleakprobe.lake.verify import LogSummary, Verification, Violation
from goleakprobe_schemas import topic_named

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from goleakprobe_agents.log_bounds import BrokerLog

__all__ = ["against_broker"]


def against_broker(lake: Verification, logs: Sequence[BrokerLog]) -> Verification:
    """The verification with what the broker adds: messages that wait, and new violations.

    Ask the broker after the files were read. Waiting is no violation: landing takes its time.
    Logs of former topics of the same name (another log id) stay as they are.
    """
    known = {(log.topic, log.log_id, log.partition): log for log in lake.logs}
    told = dict(known)
    violations: list[Violation] = []
    for log in logs:
        key = (log.topic, log.log_id, log.partition)
        landed = known.get(key)
        if landed is None:
            if log.end_offset > log.first_offset:
                told[key] = _nothing_landed(log)
            continue
        violations += _contradictions(landed, log)
        waiting = max(0, log.end_offset - landed.last_offset - 1)
        told[key] = msgspec.structs.replace(landed, waiting=waiting)
    return Verification(logs=tuple(told.values()), violations=(*lake.violations, *violations))


def _contradictions(landed: LogSummary, log: BrokerLog) -> Iterator[Violation]:
    place = f"{log.topic}-{log.partition}"
    before = landed.first_offset - log.first_offset
    if before > 0:
        yield Violation(place, f"the broker has {before} messages from before the first file")
    beyond = landed.last_offset + 1 - log.end_offset
    if beyond > 0:
        yield Violation(place, f"{beyond} landed offsets are not in the broker's log")


def _nothing_landed(log: BrokerLog) -> LogSummary:
    return LogSummary(
        table=topic_named(log.topic).table,
        topic=log.topic,
        log_id=log.log_id,
        partition=log.partition,
        files=0,
        first_offset=log.first_offset,
        last_offset=log.first_offset - 1,
        rows=0,
        events=0,
        dead_letters=0,
        repeated=0,
        absent=0,
        waiting=log.end_offset - log.first_offset,
    )
