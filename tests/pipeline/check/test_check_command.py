"""The command as people call it, over files."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from goleakprobe.cli.check import check
from profile_dumps import FOLDER

app = typer.Typer()
app.command()(check)
ZOO = FOLDER / "go1.27"


def run(*arguments: object, stdin: bytes | None = None) -> tuple[int, str, str]:
    answer = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)
    if answer.exception and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    return answer.exit_code, answer.stdout, answer.stderr


def test_nothing_to_be_seen_exits_with_0(tmp_path: Path) -> None:
    calm = tmp_path / "calm.txt"
    calm.write_text("goroutine 5 [select]:\nmain.loop()\n\t/srv/a.go:1 +0x1\n")
    code, out, _ = run(calm)
    assert code == 0
    assert "No leak to be seen" in out


def test_found_leaks_exit_with_1_and_json_names_them() -> None:
    leaks = [ZOO / "goroutineleak-0.pb.gz", ZOO / "goroutineleak-1.txt"]
    code, out, _ = run(ZOO / "goroutine-2.txt", *leaks, "--format", "json")
    document = json.loads(out)
    assert code == 1
    assert [source["kind"] for source in document["sources"]] == ["debug2", "leak", "leak"]
    assert document["findings"][0]["grade"] == "proven"


def test_fail_on_moves_the_exit_code(tmp_path: Path) -> None:
    first, second = tmp_path / "1.txt", tmp_path / "2.txt"
    for file in (first, second):
        file.write_text("goroutine 5 [chan send]:\nmain.give()\n\t/srv/a.go:1 +0x1\n")
    assert run(first, second)[0] == 0
    assert run(first, second, "--fail-on", "anomalous")[0] == 1


def test_file_times_give_the_age(tmp_path: Path) -> None:
    first, second = tmp_path / "1.txt", tmp_path / "2.txt"
    for file, written in ((first, 1_000), (second, 4_600)):
        file.write_text("goroutine 5 [chan send]:\nmain.give()\n\t/srv/a.go:1 +0x1\n")
        os.utime(file, (written, written))
    code, out, _ = run(first, second, "-f", "json")
    (finding,) = json.loads(out)["findings"]
    assert (code, finding["grade"], finding["oldest_seconds"]) == (1, "stuck", 3600)


def test_a_dump_comes_by_standard_input_compressed_or_not() -> None:
    body = (ZOO / "goroutine-2.txt").read_bytes()
    for sent in (body, gzip.compress(body)):
        _, out, _ = run("-", "--format", "json", "--all", stdin=sent)
        assert json.loads(out)["sources"][0]["goroutines"] == 75


def test_dumps_in_one_file_are_compared_as_several(tmp_path: Path) -> None:
    log = tmp_path / "journal.txt"
    dump = "goroutine 5 [chan send]:\nmain.give()\n\t/srv/a.go:1 +0x1\n"
    dump += "\ngoroutine 6 [select]:\nmain.loop()\n\t/srv/a.go:9 +0x1\n"
    log.write_text("".join(f"Nov 24 10:00:01 shop[7]: {line}\n" for line in (dump * 2).split("\n")))
    _, out, _ = run(log, "-f", "json")
    document = json.loads(out)
    assert [source["goroutines"] for source in document["sources"]] == [2, 2]
    assert [found["lasting"] for found in document["findings"]] == [1, 1]


def test_all_lists_every_group() -> None:
    _, few, _ = run(ZOO / "goroutine-0.pb.gz", "-f", "json")
    _, every, _ = run(ZOO / "goroutine-0.pb.gz", "-f", "json", "--all")
    document = json.loads(every)
    assert len(document["findings"]) > len(json.loads(few)["findings"])
    assert sum(found["count"] for found in document["findings"]) == 75
    assert document["findings"][-1]["grade"] is None


def test_an_ignore_list_is_read(tmp_path: Path) -> None:
    known = tmp_path / "known"
    known.write_text("main.selector  # demonstrates select\n")
    arguments = [ZOO / "goroutineleak-0.pb.gz", ZOO / "goroutineleak-1.txt", "-f", "json"]
    _, out, _ = run(*arguments, "--ignore", known)
    assert [ignored["reason"] for ignored in json.loads(out)["ignored"]] == ["demonstrates select"]


@pytest.mark.parametrize("form", ["table", "csv", "html", "folded", "speedscope", "pprof"])
def test_every_format_can_be_written_to_a_file(form: str, tmp_path: Path) -> None:
    target = tmp_path / "answer"
    run(ZOO / "goroutineleak-0.pb.gz", ZOO / "goroutineleak-1.txt", "-f", form, "-o", target)
    assert target.stat().st_size > 400


def test_files_of_two_builds_are_two_processes() -> None:
    _, out, _ = run(
        FOLDER / "go1.26" / "goroutine-0.pb.gz", ZOO / "goroutine-0.pb.gz", "-f", "json"
    )
    assert len({source["process"] for source in json.loads(out)["sources"]}) == 2


def test_a_source_that_fails_exits_with_3_and_the_others_count(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<html>")
    code, out, _ = run(page, ZOO / "goroutine-2.txt", "-f", "json", "--fail-on", "proven")
    sources = json.loads(out)["sources"]
    assert code == 3
    assert [source["error"][:22] for source in sources] == ["", "not a goroutine profil"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.txt"], "no such file, and not an address"),
        (["http://"], "names no host"),
        (["http://127.0.0.1:1/debug/pprof/heap"], "heap is no goroutine profile"),
        (["http://127.0.0.1:1/debug/pprof/trace"], "`goleakprobe trace` reads traces"),
        ([ZOO / "goroutine-2.txt", "--watch", "soon"], "--watch: 'soon' is not a duration"),
        ([ZOO / "goroutine-2.txt", "--watch", "0s"], "longer than nothing"),
        ([ZOO / "goroutine-2.txt", "--for", "1m"], "--for needs --watch"),
        ([ZOO / "goroutine-2.txt", "--ignore", "nowhere"], "nowhere: cannot be read"),
        ([], "Missing argument"),
    ],
)
def test_misuse_exits_with_2_and_says_what_to_do(arguments: list[object], said: str) -> None:
    code, _, err = run(*arguments)
    assert code == 2
    assert said in err


def test_the_module_runs_by_itself_in_a_pipe() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "goleakprobe.cli.check", ZOO / "goroutine-2.txt", "-f", "folded"],
        capture_output=True,
        timeout=60,
        check=False,
        env={"PATH": os.environ["PATH"], "COLUMNS": "80"},
    )
    assert ran.returncode in (0, 1), ran.stderr.decode()
    assert ran.stdout.startswith(b"main.") or ran.stdout == b""


@pytest.mark.go
def test_go_tool_pprof_reads_the_export(tmp_path: Path, require: Callable[[str], None]) -> None:
    require("go")
    target = tmp_path / "leaks.pb.gz"
    sources = [ZOO / "goroutineleak-0.pb.gz", ZOO / "goroutineleak-0.pb.gz"]
    run(*sources, "-f", "pprof", "-o", target)
    shown = subprocess.run(
        ["go", "tool", "pprof", "-top", str(target)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=tmp_path,
    )
    assert "main.receiver" in shown.stdout, shown.stderr
    assert "58 total" in shown.stdout
