"""Execution traces: bytes to goroutine lifecycles.

``TraceAnalysis`` takes a trace's bytes as they come and answers with a window and its suspects;
``Decoder`` gives the bare transitions as columns. Formats of Go 1.22 to 1.27 are read.
"""

from __future__ import annotations

from goleakprobe.trace.analysis import NothingDecodedError, TraceAnalysis, TraceReport
from goleakprobe.trace.columns import Transitions
from goleakprobe.trace.decoder import Decoder, decode
from goleakprobe.trace.engines import ENGINES
from goleakprobe.trace.errors import (
    EngineUnavailableError,
    LimitExceededError,
    MalformedTraceError,
    NotATraceError,
    TraceError,
    UnsupportedVersionError,
)
from goleakprobe.trace.evidence import Suspect, Thresholds, find_suspects
from goleakprobe.trace.lifecycles import Lifecycles
from goleakprobe.trace.limits import Limits
from goleakprobe.trace.states import State
from goleakprobe.trace.summary import Caps, summarise
from goleakprobe.trace.window import TraceWindow

__all__ = [
    "ENGINES",
    "Caps",
    "Decoder",
    "EngineUnavailableError",
    "Lifecycles",
    "LimitExceededError",
    "Limits",
    "MalformedTraceError",
    "NotATraceError",
    "NothingDecodedError",
    "State",
    "Suspect",
    "Thresholds",
    "TraceAnalysis",
    "TraceError",
    "TraceReport",
    "TraceWindow",
    "Transitions",
    "UnsupportedVersionError",
    "decode",
    "find_suspects",
    "summarise",
]
