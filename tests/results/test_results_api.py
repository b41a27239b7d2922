"""What a Results is and does, apart from drawing."""

from __future__ import annotations

import copy
import csv
import io
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from poise.frames import Frame, Media
from poise.results import Boxes, Keypoints, Results
from poise.results.columns import Array
from poise.skeletons import Skeleton, get

WIDTH, HEIGHT = 200, 100


def picture() -> np.ndarray:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([columns, rows, rows + columns], axis=-1).astype(np.uint8)


def people(count: int = 3, *, ids: bool = False, conf: bool = True, skeleton: Skeleton | None = None) -> Results:
    """Persons of 20 x 60 pixels side by side; keypoint k of person i lies at (30 i + k / 10, k)."""
    skeleton = skeleton or get("coco17")
    i, k = np.arange(count, dtype=np.float32), np.arange(len(skeleton), dtype=np.float32)
    boxes = np.stack([30 * i + 10, 0 * i + 20, 30 * i + 30, 0 * i + 80, 0.9 - i / 10, i % 2], axis=-1)
    if ids:
        boxes = np.insert(boxes, 4, i + 11, axis=1)
    xy = np.stack(np.broadcast_arrays(30 * i[:, None] + k / 10, k[None]), axis=-1)
    return Results.of(
        Frame(picture(), Media("street.mp4", "video", path="street.mp4"), index=7, time=0.28),
        boxes,
        xy,
        np.full(xy.shape[:2], 0.5, np.float32) if conf else None,
        skeleton=skeleton,
        names={0: "person", 1: "dog"},
    )


class TestRows:
    def test_lengths_agree(self) -> None:
        result = people(3)

        assert len(result) == len(result.boxes) == len(result.keypoints) == 3

    @pytest.mark.parametrize(
        ("rows", "expected"),
        [
            (0, [0]),
            (-1, [2]),
            (np.int64(1), [1]),
            (np.array(2), [2]),
            (slice(1, None), [1, 2]),
            (slice(None, None, -1), [2, 1, 0]),
            ([2, 0], [2, 0]),
            ([-1], [2]),
            ([], []),
            ([True, False, True], [0, 2]),
            (np.array([False, True, False]), [1]),
            (np.array([], dtype=int), []),
        ],
    )
    def test_rows_are_chosen(self, rows: object, expected: list[int]) -> None:
        result = people(3)
        part = result[rows]  # type: ignore[index]

        np.testing.assert_array_equal(part.boxes.data, result.boxes.data.numpy()[expected])
        np.testing.assert_array_equal(part.keypoints.xy, result.keypoints.xy.numpy()[expected])
        np.testing.assert_array_equal(part.keypoints.conf, result.keypoints.conf.numpy()[expected])

    def test_a_comparison_of_columns_is_a_mask(self) -> None:
        assert len(people(3)[people(3).boxes.conf > 0.75]) == 2

    def test_an_argmax_of_a_column_is_an_index(self) -> None:
        result = people(3)

        assert result[result.boxes.conf.argmin()].boxes.xyxy.tolist() == [[70, 20, 90, 80]]
        assert result[result.boxes.conf.argmin()].nose.x == 60.0

    @pytest.mark.parametrize("row", [3, -4])
    def test_an_index_outside_says_how_many_there_are(self, row: int) -> None:
        with pytest.raises(IndexError, match=rf"instance {row} does not exist; there are 3 \(0 to 2\)"):
            people(3)[row]

    def test_an_index_into_nothing_says_so(self) -> None:
        with pytest.raises(IndexError, match="instance 0 does not exist; nothing was found"):
            people(0)[0]

    def test_a_mask_of_another_length_is_refused(self) -> None:
        with pytest.raises(IndexError, match=r"a mask must have shape \(3,\)"):
            people(3)[[True, False]]

    def test_a_position_is_not_an_index(self) -> None:
        with pytest.raises(IndexError, match="instances are chosen by an index"):
            people(3)[np.array([0.0, 1.0])]

    def test_iteration_gives_every_row_once(self) -> None:
        result = people(3)

        assert [part.boxes.xyxy[0, 0].item() for part in result] == [10, 40, 70]
        assert [box.xyxy[0, 0].item() for box in result.boxes] == [10, 40, 70]
        assert [points.xy[0, 0, 0].item() for points in result.keypoints] == [0, 30, 60]

    def test_a_part_keeps_frame_time_and_names(self) -> None:
        part = people(3)[1:]

        assert (part.frame, part.time, part.path, part.names[1]) == (7, 0.28, "street.mp4", "dog")

    def test_new_is_the_same_frame_without_instances(self) -> None:
        empty = people(3).new()

        assert len(empty) == 0
        assert empty.orig_shape == (HEIGHT, WIDTH)
        assert empty.keypoints.xy.shape == (0, 17, 2)

    def test_nothing_found_is_false(self) -> None:
        assert not people(0)
        assert people(1)

    def test_boxes_and_keypoints_must_match(self) -> None:
        with pytest.raises(ValueError, match="boxes must have 3 rows to match the keypoints, got 2"):
            people(3).replace(boxes=people(2).boxes)


