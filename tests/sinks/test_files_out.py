"""Written pictures, tables and labels, read back with other packages."""

import csv
import errno
import io
import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from sink_kit import clip, original, picture, result, run_and_kill

from poise.errors import FormatError, PoiseError
from poise.frames import Media
from poise.results import Results
from poise.sinks import (
    CocoAnnotationsSink,
    CocoResultsSink,
    CropSink,
    CsvSink,
    JsonLinesSink,
    ParquetSink,
    PictureSink,
    RunFolder,
    RunSink,
    Sink,
    YoloTxtSink,
    open_sink,
    record,
    recover,
)

VIDEO = Media("clip.mp4", "video", 25.0, path="clip.mp4")


def frames(count: int, n: int = 2) -> list[Results]:
    return [result(n, media=VIDEO, frame=i, time=i / 25, ids=True) for i in range(count)]


def write(sink: Sink, results: list[Results]) -> None:
    with sink:
        for one in results:
            sink.write(one)


# Pictures


@pytest.mark.parametrize(
    ("source", "written"),
    [("a/r.jpg", "r.jpg"), ("r.png", "r.png"), ("r.heic", "r.jpg"), ("r.gif", "r.png"), ("r.webp", "r.jpg")],
)
def test_picture_is_named_after_its_source(tmp_path: Path, source: str, written: str) -> None:
    sink = PictureSink(tmp_path, original)

    write(sink, [result(media=Media(source, path=source))])

    assert [p.name for p in sink.paths] == [written]


def test_png_holds_the_very_pixels(tmp_path: Path) -> None:
    write(PictureSink(tmp_path, original), [result(media=Media("r.png"))])

    read = np.asarray(PIL.Image.open(tmp_path / "r.png"))[:, :, ::-1]
    np.testing.assert_array_equal(read, picture())


def test_jpeg_holds_the_pixels_nearly(tmp_path: Path) -> None:
    write(PictureSink(tmp_path, original), [result()])

    read = np.asarray(PIL.Image.open(tmp_path / "runner.jpg"))[:, :, ::-1]
    assert np.abs(read.astype(int) - picture()).mean() < 2  # quality 95


def test_equal_names_from_different_folders_do_not_clobber(tmp_path: Path) -> None:
    sink = PictureSink(tmp_path, original)

    write(sink, [result(media=Media(p, path=p)) for p in ("a/r.jpg", "b/r.jpg", "c/R.jpg")])

    assert [p.name for p in sink.paths] == ["r.jpg", "r-2.jpg", "R-3.jpg"]


def test_pictures_from_before_are_kept(tmp_path: Path) -> None:
    (tmp_path / "runner.jpg").write_bytes(b"precious")

    write(PictureSink(tmp_path, original), [result()])

    assert (tmp_path / "runner.jpg").read_bytes() == b"precious"
    assert (tmp_path / "runner-2.jpg").exists()


def test_frames_of_a_video_carry_their_number(tmp_path: Path) -> None:
    sink = PictureSink(tmp_path, original)

    write(sink, frames(2))

    assert [p.name for p in sink.paths] == ["clip_0.jpg", "clip_1.jpg"]


def test_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")

    with pytest.raises(PoiseError, match="is a file, expected a folder"):
        PictureSink(tmp_path / "f")


def test_picture_larger_than_jpeg_can_hold(tmp_path: Path) -> None:
    sink = PictureSink(tmp_path, original)
    sink.write(result(image=np.zeros((1, 70_000, 3), np.uint8)))

    with pytest.raises(PoiseError, match="70000x1 is more than JPEG can hold"):
        sink.close()


def test_crops_lie_in_a_folder_a_class(tmp_path: Path) -> None:
    sink = CropSink(tmp_path, margin=0.0)

    write(sink, [result(2)])

    assert [str(p.relative_to(tmp_path)) for p in sink.paths] == ["person/runner.jpg", "person/runner-2.jpg"]
    assert PIL.Image.open(sink.paths[0]).size == (30, 40)


