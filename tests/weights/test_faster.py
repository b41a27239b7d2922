"""Copies of cached networks that run faster: made once, checked, and gone with the network."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from poise import weights
from poise.weights import faster


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network in a cache of its own."""
    monkeypatch.setenv("POISE_HOME", str(tmp_path / "home"))
    (tmp_path / "own.onnx").write_bytes(b"as it came")
    return weights.put(tmp_path / "own.onnx")


class Made:
    """Writes a network anew, and counts how often."""

    def __init__(self, result: bytes | None) -> None:
        self.result, self.count = result, 0

    def __call__(self, data: bytes) -> bytes | None:
        assert data == b"as it came"
        self.count += 1
        return self.result


def test_a_copy_is_made_once_and_the_file_stays(kept: Path) -> None:
    make = Made(b"faster")

    copies = [faster(kept, make) for _ in range(3)]

    assert make.count == 1
    assert {copy.read_bytes() for copy in copies} == {b"faster"}
    assert kept.read_bytes() == b"as it came"
    assert weights.cached() == [kept]


def test_where_nothing_is_gained_nobody_tries_again(kept: Path) -> None:
    make = Made(None)

    assert [faster(kept, make) for _ in range(3)] == [kept] * 3
    assert make.count == 1


def test_a_damaged_copy_is_made_again(kept: Path) -> None:
    make = Made(b"faster")
    faster(kept, make).write_bytes(b"fast")

    assert faster(kept, make).read_bytes() == b"faster"
    assert make.count == 2


def test_another_file_of_that_name_gets_a_copy_of_its_own(kept: Path) -> None:
    first = faster(kept, Made(b"faster"))
    os.utime(kept, ns=(1, 1))

    second = faster(kept, Made(b"faster still"))

    assert second.read_bytes() == b"faster still"
    assert not first.exists()


def test_files_elsewhere_are_left_alone(tmp_path: Path, kept: Path) -> None:
    elsewhere = tmp_path / "own.onnx"

    assert faster(elsewhere, Made(b"faster")) == elsewhere
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "own.onnx"]


def test_a_cache_that_cannot_be_written_runs_the_file_as_it_is(kept: Path) -> None:
    (kept.parent / "faster").write_bytes(b"in the way")

    assert faster(kept, Made(b"faster")) == kept


def test_copies_are_removed_with_the_network(kept: Path) -> None:
    copy = faster(kept, Made(b"faster"))

    gone = weights.remove("own.onnx")

    assert copy in gone
    assert not copy.exists()