class TestBoxes:
    def test_layouts_agree(self) -> None:
        boxes = people(2).boxes

        np.testing.assert_array_equal(boxes.xywh[0], [20, 50, 20, 60])
        np.testing.assert_allclose(boxes.xyxyn[0], [0.05, 0.2, 0.15, 0.8], rtol=1e-6)
        np.testing.assert_allclose(boxes.xywhn[0], [0.1, 0.5, 0.1, 0.6], rtol=1e-6)

    def test_untracked_boxes_have_six_columns_and_no_id(self) -> None:
        boxes = people(2).boxes

        assert boxes.shape == (2, 6)
        assert boxes.id is None
        assert not boxes.is_track

    def test_tracked_boxes_have_the_id_before_conf(self) -> None:
        boxes = people(2, ids=True).boxes

        assert boxes.shape == (2, 7)
        assert boxes.is_track
        assert boxes.id is not None
        assert boxes.id.int().tolist() == [11, 12]
        np.testing.assert_array_equal(boxes.data[:, 4], boxes.id)
        np.testing.assert_allclose(boxes.conf, [0.9, 0.8])
        assert boxes.cls.tolist() == [0, 1]

    @pytest.mark.parametrize("empty", [(), [], np.zeros((0, 6)), np.zeros((0, 7))])
    def test_no_boxes_is_zero_rows(self, empty: object) -> None:
        assert len(Boxes(empty, (10, 10))) == 0  # type: ignore[arg-type]

    @pytest.mark.parametrize("shape", [(2, 5), (2, 8), (6,), (1, 2, 6)])
    def test_other_shapes_are_refused(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match=r"boxes must have shape \(N, 6\)"):
            Boxes(np.ones(shape), (10, 10))  # type: ignore[arg-type]


