"""The lifecycle graph as a drawing of its own: no library, no network, no script."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from goleakprobe.trace.drawing.shortening import short_site

if TYPE_CHECKING:
    from goleakprobe.trace.drawing.graph import Edge, LifecycleGraph, Node

__all__ = ["as_svg"]

_WIDTH, _HEIGHT = 250, 54
_GAP_X, _GAP_Y = 150, 22
# Fixed states stand in columns by the way through a life; blocked ones in the last column.
_COLUMNS = {"created": (0, 0), "runnable": (1, 0), "running": (2, 0), "syscall": (2, 1),
            "dead": (1, 1)}  # fmt: skip
_BLOCKED_COLUMN = 3

_STYLE = (
    "text{font:12px sans-serif;fill:#222}.d{font-size:11px;fill:#555}"
    ".n{fill:#f7f7f5;stroke:#888}.s{fill:#fdecea;stroke:#c00;stroke-width:2}"
    ".e{fill:none;stroke:#999}.c{font-size:10px;fill:#555}"
)


def as_svg(graph: LifecycleGraph) -> str:
    """A self-contained SVG document; suspect states are red. Guards are tooltips."""
    places = _places(graph)
    bottom = max(y for _, y in places.values()) + _HEIGHT + 20
    right = max(x for x, _ in places.values()) + _WIDTH + 20
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {right} {bottom}" '
            f'width="{right}" height="{bottom}" role="img">'
        ),
        f"<title>{escape(graph.title)}</title><style>{_STYLE}</style>",
        (
            '<defs><marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
            'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#999"/></marker></defs>'
        ),
        *(_edge(edge, places) for edge in graph.edges),
        *(_node(node, places[node.key]) for node in graph.nodes),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _places(graph: LifecycleGraph) -> dict[str, tuple[int, int]]:
    places = {}
    row = 0
    for node in graph.nodes:
        column, line = _COLUMNS.get(node.key, (_BLOCKED_COLUMN, row))
        if node.key not in _COLUMNS:
            row += 1
        places[node.key] = (
            20 + column * (_WIDTH + _GAP_X),
            20 + line * (_HEIGHT + _GAP_Y) * (2 if node.key in _COLUMNS else 1),
        )
    return places


def _node(node: Node, place: tuple[int, int]) -> str:
    x, y = place
    now = f" · now {node.now:,}" if node.now else ""
    detail = (
        f'<text class="d" x="{x + 10}" y="{y + 40}">{escape(short_site(node.detail, 38))}</text>'
        if node.detail
        else ""
    )
    return (
        f'<g><title>{escape(node.detail or node.title)}</title><rect class="'
        f'{"s" if node.suspect else "n"}" x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'rx="8"/><text x="{x + 10}" y="{y + 22}">{escape(node.title + now)}</text>{detail}</g>'
    )


def _edge(edge: Edge, places: dict[str, tuple[int, int]]) -> str:
    (from_x, from_y), (to_x, to_y) = places[edge.source], places[edge.target]
    rightward = to_x >= from_x
    x1 = from_x + (_WIDTH if rightward else 0)
    x2 = to_x + (0 if rightward and to_x > from_x else _WIDTH)
    y1 = from_y + (_HEIGHT // 3 if rightward else 2 * _HEIGHT // 3)
    y2 = to_y + (_HEIGHT // 3 if rightward else 2 * _HEIGHT // 3)
    bend = 60 if rightward else -60
    text_x = (x1 + 3 * x2) // 4 if rightward else (3 * x1 + x2) // 4
    text_y = (y1 + 3 * y2) // 4 - 4 if rightward else (3 * y1 + y2) // 4 + 12
    guard = f"<title>{escape(edge.guard)}</title>" if edge.guard else ""
    return (
        f'<g>{guard}<path class="e" marker-end="url(#a)" d="M{x1} {y1}C{x1 + bend} {y1} '
        f'{x2 - bend} {y2} {x2} {y2}"/><text class="c" x="{text_x}" y="{text_y}" '
        f'text-anchor="middle">{edge.count:,}</text></g>'
    )
