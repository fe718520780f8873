"""The lifecycle graph as text: DOT, Mermaid, SVG."""

from __future__ import annotations

from goleakprobe.trace.drawing.dot import as_dot
from goleakprobe.trace.drawing.graph import LifecycleGraph, lifecycle_graph
from goleakprobe.trace.drawing.mermaid import as_mermaid
from goleakprobe.trace.drawing.svg import as_svg

__all__ = ["LifecycleGraph", "as_dot", "as_mermaid", "as_svg", "lifecycle_graph"]
