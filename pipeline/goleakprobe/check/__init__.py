"""``goleakprobe check``: a one-shot answer for one person."""

from __future__ import annotations

from goleakprobe.check.errors import CheckError, IgnoreListError, SourceError
from goleakprobe.check.grading import Policy
from goleakprobe.check.ignore import IgnoreRule, read_ignore_list
from goleakprobe.check.judging import check_samples
from goleakprobe.check.result import CheckResult, Finding, Ignored, SourceReport
from goleakprobe.check.samples import Sample

__all__ = [
    "CheckError",
    "CheckResult",
    "Finding",
    "IgnoreListError",
    "IgnoreRule",
    "Ignored",
    "Policy",
    "Sample",
    "SourceError",
    "SourceReport",
    "check_samples",
    "read_ignore_list",
]
