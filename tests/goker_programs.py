"""The toolchain's own leaking programs (GoBench's GoKer), built with a main of ours.

The sources stay in the toolchain: they are copied to a temporary folder for the time of a test.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

__all__ = ["build_programs", "dump_programs", "program_names"]

FILES = ("first.txt", "second.txt", "leak-1.pb.gz", "leak-2.pb.gz")

_MAIN = """package main

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"time"
)

const yieldCount = 10

var cmds = map[string]func(){}

func register(name string, f func()) { cmds[name] = f }

func registerInit(name string, f func()) {
	if len(os.Args) >= 2 && os.Args[1] == name {
		f()
	}
}

// unprofiled stands in for the programs' own leak profile.
func unprofiled(*pprof.Profile, io.Writer, int) {}

func main() {
	go cmds[os.Args[1]]()
	settle()
	write("goroutine", "first.txt", 2)
	time.Sleep(2 * time.Second)
	write("goroutine", "second.txt", 2)
	write("goroutineleak", "leak-1.pb.gz", 0)
	write("goroutineleak", "leak-2.pb.gz", 0)
}

// settle waits until the number of goroutines has not changed for a second, or for long enough: on
// a machine with other work the programs need longer to get stuck.
func settle() {
	last, calm := 0, 0
	for i := 0; i < 150 && calm < 10; i++ {
		time.Sleep(100 * time.Millisecond)
		calm++
		if now := runtime.NumGoroutine(); now != last {
			last, calm = now, 0
		}
	}
}

func write(profile, name string, form int) {
	file, err := os.Create(filepath.Join(os.Args[2], name))
	if err != nil {
		panic(err)
	}
	defer file.Close()
	if err := pprof.Lookup(profile).WriteTo(file, form); err != nil {
		panic(err)
	}
}
"""


def build_programs(folder: Path, part: str) -> Path:
    """Build the programs of ``part`` (``goker`` or ``.``); skips where the toolchain has none."""
    go = shutil.which("go")
    assert go is not None
    root = Path(
        subprocess.run(
            [go, "env", "GOROOT"], check=True, capture_output=True, text=True
        ).stdout.strip()
    )
    sources = root / "src" / "runtime" / "testdata" / "testgoroutineleakprofile" / part
    if not sources.is_dir():
        reason = f"{root} has no GoKer programs: Go 1.26 or newer is needed"
        if os.environ.get("GOLEAKPROBE_REQUIRE") == "all":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    folder.mkdir(parents=True, exist_ok=True)
    for source in sources.glob("*.go"):
        if source.name != "main.go":
            text = re.sub(
                r"\b(\w+)\.WriteTo\((\S+), 2\)", r"unprofiled(\1, \2, 2)", source.read_text()
            )
            (folder / source.name).write_text(text)
    (folder / "main.go").write_text(_MAIN)
    (folder / "go.mod").write_text("module goker\n\ngo 1.26\n")
    version = subprocess.run([go, "env", "GOVERSION"], check=True, capture_output=True, text=True)
    experiment = {"GOEXPERIMENT": "goroutineleakprofile"} if "go1.26" in version.stdout else {}
    built = subprocess.run(
        [go, "build", "-o", "programs", "."],
        cwd=folder,
        env=os.environ | experiment | {"GOWORK": "off", "GOFLAGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder / "programs"


def program_names(folder: Path) -> list[str]:
    """The names the programs in a folder are run by."""
    found = [
        name
        for source in folder.glob("*.go")
        for name in re.findall(r'\bregister\("(\w+)"', source.read_text())
    ]
    return sorted(found)


def dump_programs(binary: Path, names: list[str], folder: Path) -> dict[str, list[Path]]:
    """Run programs, some at a time; for each two dumps 2 s apart, then two leak profiles."""

    def dump(name: str) -> list[Path]:
        target = folder / name
        target.mkdir(parents=True)
        subprocess.run(
            [binary, name, target], capture_output=True, timeout=90, check=False, cwd=target
        )
        return [target / file for file in FILES]

    with ThreadPoolExecutor(6) as pool:
        return dict(zip(names, pool.map(dump, names), strict=True))
