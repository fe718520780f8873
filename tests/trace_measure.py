"""Decodes a trace in a process of its own and prints what it cost; run as a script."""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from pathlib import Path

from goleakprobe.trace import Decoder, TraceAnalysis
from goleakprobe.trace.allocation import keep_freed_memory


def main(path: Path, engine: str, mode: str) -> dict[str, float]:
    keep_freed_memory()  # as the command does
    if engine == "fast":
        _warm_up(engine)
    gc.collect()
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    used, wall = time.process_time(), time.perf_counter()
    analysis = TraceAnalysis(engine=engine) if mode == "analyse" else None
    decoder = analysis.decoder if analysis else Decoder(engine=engine)
    rows = largest = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            if analysis:
                analysis.feed(chunk)
                continue
            for part in decoder.feed(chunk):
                rows += len(part)
                largest = max(largest, part.byte_count)
                del part
    if analysis:
        analysis.finish()
    else:
        rows += sum(len(part) for part in decoder.finish())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "cpu_seconds": time.process_time() - used,
        "wall_seconds": time.perf_counter() - wall,
        "events": decoder.event_count,
        "transitions": rows,
        "largest_generation": largest,
        "grown_bytes": (peak - base) * 1024,
        "damages": decoder.damage_count,
    }


def _warm_up(engine: str) -> None:
    """Load the compiled code: a trace of one status and one block."""
    sys.path.insert(0, str(Path(__file__).parent))
    from trace_builder import TraceBuilder, event

    trace = TraceBuilder().thread(1, 0, event(25, 1, 1, 1, 2), event(20, 1, 0, 0)).generation()
    list(Decoder(engine=engine).feed(trace.data))


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])))
