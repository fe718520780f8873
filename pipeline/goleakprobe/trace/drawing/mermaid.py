"""The lifecycle graph as a Mermaid flowchart."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from goleakprobe.trace.drawing.shortening import short_site

if TYPE_CHECKING:
    from goleakprobe.trace.drawing.graph import LifecycleGraph

__all__ = ["as_mermaid"]


def as_mermaid(graph: LifecycleGraph) -> str:
    """A ``flowchart``; suspect states are of class ``suspect``."""
    lines = ["flowchart LR"]
    for node in graph.nodes:
        words = [node.title, *([short_site(node.detail)] if node.detail else [])]
        if node.now:
            words.append(f"now {node.now:,}")
        label = "<br/>".join(_safe(word) for word in words)
        lines.append(f'  {node.key}["{label}"]{":::suspect" if node.suspect else ""}')
    for edge in graph.edges:
        words = [f"{edge.count:,}", *([short_site(edge.guard)] if edge.guard else [])]
        label = "<br/>".join(_safe(word) for word in words)
        lines.append(f'  {edge.source} -->|"{label}"| {edge.target}')
    return "\n".join([*lines, "  classDef suspect stroke:#c00,stroke-width:2px", ""])


def _safe(text: str) -> str:
    return escape(text).replace("`", "'").replace("&#x27;", "'").replace("&quot;", "'")
