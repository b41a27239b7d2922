"""What a batch works on, in which order, and which shard each item is in."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.batch.journal import Journal, journals, read_journal, read_journals
from poise.batch.manifest import Manifest
from poise.batch.plan import Planner, weight
from poise.batch.worklist import find_work
from poise.errors import FormatError, PoiseError, SourceError
from poise.sources import open_source, read_piece, video_pieces

weights = st.lists(st.integers(1, 50), max_size=60)


@given(weights=weights, most_items=st.integers(1, 9), most_frames=st.integers(1, 90))
def test_shards_are_runs_of_items_that_are_not_too_full(weights: list[int], most_items: int, most_frames: int) -> None:
    planner = Planner(3, most_items=most_items, most_frames=most_frames)

    shards = [planner.shard(frames) for frames in weights]

    assert shards == sorted(shards)
    assert set(shards) == set(range(3, 3 + len(set(shards))))
    for shard in set(shards):
        inside = [frames for frames, mine in zip(weights, shards, strict=True) if mine == shard]
        assert len(inside) <= most_items
        assert len(inside) == 1 or sum(inside) <= most_frames


@given(weights=weights, more=weights)
def test_what_comes_later_changes_no_shard_of_before(weights: list[int], more: list[int]) -> None:
    first, second = Planner(0, most_items=5), Planner(0, most_items=5)

    assert [first.shard(w) for w in weights] == [second.shard(w) for w in [*weights, *more]][: len(weights)]


def test_weights_follow_name_and_size_alone() -> None:
    assert [weight(name, size) for name, size in (("a.PNG", 10**9), ("a.mp4", 10), ("a", 40_000))] == [1, 1, 2]


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(*sources: object, follow: bool = False) -> list[str]:
    return [Path(one.source).name for one in find_work(sources, follow=follow) if one.error is None]


def test_a_mixture_is_listed_in_the_order_that_it_is_given_in(tmp_path: Path) -> None:
    touch(tmp_path, "b/p10.jpg", "b/p9.jpg", "b/notes.txt", "c/x.mp4", "c/y.dat", "z.png")
    (tmp_path / "list.txt").write_text("b/p9.jpg\n# no\nz.png\n", encoding="utf-8")

    found = names(tmp_path / "z.png", tmp_path / "b", tmp_path / "c/*.dat", tmp_path / "list.txt", tmp_path / "c")

    assert found == ["z.png", "p9.jpg", "p10.jpg", "y.dat", "p9.jpg", "z.png", "x.mp4"]


def test_a_column_of_a_csv_is_a_list(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "sub/b.jpg")
    (tmp_path / "list.csv").write_text('id,file\n1,a.jpg\n2,\n3,"sub/b.jpg"\n4,gone.jpg\n', encoding="utf-8-sig")

    found = list(find_work([f"{tmp_path}/list.csv:file"]))

    assert [Path(one.source).name for one in found] == ["a.jpg", "b.jpg", "gone.jpg"]
    assert [one.error is None for one in found] == [True, True, False]


def test_a_column_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("id,file\n1,a.jpg\n", encoding="utf-8")

    with pytest.raises(SourceError, match=r"list\.csv: no column 'files' in its first line; did you mean 'file'"):
        list(find_work([f"{tmp_path}/list.csv:files"]))


def test_a_list_from_a_stranger_stays_below_its_folder(tmp_path: Path) -> None:
    touch(tmp_path, "secret.jpg", "in/a.jpg")
    (tmp_path / "in/list.csv").write_text("file\n../secret.jpg\na.jpg\n", encoding="utf-8")

    found = list(find_work([f"{tmp_path}/in/list.csv:file"]))
    followed = names(f"{tmp_path}/in/list.csv:file", follow=True)

    assert [one.error is None for one in found] == [False, True]
    assert "--follow" in (found[0].error or "")
    assert followed == ["secret.jpg", "a.jpg"]


def test_files_of_a_storage_are_listed_through_fsspec(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    storage = fsspec.filesystem("memory")
    for name in ("b.jpg", "a.jpg"):
        storage.pipe(f"/photos/{name}", b"xy")

    found = list(find_work(["memory://photos/*.jpg", "memory://photos"]))

    assert [one.source for one in found] == ["memory:///photos/a.jpg", "memory:///photos/b.jpg"] * 2
    assert [one.size for one in found] == [2] * 4


def test_what_has_no_end_is_refused() -> None:
    errors = [one.error for one in find_work(["rtsp://example.org/live", "0"])]

    assert all("expected files and addresses of files" in (error or "") for error in errors)


def test_things_without_a_name_are_refused() -> None:
    with pytest.raises(TypeError, match="a batch works on paths and addresses"):
        list(find_work([np.zeros((4, 4, 3), np.uint8)]))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names of files are bytes there")
def test_a_name_that_is_not_utf_8_goes_through_the_manifest(tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg")
    with Manifest(tmp_path) as manifest:
        manifest.add(name, 0)
        manifest.commit()

        assert [item.source for item in manifest.pending(-1)] == [name]
        assert manifest.known(name) == (0, "pending", 0)


def test_another_database_is_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "manifest.sqlite").write_bytes(b"no database, but longer than the head of one " * 99)

    with pytest.raises(FormatError, match="is not the manifest of a batch"):
        Manifest(tmp_path)


def test_a_folder_without_a_batch_is_told(tmp_path: Path) -> None:
    with pytest.raises(PoiseError, match="no batch is here"):
        Manifest(tmp_path, readonly=True)


def test_a_batch_that_is_about_to_begin_is_told(tmp_path: Path) -> None:
    (tmp_path / "manifest.sqlite").touch()

    with pytest.raises(PoiseError, match="holds nothing yet"):
        Manifest(tmp_path, readonly=True)


def test_changes_are_made_together_or_not_at_all(tmp_path: Path) -> None:
    with Manifest(tmp_path) as manifest:

        def half() -> None:
            manifest.add("a.jpg", 0)
            raise RuntimeError("killed")

        with pytest.raises(RuntimeError):
            manifest.at_once(half)

        assert manifest.total() == 0


# Journals.


def write_journal(folder: Path, writer: str, items: dict[int, list[bytes]]) -> Path:
    journal = Journal(folder, writer, b"how")
    for number, bodies in items.items():
        journal.begin(7, number)
        for body in bodies:
            journal.rows(body)
        journal.end({"rows": len(bodies)})
    journal.close()
    return folder / f"000007.{writer}.journal"


def test_a_journal_gives_back_what_was_written(tmp_path: Path) -> None:
    path = write_journal(tmp_path, "a", {4: [b"one", b"two"], 2: []})

    found = read_journal(path)

    assert {number: list(kept.bodies()) for number, kept in found.items()} == {4: [b"one", b"two"], 2: []}
    assert found[4].how() == b"how"
    assert found[4].facts == {"rows": 2}


@given(data=st.data())
def test_a_journal_that_is_cut_off_anywhere_gives_its_whole_items(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = write_journal(tmp_path_factory.mktemp("j"), "a", {1: [b"first"], 2: [b"second", b"more"], 3: [b"third"]})
    whole = path.read_bytes()
    ends = [whole.index(b'{"rows": 1}') + 11, whole.index(b'{"rows": 2}') + 11, len(whole)]
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])

    assert list(read_journal(path)) == [i + 1 for i, end in enumerate(ends) if end <= cut]


@given(data=st.data())
def test_a_journal_that_is_spoiled_anywhere_gives_nothing_wrong(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    items = {1: [b"first"], 2: [b"second"], 3: [b"third"]}
    path = write_journal(tmp_path_factory.mktemp("j"), "a", items)
    spoiled = bytearray(path.read_bytes())
    spoiled[data.draw(st.integers(0, len(spoiled) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(spoiled))

    found = read_journal(path)

    assert all(list(kept.bodies()) == items[number] for number, kept in found.items())
    assert len(found) < 3 or b"how" not in spoiled


def test_an_item_that_was_begun_twice_counts_once(tmp_path: Path) -> None:
    write_journal(tmp_path, "a", {1: [b"same"]})
    write_journal(tmp_path, "b", {1: [b"same"], 2: [b"other"]})

    found = read_journals(tmp_path, 7)

    assert sorted(found) == [1, 2]
    assert found[1].path.name == "000007.a.journal"
    assert len(journals(tmp_path, 7)) == 2


# Pieces of a long video.


def write_video(path: Path, frames: int = 120, every: int = 20) -> None:
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as out:
        stream = out.add_stream("h264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = {"g": str(every), "bf": "2"}
        for i in range(frames):
            picture = np.full((48, 64, 3), i * 2 % 255, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_the_pieces_of_a_video_are_the_whole(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"long{ending}"
    write_video(path)

    pieces = video_pieces(str(path), seconds=1.5)
    whole = list(open_source(str(path)))
    parts = [frame for piece in pieces for frame in read_piece(str(path), piece)]

    assert len(pieces) >= 2
    assert [(one.index, one.time) for one in parts] == [(one.index, one.time) for one in whole]
    assert all((a.image == b.image).all() for a, b in zip(parts, whole, strict=True))


def test_every_second_frame_of_pieces_is_every_second_of_the_whole(tmp_path: Path) -> None:
    path = str(tmp_path / "long.mp4")
    write_video(Path(path))

    parts = [f.index for piece in video_pieces(path, seconds=1.5) for f in read_piece(path, piece, vid_stride=7)]

    assert parts == [frame.index for frame in open_source(path, vid_stride=7)]


def test_a_short_video_is_one_piece(tmp_path: Path) -> None:
    write_video(tmp_path / "short.mp4", 30)

    assert video_pieces(str(tmp_path / "short.mp4"), seconds=1.0) == []