class TestKeypoints:
    def test_data_has_confidence_as_its_third_column(self) -> None:
        points = people(2).keypoints

        assert points.shape == points.data.shape == (2, 17, 3)
        assert points.has_visible
        np.testing.assert_array_equal(points.data[..., 2], points.conf)

    def test_without_confidence_data_has_two_columns(self) -> None:
        points = people(2, conf=False).keypoints

        assert points.shape == points.data.shape == (2, 17, 2)
        assert points.conf is None
        assert not points.has_visible

    def test_xyn_is_divided_by_width_and_height(self) -> None:
        points = people(2).keypoints

        np.testing.assert_allclose(points.xyn * [WIDTH, HEIGHT], points.xy, rtol=1e-6)

    def test_sigma_and_xyz_are_nan_unless_given(self) -> None:
        points = people(2).keypoints

        assert points.sigma.shape == (2, 17, 2)
        assert points.xyz.shape == (2, 17, 3)
        assert np.isnan(points.sigma).all()
        assert np.isnan(points.xyz).all()

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"xy": np.zeros((2, 16, 2))}, r"xy must have shape \(N, 17, 2\) for skeleton 'coco17', got \(2, 16, 2\)"),
            ({"conf": np.zeros((1, 17))}, r"conf must have shape \(2, 17\) to match xy \(2, 17, 2\), got \(1, 17\)"),
            ({"sigma": np.zeros((2, 17))}, r"sigma must have shape \(2, 17, 2\)"),
            ({"xyz": np.zeros((2, 17, 2))}, r"xyz must have shape \(2, 17, 3\)"),
        ],
    )
    def test_shapes_that_do_not_fit_are_refused(self, changes: dict[str, np.ndarray], message: str) -> None:
        columns = {"xy": np.zeros((2, 17, 2)), "conf": np.zeros((2, 17))} | changes

        with pytest.raises(ValueError, match=message):
            Keypoints(**columns)  # type: ignore[arg-type]

    def test_five_hundred_points_work(self) -> None:
        skeleton = Skeleton("mesh", tuple(f"point_{i}" for i in range(500)))
        result = people(4, skeleton=skeleton)

        assert result.keypoints.shape == (4, 500, 3)
        assert result[2].point_499.y == 499.0
        assert len(result.summary()[0]["keypoints"]["x"]) == 500


class TestNames:
    def test_a_keypoints_name_gives_all_instances(self) -> None:
        assert people(3).left_knee.x.tolist() == pytest.approx([1.3, 31.3, 61.3])

    def test_a_keypoints_name_gives_numbers_for_one_instance(self) -> None:
        point = people(3)[1].left_knee

        assert [type(value) for value in point] == [float, float, float]
        assert point == pytest.approx((31.3, 13, 0.5))

    def test_without_confidence_it_is_nan(self) -> None:
        assert np.isnan(people(1, conf=False)[0].nose.conf)

    def test_an_unknown_name_suggests_the_nearest(self) -> None:
        with pytest.raises(AttributeError, match="did you mean 'left_knee'"):
            _ = people(1).left_kne

    def test_an_attributes_typo_suggests_the_nearest(self) -> None:
        with pytest.raises(AttributeError, match="did you mean 'keypoints'"):
            _ = people(1).keypoint

    def test_unknown_names_behave_in_hasattr(self) -> None:
        assert not hasattr(people(1), "tail")
        assert not hasattr(people(1), "_repr_latex_")
        assert hasattr(people(1), "nose")

    def test_tab_completion_lists_keypoints_and_methods(self) -> None:
        assert {"left_knee", "boxes", "summary", "orig_img"} <= set(dir(people(1)))

    def test_other_kinds_of_results_are_none(self) -> None:
        result = people(1)

        assert (result.masks, result.probs, result.obb) == (None, None, None)


class TestReadOnly:
    @pytest.mark.parametrize("column", ["boxes.data", "boxes.xyxy", "boxes.xywh", "boxes.conf", "keypoints.xy"])
    def test_columns_cannot_be_written(self, column: str) -> None:
        kind, name = column.split(".")
        array = getattr(getattr(people(2), kind), name)

        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5

    def test_columns_of_boxes_and_keypoints_cannot_be_set(self) -> None:
        with pytest.raises(AttributeError):
            people(1).boxes.data = np.zeros((1, 6))  # type: ignore[misc,assignment]

    def test_the_callers_array_stays_writable_and_is_not_copied(self) -> None:
        data = np.zeros((2, 6), dtype=np.float32)
        boxes = Boxes(data, (10, 10))  # type: ignore[arg-type]

        assert data.flags.writeable
        assert np.shares_memory(boxes.data, data)

    def test_a_clone_may_be_written(self) -> None:
        boxes = people(2).boxes.xyxy.clone()
        boxes += 1

        assert boxes[0].tolist() == [11, 21, 31, 81]


