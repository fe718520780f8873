"""Target lists change, break and come back; what was known before stays in force."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from collect_targets import job
from goleakprobe.collect.discovery import Discovery, read_target_list
from goleakprobe.config import FileSdConfig, ScrapeConfig, StaticConfig
from goleakprobe.errors import DiscoveryError

LIST = '[{"targets": ["a:1", "b:1"], "labels": {"namespace": "shop"}}]'


def file_job(*patterns: Path, name: str = "shop") -> ScrapeConfig:
    return job(name=name, file_sd_configs=(FileSdConfig(files=tuple(map(str, patterns))),))


def keys(discovery: Discovery) -> list[str]:
    return sorted(discovery.refresh().targets)


def replace(path: Path, text: str) -> None:
    """As a careful writer does: the list is never seen half-written."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text)
    temporary.rename(path)


def test_json_and_yaml_lists_read_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(LIST)
    (tmp_path / "a.yaml").write_text(
        "- targets: [a:1, b:1]\n  labels:\n    namespace: shop\n    shard: 7\n"
    )
    read = [read_target_list(tmp_path / name) for name in ("a.json", "a.yaml")]
    assert [group.targets for groups in read for group in groups] == [("a:1", "b:1")] * 2
    assert read[1][0].labels["shard"] == "7"


def test_an_empty_yaml_list_is_a_list(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("")
    assert read_target_list(tmp_path / "a.yml") == ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", "{"),
        ("a.json", '{"targets": []}'),
        ("a.json", '[{"target": ["a:1"]}]'),
        ("a.json", '[{"targets": [1]}]'),
        ("a.json", ""),
        ("a.yaml", "- targets: [a:1"),
        ("a.yaml", "targets: [a:1]"),
        ("a.yaml", "- targets: &t [*t]"),
        ("a.yaml", "!!python/object/apply:os.system ['true']"),
    ],
)
def test_a_malformed_list_is_refused_by_name(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DiscoveryError, match=f"{name}: is not a target list"):
        read_target_list(tmp_path / name)


def test_a_list_that_repeats_itself_by_aliases_is_refused(tmp_path: Path) -> None:
    targets = ", ".join(f"h{i}:1" for i in range(1000))
    groups = "".join("- *g\n" for _ in range(200))
    (tmp_path / "a.yaml").write_text(f"- &g {{targets: [{targets}]}}\n{groups}")
    with pytest.raises(DiscoveryError, match="more than 100000 targets"):
        read_target_list(tmp_path / "a.yaml")


def test_a_missing_list_is_a_problem_and_appears_later(tmp_path: Path) -> None:
    discovery = Discovery([file_job(tmp_path / "t.json")])
    found = discovery.refresh()
    assert found.targets == {}
    assert found.problems == (f"{tmp_path / 't.json'}: No such file or directory",)
    replace(tmp_path / "t.json", LIST)
    found = discovery.refresh()
    assert sorted(found.targets) == ["shop/shop/a:1", "shop/shop/b:1"]
    assert found.problems == ()


def test_a_list_that_breaks_or_vanishes_keeps_its_last_targets(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    replace(path, LIST)
    discovery = Discovery([file_job(path)])
    before = keys(discovery)
    replace(path, "[{")
    broken = discovery.refresh()
    assert sorted(broken.targets) == before
    assert "not a target list" in broken.problems[0]
    assert discovery.refresh().problems == broken.problems
    path.unlink()
    gone = discovery.refresh()
    assert sorted(gone.targets) == before
    assert "No such file" in gone.problems[0]
    replace(path, '[{"targets": ["c:1"]}]')
    assert keys(discovery) == ["default/shop/c:1"]


def test_files_of_a_pattern_come_and_go(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text('[{"targets": ["a:1"]}]')
    discovery = Discovery([file_job(tmp_path / "*.json")])
    assert keys(discovery) == ["default/shop/a:1"]
    (tmp_path / "two.json").write_text('[{"targets": ["b:1"]}]')
    assert keys(discovery) == ["default/shop/a:1", "default/shop/b:1"]
    (tmp_path / "one.json").unlink()
    assert keys(discovery) == ["default/shop/b:1"]


def test_an_unchanged_list_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(LIST)
    stamp = (1_700_000_000_000_000_000,) * 2
    os.utime(path, ns=stamp)
    discovery = Discovery([file_job(path)])
    before = keys(discovery)
    with path.open("r+") as file:  # same inode, size and time
        file.write(LIST.replace("a:1", "c:1"))
    os.utime(path, ns=stamp)
    assert keys(discovery) == before


def test_one_bad_entry_does_not_hide_the_others(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text('[{"targets": ["http://a:1", "b:1"]}]')
    found = Discovery([file_job(path)]).refresh()
    assert list(found.targets) == ["default/shop/b:1"]
    assert "job shop" in found.problems[0]


def test_two_targets_cannot_be_the_same_instance() -> None:
    one = job("a:1", name="shop")
    other = job("a:1", name="shop2")
    twin = ScrapeConfig(
        job_name="shop3",
        static_configs=(
            StaticConfig(targets=("b:1",), labels={"instance": "a:1", "service": "shop"}),
        ),
    )
    found = Discovery([one, other, twin]).refresh()
    assert sorted(found.targets) == ["default/shop/a:1", "default/shop2/a:1"]
    assert "give one of them another instance label" in found.problems[0]


def test_shards_divide_the_targets_without_rest() -> None:
    jobs = [job(*(f"h{i}:1" for i in range(100)))]
    shares = [
        set(Discovery(jobs, shard_index=i, shard_count=3).refresh().targets) for i in range(3)
    ]
    assert sum(map(len, shares)) == len(set().union(*shares)) == 100
    assert all(shares)


def test_lists_are_looked_at_as_often_as_the_most_impatient_wants(tmp_path: Path) -> None:
    assert Discovery([job("a:1")]).poll_seconds == float("inf")
    assert Discovery([job("a:1"), file_job(tmp_path / "t.json")]).poll_seconds == 5.0
