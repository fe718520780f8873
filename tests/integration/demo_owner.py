"""Runs the demo's services until it is killed: ``demo_owner.py BINARY_DIRECTORY LOG_DIRECTORY``.

Prints one JSON line, the process ids of the services.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from goleakprobe.demo.ground_truth import SHOP
from goleakprobe.demo.services import running_services


async def main(binaries: Path, logs: Path) -> None:
    by_name = {truth.service: binaries / truth.service for truth in SHOP}
    async with running_services(by_name, logs) as fleet:
        print(json.dumps([service.pid for service in fleet.services]), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
