"""``goleakprobe trace`` in a process of its own arguments: formats, exit codes, files and URLs."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from xml.etree import ElementTree as ET

import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from goleakprobe.cli.trace import trace as command
from goleakprobe.cli.trace_fetch import trace_url
from goleakprobe.trace.wire import Event
from trace_builder import TraceBuilder, event

app = typer.Typer()
app.command()(command)


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def leaking_trace(name: str = "main.leak") -> bytes:
    """Three seconds in which a goroutine blocks for good every 0.1 s."""
    trace = TraceBuilder()
    for second in range(3):
        start, spawn = trace.stack(name), trace.stack("main.spawn", "main.main")
        block = trace.stack("runtime.chansend1", name)
        events = [event(Event.GO_STATUS, 1, 1, 1, 2)]
        for tenth in range(10):
            goroutine = 100 + second * 10 + tenth
            events += [
                event(Event.GO_CREATE, 1_562_000, goroutine, start, spawn),
                event(Event.GO_STOP, 1, 0, 0),
                event(Event.GO_START, 1, goroutine, 1),
                event(Event.GO_BLOCK, 1, trace.string("chan send"), block),
                event(Event.GO_START, 1, 1, tenth + 1),
            ]
        trace.thread(1, second * 15_625_000, *events)
        statuses = [
            event(Event.GO_STATUS, 1, 100 + one, (1 << 64) - 1, 4) for one in range(second * 10)
        ]
        trace.thread((1 << 64) - 1, second * 15_625_000, *statuses)
        trace.generation()
    return trace.data


@pytest.fixture
def leaking(tmp_path):
    path = tmp_path / "leak.trace"
    path.write_bytes(leaking_trace())
    return path


@pytest.fixture
def healthy(tmp_path):
    path = tmp_path / "healthy.trace"
    path.write_bytes(
        TraceBuilder().thread(1, 0, event(Event.GO_STATUS, 1, 1, 1, 2)).generation().data
    )
    return path


def test_a_leak_is_exit_code_1_and_named(leaking):
    result = run(leaking)
    assert result.exit_code == 1
    assert "main.leak:1" in result.stdout
    assert "30 goroutines started" in result.stdout


def test_nothing_found_is_exit_code_0(healthy):
    result = run(healthy)
    assert result.exit_code == 0
    assert "No leak seen" in result.stdout


def test_json_holds_the_figures(leaking):
    report = json.loads(run(leaking, "--format", "json").stdout)
    assert report["suspects"][0]["leaked"] == 30
    assert report["window"]["flows"][0]["born_thirds"] == [10, 10, 10]
    assert report["window"]["unblock_edges"] == []


def test_html_is_one_page_that_escapes_names(tmp_path):
    path = tmp_path / "evil.trace"
    path.write_bytes(leaking_trace("main.<script>alert(1)</script>"))
    page = run(path, "--format", "html").stdout
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_parquet_holds_every_transition(leaking, tmp_path):
    target = tmp_path / "out.parquet"
    assert run(leaking, "--format", "parquet", "--output", target).exit_code == 1
    table = pq.read_table(target)
    assert table.num_rows == 3 + 10 + 20 + 3 * 50
    blocked = [row for row in table.to_pylist() if row["after"] == "blocked" and row["reason"]]
    assert {row["site"] for row in blocked} == {"main.leak main.go:1"}
    assert len(blocked) == 30


def test_perfetto_opens_as_trace_events(leaking):
    document = json.loads(run(leaking, "--format", "perfetto").stdout)
    slices = [one for one in document["traceEvents"] if one["ph"] == "X"]
    assert {one["name"] for one in slices} >= {"runnable", "running", "blocked"}
    assert all(one["dur"] >= 0 for one in slices)


@pytest.mark.parametrize(
    ("language", "words"),
    [("dot", "digraph"), ("mermaid", "flowchart LR"), ("svg", "<svg")],
)
def test_the_graph_is_drawn_and_the_suspect_marked(leaking, language, words):
    drawing = run(leaking, "--graph", language).stdout
    assert drawing.startswith(words)
    assert "main.leak:1" in drawing
    assert {"dot": "color=red", "mermaid": ":::suspect", "svg": 'class="s"'}[language] in drawing
    if language == "svg":
        ET.fromstring(drawing)


def test_names_cannot_break_out_of_a_drawing(tmp_path):
    path = tmp_path / "evil.trace"
    path.write_bytes(leaking_trace('main."];x[<b>`'))
    ET.fromstring(run(path, "--graph", "svg").stdout)
    assert '\\"];x[' in run(path, "--graph", "dot").stdout
    assert '"];x[' not in run(path, "--graph", "mermaid").stdout


def test_terminal_control_characters_never_get_out(tmp_path):
    path = tmp_path / "evil.trace"
    path.write_bytes(leaking_trace("main.\x1b]0;owned\x07"))
    assert "\x1b" not in run(path).stdout


def test_a_cut_trace_says_what_was_lost(leaking):
    leaking.write_bytes(leaking.read_bytes()[:-20])
    result = run(leaking)
    assert "bytes could not be used" in result.stderr
    assert result.exit_code in (0, 1)


@pytest.mark.parametrize(
    "content", [b"", b"\x1f\x8bgzip", b"go 1.19 trace\0\0\0", b"go 1.26 trace\0\0\0"]
)
def test_what_cannot_be_read_is_exit_code_3(tmp_path, content):
    path = tmp_path / "no.trace"
    path.write_bytes(content)
    result = run(path)
    assert result.exit_code == 3
    assert result.stderr.strip()


def test_no_such_file_is_exit_code_2(tmp_path):
    assert run(tmp_path / "missing").exit_code == 2


class _Target(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_GET(self):
        self.asked.append(self.path)
        if "missing" in self.path:
            self.send_error(404)
            return
        body = leaking_trace()
        self.send_response(200)
        self.end_headers()
        if "slow" in self.path:
            self.wfile.write(body[:100])
            self.wfile.flush()
            self.server.release.wait(20)
            return
        for at in range(0, len(body), 100):
            self.wfile.write(body[at : at + 100])

    def log_message(self, *_):
        pass


@pytest.fixture
def target():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Target)
    server.daemon_threads = True
    server.release = threading.Event()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.release.set()
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_url_is_traced_and_decoded(target):
    result = run(target, "--seconds", "0.5")
    assert result.exit_code == 1
    assert "30 goroutines started" in result.stdout
    assert _Target.asked[-1] == "/debug/pprof/trace?seconds=0.5"


def test_a_url_is_read_to_its_limit_of_time(target):
    result = run(f"{target}/slow", "--seconds", "0.1", "--timeout", "0.2")
    assert result.exit_code == 3
    assert "raise --timeout" in result.stderr


@pytest.mark.parametrize("path", ["/missing"])
def test_an_error_page_is_no_trace(target, path):
    result = run(target + path)
    assert result.exit_code == 3
    assert "404" in result.stderr


def test_an_unreachable_target_is_exit_code_3():
    assert run("http://127.0.0.1:1/", "--seconds", "0.1").exit_code == 3


def test_addresses_keep_what_they_say():
    assert trace_url("http://a:1", 5) == "http://a:1/debug/pprof/trace?seconds=5"
    assert trace_url("http://a:1/x/trace?seconds=2", 5) == "http://a:1/x/trace?seconds=2"
