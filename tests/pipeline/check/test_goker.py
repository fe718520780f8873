"""Recall over the toolchain's GoKer programs, and what must not be called a leak."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from goker_programs import build_programs, dump_programs, program_names
from goleakprobe.check import CheckResult, check_samples
from goleakprobe.check.sources import ProfileFile, read_file
from goleakprobe.profiles import read_profile
from goleakprobe_schemas import Grade

pytestmark = [pytest.mark.go, pytest.mark.slow, pytest.mark.timeout(600)]


def checked(paths: list[Path]) -> CheckResult:
    samples = [sample for path in paths for sample in read_file(ProfileFile(str(path)))]
    return check_samples({"files": samples})


def listed(path: Path) -> set[str]:
    return {group.signature for group in read_profile(path.read_bytes()).groups}


@pytest.fixture(scope="module")
def goker(
    tmp_path_factory: pytest.TempPathFactory, require: Callable[[str], None]
) -> dict[str, list[Path]]:
    require("go")
    folder = tmp_path_factory.mktemp("goker")
    binary = build_programs(folder / "source", "goker")
    names = program_names(folder / "source")
    assert len(names) >= 60
    ran = dump_programs(binary, names, folder / "dumps")
    complete = {name: paths for name, paths in ran.items() if paths[-1].exists()}
    assert len(complete) >= len(names) - 2, sorted(ran.keys() - complete.keys())
    return complete


def test_two_dumps_alone_recall_the_leaked_signatures(goker: dict[str, list[Path]]) -> None:
    leaked = found = 0
    missed = []
    for name, paths in goker.items():
        truth = listed(paths[2]) | listed(paths[3])
        findings = {finding.signature for finding in checked(paths[:2]).findings}
        leaked += len(truth)
        found += len(truth & findings)
        missed += [f"{name} {signature}" for signature in truth - findings]
    print(f"recall {found}/{leaked}")
    assert leaked >= 90
    assert found / leaked >= 0.98, missed


def test_two_dumps_alone_never_claim_more_than_they_can(goker: dict[str, list[Path]]) -> None:
    for name, paths in goker.items():
        for finding in checked(paths[:2]).findings:
            if finding.grade is not Grade.ANOMALOUS:
                assert "(nil chan)" in finding.wait, name
            elif finding.evidence[0].detector == "lasting":
                assert "cannot tell a long wait from an endless one" in finding.evidence[0].summary


def test_two_leak_profiles_prove_what_both_list(goker: dict[str, list[Path]]) -> None:
    proven = 0
    for name, paths in goker.items():
        twice = listed(paths[2]) & listed(paths[3])
        grades = {found.signature: found.grade for found in checked(paths).findings}
        assert {grades.get(signature) for signature in twice} <= {Grade.PROVEN}, name
        proven += len(twice)
    assert proven >= 90


def test_a_daisy_chain_is_suspect_at_most_and_cleared_by_leak_profiles(
    tmp_path: Path, require: Callable[[str], None]
) -> None:
    """1,000 goroutines blocked, none of them leaked."""
    require("go")
    binary = build_programs(tmp_path / "source", ".")
    paths = dump_programs(binary, ["DaisyChain"], tmp_path / "dumps")["DaisyChain"]
    alone = checked(paths[:2])
    assert max(finding.count for finding in alone.findings) >= 999
    assert {finding.grade for finding in alone.findings} == {Grade.ANOMALOUS}
    assert checked(paths).findings == ()
