"""The ignore list wants a place and a reason in every line."""

from __future__ import annotations

import pytest

from goleakprobe.check import IgnoreListError, IgnoreRule, read_ignore_list
from goleakprobe.check.ignore import ignore_reason
from goleakprobe.profiles import Group
from goleakprobe_schemas import Frame

GROUP = Group(
    signature="0" * 31 + "a",
    count=1,
    frames=(Frame("example.com/shop/v2.(*Pool[...]).work.func1"), Frame("main.start")),
    creation_site="main.spawn /srv/main.go:3",
)


def test_comments_and_empty_lines_are_skipped() -> None:
    assert read_ignore_list("\n# known\n main.work   # idle  \n", "f") == (
        IgnoreRule("main.work", "idle"),
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("main.work", "f:1: main.work is ignored without a reason"),
        ("# ok\nmain.work #", "f:2: main.work is ignored without a reason"),
        ("main work # x", "f:1: is not `place  # reason`"),
        ("signature:12 # x", "f:1: a signature has 32"),
    ],
)
def test_a_line_that_says_too_little_is_named(text: str, complaint: str) -> None:
    with pytest.raises(IgnoreListError, match=complaint):
        read_ignore_list(text, "f")


@pytest.mark.parametrize(
    "place",
    [
        "main.start",
        "main.spawn",
        "example.com/shop/v2.*",
        "example.com/shop.(*Pool[...]).work.func",
        "example.com/shop/v3.(*Pool[...]).work.func9",
        "signature:" + "0" * 31 + "a",
    ],
)
def test_a_place_is_a_frame_a_creator_a_beginning_or_a_signature(place: str) -> None:
    assert ignore_reason(GROUP, (IgnoreRule(place, "known"),)) == "known"


@pytest.mark.parametrize("place", ["main.st", "example.com/*x", "signature:" + "1" * 32])
def test_other_places_stay(place: str) -> None:
    assert ignore_reason(GROUP, (IgnoreRule(place, "known"),)) == ""
