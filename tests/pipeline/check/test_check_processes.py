"""The command over running Go processes: a leaking one, a healthy one, and none."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import web

from loopback import listening

pytestmark = [pytest.mark.go, pytest.mark.timeout(300)]

ZOO = Path(__file__).parents[3] / "infra" / "go" / "zoo"
HEALTHY = """package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"os/signal"
	"sync"
	"time"
)

type store struct {
	sync.RWMutex
	values map[int]int
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	jobs, results := make(chan int), make(chan int, 16)
	cache := &store{values: map[int]int{}}
	for i := 0; i < 8; i++ {
		go work(cache, jobs, results)
	}
	go collect(results)
	go flush(cache)
	http.HandleFunc("/work", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		select {
		case jobs <- len(r.URL.Path):
		case <-ctx.Done():
		}
	})
	go load("http://" + listener.Addr().String() + "/work")
	fmt.Println("listening " + listener.Addr().String())
	go func() { io.Copy(io.Discard, os.Stdin); os.Exit(0) }()
	http.Serve(listener, nil)
}

func work(cache *store, jobs <-chan int, results chan<- int) {
	for job := range jobs {
		cache.Lock()
		cache.values[job]++
		cache.Unlock()
		results <- job
	}
}

func collect(results <-chan int) {
	for range results {
	}
}

func flush(cache *store) {
	for range time.Tick(50 * time.Millisecond) {
		cache.RLock()
		_ = len(cache.values)
		cache.RUnlock()
	}
}

func load(url string) {
	var group sync.WaitGroup
	for i := 0; i < 4; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				if answer, err := http.Get(url); err == nil {
					io.Copy(io.Discard, answer.Body)
					answer.Body.Close()
				}
				time.Sleep(5 * time.Millisecond)
			}
		}()
	}
	group.Wait()
}
"""


def build(source: Path, binary: Path) -> None:
    version = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=True)
    experiment = {"GOEXPERIMENT": "goroutineleakprofile"} if "go1.26" in version.stdout else {}
    subprocess.run(
        ["go", "build", "-o", str(binary), "."],
        cwd=source,
        env=os.environ | experiment | {"GOWORK": "off", "GOFLAGS": ""},
        check=True,
        timeout=250,
    )


def serve(*command: str | Path) -> Iterator[str]:
    """Start a process that prints its address and ends with its standard input."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("listening "):
                address = line.split()[1]
            if line.startswith("settled") or len(command) == 1:
                break
        try:
            yield address
        finally:
            process.stdin.close()
            process.wait(20)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory, require: Callable[[str], None]) -> Iterator[str]:
    require("go")
    binary = tmp_path_factory.mktemp("zoo") / "zoo"
    build(ZOO, binary)
    yield from serve(binary, "-listen", "127.0.0.1:0")


@pytest.fixture(scope="module")
def healthy(
    tmp_path_factory: pytest.TempPathFactory, require: Callable[[str], None]
) -> Iterator[str]:
    require("go")
    folder = tmp_path_factory.mktemp("healthy")
    (folder / "main.go").write_text(HEALTHY)
    (folder / "go.mod").write_text("module healthy\n\ngo 1.21\n")
    build(folder, folder / "server")
    yield from serve(folder / "server")


def checked(*arguments: str) -> tuple[int, dict[str, list[dict[str, object]]]]:
    ran = subprocess.run(
        [sys.executable, "-m", "goleakprobe.cli.check", *arguments, "--format", "json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode in (0, 1, 3), ran.stderr
    return ran.returncode, json.loads(ran.stdout)


def test_a_leaking_process_is_proven_leaking_without_any_configuration(zoo: str) -> None:
    code, answer = checked(zoo)
    assert code == 1
    kinds = [source["kind"] for source in answer["sources"]]
    assert kinds == ["debug2", "leak", "debug2", "leak"]
    proven = {
        str(found["blocking_site"]).split()[0]
        for found in answer["findings"]
        if found["grade"] == "proven"
    }
    assert {"main.receiver", "main.sender", "main.selector"} <= proven
    assert not proven & {"main.consumer", "main.heartbeat"}


def test_a_healthy_process_is_anomalous_at_most(healthy: str) -> None:
    code, with_proof = checked(healthy, "--span", "1s")
    assert (code, with_proof["findings"]) == (0, [])
    code, without = checked(healthy, "--span", "1s", "--no-leak-profile")
    assert code == 0
    assert {found["grade"] for found in without["findings"]} <= {"anomalous"}


def test_a_large_process_gets_no_world_stopping_dump(zoo: str) -> None:
    _, answer = checked(zoo, "--dump-limit", "10", "--no-leak-profile", "--span", "100ms")
    assert {source["kind"] for source in answer["sources"]} == {"debug0"}


def test_a_full_profile_url_is_all_that_is_asked_for(zoo: str) -> None:
    url = f"http://{zoo}/debug/pprof/goroutine?debug=1"
    _, answer = checked(url, "--span", "100ms")
    assert [source["kind"] for source in answer["sources"]] == ["debug1", "debug1"]


def test_watching_follows_a_process_for_a_while(healthy: str) -> None:
    _, answer = checked(healthy, "--watch", "200ms", "--for", "1s", "--no-leak-profile")
    assert len(answer["sources"]) == 6


def test_two_processes_are_asked_side_by_side(zoo: str, healthy: str) -> None:
    _, answer = checked(zoo, healthy, "--span", "500ms")
    assert {source["process"] for source in answer["sources"]} == {zoo, healthy}
    assert {found["process"] for found in answer["findings"] if found["grade"] == "proven"} == {zoo}


async def test_what_is_no_pprof_server_is_said_and_exits_with_3() -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<html>hello</html>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/{path:.*}", page)
    async with listening(app) as port:
        code, answer = await asyncio.to_thread(checked, f"127.0.0.1:{port}")
    assert code == 3
    assert "HTML page" in str(answer["sources"][0]["error"])


def test_nobody_listening_is_said_and_exits_with_3(free_port: int) -> None:
    code, answer = checked(f"127.0.0.1:{free_port}")
    assert code == 3
    assert "no answer" in str(answer["sources"][0]["error"])
