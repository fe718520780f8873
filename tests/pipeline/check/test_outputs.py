"""Every format shows the same findings, and none lets a target's text act."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import jsonschema
import msgspec
import pytest

import goleakprobe.check
from goleakprobe.check import CheckResult, Finding, SourceReport, check_samples
from goleakprobe.check.exports import (
    render_csv,
    render_folded,
    render_json,
    render_speedscope,
)
from goleakprobe.check.page import render_html
from goleakprobe.check.pprof_export import render_pprof
from goleakprobe.check.samples import Sample
from goleakprobe.check.table import render_table
from goleakprobe.profiles import read_profile
from goleakprobe_schemas import Frame, Grade
from profile_dumps import profile

SCHEMA = Path(goleakprobe.check.__file__).with_name("check.schema.json")


@pytest.fixture(scope="module")
def result() -> CheckResult:
    names = ("goroutine-2.txt", "goroutineleak-0.pb.gz", "goroutineleak-1.txt")
    samples = [
        Sample(source=name, profile=profile("go1.27", name), time_seconds=None) for name in names
    ]
    return check_samples({"files": samples}, failed=[SourceReport(source="x", error="refused")])


def test_the_json_keeps_its_contract(result: CheckResult) -> None:
    document = json.loads(render_json(result))
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    source, finding = document["sources"][0], document["findings"][0]
    assert {"source", "kind", "goroutines", "groups", "truncated", "go_version"} <= source.keys()
    assert {
        "signature", "grade", "wait", "count", "growth_per_hour", "oldest_seconds",
        "blocking_site", "creation_site", "pattern", "evidence", "stack",
    } <= finding.keys()  # fmt: skip
    assert msgspec.json.decode(render_json(result), type=CheckResult) == result


def test_the_committed_schema_is_that_of_the_code() -> None:
    generated = json.loads(json.dumps(msgspec.json.schema(CheckResult)))
    assert json.loads(SCHEMA.read_text()) == generated


def test_csv_has_one_line_a_finding(result: CheckResult) -> None:
    rows = list(csv.DictReader(io.StringIO(render_csv(result))))
    assert [row["signature"] for row in rows] == [found.signature for found in result.findings]
    assert {row["grade"] for row in rows} == {"proven", "stuck"}


def test_folded_stacks_run_from_the_root(result: CheckResult) -> None:
    lines = render_folded(result).splitlines()
    assert "main.inlined;main.helper 2" in lines
    assert sum(int(line.rsplit(" ", 1)[1]) for line in lines) == sum(
        found.count for found in result.findings
    )


def test_speedscope_weighs_every_stack(result: CheckResult) -> None:
    document = json.loads(render_speedscope(result))
    (sampled,) = document["profiles"]
    assert sum(sampled["weights"]) == sampled["endValue"]
    assert sampled["endValue"] == sum(found.count for found in result.findings)
    names = [frame["name"] for frame in document["shared"]["frames"]]
    assert "main.receiver" in names
    assert max(max(sample) for sample in sampled["samples"]) == len(names) - 1


def test_the_pprof_file_is_a_goroutine_profile_again(result: CheckResult) -> None:
    again = read_profile(render_pprof(result))
    assert again.total == sum(found.count for found in result.findings)
    found = next(g for g in again.groups if g.blocking_site.startswith("main.selector "))
    assert dict(found.labels)["grade"] == "proven"


def test_the_table_names_place_grade_and_failure(result: CheckResult) -> None:
    text = render_table(result)
    assert "proven" in text
    assert "main.selector /srv/zoo/cages.go:55" in text
    assert "x: refused" in text
    assert render_table(result, width=60)


def test_the_table_of_a_process_with_many_waits_stays_short(result: CheckResult) -> None:
    weak = tuple(
        msgspec.structs.replace(result.findings[0], grade=Grade.ANOMALOUS, signature=f"{n:032x}")
        for n in range(50)
    )
    text = render_table(msgspec.structs.replace(result, findings=(*result.findings, *weak)))
    assert text.count("signature:") == len(result.findings) + 10
    assert "40 more places are only anomalous; --all lists them" in text
    other = msgspec.structs.replace(weak[0], grade=None)
    everything = render_table(msgspec.structs.replace(result, findings=(*weak, other)))
    assert everything.count("signature:") == 51


def test_the_page_holds_everything_and_needs_nothing(result: CheckResult) -> None:
    page = render_html(result)
    assert page.count("<article") == len(result.findings)
    assert "http" not in page.replace("net/http", "")


EVIL = Finding(
    signature="0" * 32,
    process="<script>alert(1)</script>",
    grade=Grade.STUCK,
    wait="chan send",
    state="waiting",
    count=1,
    blocking_site="=cmd()|'<img src=x onerror=1>'\x1b[2J\u202e",
    labels={"[bold]k": "\x1b]0;owned\x07"},
    stack=(Frame("a;b<script>", "\x1b[31m", 1),),
)


@pytest.mark.parametrize("render", [render_table, render_html, render_csv])
def test_text_of_a_target_never_acts(render: object) -> None:
    evil = CheckResult(sources=(SourceReport(source="\x1b[2J<b>"),), findings=(EVIL,))
    text = render(evil)  # type: ignore[operator]
    if render is not render_csv:
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "\x07" not in text
    if render is render_html:
        assert "<script>" not in text
        assert "<img" not in text
    if render is render_csv:
        assert "'=cmd()" in text
    if render is render_table:
        assert "[bold]k" in text


def test_folded_stacks_keep_one_line_and_their_separator() -> None:
    evil = CheckResult(sources=(), findings=(EVIL,))
    assert render_folded(evil) == "a:b<script> 1\n"


def test_an_answer_without_findings_says_so() -> None:
    calm = CheckResult(sources=(SourceReport(source="a", kind="debug2"),), findings=())
    assert "No leak to be seen" in render_table(calm)
    assert "No leak to be seen" in render_html(calm)
    assert "Nothing could be measured" in render_table(CheckResult(sources=(), findings=()))
