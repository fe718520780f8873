"""Dumps come out of JSON whole, and nothing else does."""

from __future__ import annotations

import json

import pytest

from goleakprobe.profiles.json_wrapping import unwrapped_json


@pytest.mark.parametrize("indent", [None, 2])
def test_the_longest_string_that_mentions_goroutines_is_taken(indent: int | None) -> None:
    document = {"msg": "goroutine dump", "stack": 'goroutine 1 [select]:\n\t"x"', "other": "y" * 99}
    found = unwrapped_json(json.dumps(document, indent=indent).encode())
    assert found == b'goroutine 1 [select]:\n\t"x"'


def test_lines_of_objects_give_their_lines_in_order() -> None:
    lines = [json.dumps({"time": i, "log": text + "\n"}) for i, text in enumerate("ab")]
    lines.insert(0, json.dumps({"log": "goroutine 1 [select]:\n"}))
    assert unwrapped_json("\n".join(lines).encode()) == b"goroutine 1 [select]:\na\nb"


@pytest.mark.parametrize("data", [b"", b"goroutine 1 [select]:", b'{"a": "b"}', b'[1, "a", {}]'])
def test_what_holds_no_dump_is_left_alone(data: bytes) -> None:
    assert unwrapped_json(data) is None


def test_a_string_that_was_cut_is_a_string() -> None:
    assert unwrapped_json(b'{"log": "goroutine 1 [x]:\\n') == b"goroutine 1 [x]:"


def test_escapes_that_json_does_not_know_are_kept() -> None:
    assert unwrapped_json(b'{"log": "goroutine \\q"}') == b"goroutine \\q"
