"""Coverage-guided fuzzing of the decoders: no crash, no hang, a profile or a typed error."""

from __future__ import annotations

import html
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from profile_dumps import FOLDER, pprof

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(600)]

SECONDS = int(os.environ.get("GOLEAKPROBE_FUZZ_SECONDS", "60"))
# A process of its own: libFuzzer ends the process, and atheris instruments what it imports.
HARNESS = """
import sys
import atheris

with atheris.instrument_imports(include=["goleakprobe.profiles"]):
    from goleakprobe.profiles import Limits, ProfileError, read_profile

LIMITS = Limits(body_bytes=1 << 20, decoded_bytes=1 << 20, goroutines=500, groups=200, frames=40)

def once(body):
    try:
        profile = read_profile(body, limits=LIMITS)
    except ProfileError:
        return
    assert profile.total == sum(group.count for group in profile.groups)

atheris.Setup(sys.argv, once)
atheris.Fuzz()
"""


def test_the_decoders_stand_a_minute_of_fuzzing(tmp_path: Path) -> None:
    if find_spec("atheris") is None:
        reason = "atheris is not installed: pip install atheris"
        if os.environ.get("GOLEAKPROBE_REQUIRE") == "all":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for file in FOLDER.rglob("goroutine*"):
        (corpus / f"{file.parent.name}-{file.name}").write_bytes(file.read_bytes()[:8000])
    text = (FOLDER / "go1.27" / "labels-2.txt").read_text()[:4000]
    for name, damaged in {
        "json": json.dumps({"level": "error", "stack": text}),
        "json-lines": "\n".join(json.dumps({"log": line + "\n"}) for line in text.splitlines()),
        "page": f"<html><pre>{html.escape(text)}</pre>",
        "syslog": "\n".join(f"Nov 24 10:00:01 web[7]: {line}" for line in text.splitlines()),
    }.items():
        (corpus / name).write_text(damaged)
    (corpus / "message").write_bytes(pprof([(1, ["main.f"]), (2, [])], compress=False))
    harness = tmp_path / "harness.py"
    harness.write_text(HARNESS)
    ran = subprocess.run(
        [sys.executable, harness, corpus, f"-max_total_time={SECONDS}", "-timeout=10",
         "-rss_limit_mb=2048", "-max_len=16384"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=SECONDS + 300,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert "DONE" in ran.stderr
