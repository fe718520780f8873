"""The lifecycle graph in Graphviz' language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from goleakprobe.trace.drawing.shortening import short_site

if TYPE_CHECKING:
    from goleakprobe.trace.drawing.graph import LifecycleGraph

__all__ = ["as_dot"]


def as_dot(graph: LifecycleGraph) -> str:
    """A ``digraph``; suspect states are red."""
    lines = ["digraph lifecycle {", f"  label={_quoted(graph.title)};", "  rankdir=LR;"]
    lines.append("  node [shape=box, style=rounded, fontname=sans];")
    for node in graph.nodes:
        words = [node.title, *([short_site(node.detail)] if node.detail else [])]
        if node.now:
            words.append(f"now {node.now:,}")
        colour = ", color=red, penwidth=2" if node.suspect else ""
        label = "\\n".join(_escaped(word) for word in words)
        lines.append(f'  {node.key} [label="{label}"{colour}];')
    for edge in graph.edges:
        words = [f"{edge.count:,}", *([short_site(edge.guard)] if edge.guard else [])]
        label = "\\n".join(_escaped(word) for word in words)
        lines.append(f'  {edge.source} -> {edge.target} [label="{label}"];')
    return "\n".join([*lines, "}", ""])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'