def test_crops_of_a_run_are_those_of_save_crop(tmp_path: Path) -> None:
    boxes = [[10, 5, 40, 45, 0.9, 0], [-20, -20, 10, 10, 0.9, 0], [60.4, 2.5, 300, 30, 0.8, 0], [5, 5, 5, 5, 0.9, 0]]
    people = Results.of(picture(200, 150, shade=9), [*boxes, [np.nan] * 4 + [0.9, 0]])

    by_call = people.save_crop(tmp_path / "call")
    write(sink := RunSink(tmp_path / "run", save=False, save_crop=True), [people])

    assert len(by_call) == len(sink.paths) == 3
    for one, other in zip(by_call, sink.paths, strict=True):
        np.testing.assert_array_equal(np.asarray(PIL.Image.open(one)), np.asarray(PIL.Image.open(other)))
    # From 10 - 10.3 and 5 - 10.4, cut off at the picture's edges, to 40 + 10.3 and 45 + 10.4.
    assert PIL.Image.open(by_call[0]).size == (51, 56)


@pytest.mark.parametrize("order", [["b.jpg", "a.jpg", "2.jpg", "c.jpg"], ["a.jpg", "2.jpg", "c.jpg", "b.jpg"]])
@pytest.mark.parametrize("kind", ["picture", "frames"])
def test_ids_that_are_given_are_nobody_elses(tmp_path: Path, order: list[str], kind: str) -> None:
    given = {"b.jpg": 1, "c.jpg": 2, "walk.mp4": 3}
    media = [Media(name, path=name) for name in order]
    images = [result(media=one) for one in media]
    if kind == "frames":
        images[1:1] = clip([0.0, 0.1, 0.2], media=Media("walk.mp4", "video", 10.0, path="walk.mp4"))

    write(CocoAnnotationsSink(tmp_path / "a.json", image_ids=given), images)

    told = json.loads((tmp_path / "a.json").read_text())["images"]
    ids = {one["file_name"]: one["id"] for one in told}
    assert len({one["id"] for one in told}) == len(told) == len(images)
    assert (ids["b.jpg"], ids["c.jpg"]) == (1, 2)
    assert kind == "picture" or ids["walk_0.jpg"] == 3


def test_crops_stay_inside_the_picture_and_skip_empty_boxes(tmp_path: Path) -> None:
    boxes = [[-20, -20, 10, 10, 0.9, 0], [50, 40, 500, 400, 0.9, 0], [5, 5, 5, 5, 0.9, 0], [np.nan] * 4 + [0.9, 0]]
    sink = CropSink(tmp_path, margin=0.0)

    write(sink, [Results.of(picture(), boxes)])

    assert [PIL.Image.open(p).size for p in sink.paths] == [(10, 10), (14, 8)]


# Lines and tables


def test_json_lines_are_the_records(tmp_path: Path) -> None:
    write(open_sink(tmp_path / "a.json"), frames(3))

    lines = [json.loads(line) for line in (tmp_path / "a.json").read_text().splitlines()]
    assert lines == [record(one) for one in frames(3)]


@pytest.mark.parametrize("stream", [io.StringIO(), io.BytesIO()])
def test_json_lines_go_to_an_open_stream(stream: io.StringIO | io.BytesIO) -> None:
    write(JsonLinesSink(stream), frames(2))

    assert len(stream.getvalue().splitlines()) == 2


def test_json_lines_to_a_terminal_without_utf8_are_escaped() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")

    write(JsonLinesSink(stream), [result(0, media=Media("café.jpg"))])

    assert json.loads(raw.getvalue())["source"] == "café.jpg"


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet", "a.json"])
def test_run_without_frames_leaves_a_readable_file(tmp_path: Path, name: str) -> None:
    sink = open_sink(tmp_path / name)

    write(sink, [])

    assert sink.paths == [tmp_path / name]


def test_csv_has_one_row_a_keypoint(tmp_path: Path) -> None:
    write(CsvSink(tmp_path / "a.csv"), frames(3))

    rows = list(csv.DictReader((tmp_path / "a.csv").open(encoding="utf-8")))
    assert len(rows) == 3 * 2 * 17
    assert rows[0] == {
        **{"source": "clip.mp4", "frame": "0", "time": "0.0", "instance": "0", "id": "1", "class": "0"},
        **{"name": "person", "box_conf": "0.9", "keypoint": "nose", "x": "10.0", "y": "5.0", "conf": "0.5"},
        **{"sigma_x": "", "sigma_y": "", "X": "", "Y": "", "Z": ""},
    }


