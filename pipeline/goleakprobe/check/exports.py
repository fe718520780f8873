"""The answer for other programs: JSON, CSV, folded stacks and speedscope."""

from __future__ import annotations

import csv
import io

import msgspec

from goleakprobe.check.result import CheckResult, Finding
from goleakprobe_schemas import Frame

__all__ = ["render_csv", "render_folded", "render_json", "render_speedscope"]

_COLUMNS = (
    "grade", "process", "count", "change", "growth_per_hour", "oldest_seconds", "wait", "state",
    "blocking_site", "creation_site", "pattern", "evidence", "note", "labels", "signature",
)  # fmt: skip
# A spreadsheet takes a cell that begins like this for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def render_json(result: CheckResult) -> str:
    """The contract of ``check.schema.json``, indented."""
    return msgspec.json.format(msgspec.json.encode(result), indent=2).decode() + "\n"


def render_csv(result: CheckResult) -> str:
    """One line a finding, with a header."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for finding in result.findings:
        writer.writerow([_cell(finding, column) for column in _COLUMNS])
    return written.getvalue()


def render_folded(result: CheckResult) -> str:
    """``root;…;leaf count``, as flame graph tools read it."""
    lines = [
        f"{';'.join(_folded(frame) for frame in reversed(finding.stack))} {finding.count}"
        for finding in result.findings
        if finding.stack and finding.count
    ]
    return "".join(f"{line}\n" for line in lines)


def render_speedscope(result: CheckResult) -> str:
    """A sampled profile of goroutines, https://github.com/jlfwong/speedscope file format."""
    frames: dict[Frame, int] = {}
    samples, weights = [], []
    for finding in result.findings:
        if finding.stack and finding.count:
            samples.append(
                [frames.setdefault(frame, len(frames)) for frame in reversed(finding.stack)]
            )
            weights.append(finding.count)
    profile = {
        "type": "sampled",
        "name": "goroutines",
        "unit": "none",
        "startValue": 0,
        "endValue": sum(weights),
        "samples": samples,
        "weights": weights,
    }
    named = [{"name": f.function, "file": f.file, "line": f.line} for f in frames]
    document = {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "exporter": "goleakprobe",
        "name": "goroutines",
        "activeProfileIndex": 0,
        "shared": {"frames": named},
        "profiles": [profile],
    }
    return msgspec.json.encode(document).decode() + "\n"


def _cell(finding: Finding, column: str) -> str:
    value = getattr(finding, column)
    if column == "evidence":
        value = "; ".join(evidence.summary for evidence in finding.evidence)
    elif column == "labels":
        value = "; ".join(f"{key}={text}" for key, text in finding.labels.items())
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text


def _folded(frame: Frame) -> str:
    return frame.function.replace(";", ":").replace("\n", " ")