class TestCopies:
    @pytest.mark.parametrize("ids", [False, True])
    @pytest.mark.parametrize("how", [lambda r: pickle.loads(pickle.dumps(r)), copy.deepcopy, copy.copy])  # noqa: S301
    def test_copies_have_the_same_content_and_are_read_only(self, how: object, ids: bool) -> None:
        result = people(3, ids=ids)
        other = how(result)  # type: ignore[operator]

        np.testing.assert_array_equal(other.boxes.data, result.boxes.data)
        np.testing.assert_array_equal(other.keypoints.data, result.keypoints.data)
        np.testing.assert_array_equal(other.orig_img, result.orig_img)
        assert (other.frame, other.time, other.media, other.names) == (7, 0.28, result.media, result.names)
        assert other.skeleton == result.skeleton
        assert isinstance(other.boxes.xyxy, Array)
        assert not other.boxes.data.flags.writeable
        assert not other.keypoints.xy.flags.writeable

    def test_one_instance_stays_one_instance(self) -> None:
        one = pickle.loads(pickle.dumps(people(3)[1]))  # noqa: S301

        assert one.nose.x == 30.0

    def test_given_sigma_and_xyz_survive_and_missing_ones_cost_nothing(self) -> None:
        points = people(2).keypoints
        sigma = np.full((2, 17, 2), 3.0, np.float32)
        given = Keypoints(points.xy, points.conf, points.skeleton, points.orig_shape, sigma)  # type: ignore[arg-type]
        plain, full = pickle.dumps(points), pickle.dumps(given)

        np.testing.assert_array_equal(pickle.loads(full).sigma, sigma)  # noqa: S301
        assert np.isnan(pickle.loads(plain).sigma).all()  # noqa: S301
        assert len(full) - len(plain) >= sigma.nbytes

    def test_a_constant_given_column_survives(self) -> None:
        points = people(2).keypoints
        sigma = np.broadcast_to(np.float32(2.0), (2, 17, 2))
        given = Keypoints(points.xy, None, points.skeleton, points.orig_shape, sigma)  # type: ignore[arg-type]

        assert (pickle.loads(pickle.dumps(given)).sigma == 2.0).all()  # noqa: S301

    def test_replace_changes_a_copy(self) -> None:
        result = people(2)
        other = result.replace(time=1.5)

        assert (other.time, result.time) == (1.5, 0.28)
        with pytest.raises(TypeError, match="no argument 'tme'"):
            result.replace(tme=1.5)


class TestUpdate:
    def test_boxes_are_exchanged_in_place(self) -> None:
        result = people(2)
        result.update(boxes=np.array([[0, 0, 5, 5, 1, 0], [1, 1, 6, 6, 1, 1]]))

        assert result.boxes.xyxy.tolist() == [[0, 0, 5, 5], [1, 1, 6, 6]]

    def test_both_may_change_their_number(self) -> None:
        result = people(2)
        result.update(boxes=np.ones((1, 7)), keypoints=np.ones((1, 17, 3)))

        assert len(result) == 1
        assert result.keypoints.conf is not None

    def test_keypoints_without_confidence(self) -> None:
        result = people(2)
        result.update(keypoints=np.ones((2, 17, 2)))

        assert result.keypoints.conf is None

    def test_rows_that_do_not_match_are_refused_and_change_nothing(self) -> None:
        result = people(2)

        with pytest.raises(ValueError, match="boxes must have 2 rows"):
            result.update(boxes=np.ones((1, 6)))
        assert len(result) == 2

    def test_keypoints_of_another_shape_are_refused(self) -> None:
        with pytest.raises(ValueError, match=r"keypoints must have shape \(N, 17, 2 or 3\), got \(2, 34\)"):
            people(2).update(keypoints=np.ones((2, 34)))


