"""Results as plain data."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sink_kit import picture, result

from poise.frames import Frame, Media
from poise.results import Results
from poise.sinks import csv_text, record, table_rows, yolo_lines
from poise.sinks._sink import Names, Stems, media_stem

shares = st.floats(0, 1, width=32)


def test_record_of_one_person_is_the_published_schema() -> None:
    line = record(result(1, frame=3, time=0.12))

    keypoints = [[10.0 + k, 5.0 + k, 0.5] for k in range(17)]
    person = {"class": 0, "name": "person", "conf": 0.9, "box": [10.0, 5.0, 40.0, 45.0], "id": None}
    assert json.dumps(line) == json.dumps(
        {
            **{"source": "runner.jpg", "frame": 3, "time": 0.12, "width": 64, "height": 48, "skeleton": "coco17"},
            "instances": [{**person, "keypoints": keypoints}],
        }
    )


def test_record_says_null_for_what_was_not_predicted() -> None:
    xy = np.full((1, 17, 2), np.nan, np.float32)

    line = record(result(1, xy=xy, conf=None))

    assert line["instances"][0]["keypoints"] == [[None, None, None]] * 17


def test_record_has_sigma_and_xyz_only_where_they_are_known() -> None:
    sigma = np.full((2, 17, 2), np.nan, np.float32)
    sigma[1] = 1.234

    first, second = record(result(2, sigma=sigma))["instances"]

    assert "sigma" not in first
    assert second["sigma"] == [[1.23, 1.23]] * 17
    assert "xyz" not in second


def test_record_keeps_track_ids_whole() -> None:
    assert [i["id"] for i in record(result(2, ids=True))["instances"]] == [1, 2]


def test_record_of_an_empty_frame_is_a_line_without_instances() -> None:
    assert record(result(0))["instances"] == []


def test_record_of_a_name_that_is_not_utf8_can_be_encoded() -> None:
    line = record(result(0, media=Media("caf\udce9.jpg")))

    assert line["source"].encode() == "caf\ufffd.jpg".encode()


def test_table_has_one_row_a_keypoint() -> None:
    table = table_rows(result(2, frame=4, ids=True))

    assert {len(column) for column in table.values()} == {34}
    assert table["instance"].tolist() == [0] * 17 + [1] * 17
    assert table["keypoint"][17] == "nose"
    assert (table["x"][17], table["y"][17], table["id"][17]) == (11.0, 5.0, 2.0)


def test_table_of_an_empty_frame_has_no_rows() -> None:
    assert {len(column) for column in table_rows(result(0)).values()} == {0}


def test_yolo_line_of_a_known_person() -> None:
    line = yolo_lines(result(1, ids=True), save_conf=True)[0].split()

    # Box (10, 5, 40, 45) in 64 x 48: centre (25, 25), size (30, 40); first keypoint (10, 5).
    assert line[:5] == ["0", "0.390625", "0.520833", "0.46875", "0.833333"]
    assert line[5:8] == ["0.15625", "0.104167", "0.5"]
    assert line[-2:] == ["0.9", "1"]
    assert len(line) == 5 + 17 * 3 + 2


def test_yolo_line_has_two_numbers_a_keypoint_without_confidence() -> None:
    assert len(yolo_lines(result(1, conf=None))[0].split()) == 5 + 17 * 2


@pytest.mark.parametrize(("conf", "seen"), [(1.0, 2), (0.5, 2), (0.49, 1), (0.25, 1)])
def test_labels_say_how_well_a_keypoint_is_seen(conf: float, seen: int) -> None:
    values = [float(v) for v in yolo_lines(result(1, conf=np.full((1, 17), conf)))[0].split()]

    assert values[5:8] == [0.15625, pytest.approx(5 / 48, abs=1e-6), seen]


def test_what_is_too_unsure_to_be_drawn_is_no_label_but_a_prediction() -> None:
    unsure = result(1, conf=np.full((1, 17), 0.24))

    label = yolo_lines(unsure)[0].split()
    prediction = yolo_lines(unsure, save_conf=True)[0].split()

    assert label[5:8] == ["0", "0", "0"]
    assert prediction[5:8] == ["0.15625", "0.104167", "0.24"]


def test_a_label_without_confidence_says_what_is_missing_by_negative_positions() -> None:
    xy = np.full((1, 17, 2), 20, np.float32)
    xy[0, 0] = np.nan

    assert yolo_lines(result(1, xy=xy, conf=None))[0].split()[5:7] == ["-1", "-1"]


def test_boxes_of_labels_end_at_the_pictures_edge() -> None:
    frame = Frame(np.zeros((50, 100, 3), np.uint8), Media("a.jpg"))
    wide = Results.of(frame, [[-20, -10, 50, 25, 0.9, 0]], np.full((1, 17, 2), 20.0))

    assert yolo_lines(wide)[0].split()[1:5] == ["0.25", "0.25", "0.5", "0.5"]
    assert yolo_lines(wide, save_conf=True)[0].split()[1:5] == ["0.15", "0.15", "0.7", "0.7"]


def test_yolo_line_marks_points_that_are_missing_or_outside_the_picture() -> None:
    xy = np.full((1, 17, 2), 20, np.float32)
    xy[0, 0] = np.nan
    xy[0, 1] = (-1, 20)

    values = [float(v) for v in yolo_lines(result(1, xy=xy))[0].split()]

    assert values[5:11] == [0.0] * 6
    assert values[11] == pytest.approx(20 / 64)


@given(
    xyn=arrays(np.float32, (2, 17, 2), elements=shares),
    conf=arrays(np.float32, (2, 17), elements=shares),
    corners=arrays(np.float32, (2, 4), elements=shares),
    box_conf=arrays(np.float32, (2,), elements=shares),
)
def test_yolo_lines_read_back(xyn: np.ndarray, conf: np.ndarray, corners: np.ndarray, box_conf: np.ndarray) -> None:
    size = np.array([640, 480], np.float32)
    boxes = np.concatenate([np.sort(corners.reshape(2, 2, 2), axis=1).reshape(2, 4) * np.tile(size, 2)], axis=0)
    rows = np.column_stack([boxes, box_conf, [0, 0]])
    frame = Results.of(Frame(np.zeros((480, 640, 3), np.uint8), Media("a.jpg")), rows, xyn * size, conf)

    read = np.array([[float(v) for v in line.split()] for line in yolo_lines(frame, save_conf=True)])

    centre, extent = read[:, 1:3], read[:, 3:5]
    # Six significant digits of a share, so half a millionth; float32 adds as much again.
    np.testing.assert_allclose(
        np.hstack([centre - extent / 2, centre + extent / 2]) * np.tile(size, 2), boxes, atol=2e-3
    )
    points = read[:, 5:-1].reshape(2, 17, 3)
    np.testing.assert_allclose(points[..., :2], xyn, atol=2e-6)
    np.testing.assert_allclose(points[..., 2], conf, atol=2e-6)
    np.testing.assert_allclose(read[:, -1], box_conf, atol=2e-6)


@given(
    xy=arrays(np.float32, (2, 17, 2), elements=st.one_of(st.just(np.nan), st.floats(-1e4, 1e4, width=32))),
    name=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1),
)
def test_csv_reads_back(xy: np.ndarray, name: str) -> None:
    import csv
    import io

    frame = Results.of(Frame(picture(), Media(name), 5, 0.2), result(2).boxes.data, xy)

    rows = list(csv.DictReader(io.StringIO(csv_text(table_rows(frame), header=True))))

    read = np.array([[float(r["x"] or "nan"), float(r["y"] or "nan")] for r in rows])
    np.testing.assert_allclose(read, xy.reshape(-1, 2), atol=1e-3)  # three decimals, and float32 near 10,000
    assert {r["source"] for r in rows} == {name}
    assert {r["id"] for r in rows} == {""}


@pytest.mark.parametrize(
    ("media", "stem"),
    [
        (Media("a/b/runner.jpg", path="a/b/runner.jpg"), "runner"),
        (Media("x", "video", path="/v/my clip.v2.mp4"), "my clip.v2"),
        (Media("camera 0", "stream"), "camera_0"),
        (Media("rtsp://me:secret@10.0.0.2:554/live/1?key=5", "stream"), "10.0.0.2_554_live_1"),
        (Media("https://example.org/p/cat.jpg?token=1"), "example.org_p_cat"),
        (Media("../../etc"), "etc"),
    ],
)
def test_name_of_a_source(media: Media, stem: str) -> None:
    assert media_stem(media) == stem


def test_long_names_stay_short_enough_for_a_file_system() -> None:
    assert len(media_stem(Media("ü" * 300)).encode()) <= 180


def test_names_never_repeat(tmp_path: object) -> None:
    from pathlib import Path

    names = Names(overwrite=True)

    taken = [names.take(Path("x"), stem, ".jpg").name for stem in ("a", "a", "a-2", "A", "a-2", "b")]

    assert taken == ["a.jpg", "a-2.jpg", "a-2-2.jpg", "A-3.jpg", "a-2-3.jpg", "b.jpg"]


def test_two_sources_with_one_name_get_two_stems() -> None:
    stems = Stems()
    first, second = Media("a/r.jpg", path="a/r.jpg"), Media("b/r.jpg", path="b/r.jpg")

    assert [stems.source(first), stems.source(second), stems.source(first)] == ["r", "r-2", "r"]
