"""The order in which a generation's batches are decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from goleakprobe.trace.generation import Batch, Generation

__all__ = ["by_thread"]


def by_thread(generation: Generation) -> list[Batch]:
    """The batches, those of a thread together and in file order; taken out of the generation."""
    threads: dict[int, list[Batch]] = {}
    for batch in generation.batches:
        threads.setdefault(batch.thread, []).append(batch)
    generation.batches = []
    return [batch for batches in threads.values() for batch in batches]