class TestWords:
    @pytest.mark.parametrize(
        ("count", "text"),
        [(0, "(no detections), "), (1, "1 person, "), (2, "1 person, 1 dog, "), (4, "2 persons, 2 dogs, ")],
    )
    def test_verbose_counts_each_class(self, count: int, text: str) -> None:
        assert people(count).verbose() == text

    def test_a_class_without_name_is_its_number(self) -> None:
        assert people(2).replace(names={0: "person"}).verbose() == "1 person, 1 1, "

    def test_repr_says_what_and_where(self) -> None:
        assert repr(people(3)) == "Results(street.mp4, frame 7, 200x100, 2 persons, 1 dog)"
        assert repr(people(0)) == "Results(street.mp4, frame 7, 200x100, (no detections))"


class TestTables:
    def test_summary_has_the_fields_words(self) -> None:
        first = people(2)[0].summary()[0]

        assert list(first) == ["name", "class", "confidence", "box", "keypoints"]
        assert (first["name"], first["class"], first["confidence"]) == ("person", 0, 0.9)
        assert first["box"] == {"x1": 10.0, "y1": 20.0, "x2": 30.0, "y2": 80.0}
        assert list(first["keypoints"]) == ["x", "y", "visible"]
        assert first["keypoints"]["x"][:3] == [0.0, 0.1, 0.2]
        assert first["keypoints"]["visible"] == [0.5] * 17

    def test_summary_of_tracked_results_has_the_id(self) -> None:
        assert [row["track_id"] for row in people(2, ids=True).summary()] == [11, 12]

    def test_summary_without_confidence_has_no_visible(self) -> None:
        assert list(people(1, conf=False).summary()[0]["keypoints"]) == ["x", "y"]

    def test_summary_can_be_normalised_and_rounded(self) -> None:
        row = people(1).summary(normalize=True, decimals=2)[0]

        assert row["box"] == {"x1": 0.05, "y1": 0.2, "x2": 0.15, "y2": 0.8}
        assert row["keypoints"]["y"][16] == 0.16

    def test_a_point_that_was_not_predicted_is_none(self) -> None:
        result = Results.of(picture(), np.array([[0, 0, 5, 5, 0.5, 0]]))

        assert result.summary()[0]["keypoints"]["x"] == [None] * 17
        assert json.loads(result.to_json())[0]["keypoints"]["y"] == [None] * 17

    @pytest.mark.parametrize("count", [0, 2])
    def test_json_is_the_summary(self, count: int) -> None:
        result = people(count, ids=True)

        assert json.loads(result.to_json()) == result.summary()

    def test_csv_has_one_row_an_instance(self) -> None:
        rows = list(csv.DictReader(io.StringIO(people(2, ids=True).to_csv())))

        assert len(rows) == 2
        assert (rows[1]["name"], rows[1]["x1"], rows[1]["track_id"]) == ("dog", "40.0", "12")
        assert (rows[1]["left_knee_x"], rows[1]["left_knee_y"], rows[1]["left_knee_visible"]) == ("31.3", "13.0", "0.5")

    def test_csv_of_nothing_is_a_header(self) -> None:
        lines = people(0).to_csv().splitlines()

        assert len(lines) == 1
        assert lines[0].startswith("name,class,confidence,x1,y1,x2,y2,nose_x,nose_y,nose_visible,left_eye_x")

    def test_csv_leaves_a_cell_empty_for_what_is_not_there(self) -> None:
        result = Results.of(picture(), np.array([[0, 0, 5, 5, 0.5, 0]]))
        [row] = csv.DictReader(io.StringIO(result.to_csv()))

        assert row["nose_x"] == ""

    @pytest.mark.parametrize("ids", [False, True])
    def test_data_frames_of_all_frames_stack(self, ids: bool) -> None:
        pl = pytest.importorskip("polars", reason="needs polars (extra 'tables')")
        table = pl.concat([people(count, ids=ids).to_df() for count in (0, 2, 3)])

        assert table.shape == (5, 6 if ids else 5)
        assert table["confidence"].to_list() == [0.9, 0.8, 0.9, 0.8, 0.7]
        assert table["box"].struct.field("x1").to_list() == [10, 40, 10, 40, 70]

    def test_labels_are_appended(self, tmp_path: Path) -> None:
        sinks = pytest.importorskip("poise.sinks", reason="needs poise.sinks")
        if not hasattr(sinks, "yolo_lines"):
            pytest.skip("needs poise.sinks.yolo_lines")
        path = tmp_path / "labels" / "street.txt"
        people(2).save_txt(path)
        assert people(1).save_txt(path, save_conf=True) == str(path)
        lines = path.read_text().splitlines()

        assert len(lines) == 3
        np.testing.assert_allclose([float(v) for v in lines[1].split()[:5]], [1, 0.25, 0.5, 0.1, 0.6], atol=1e-5)
        assert len(lines[2].split()) == len(lines[0].split()) + 1

    def test_no_label_file_for_nothing(self, tmp_path: Path) -> None:
        sinks = pytest.importorskip("poise.sinks", reason="needs poise.sinks")
        if not hasattr(sinks, "yolo_lines"):
            pytest.skip("needs poise.sinks.yolo_lines")
        people(0).save_txt(tmp_path / "none.txt")

        assert not (tmp_path / "none.txt").exists()


