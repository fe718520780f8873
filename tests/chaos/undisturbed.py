"""What an undisturbed run makes of a load: the stages in one uninterrupted life."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from chaos.census import Census, fingerprints
from chaos.load import partition_of
from goleakprobe_agents.assessing import AssessingStage
from goleakprobe_agents.landing.rows import Landed, table_rows
from goleakprobe_agents.lifecycles import LifecycleStage
from goleakprobe_agents.services import ServiceStage
from goleakprobe_agents.settings import DetectionSettings
from goleakprobe_agents.stage import Record
from goleakprobe_schemas import ASSESSMENTS, FINDINGS, LIFECYCLES, SNAPSHOTS, STACKS, Topic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from goleakprobe_agents.stage import Output, Stage

__all__ = ["UndisturbedLife"]

_ASSESSED = (SNAPSHOTS.name, LIFECYCLES.name)


class UndisturbedLife:
    """Follows a load from its beginning; ``expected`` is what a lake must hold by now."""

    def __init__(self) -> None:
        settings = DetectionSettings()
        self._make: dict[str, Callable[[], Stage]] = {
            SNAPSHOTS.name: lambda: AssessingStage(settings),
            LIFECYCLES.name: LifecycleStage,
            ASSESSMENTS.name: lambda: ServiceStage(settings),
        }
        self._stages: dict[tuple[str, int], Stage] = {}
        self._ends: dict[tuple[str, int], int] = defaultdict(int)
        self.expected: Census = Counter()
        self.findings = 0

    def follow(self, load: Sequence[Output]) -> None:
        """Take in events in the order in which they are published."""
        for output in load:
            self.expected[output.topic.table, _identity(output)] += _row_count(output)
        assessments = self._applied([each for each in load if each.topic.name in _ASSESSED])
        self._expect(assessments)
        told = self._applied(assessments)
        self._expect(told)
        self.findings += sum(output.topic is FINDINGS for output in told)

    def _applied(self, outputs: Sequence[Output]) -> list[Output]:
        parts: dict[tuple[str, int], list[Record]] = defaultdict(list)
        for output in outputs:
            place = (output.topic.name, partition_of(output.key))
            parts[place].append(Record(*place, self._ends[place], output.event))
            self._ends[place] += 1
        answers: list[Output] = []
        for place, records in parts.items():
            if place not in self._stages:
                self._stages[place] = self._make[place[0]]()
            answers += self._stages[place].apply(records)
        return answers

    def _expect(self, outputs: Sequence[Output]) -> None:
        tables: dict[str, tuple[Topic, list[Landed]]] = {}
        for output in outputs:
            _, landed = tables.setdefault(output.topic.table, (output.topic, []))
            landed.append(Landed(0, output.event))
        for table, (topic, landed) in tables.items():
            self.expected.update(fingerprints(table, table_rows(topic, 0, landed)))


def _identity(output: Output) -> str:
    event: Any = output.event
    if output.topic is STACKS:
        return f"{event.signature}/{event.build_id}/{event.first_seen_ns}"
    return str(event.id)


def _row_count(output: Output) -> int:
    """As the tables are documented: a row a group, a row a creation site and flow, at least one."""
    event: Any = output.event
    if output.topic is SNAPSHOTS:
        return max(1, len(event.groups))
    if output.topic is LIFECYCLES:
        return max(1, len(event.creations) + len(event.flows))
    return 1
