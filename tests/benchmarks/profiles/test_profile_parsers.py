"""Text dumps: ours side by side with gostackparse and panicparse, in one run.

Gates: the ratios of CPU time, with rounds of all sides taking turns and the best of each
counting, so that a machine busy with something else hurts all alike. Informational: panicparse,
wall time. README.md has the measured tables.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from goleakprobe.profiles import read_profile
from profile_dumps import FOLDER, RELEASES

pytestmark = [pytest.mark.bench, pytest.mark.go, pytest.mark.timeout(900)]

PEERS = Path(__file__).with_name("peers")
ROUNDS = 7
STACKS = 100
DEPTH = 10


def big_dump(goroutines: int, *, unique: bool, even: bool = True) -> bytes:
    """A dump of 100 distinct stacks of 10 frames; arguments repeat with them or never.

    Unique ones are heap addresses, all of one width as in a real process, unless ``even`` is off.
    """
    dice = random.Random(7)
    records = []
    for number in range(1, goroutines + 1):
        stack = number % STACKS
        lines = [f"goroutine {number} [chan receive, {number % 50} minutes]:"]
        for depth in range(DEPTH):
            one, two = 0xC000000000 + stack, depth
            if unique:
                low = 0xC000000000 if even else 0
                one, two = dice.randrange(low, 1 << 40), dice.randrange(low, 1 << 40)
            lines.append(f"example.com/app/pkg{stack}.(*Server).step{depth}({one:#x}, {two:#x})")
            lines.append(f"\t/srv/app/pkg{stack}/server.go:{100 + depth} +{16 * stack + depth:#x}")
        creator = dice.randrange(1000) if unique else 1
        lines.append(f"created by example.com/app/pkg{stack}.Start in goroutine {creator}")
        lines.append(f"\t/srv/app/pkg{stack}/server.go:50 +0x99\n")
        records.append("\n".join(lines))
    return "\n".join(records).encode()


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory, require: Callable[[str], None]) -> Path:
    require("go")
    folder = tmp_path_factory.mktemp("peers") / "source"
    shutil.copytree(PEERS, folder)
    built = subprocess.run(
        ["go", "build", "-o", "../peers", "."], cwd=folder, capture_output=True, text=True,
        check=False, timeout=600,
    )  # fmt: skip
    if built.returncode != 0:
        pytest.skip(f"the peers cannot be fetched or built: {built.stderr[-400:]}")
    return folder.parent / "peers"


def peer_results(peers: Path, file: Path, rounds: int, *names: str) -> dict[str, dict[str, float]]:
    ran = subprocess.run(
        [peers, str(rounds), file, *names], capture_output=True, text=True, check=True, timeout=600
    )
    return {line["peer"]: line for line in map(json.loads, ran.stdout.splitlines())}


class Best:
    """The least wall and CPU seconds of one contestant over all rounds."""

    def __init__(self) -> None:
        self.wall = self.cpu = float("inf")

    def take(self, wall: float, cpu: float) -> None:
        self.wall, self.cpu = min(self.wall, wall), min(self.cpu, cpu)

    def ours(self, body: bytes, *, goroutines: bool) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        profile = read_profile(body, goroutines=goroutines)
        self.take(time.perf_counter() - wall, time.process_time() - cpu)
        assert len(profile.groups) == STACKS

    def theirs(self, result: dict[str, float]) -> None:
        self.take(result["seconds"], result["cpu_seconds"])

    def row(self, name: str, mib: float, peer: Best) -> str:
        """A line of the table: times, and how many times faster than the peer."""
        return (
            f"| {name} | {self.cpu * 1e3:.0f} | {self.wall * 1e3:.0f} | {mib / self.wall:.0f} "
            f"| {peer.cpu / self.cpu:.2f} | {peer.wall / self.wall:.2f} |"
        )


@pytest.mark.parametrize("goroutines", [10_000, 100_000])
@pytest.mark.parametrize(("unique", "gate"), [(False, 1.5), (True, 1.0)])
def test_dumps_are_read_as_fast_as_by_compiled_parsers(
    goroutines: int, unique: bool, gate: float, peers: Path, tmp_path: Path
) -> None:
    body = big_dump(goroutines, unique=unique)
    if len(body) >= 64 << 20:
        # What an endpoint would send: cut at 64 MiB.
        body = body[: body.rindex(b"\n\n", 0, 64 << 20) + 1]
    file = tmp_path / "dump"
    file.write_bytes(body)
    grouped, full, theirs, theirs_grouped = Best(), Best(), Best(), Best()
    rounds = ROUNDS if goroutines <= 10_000 else 3
    for _ in range(rounds):
        found = peer_results(peers, file, 2, "gostackparse", "gostackparse+groups")
        theirs.theirs(found["gostackparse"])
        theirs_grouped.theirs(found["gostackparse+groups"])
        for _ in range(2):
            grouped.ours(body, goroutines=False)
            full.ours(body, goroutines=True)
    mib = len(body) / (1 << 20)
    print(
        f"\n\n{goroutines:,} goroutines, {'unique' if unique else 'repeated'} arguments, "
        f"{mib:.1f} MiB, one thread\n\n"
        "| | CPU ms | wall ms | MiB/s | x CPU | x wall |\n|---|---|---|---|---|---|"
    )
    print(theirs.row("gostackparse, frames", mib, theirs))
    print(theirs_grouped.row("gostackparse, grouped by us", mib, theirs))
    print(grouped.row("goleakprobe, groups", mib, theirs))
    print(full.row("goleakprobe, groups and every goroutine", mib, theirs))
    assert theirs.cpu / grouped.cpu >= gate
    assert theirs.cpu / full.cpu >= 0.5


@pytest.mark.parametrize("unique", [False, True])
def test_memory_stays_under_three_times_the_dump(unique: bool) -> None:
    body = big_dump(10_000, unique=unique)
    tracemalloc.start()
    try:
        read_profile(body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    ratio = 1 + peak / len(body)
    print(f"\n{'unique' if unique else 'repeated'}: {ratio:.2f} times the dump, itself included")
    assert ratio < 3


def test_no_goroutine_of_any_release_is_lost_where_the_peers_lose_some(peers: Path) -> None:
    files = [
        FOLDER / release / name
        for release in RELEASES
        for name in ("goroutine-2.txt", "labels-2.txt", "ancestors-2.txt", "crash-system.txt",
                     "synctest-2.txt", "goroutineleak-2.txt")
        if (FOLDER / release / name).exists()
    ]  # fmt: skip
    lost = dict.fromkeys(("goleakprobe", "gostackparse", "panicparse"), 0)
    for file in files:
        body = file.read_bytes()
        headers = sum(line.startswith(b"goroutine ") for line in body.splitlines())
        found = peer_results(peers, file, 1, "gostackparse", "panicparse")
        counts = {name: int(result["goroutines"]) for name, result in found.items()}
        counts["goleakprobe"] = len(read_profile(body).goroutines)
        for name, count in counts.items():
            lost[name] += headers - count
        print(f"\n{file.parent.name}/{file.name}: {headers} goroutines, read {counts}", end="")
    assert lost["goleakprobe"] == 0
    assert lost["gostackparse"] > 0
    assert lost["panicparse"] > 0


def test_unique_arguments_of_any_width_for_information(peers: Path, tmp_path: Path) -> None:
    """Values of every width, as no process has them: the slower way for all of them."""
    file = tmp_path / "dump"
    file.write_bytes(body := big_dump(10_000, unique=True, even=False))
    theirs, ours = Best(), Best()
    for _ in range(ROUNDS):
        theirs.theirs(peer_results(peers, file, 2, "gostackparse")["gostackparse"])
        ours.ours(body, goroutines=False)
        ours.ours(body, goroutines=False)
    print(
        f"\n\nwidths differ: gostackparse {theirs.cpu * 1e3:.0f} ms CPU, "
        f"ours {ours.cpu * 1e3:.0f}: {theirs.cpu / ours.cpu:.2f} times"
    )
    assert ours.cpu < 20 * theirs.cpu


def test_panicparse_for_information(peers: Path, tmp_path: Path) -> None:
    file = tmp_path / "dump"
    file.write_bytes(body := big_dump(10_000, unique=False))
    theirs, ours = Best(), Best()
    theirs.theirs(peer_results(peers, file, 1, "panicparse")["panicparse"])
    for _ in range(3):
        ours.ours(body, goroutines=False)
    print(
        f"\n\npanicparse {theirs.cpu * 1e3:.0f} ms CPU, ours {ours.cpu * 1e3:.0f}: "
        f"{theirs.cpu / ours.cpu:.0f} times"
    )
    assert theirs.cpu > ours.cpu
