"""Graphs built of checkpoints: kept once, never believed, and no error where they cannot be kept."""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from poise import weights
from poise.graphs import Builder
from poise.weights import GRAPH_NAME, GRAPH_ORIGIN, graphs, kept_graph, remove_graphs

SOURCE = Path(__file__).resolve().parents[2] / "src"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POISE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "graphs"


def graph(name: str, origin: str = "best.pt") -> bytes:
    """A graph that does nothing."""
    builder = Builder(17)
    builder.input("x", "float32", ["n"])
    builder.output(builder.node("Identity", ["x"])[0], "y", "float32", ["n"])
    return builder.write({GRAPH_NAME: name, GRAPH_ORIGIN: origin})


class Built:
    """Builds a graph, and counts how often."""

    def __init__(self, name: str) -> None:
        self.name, self.count = name, 0

    def __call__(self) -> bytes:
        self.count += 1
        return graph(self.name)


def test_a_graph_is_built_once(folder: Path) -> None:
    make = Built("a")

    found = [kept_graph("a", make) for _ in range(3)]

    assert make.count == 1
    assert set(found) == {graph("a")}
    assert graphs() == {folder / "a.onnx": "best.pt"}


@pytest.mark.parametrize("damage", ["edited", "truncated", "empty", "gone", "foreign", "renamed", "unpinned", "folder"])
def test_what_is_not_as_it_was_written_is_built_again(folder: Path, damage: str) -> None:
    make = Built("a")
    place = folder / "a.onnx"
    sums = folder / "a.onnx.sha256"
    data = bytearray(kept_graph("a", make))
    if damage == "edited":
        data[len(data) // 2] ^= 1
        place.write_bytes(data)
    elif damage == "truncated":
        place.write_bytes(data[:-1])
    elif damage == "empty":
        place.write_bytes(b"")
    elif damage == "gone":
        place.unlink()
    elif damage == "foreign":
        place.write_bytes(graph("b"))
    elif damage == "renamed":  # with its own sum
        kept_graph("b", Built("b"))
        (folder / "b.onnx").replace(place)
        (folder / "b.onnx.sha256").replace(sums)
    elif damage == "unpinned":
        sums.unlink()
    else:
        place.unlink()
        place.mkdir()

    assert kept_graph("a", make) == graph("a")
    assert make.count == 2
    if damage != "folder":
        assert kept_graph("a", make) == graph("a")
        assert make.count == 2


def test_a_folder_that_cannot_be_written_is_one_line_of_log(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_bytes(b"in the way")
    make = Built("a")

    with caplog.at_level(logging.INFO, logger="poise"):
        assert kept_graph("a", make) == graph("a")

    assert [record.getMessage() for record in caplog.records] == [
        f"{folder / 'a.onnx'}: the graph is not kept and will be built at every start: "
        f"{folder}: cannot be written (File exists); set POISE_HOME to a folder that can, with room for the weights"
    ]


def test_a_full_disk_is_one_line_of_log(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)

    assert kept_graph("a", Built("a")) == graph("a")

    assert [r.getMessage().rpartition(": ")[2] for r in caplog.records] == ["No space left on device"]
    assert not [path for path in folder.iterdir() if path.suffix in (".onnx", ".tmp")]


def test_an_error_of_the_building_is_that_error() -> None:
    def broken() -> bytes:
        raise weights.load("no such network")

    with pytest.raises(Exception, match="no network named"):
        kept_graph("a", broken)


def test_processes_that_start_together_get_the_same(folder: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from test_graphs import Built, kept_graph, hashlib; "
        "print(*{hashlib.sha256(kept_graph('a', Built('a'))).hexdigest() for _ in range(20)})"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(Path(__file__).parent)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]

    found = {process.communicate()[0].strip() for process in running}

    assert found == {hashlib.sha256(graph("a")).hexdigest()}
    assert sorted(path.name for path in folder.iterdir()) == ["a.onnx", "a.onnx.sha256"]


def test_those_not_used_for_longest_make_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i, name in enumerate("abc"):
        kept_graph(name, Built(name))
        os.utime(folder / f"{name}.onnx", (i, i))
    kept_graph("a", Built("a"))  # used again
    monkeypatch.setattr("poise.weights._graphs._MOST_BYTES", 3 * len(graph("a")))

    kept_graph("d", Built("d"))

    assert [path.name for path in graphs()] == ["a.onnx", "c.onnx", "d.onnx"]


def test_clearing_removes_all_and_their_sums(folder: Path) -> None:
    for name in "ab":
        kept_graph(name, Built(name))

    assert remove_graphs("a") == [folder / "a.onnx"]
    assert remove_graphs() == [folder / "b.onnx"]
    assert list(folder.iterdir()) == []


def test_a_checkpoint_that_leaves_the_cache_takes_its_graphs_along(tmp_path: Path) -> None:
    (tmp_path / "best.pt").write_bytes(b"weights")
    kept = weights.put(tmp_path / "best.pt")
    name = f"{hashlib.sha256(b'weights').hexdigest()}-auto"
    kept_graph(name, Built(name))

    gone = weights.remove("best.pt")

    assert [path.name for path in gone] == [f"{name}.onnx", kept.name]
    assert graphs() == {}
