"""Children start, announce themselves and end with their owner; stand-ins play the services."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from goleakprobe.collect.discovery import read_target_list
from goleakprobe.demo.errors import ServiceStartError
from goleakprobe.demo.ground_truth import ServiceTruth
from goleakprobe.demo.services import running_services, write_targets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_TRUTHS = (
    ServiceTruth(service="healthy", story="nothing"),
    ServiceTruth(service="leaky", story="a leak", places=("main.f",), leaks_per_second=3),
)

_ANNOUNCES = """
import json, os, sys
print(json.dumps({"service": "x", "address": "127.0.0.1:9", "pid": os.getpid(), "go": "go1.27.3"}))
print(json.dumps(sys.argv[1:]), file=sys.stderr)
sys.stdout.flush()
"""


@pytest.fixture
def service(tmp_path: Path) -> Callable[[str], dict[str, Path]]:
    """Binaries of both services, all the same script."""

    def make(script: str) -> dict[str, Path]:
        binary = tmp_path / "service"
        binary.write_text(f"#!{sys.executable} -S\n{script}")
        binary.chmod(0o755)
        return {truth.service: binary for truth in _TRUTHS}

    return make


def _files(directory: Path) -> list[Path]:
    return list(directory.iterdir())


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_instances_serve_inside_and_are_gone_after(
    tmp_path: Path, service: Callable[[str], dict[str, Path]]
) -> None:
    binaries = service(_ANNOUNCES + "sys.stdin.read()")
    async with running_services(binaries, tmp_path, truths=_TRUTHS, instances=2) as fleet:
        assert [one.instance for one in fleet.services] == [
            "healthy-0",
            "healthy-1",
            "leaky-0",
            "leaky-1",
        ]
        assert all(_lives(one.pid) for one in fleet.services)
        assert fleet.ended() == ()
    assert not any(_lives(one.pid) for one in fleet.services)


async def test_a_service_that_ignores_sigterm_is_killed(
    tmp_path: Path,
    service: Callable[[str], dict[str, Path]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("goleakprobe.demo.services._STOP_SECONDS", 0.1)
    binaries = service(
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        + _ANNOUNCES
        + "while True: signal.pause()"
    )
    async with running_services(binaries, tmp_path, truths=_TRUTHS) as fleet:
        pass
    assert not any(_lives(one.pid) for one in fleet.services)


async def test_an_error_inside_stops_them_too(
    tmp_path: Path, service: Callable[[str], dict[str, Path]]
) -> None:
    binaries = service(_ANNOUNCES + "sys.stdin.read()")
    pids: list[int] = []
    with pytest.raises(KeyError, match="the demo"):  # noqa: PT012
        async with running_services(binaries, tmp_path, truths=_TRUTHS) as fleet:
            pids.extend(one.pid for one in fleet.services)
            raise KeyError("the demo")
    assert len(pids) == 2
    assert not any(_lives(pid) for pid in pids)


@pytest.mark.parametrize(
    ("override", "healthy", "leaky"), [(None, "0", "3"), (7.5, "0", "7.5"), (0, "0", "0")]
)
async def test_a_leak_rate_is_for_leaky_services_only(
    tmp_path: Path,
    service: Callable[[str], dict[str, Path]],
    override: float | None,
    healthy: str,
    leaky: str,
) -> None:
    binaries = service(_ANNOUNCES + "sys.stdin.read()")
    rates = {}
    async with running_services(
        binaries, tmp_path, truths=_TRUTHS, leaks_per_second=override
    ) as fleet:
        pass
    for one in fleet.services:
        arguments = json.loads(one.log.read_text())
        rates[one.truth.service] = arguments[arguments.index("-leak-rate") + 1]
    assert rates == {"healthy": healthy, "leaky": leaky}


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("import sys; sys.exit('no port is free')", "no port is free"),
        ("print('hello')", "its first line is b'hello"),
    ],
)
async def test_a_service_that_does_not_start_is_named_with_its_last_words(
    tmp_path: Path, service: Callable[[str], dict[str, Path]], script: str, reason: str
) -> None:
    with pytest.raises(ServiceStartError, match=f"healthy-0 did not start: {reason}"):
        async with running_services(service(script), tmp_path, truths=_TRUTHS):
            pass


async def test_a_missing_binary_is_named(tmp_path: Path) -> None:
    nowhere = {truth.service: tmp_path / "nowhere" for truth in _TRUTHS}
    with pytest.raises(ServiceStartError, match="nowhere: No such file"):
        async with running_services(nowhere, tmp_path, truths=_TRUTHS):
            pass


async def test_a_silent_service_does_not_hold_up_the_demo_for_ever(
    tmp_path: Path,
    service: Callable[[str], dict[str, Path]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("goleakprobe.demo.services._START_SECONDS", 0.1)
    with pytest.raises(ServiceStartError, match=r"it said nothing for 0\.1 s"):
        async with running_services(
            service("import sys; sys.stdin.read()"), tmp_path, truths=_TRUTHS
        ):
            pass


async def test_the_target_list_names_each_instance(
    tmp_path: Path, service: Callable[[str], dict[str, Path]]
) -> None:
    binaries = service(_ANNOUNCES + "sys.stdin.read()")
    async with running_services(binaries, tmp_path, truths=_TRUTHS) as fleet:
        write_targets(tmp_path / "targets.json", fleet.services)
        # Written beside the logs and nothing else: no half-written file stays.
        assert sorted(path.suffix for path in _files(tmp_path)) == ["", ".json", ".log", ".log"]
    groups = read_target_list(tmp_path / "targets.json")
    assert [(group.targets, group.labels) for group in groups] == [
        (("127.0.0.1:9",), {"namespace": "shop", "service": name, "instance": f"{name}-0"})
        for name in ("healthy", "leaky")
    ]
