"""The landing agent: every event of every topic becomes rows of the lake."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from goleakprobe_agents.app import consume
from goleakprobe_agents.landing import Lander, open_lake
from goleakprobe_agents.workers.parts import raw_topic

if TYPE_CHECKING:
    from goleakprobe_agents.shell import Shell
    from goleakprobe_agents.workers.parts import Parts

__all__ = ["build_shell", "declare_agent"]


def build_shell(parts: Parts) -> Shell:
    """Landing of the contract's topics."""
    _settle_pyarrow_without_pandas()
    settings = parts.settings.lake
    lake = open_lake(settings.path)
    # What cannot be reached now is waited for later; what will never do is refused at once.
    with suppress(OSError):
        lake.prepare()
    return Lander(
        lake,
        settings,
        publisher=parts.publisher,
        log_ids=parts.log_ids,
        acknowledge=parts.acknowledge,
        patience=parts.patience,
    )


def declare_agent(app: Any, shell: Shell, parts: Parts) -> None:
    """The agent over all topics."""

    @app.agent(raw_topic(app, shell.topics), name="landing", concurrency=1)
    async def landing(stream: Any) -> None:
        await consume(stream, shell, parts.settings.broker)


class _NoPandas(MetaPathFinder):
    """Hides pandas from imports."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Refuse pandas; None passes every other name on."""
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is hidden for a moment", name=fullname)


def _settle_pyarrow_without_pandas() -> None:
    """Spend no seconds and no 50 MB on pandas.

    When pyarrow converts its first list it imports pandas, if that is installed (river brings
    it), only to ask whether the list is a Series; it asks once and remembers a refusal.
    """
    if "pandas" in sys.modules:
        return
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(finder)
