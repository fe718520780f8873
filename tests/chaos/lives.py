"""Rounds over one lake: load and faults, then the reckoning."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from chaos.census import Difference, LakeCensus
from chaos.faults import Kind, planned
from chaos.load import Fleet
from chaos.publishing import Publishing
from chaos.scene import Scene
from chaos.striking import Striking
from chaos.undisturbed import UndisturbedLife
from goleakprobe.lake.verify import verify_lake

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from chaos.faults import Broker, Strike

__all__ = ["RoundFailedError", "Tally", "live"]

LOAD_SECONDS = 8.0
SCRAPES = 40

_LOOK_SECONDS = 0.1
_READY_SECONDS = 300.0
_ROUND_SECONDS = 400.0
_PATIENCE_SECONDS = 240.0
_STILL_SECONDS = 1.5
_SHOWN = 5


class RoundFailedError(Exception):
    """A round that did not come out even."""


class Tally(msgspec.Struct):
    """What was done and what came of it."""

    rounds: int = 0
    kills: int = 0
    events: int = 0
    lost: int = 0
    doubled: int = 0
    findings: int = 0
    clock_steps: int = 0
    """Steps of the collectors' clocks, beside those of the workers'."""
    struck: Counter[Kind] = msgspec.field(default_factory=Counter)

    def __str__(self) -> str:
        return (
            f"rounds {self.rounds} kills {self.kills} events {self.events} "
            f"lost {self.lost} doubled {self.doubled}"
        )


def live(
    folder: Path,
    broker: Broker,
    seed: str,
    rounds: int,
    tally: Tally,
    *,
    calm: bool = False,
    tell: Callable[[str], None],
) -> None:
    """So many rounds on a broker and a lake of their own; RoundFailedError."""
    fleet, undisturbed = Fleet(seed), UndisturbedLife()
    with Scene(folder, broker) as scene:
        tell(f"{broker}, full disks are {scene.disk.means}")
        try:
            scene.host.wait_ready(_READY_SECONDS)
            census = LakeCensus(scene.lake)
            for number in range(rounds):
                drawn = f"{seed}/{number}"
                strikes = () if calm else planned(drawn, broker)
                _round(scene, fleet, undisturbed, census, strikes, drawn, tally, tell)
            scene.stop_host()
            _reckon(scene, undisturbed, census, tally)
            _verify_by_command(scene)
        except BaseException:
            scene.keep_disk()
            raise


def _round(
    scene: Scene,
    fleet: Fleet,
    undisturbed: UndisturbedLife,
    census: LakeCensus,
    strikes: tuple[Strike, ...],
    seed: str,
    tally: Tally,
    tell: Callable[[str], None],
) -> None:
    begun, steps = time.monotonic(), fleet.clock_steps
    load = fleet.events(SCRAPES)
    undisturbed.follow(load)
    publishing = Publishing(scene.settings.broker, load, LOAD_SECONDS, seed=seed)
    striking = Striking(scene, strikes)
    try:
        while not (publishing.done and striking.over):
            if time.monotonic() - begun > _ROUND_SECONDS:
                raise RoundFailedError(
                    f"after {_ROUND_SECONDS:.0f} s {publishing.describe()} and "
                    f"{striking.describe()}; {scene.describe()}"
                )
            striking.look(publishing.share)
            scene.look_after()
            time.sleep(_LOOK_SECONDS)
    finally:
        striking.end_all()
        tally.events += publishing.published
        tally.kills += striking.kills
        tally.struck += striking.struck
    tally.clock_steps += fleet.clock_steps - steps
    disturbed = time.monotonic()
    _catch_up(scene, undisturbed, census)
    caught_up = time.monotonic()
    repeated = _reckon(scene, undisturbed, census, tally)
    tally.rounds += 1
    tally.findings = undisturbed.findings
    tell(
        f"{len(load)} events, {census.files} files, {undisturbed.findings} findings, "
        f"{repeated} repetitions in the logs; "
        f"{', '.join(map(str, strikes)) or 'no fault'}; exact "
        f"{caught_up - disturbed:.1f} s after the last, {time.monotonic() - begun:.1f} s in all"
    )


def _catch_up(scene: Scene, undisturbed: UndisturbedLife, census: LakeCensus) -> None:
    """Wait until the workers have read all there is and the lake lacks nothing."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    stood: tuple[object, ...] | None = None
    since = 0.0
    while time.monotonic() < deadline:
        scene.look_after()
        stands = scene.settled()
        if stands is None or stands != stood:
            stood, since = stands, time.monotonic()
        elif time.monotonic() - since >= _STILL_SECONDS and not (
            undisturbed.expected - census.update()
        ):
            return
        time.sleep(_LOOK_SECONDS)


def _reckon(scene: Scene, undisturbed: UndisturbedLife, census: LakeCensus, tally: Tally) -> int:
    """RoundFailedError unless the lake holds what it must; how often events came again."""
    difference = Difference.between(undisturbed.expected, census.update())
    if not difference.none:
        tally.lost += len(difference.lost)
        tally.doubled += len(difference.doubled)
        examples = [*list(difference.lost)[:_SHOWN], *list(difference.doubled)[:_SHOWN]]
        raise RoundFailedError(f"{difference}, such as {examples}; {scene.describe()}")
    verification = verify_lake(scene.lake)
    if not verification.exact:
        raise RoundFailedError(f"lake verify: {verification.violations[:_SHOWN]}")
    return verification.total("repeated")


def _verify_by_command(scene: Scene) -> None:
    """The files, and the broker's logs where it can tell: nothing may wait any more."""
    config = scene.folder / "leak.yaml"
    broker = scene.settings.broker
    servers = list(broker.bootstrap_servers)
    config.write_text(
        f"broker: {{bootstrap_servers: {servers}, partitions: {broker.partitions}}}\n"
    )
    command = [sys.executable, "-m", "goleakprobe", "lake", "verify"]
    command += ["--lake", str(scene.lake), "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or "every message was landed exactly once\n" not in done.stdout:
        raise RoundFailedError(f"goleakprobe lake verify: {done.stdout}{done.stderr}")