def test_parquet_is_read_by_pyarrow_and_polars(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    polars = pytest.importorskip("polars")
    write(ParquetSink(tmp_path / "a.parquet"), frames(3))

    table = parquet.read_table(tmp_path / "a.parquet")
    frame = polars.read_parquet(tmp_path / "a.parquet")
    assert table.num_rows == 3 * 2 * 17
    assert table["sigma_x"].null_count == table.num_rows
    assert table.schema.field("id").type == "int64"
    assert frame.filter((polars.col("frame") == 2) & (polars.col("keypoint") == "nose"))["x"].to_list() == [10.0, 11.0]
    assert not (tmp_path / "a.parquet.journal").exists()


def test_parquet_has_row_groups_of_fifty_thousand(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    crowd = result(600, media=VIDEO)

    write(ParquetSink(tmp_path / "a.parquet"), [crowd] * 12)

    groups = parquet.ParquetFile(tmp_path / "a.parquet").metadata
    assert [groups.row_group(i).num_rows for i in range(groups.num_row_groups)] == [51_000, 51_000, 20_400]


# Labels


def test_yolo_labels_are_named_after_picture_and_frame(tmp_path: Path) -> None:
    sink = YoloTxtSink(tmp_path, save_conf=True)

    write(sink, [result(2), result(0, media=Media("empty.jpg")), *frames(2)])

    assert [p.name for p in sink.paths] == ["runner.txt", "clip_0.txt", "clip_1.txt"]
    assert len((tmp_path / "runner.txt").read_text().splitlines()) == 2


def test_coco_results_are_scored_by_pycocotools(tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    images = [result(2, media=Media(f"{i:012}.jpg", path=f"{i:012}.jpg")) for i in (139, 285)]
    write(CocoAnnotationsSink(tmp_path / "truth.json"), images)
    write(CocoResultsSink(tmp_path / "found.json"), images)

    truth = coco.COCO(str(tmp_path / "truth.json"))
    found = truth.loadRes(str(tmp_path / "found.json"))
    score = cocoeval.COCOeval(truth, found, "keypoints")
    score.evaluate()
    score.accumulate()
    score.summarize()

    assert sorted(truth.getImgIds()) == [139, 285]
    assert score.stats[0] == pytest.approx(1.0)


def test_coco_dataset_describes_the_skeleton(tmp_path: Path) -> None:
    xy = result(1).keypoints.xy.copy()
    xy[0, 3] = np.nan
    write(CocoAnnotationsSink(tmp_path / "a.json"), [result(1, xy=xy, media=VIDEO, frame=7, time=0.28, ids=True)])

    data = json.loads((tmp_path / "a.json").read_text())
    assert data["categories"][0]["keypoints"][:2] == ["nose", "left_eye"]
    assert [16, 14] in data["categories"][0]["skeleton"]  # left ankle to left knee, counted from 1 as in COCO
    assert data["images"] == [
        {"id": 1, "file_name": "clip_7.jpg", "width": 64, "height": 48, "video": "clip.mp4", "frame": 7, "time": 0.28}
    ]
    (person,) = data["annotations"]
    assert person["keypoints"][9:12] == [0.0, 0.0, 0.0]
    assert person["keypoints"][:3] == [10.0, 5.0, 2]
    assert (person["num_keypoints"], person["bbox"], person["area"]) == (16, [10.0, 5.0, 30.0, 40.0], 1200.0)
    assert person["track_id"] == 1


def test_coco_dataset_leaves_out_unsure_points(tmp_path: Path) -> None:
    write(CocoAnnotationsSink(tmp_path / "a.json", min_conf=0.6), [result(1)])

    assert json.loads((tmp_path / "a.json").read_text())["annotations"][0]["num_keypoints"] == 0


def test_coco_image_numbers_come_from_the_truth_where_it_is_given(tmp_path: Path) -> None:
    images = [result(1, media=Media(name)) for name in ("a.jpg", "7.jpg", "b.jpg")]

    write(CocoResultsSink(tmp_path / "a.json", image_ids={"a.jpg": 42}), images)

    assert [row["image_id"] for row in json.loads((tmp_path / "a.json").read_text())] == [42, 7, 1]


# Crashes, full disks, existing files

KILLED = "for i in range(40): sink.write(result(2, frame=i, ids=True))\n"


def test_killed_run_leaves_every_json_line(tmp_path: Path) -> None:
    run_and_kill("sink = JsonLinesSink(folder / 'a.jsonl')\n" + KILLED, tmp_path)

    assert [json.loads(line)["frame"] for line in (tmp_path / "a.jsonl").open()] == list(range(40))


def test_killed_run_leaves_every_csv_row(tmp_path: Path) -> None:
    run_and_kill("sink = CsvSink(folder / 'a.csv')\n" + KILLED, tmp_path)

    assert len((tmp_path / "a.csv").read_text().splitlines()) == 1 + 40 * 2 * 17


def test_killed_run_leaves_a_journal_of_every_parquet_row(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    run_and_kill("sink = ParquetSink(folder / 'a.parquet')\n" + KILLED, tmp_path)

    path = recover(tmp_path / "a.parquet.journal")

    assert parquet.read_table(path)["frame"].to_pylist()[:: 2 * 17] == list(range(40))
    assert not (tmp_path / "a.parquet.journal").exists()


@pytest.mark.parametrize("kind", ["CocoResultsSink", "CocoAnnotationsSink"])
def test_killed_run_leaves_a_journal_of_every_coco_instance(tmp_path: Path, kind: str) -> None:
    run_and_kill(f"sink = {kind}(folder / 'a.json')\n" + KILLED, tmp_path)

    data = json.loads(recover(tmp_path / "a.json.journal").read_text())

    assert len(data if kind == "CocoResultsSink" else data["annotations"]) == 80


@pytest.mark.parametrize("cut", [1, 100, 1500])
@pytest.mark.parametrize("name", ["a.parquet", "a.json"])
def test_journal_cut_in_the_middle_of_a_frame_gives_the_frames_before(tmp_path: Path, name: str, cut: int) -> None:
    sink = ParquetSink(tmp_path / name) if name == "a.parquet" else CocoResultsSink(tmp_path / name)
    for one in frames(10):
        sink.write(one)
    journal = tmp_path / f"{name}.journal"
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / journal.name).write_bytes(journal.read_bytes()[:-cut])
    sink.close()

    path = recover(tmp_path / "b" / journal.name)

    if name == "a.json":
        assert 10 <= len(json.loads(path.read_text())) < 20
    else:
        assert pytest.importorskip("pyarrow.parquet").read_table(path).num_rows in (8 * 34, 9 * 34)


@pytest.mark.parametrize("kind", [ParquetSink, CocoResultsSink])
def test_journal_of_a_crashed_run_is_not_thrown_away(tmp_path: Path, kind: type) -> None:
    journal = tmp_path / "a.x.journal"
    journal.write_bytes(b"precious")

    with (
        pytest.raises(PoiseError, match=r"a\.x\.journal: left by a run that did not end; .*recover"),
        kind(tmp_path / "a.x") as sink,
    ):
        sink.write(result())

    assert journal.read_bytes() == b"precious"


@pytest.mark.parametrize("name", ["a.parquet.journal", "a.json.journal"])
def test_recover_refuses_what_is_no_journal(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"something else\n")

    with pytest.raises(FormatError, match="journal"):
        recover(tmp_path / name)
    assert (tmp_path / name).exists()


def test_recover_names_a_missing_journal(tmp_path: Path) -> None:
    with pytest.raises(PoiseError, match="no such journal"):
        recover(tmp_path / "a.parquet.journal")


SINGLE = ["a.jsonl", "a.csv", "a.parquet", "a.mp4", "a.gif", "a.webp", "a.png", "a.jpg"]


@pytest.mark.parametrize("name", SINGLE)
def test_existing_file_is_not_overwritten_unless_asked(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"precious")

    with pytest.raises(
        PoiseError, match="exists already; choose another name, or allow it to be replaced: overwrite=True"
    ):
        open_sink(path, render=original)
    assert path.read_bytes() == b"precious"

    write(open_sink(path, render=original, overwrite=True), clip([0.0, 0.04]))
    assert path.read_bytes() != b"precious"


@pytest.mark.parametrize("name", [*SINGLE, "folder"])
def test_folder_that_cannot_be_made_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(PoiseError, match=r"file.*part of the path is a file"):
        write(open_sink(tmp_path / "file" / name, render=original), clip([0.0, 0.04]))


@pytest.mark.parametrize("name", [n for n in SINGLE if n != "a.mp4"])
def test_full_disk_is_named(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.FileIO):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    def opened(self: Path, mode: str = "r", *args: object, **kwargs: object) -> io.FileIO:
        return Full(str(self), mode.replace("b", ""))

    monkeypatch.setattr("poise.sinks._sink.io.FileIO", Full)
    monkeypatch.setattr(Path, "open", opened)

    with pytest.raises(PoiseError, match=r"a\.\w+.*: cannot be written: the disk is full; free some space"):
        write(open_sink(tmp_path / name, render=original), clip([0.0, 0.04]))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_full_stream_is_named() -> None:
    with (
        Path("/dev/full").open("wb", buffering=0) as stream,
        pytest.raises(PoiseError, match="/dev/full: cannot be written: the disk"),
    ):
        JsonLinesSink(stream).write(result())


def test_read_only_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("poise.sinks._sink.io.FileIO", refuse)  # root may write everywhere, so chmod would not do

    with pytest.raises(PoiseError, match=r"a\.csv: cannot be written: no permission"):
        write(CsvSink(tmp_path / "a.csv"), frames(1))


def test_unknown_ending_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the ending '\.xyz' says no format; known: \.jsonl"):
        open_sink(tmp_path / "a.xyz")


def test_error_of_the_caller_is_not_hidden_by_one_while_closing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ZeroDivisionError) as caught, CsvSink(tmp_path / "file" / "a.csv"):
        1 / 0  # noqa: B018

    assert "while closing" in caught.value.__notes__[0]


# Runs


def test_runs_get_folders_of_their_own(tmp_path: Path) -> None:
    names = [RunFolder(tmp_path / "runs").path.name for _ in range(3)]

    assert names == ["predict", "predict2", "predict3"]
    assert RunFolder(tmp_path / "runs", exist_ok=True).path.name == "predict"


def test_run_folder_where_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(PoiseError, match="part of the path is a file"):
        RunFolder(tmp_path / "file")


def test_manifest_tells_what_was_run_and_how_it_ended(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.manifest(arguments={"source": Path("a.jpg"), "classes": (0,)}, weights=[{"name": "body", "sha256": "ab"}])
    first = json.loads((run.path / "manifest.json").read_text())

    path = run.manifest("done", counts={"frames": np.int64(3)}, files=[run.path / "a.jpg"])

    last = json.loads(path.read_text())
    assert (first["status"], first["ended"]) == ("running", None)
    assert (last["status"], last["counts"], last["files"]) == ("done", {"frames": 3}, ["a.jpg"])
    assert last["arguments"] == {"source": "a.jpg", "classes": [0]}
    assert last["weights"] == first["weights"]
    assert [p.name for p in run.path.iterdir()] == ["manifest.json"]


def test_run_sink_leaves_the_tree_that_users_know(tmp_path: Path) -> None:
    pytest.importorskip("av")
    asked = {f"save_{what}": True for what in ("txt", "conf", "crop", "json", "csv", "frames")}
    pictures = [result(media=Media(p, path=p)) for p in ("a/r.jpg", "b/r.png")]
    sink = RunSink(tmp_path, render=original, **asked)

    write(sink, [*pictures, *frames(2)])

    expected = """clip.mp4 clip_frames/0.jpg clip_frames/1.jpg crops/person/clip_0-2.jpg crops/person/clip_0.jpg
        crops/person/clip_1-2.jpg crops/person/clip_1.jpg crops/person/r-2.jpg crops/person/r.jpg labels/clip_0.txt
        labels/clip_1.txt labels/r-2.txt labels/r.txt r-2.png r.jpg results.csv results.jsonl"""
    written = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert written == expected.split()
    assert sorted(sink.paths) == sorted(p for p in tmp_path.rglob("*") if p.is_file())


def test_run_sink_with_nothing_asked_writes_nothing(tmp_path: Path) -> None:
    write(RunSink(tmp_path / "run", save=False), [result()])

    assert not (tmp_path / "run").exists()


def test_run_sink_finishes_the_other_files_when_one_fails(tmp_path: Path) -> None:
    def broken(_: Results) -> np.ndarray:
        raise RuntimeError("no pen")

    sink = RunSink(tmp_path, render=broken, save_csv=True)
    sink.write(result())

    with pytest.raises(RuntimeError, match="no pen"):
        sink.close()
    assert len((tmp_path / "results.csv").read_text().splitlines()) == 18


@pytest.mark.parametrize("name", ["a.coco.json", "a.coco-results.json"])
def test_coco_files_are_chosen_by_their_ending(name: str, tmp_path: Path) -> None:
    with open_sink(tmp_path / name) as sink:
        sink.write(result(n=2))

    content = json.loads((tmp_path / name).read_text())
    rows = content["annotations"] if isinstance(content, dict) else content
    assert len(rows) == 2
    assert len(rows[0]["keypoints"]) == 17 * 3


def test_pictures_of_one_name_in_nested_folders_can_be_told_apart(tmp_path: Path) -> None:
    places = [str(tmp_path / part) for part in ("a/1.jpg", "a/2.jpg", "b/1.jpg")]
    results = [result(media=Media(place, path=place)) for place in places]

    with CocoAnnotationsSink(tmp_path / "own.coco.json") as sink:
        for one in results[:2]:
            sink.write(one)
    assert [image["file_name"] for image in json.loads(sink.path.read_text())["images"]] == ["1.jpg", "2.jpg"]

    with CocoAnnotationsSink(tmp_path / "all.coco.json") as sink:
        for one in results:
            sink.write(one)
    images = json.loads(sink.path.read_text())["images"]
    assert [image["file_name"] for image in images] == ["a/1.jpg", "a/2.jpg", "b/1.jpg"]
    assert len({image["id"] for image in images}) == 3
    assert set(images[0]) == {"id", "file_name", "width", "height"}
    assert "another picture is called 1.jpg too" in sink.notes[0]


def test_given_ids_of_pictures_of_one_name_need_their_folders(tmp_path: Path) -> None:
    places = [str(tmp_path / part) for part in ("a/x.jpg", "b/x.jpg")]

    with CocoResultsSink(tmp_path / "good.json", image_ids={"a/x.jpg": 7, "b/x.jpg": 8}) as sink:
        for place in places:
            sink.write(result(media=Media(place, path=place)))
    assert {row["image_id"] for row in json.loads(sink.path.read_text())} == {7, 8}

    sink = CocoResultsSink(tmp_path / "wrong.json", image_ids={"x.jpg": 7})
    sink.write(result(media=Media(places[0], path=places[0])))
    with pytest.raises(PoiseError, match=r"have one name and would get one id, 7.*'b/x.jpg'"):
        sink.write(result(media=Media(places[1], path=places[1])))


def test_a_manifest_says_where_sources_of_one_name_are_from(tmp_path: Path) -> None:
    sink = RunSink(tmp_path / "run", save=False, save_txt=True)
    for part in ("a/1.jpg", "b/1.jpg"):
        sink.write(result(media=Media(f"{tmp_path}/{part}", path=f"{tmp_path}/{part}")))
    sink.close()

    assert sorted(path.name for path in (tmp_path / "run/labels").iterdir()) == ["1-2.txt", "1.txt"]
    assert sink.twins == {"1-2": f"{tmp_path}/b/1.jpg"}


@pytest.mark.parametrize("kind", [CocoResultsSink, CocoAnnotationsSink])
def test_a_frame_without_anybody_goes_into_coco_files(tmp_path: Path, kind: type) -> None:
    empty = result(media=Media("a.jpg"))
    with kind(tmp_path / "a.json") as sink:
        sink.write(empty[np.zeros(len(empty), dtype=bool)])
    assert sink.path.is_file()


def test_a_line_that_does_not_fit_is_not_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = CsvSink(tmp_path / "a.csv")
    sink.write(result(media=Media("a.jpg")))
    whole = (tmp_path / "a.csv").read_bytes()

    def half(stream: object, data: bytes) -> None:
        stream.write(data[: len(data) // 2])  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("poise.files.writing.write_all", half)
    with pytest.raises(PoiseError, match="the disk is full"):
        sink.write(result(media=Media("b.jpg")))
    assert (tmp_path / "a.csv").read_bytes() == whole
