"""What any command does as the work of a batch: the same values, in every format."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from batch_kit import shards, write_items
from clip_kit import first_frames

from poise import Pose, samples
from poise.batch import BatchReport, read_status, run_batch
from poise.batch.doing import open_item
from poise.batch.manifest import Item
from poise.bodies.pose_embedding import embed
from poise.cli import main
from poise.sinks import record, table_rows
from poise.skeletons import get
from poise.sources import read_picture

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> BatchReport:
    """A batch over two pictures, a copy of one, and a file that is none."""
    folder = tmp_path_factory.mktemp("batch")
    (folder / "bad.jpg").write_bytes(b"no picture at all")
    (folder / "copy.jpg").write_bytes(samples.hand.read_bytes())
    sources = [samples.runner, samples.hand, folder]
    return run_batch(sources, folder / "out", model="body-fast", workers=1, dedupe=True)


def rows_of(report: BatchReport) -> list[dict[str, Any]]:
    return [row for path in report.shards for row in pq.read_table(path).to_pylist()]


def test_rows_are_what_predict_gives(found: BatchReport) -> None:
    expected = Pose("body-fast", threads=1)(samples.runner, verbose=False)[0]

    rows = [row for row in rows_of(found) if row["source"] == str(samples.runner)]

    assert len(rows) == len(expected) > 1
    for i, row in enumerate(rows):
        assert row["xy"] == expected.keypoints.xy[i].reshape(-1).tolist()
        assert row["keypoint_conf"] == np.asarray(expected.keypoints.conf)[i].tolist()
        assert [row[name] for name in ("x1", "y1", "x2", "y2")] == expected.boxes.xyxy[i].tolist()
        assert (row["instance"], row["item"], row["frame"], row["id"]) == (i, 0, 0, None)
        assert (row["width"], row["height"]) == expected.orig_shape[::-1]


def test_the_schema_is_the_documented_one(found: BatchReport) -> None:
    schema = pq.read_schema(found.shards[0])
    told = json.loads(schema.metadata[b"poise.skeleton"])

    assert schema.metadata[b"poise.schema"] == b"1"
    assert told["name"] == "coco17"
    assert len(told["keypoints"]) == 17
    assert schema.names == [
        *("source", "item", "frame", "time", "width", "height", "instance", "id", "class", "name", "conf"),
        *("x1", "y1", "x2", "y2", "skeleton", "xy", "keypoint_conf", "embedding", "embedding_weight"),
    ]
    assert schema.field("xy").type == pa.list_(pa.float32(), 34)
    assert schema.field("embedding").type == pa.list_(pa.float32(), 35)


def test_embeddings_are_those_of_the_points(found: BatchReport) -> None:
    table = pq.read_table(found.shards[0])
    xy, conf, embedding, weight = (
        np.array(table[name].to_pylist(), dtype=np.float32)
        for name in ("xy", "keypoint_conf", "embedding", "embedding_weight")
    )
    expected = embed(xy.reshape(len(xy), -1, 2), conf, get("coco17"))

    assert len(table) > 0
    np.testing.assert_allclose(embedding, expected[0], atol=1e-6)
    np.testing.assert_array_equal(weight, expected[1])


def test_one_bad_file_costs_one_line(found: BatchReport) -> None:
    assert (found.items, found.done, found.failed, found.same) == (4, 2, 1, 1)
    assert [(reason.said, reason.items) for reason in found.reasons] == [
        ("not a picture: it begins with the text 'no picture at all'", 1)
    ]


def test_the_status_says_the_same(found: BatchReport, capsys: pytest.CaptureFixture[str]) -> None:
    status = read_status(found.folder)

    assert (status.items, status.done, status.failed, status.rows) == (4, 2, 1, found.rows)
    assert not status.running
    assert main(["batch", str(found.folder), "--status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["reasons"][0]["items"] == 1


def test_the_page_tells_all_and_needs_nothing(found: BatchReport) -> None:
    page = (found.folder / "summary.html").read_text(encoding="utf-8")

    assert "not a picture" in page
    assert "<b>2</b><span>done</span>" in page
    assert page.count("data:image/jpeg;base64,") >= 1
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page


def test_names_of_strangers_are_text_on_the_page(tmp_path: Path) -> None:
    bad = tmp_path / "<img src=x onerror=alert(1)>.jpg"
    bad.write_bytes(b"no picture")

    run_batch(bad, tmp_path / "out", model="body-fast", workers=1)

    assert "<img src=x" not in (tmp_path / "out/summary.html").read_text(encoding="utf-8")


def test_a_row_a_keypoint_has_the_columns_of_the_table(tmp_path: Path) -> None:
    report = run_batch(samples.hand, tmp_path / "out", model="body-fast", rows="keypoint", workers=1, page=False)
    expected = table_rows(Pose("body-fast", threads=1)(samples.hand, verbose=False)[0])

    table = pq.read_table(report.shards[0])

    assert table.column_names == list(expected)
    assert table["x"].to_pylist() == expected["x"].tolist()
    assert table["keypoint"].to_pylist() == expected["keypoint"].tolist()


def test_json_lines_are_those_of_predict(tmp_path: Path) -> None:
    report = run_batch(samples.runner, tmp_path / "out", model="body-fast", format="jsonl", workers=1, page=False)
    expected = record(Pose("body-fast", threads=1)(samples.runner, verbose=False)[0])

    assert [json.loads(line) for line in report.shards[0].read_text(encoding="utf-8").splitlines()] == [expected]


def test_coco_files_are_read_by_its_tools(tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    sources = [samples.hand, samples.runner]
    report = run_batch(sources, tmp_path / "out", model="body-fast", format="coco", workers=1, page=False)
    expected = Pose("body-fast", threads=1)(samples.runner, verbose=False)[0]

    read = coco.COCO(str(report.shards[0]))

    runner = next(one for one in read.dataset["images"] if one["file_name"] == str(samples.runner))
    mine = read.loadAnns(read.getAnnIds(imgIds=[runner["id"]]))
    assert len(mine) == len(expected)
    assert mine[0]["keypoints"][:2] == pytest.approx(np.asarray(expected.keypoints.xy)[0, 0].tolist(), abs=0.006)
    assert read.dataset["categories"][0]["name"] == "person"


def test_a_model_in_space_has_metres(tmp_path: Path) -> None:
    report = run_batch(samples.hand, tmp_path / "out", model="hands", workers=1, page=False)
    expected = Pose("hands", threads=1)(samples.hand, verbose=False)[0]

    row = rows_of(report)[0]

    assert row["xyz"] == expected.keypoints.xyz[0].reshape(-1).tolist()
    assert len(row["xyz"]) == 63


@pytest.mark.slow
@pytest.mark.parametrize("work", ["track", "reps", "gestures", "events", "angles"])
def test_every_work_gives_what_its_command_prints(
    tmp_path: Path, work: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # Two squats take six seconds.
    clip = str(first_frames(samples.squats, tmp_path / "squats.mp4", {"reps": 90, "events": 40}.get(work, 20)))
    more: dict[str, Any] = {"events": {"posture": True}}.get(work, {})
    lines = run_batch(clip, "lines", work=work, format="jsonl", workers=1, page=False, model="body-fast", **more)
    table = run_batch(clip, "table", work=work, workers=1, page=False, model="body-fast", **more)
    words = {
        "track": ["track", clip, "--json", "--model", "body-fast"],
        "reps": ["reps", clip, "--json", "--model", "body-fast"],
        "gestures": ["gestures", clip, "--json", "--body", "body-fast"],
        "events": ["events", clip, "--posture", "--json", "--model", "body-fast"],
        "angles": ["angles", clip, "--out", "-", "--model", "body-fast"],
    }[work]

    assert main([*words, "--threads", "1", "--quiet"]) == 0
    printed = capsys.readouterr().out.splitlines()

    got = [json.loads(line) for line in lines.shards[0].read_text(encoding="utf-8").splitlines()]
    rows = rows_of(table)
    assert got
    if work == "angles":
        assert len(got) == len(rows) == len(printed) - 1
        assert f"{rows[0]['value']:.4f}" == printed[1].split(",")[4]
    elif work == "events":
        assert [{**json.loads(line), "source": clip} for line in printed] == got
        assert [row["event"] for row in rows] == [one["event"] for one in got]
    else:
        assert [json.loads(line) for line in printed] == got
    if work == "reps":
        assert [(row["exercise"], row["count"], len(row["reps"])) for row in rows] == [
            (one["exercise"], one["count"], len(one["reps"])) for one in got[0]["people"]
        ]
    if work == "track":
        assert {row["id"] for row in rows} == {one["id"] for line in got for one in line["instances"]}


@pytest.mark.slow
def test_a_long_video_is_divided_and_its_rows_are_in_order(tmp_path: Path) -> None:
    from test_batch_list import write_video

    write_video(tmp_path / "long.mp4", 60)
    report = run_batch(tmp_path / "long.mp4", tmp_path / "out", model="body-fast", split=0.8, workers=2, format="jsonl")

    frames = [json.loads(line)["frame"] for line in report.shards[0].read_text(encoding="utf-8").splitlines()]
    assert report.items >= 2
    assert frames == list(range(60))


def test_what_is_followed_is_not_divided(tmp_path: Path) -> None:
    from test_batch_list import write_video

    write_video(tmp_path / "long.mp4", 100, 10)

    report = run_batch(tmp_path / "long.mp4", tmp_path / "out", work="track", split=1.0, workers=1, vid_stride=50)

    assert (report.items, report.done) == (1, 1)


def test_a_file_of_a_storage_is_fetched_and_keeps_its_name() -> None:
    fsspec = pytest.importorskip("fsspec")
    fsspec.filesystem("memory").pipe("/photos/hand.jpg", samples.hand.read_bytes())
    item = Item(0, "memory:///photos/hand.jpg", 0)

    with ExitStack() as stack:
        frames = list(open_item(item, stack, lambda _: None))

    assert [(frame.media.name, frame.media.path) for frame in frames] == [(item.source, "")]
    assert (frames[0].image == read_picture(samples.hand)).all()


def test_the_number_of_workers_changes_no_byte(tmp_path: Path) -> None:
    sources = write_items(tmp_path / "items", 40)

    made = [
        run_batch(sources, tmp_path / f"out{n}", work="batch_kit:people", workers=n, frames=2, page=False).folder
        for n in (1, 3)
    ]

    assert shards(made[0]) == shards(made[1])


def test_a_shard_of_which_nothing_came_has_no_file(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no picture")

    report = run_batch(tmp_path / "bad.jpg", tmp_path / "out", model="body-fast", workers=1, page=False)

    assert (report.failed, report.shards, report.left) == (1, (), 0)


def test_the_command_says_what_it_needs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["batch", "a.jpg"]) == 2
    assert "batch needs --out" in capsys.readouterr().err
    assert main(["batch", str(tmp_path), "--status"]) == 1
    assert "no batch is here" in capsys.readouterr().err


def test_the_command_does_it_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["batch", str(samples.hand), "--out", str(tmp_path / "out"), "--model", "body-fast", "--workers", "1"]

    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)

    assert (told["done"], told["left"], len(told["shards"])) == (1, 0, 1)
    assert main(words) == 0
    assert "complete: 1 of 1 done" in capsys.readouterr().err


def test_the_table_and_the_line_show_all_workers() -> None:
    from rich.console import Console

    from poise.batch.status import Progress, WorkerProgress
    from poise.cli._batch_table import line, table

    workers = (WorkerProgress("a/clip.mp4", 12, 3, 40, True), WorkerProgress("", 0, 0, 0, False))
    progress = Progress(3, 1, 8, 40, 2.0, "", workers)
    console = Console(width=80, record=True, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    console.print(table(progress))
    shown = console.export_text()

    assert "clip.mp4, frame 12" in shown
    assert "opens the model" in shown
    assert line(progress) == "poise: 3 done, 1 failed, 8 left, 2.0 items/s, 20.0 frames/s, 4 s left"