class TestCrops:
    def read(self, path: str) -> np.ndarray:
        image = pytest.importorskip("PIL.Image", reason="reads the crop back").open(path)
        return np.asarray(image)[:, :, ::-1]

    def test_a_crop_is_the_box_with_a_little_around_it(self, tmp_path: Path) -> None:
        [path] = people(3)[2].save_crop(tmp_path, "street.jpg")
        crop = self.read(path)

        assert path == str(tmp_path / "person" / "street.jpg")
        assert crop.shape == (82, 42, 3)  # 60 x 1.02 + 20 and 20 x 1.02 + 20, outwards to whole pixels
        np.testing.assert_allclose(crop, people(3).orig_img[9:91, 59:101], atol=6)

    def test_crops_of_one_class_are_numbered_and_never_overwritten(self, tmp_path: Path) -> None:
        people(3).save_crop(tmp_path)
        people(1).save_crop(tmp_path)

        assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.jpg")) == [
            "dog/im.jpg",
            "person/im.jpg",
            "person/im2.jpg",
            "person/im3.jpg",
        ]

    def test_a_box_outside_the_picture_has_no_crop(self, tmp_path: Path) -> None:
        boxes = np.array([[500, 500, 550, 550, 0.5, 0], [np.nan, 0, 5, 5, 0.5, 0], [190, 90, 230, 130, 0.5, 0]])
        paths = Results.of(picture(), boxes).save_crop(tmp_path)

        assert len(paths) == 1
        assert self.read(paths[0]).shape == (21, 21, 3)

    @pytest.mark.parametrize("name", ["../../away", "/etc", "..", "a/b", "C:\\x"])
    def test_a_class_name_cannot_lead_out_of_the_folder(self, tmp_path: Path, name: str) -> None:
        folder = tmp_path / "crops"
        [path] = people(1).replace(names={0: name}).save_crop(folder)

        assert Path(path).resolve().parent.parent == folder.resolve()


def crowd(count: int) -> Results:
    boxes = np.tile(np.array([[10, 20, 30, 80, 7, 0.9, 0]], dtype=np.float32), (count, 1))
    return Results.of(np.zeros((100, 200, 3), np.uint8), boxes, np.ones((count, 17, 2)), np.full((count, 17), 0.5))


