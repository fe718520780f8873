"""State snapshots appear whole, are checked when read, and the one before is kept."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from goleakprobe_agents.errors import UnsupportedStorageError
from goleakprobe_agents.state import Snapshot, SnapshotFolder

LOG = "0a0a0a0a"


def a_state(next_offset: int, *, log_id: str = LOG, state: bytes = b"numbers") -> Snapshot:
    return Snapshot(
        topic="t.v1",
        partition=3,
        log_id=log_id,
        next_offset=next_offset,
        origins={"up-0": (5, 1)},
        recent_events=b"\x00\xff" * 8,
        state=state,
    )


@pytest.fixture
def folder(tmp_path: Path) -> SnapshotFolder:
    return SnapshotFolder(str(tmp_path), "group")


def test_what_was_saved_is_what_is_loaded(folder: SnapshotFolder) -> None:
    folder.save(a_state(10))
    folder.save(a_state(20, state=b"\x00" * 1000))
    assert folder.load("t.v1", 3, LOG) == a_state(20, state=b"\x00" * 1000)


def test_nothing_saved_loads_as_nothing(folder: SnapshotFolder) -> None:
    assert folder.load("t.v1", 3, LOG) is None


def test_two_are_kept(folder: SnapshotFolder) -> None:
    paths = [folder.save(a_state(offset)) for offset in (10, 20, 30)]
    assert [path.exists() for path in paths] == [False, True, True]


def test_an_older_owner_cannot_push_a_newer_snapshot_out(folder: SnapshotFolder) -> None:
    folder.save(a_state(30))
    folder.save(a_state(40))
    folder.save(a_state(10))
    loaded = folder.load("t.v1", 3, LOG)
    assert loaded is not None
    assert loaded.next_offset == 40


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: body[:-1],
        lambda body: body[:10],
        lambda body: b"",
        lambda body: b"x" + body[1:],
        lambda body: body[:-1] + bytes([body[-1] ^ 1]),
        lambda body: body.replace(b'"version":2', b'"version":9'),
    ],
    ids=["cut short", "header only", "empty", "other magic", "flipped bit", "newer version"],
)
def test_a_damaged_one_gives_way_to_the_one_before(folder: SnapshotFolder, damage) -> None:  # type: ignore[no-untyped-def]
    folder.save(a_state(10))
    newest = folder.save(a_state(20))
    newest.write_bytes(damage(newest.read_bytes()))
    assert folder.load("t.v1", 3, LOG) == a_state(10)


def test_a_killed_writer_leaves_nothing_that_is_read(folder: SnapshotFolder) -> None:
    path = folder.save(a_state(10))
    (path.parent / f".{path.name}.x.tmp").write_bytes(b"half")
    assert folder.load("t.v1", 3, LOG) == a_state(10)


def test_a_topic_made_anew_starts_from_the_state_but_not_the_offset_of_the_old(
    folder: SnapshotFolder,
) -> None:
    """The caller sees by the log id that the offset is not of its log."""
    folder.save(a_state(5000, log_id="ffffffff"))
    found = folder.load("t.v1", 3, LOG)
    assert found is not None
    assert found.log_id == "ffffffff"
    folder.save(a_state(1))
    newest = folder.load("t.v1", 3, LOG)
    assert newest is not None
    assert newest.next_offset == 1


def test_notes_on_poison_add_up_and_end_with_the_log(folder: SnapshotFolder) -> None:
    folder.note_poison("t.v1", 3, LOG, careful_until=9)
    folder.note_poison("t.v1", 3, LOG, offset=7)
    folder.note_poison("t.v1", 3, LOG, offset=4)
    assert folder.poison("t.v1", 3, LOG) == (frozenset({4, 7}), 9)
    assert folder.poison("t.v1", 3, "other") == (frozenset(), 0)
    assert folder.poison("t.v1", 0, LOG) == (frozenset(), 0)


def test_object_stores_are_refused_until_they_are_supported() -> None:
    with pytest.raises(UnsupportedStorageError, match="s3://bucket"):
        SnapshotFolder("s3://bucket/state", "group")


def test_a_snapshot_is_immutable() -> None:
    with pytest.raises(AttributeError):
        a_state(1).next_offset = 2  # type: ignore[misc]
    assert msgspec.structs.replace(a_state(1), next_offset=2).next_offset == 2
