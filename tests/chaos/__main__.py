"""The command: so many rounds, and at the end one line that says what came of them."""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from chaos.faults import BROKERS
from chaos.lives import RoundFailedError, Tally, live
from chaos.scene import SceneError
from goleakprobe_agents.errors import StreamError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if every event became its rows once and findings are those of an undisturbed run."""
    parser = argparse.ArgumentParser(
        prog="python -m chaos",
        description=__doc__,
        epilog="example: python -m chaos --rounds 10 --broker kafka --seed 7",
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--broker", choices=BROKERS, default="embedded")
    parser.add_argument("--seed", default=None, help="what all is drawn from (default: a new one)")
    parser.add_argument(
        "--rounds-per-lake", type=int, default=5, help="then all begins anew (default: 5)"
    )
    parser.add_argument("--calm", action="store_true", help="the same load without any fault")
    parser.add_argument("--folder", type=Path, help="default: a new one in the temporary folder")
    given = parser.parse_args(arguments)
    return _run(given, given.seed or secrets.token_hex(4))


def _run(given: argparse.Namespace, seed: str) -> int:
    tally = Tally()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="goleakprobe-chaos-"))
    begun = time.monotonic()

    def tell(what: str) -> None:
        elapsed = time.monotonic() - begun
        print(f"{elapsed:5.0f} s, round {tally.rounds}/{given.rounds}: {what}", file=sys.stderr)

    tell(f"seed {seed}")
    life = 0
    try:
        while tally.rounds < given.rounds:
            rounds = min(given.rounds_per_lake, given.rounds - tally.rounds)
            own = folder.resolve() / f"life-{life}"
            live(own, given.broker, f"{seed}/{life}", rounds, tally, calm=given.calm, tell=tell)
            shutil.rmtree(own, ignore_errors=True)
            life += 1
    except KeyboardInterrupt:
        print(tally)
        return _INTERRUPTED
    except (RoundFailedError, SceneError, StreamError) as failure:
        print(f"failed with seed {seed} in life {life}: {failure}", file=sys.stderr)
        print(f"kept: {folder}", file=sys.stderr)
        print(tally)
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    for kind, times in sorted(tally.struck.items()):
        print(f"{times:5} {kind}")
    print(f"{tally.clock_steps:5} collectors' clock stepped")
    print(tally)
    return 0


if __name__ == "__main__":
    # kafka-python 3.0 reads its protocol schemas by a call that Python 3.11 deprecates.
    warnings.simplefilter("ignore", DeprecationWarning)
    sys.exit(main())