@pytest.mark.parametrize("how", ["numpy", "cpu", "clone"])
@pytest.mark.parametrize("columns", ["boxes", "keypoints"])
def test_columns_of_ones_own_may_be_written_to(columns: str, how: str) -> None:
    result = crowd(2)
    own = getattr(getattr(result, columns), how)()
    place = own.xyxy if columns == "boxes" else own.xy
    place[0] = 5
    own.conf[1] = 0.25

    assert (own.data[0].ravel()[:2] == 5).all()  # xyxy and conf are parts of data, as users of this field know them
    assert np.asarray(own.data[1]).min() == (0 if columns == "boxes" else 0.25)
    assert np.asarray(result.keypoints.xy).max() == 1
    assert np.asarray(result.boxes.xyxy).min() == 10
    assert all((type(row.data) is np.ndarray) == (how == "numpy") for row in own)


def test_results_as_numpy_give_plain_arrays_row_by_row() -> None:
    for row in crowd(2).cpu().numpy():
        corners = row.boxes.xyxy[0].astype(int)
        assert type(corners) is type(row.keypoints.xyn) is np.ndarray
        assert all(isinstance(value, np.integer) for value in corners)


@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_columns_print_in_ten_lines(count: int) -> None:
    for columns in (crowd(count).boxes, crowd(count).keypoints, crowd(count).keypoints.numpy()):
        text = repr(columns)
        assert len(text.splitlines()) <= 10
        assert f"{count} instance" in text
    if count:
        assert "0: 10.0 20.0 30.0 80.0 conf 0.90 class 0 id 7" in repr(crowd(count).boxes)
        assert "nose 1.0 1.0 0.50" in repr(crowd(count).keypoints)


def test_a_time_that_is_put_in_counts_as_given() -> None:
    assert crowd(1).replace(time=2.0).time_from == "given"
    assert crowd(1).replace(frame=3).time_from == "source"
    assert crowd(1).replace(time=2.0, time_from="fps").time_from == "fps"


def test_attributes_are_assigned_in_place() -> None:
    result = crowd(2)
    result.boxes = result.boxes[[1, 0]]
    result.keypoints = np.full((2, 17, 3), 0.5, np.float32)
    result.path = "mine.jpg"
    result.names = {0: "dog"}

    assert result.keypoints.conf is not None
    assert (result.path, result.verbose(), float(result.keypoints.xy[0, 0, 0])) == ("mine.jpg", "2 dogs, ", 0.5)
    with pytest.raises(ValueError, match=r"must keep its 2 rows, got 1.*result = result\[rows\]"):
        result.boxes = result.boxes[:1]
    with pytest.raises(AttributeError, match="did you mean 'boxes'"):
        result.boxs = None
    with pytest.raises(AttributeError, match="follows from what was found"):
        result.orig_shape = (1, 1)


def test_opencv_takes_corners_and_keypoints_as_this_field_writes_them() -> None:
    cv2 = pytest.importorskip("cv2")
    result = crowd(2)
    picture = result.orig_img.copy()
    for box in result.boxes.cpu().numpy():
        corners = box.xyxy[0].astype(int)
        cv2.rectangle(picture, corners[:2], corners[2:], (0, 0, 255), 1)
    for x, y in result.keypoints.xy[0].cpu().numpy().astype(int):
        cv2.circle(picture, (x, y), 1, (0, 255, 0), -1)
    for x1, y1, _, _ in result.cpu().numpy().boxes.xyxy.astype(int):
        cv2.putText(picture, "a", (x1, y1), cv2.FONT_HERSHEY_PLAIN, 1, (255, 0, 0))

    assert picture[50, 10].tolist() == [0, 0, 255]
    assert picture[1, 1].tolist() == [0, 255, 0]


def test_supervision_takes_results() -> None:
    sv = pytest.importorskip("supervision")
    result = crowd(2)
    detections = sv.Detections.from_ultralytics(result)
    drawn = sv.BoxAnnotator().annotate(result.orig_img.copy(), detections)
    points = sv.KeyPoints.from_ultralytics(result)

    assert detections.xyxy[0].tolist() == [10, 20, 30, 80]
    assert detections.tracker_id.tolist() == [7, 7]
    assert points.xy.shape == (2, 17, 2)
    assert drawn.any()
