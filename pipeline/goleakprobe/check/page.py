"""The answer as one HTML file that needs no network."""

from __future__ import annotations

from importlib.resources import files

import jinja2

from goleakprobe.check.result import CheckResult
from goleakprobe.collect.untrusted import clean_text
from goleakprobe.reports.wording import amount, growth, span

__all__ = ["render_html"]

_TEXT_CHARS = 400


def render_html(result: CheckResult) -> str:
    """Render the page; everything a target said is escaped and without control characters."""
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters |= {"amount": amount, "growth": growth, "span": span}
    source = files(__package__).joinpath("templates", "check.html.j2").read_text("utf-8")
    return environment.from_string(source).render(result=result)


def _shown(value: object) -> object:
    return clean_text(value, _TEXT_CHARS) if type(value) is str else value
