"""Labels as strangers' tools and habits bring them: loose points, confidences, hidden points, points nowhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import format_kit as kit
import numpy as np
import pytest
from PIL import Image

from poise.datasets import open_dataset, read_spec, scan
from poise.datasets._yolo import parse_labels
from poise.datasets.doctor import check, quick
from poise.errors import FormatError

FILE = Path("labels/a.txt")


def parse(text: str, k: int = 2, **more: Any) -> tuple[Any, list[str]]:
    labels, problems, _ = parse_labels(text, FILE, size=(200, 100), classes=2, kpt_shape=(k, 3), **more)
    return labels, [p.kind for p in problems]


@pytest.mark.parametrize("spot", ["-0.13 0.88", "5.16 0.51", "0.25 -7", "nan nan", "320 240"])
def test_what_is_not_labelled_may_lie_anywhere(spot: str) -> None:
    labels, problems = parse(f"0 .5 .5 .2 .4 .25 .5 2 {spot} 0\n")

    assert problems == []
    assert labels.visibility.tolist() == [[2, 0]]
    assert labels.xy[0, 0].tolist() == [50, 50]
    assert np.isnan(labels.xy[0, 1]).all()


def test_what_is_labelled_may_not() -> None:
    labels, problems = parse("0 .5 .5 .2 .4 .25 .5 2 5.16 .51 1\n")

    assert problems == ["not-normalised"]
    assert len(labels) == 0


@pytest.mark.parametrize(
    ("values", "min_conf", "seen"),
    [
        ("0.97 0.4", 0.0, [2, 2]),
        ("0.97 0.4", 0.5, [2, 0]),
        ("0.97 1", 0.0, [2, 2]),
        ("0.97 0", 0.0, [2, 0]),
        ("2 0.97", 0.0, [2, 2]),
        ("1 2", 0.0, [1, 2]),
    ],
)
def test_a_fraction_as_third_value_is_a_confidence(values: str, min_conf: float, seen: list[int]) -> None:
    a, b = values.split()
    labels, problems = parse(f"0 .5 .5 .2 .4 .25 .5 {a} .3 .5 {b}\n", min_conf=min_conf)

    assert labels.visibility.tolist() == [seen]
    assert problems == ([] if values == "1 2" else ["confidences"])


def test_the_confidence_of_the_box_and_a_tracks_id_may_follow() -> None:
    labels, problems = parse("0 .5 .5 .2 .4 .25 .5 .9 .3 .5 .8 .93 4\n0 .6 .5 .2 .4 .25 .5 .9 .3 .5 .8 .93\n")

    assert problems == ["confidences"]
    assert len(labels) == 2


@pytest.mark.parametrize("value", ["0.5 3", "-0.5 0.5", "0.5 1.5"])
def test_other_third_values_are_wrong(value: str) -> None:
    a, b = value.split()

    assert parse(f"0 .5 .5 .2 .4 .25 .5 {a} .3 .5 {b}\n")[1] == ["bad-visibility"]


def test_confidences_are_told_once_for_the_set(tmp_path: Path) -> None:
    file = yolo(tmp_path, ["0 .5 .5 .2 .4 .25 .5 .9"] * 3, "kpt_shape: [1, 3]\nnames: [cat]\n")

    (problem,) = [p for p in scan(open_dataset(file)).problems if p.kind == "confidences"]
    (also,) = [p for p in check(file).problems if p.kind == "confidences"]

    assert problem.message.startswith("in this and 2 other files the third value of a keypoint is a confidence")
    assert also.message == problem.message
    assert scan(open_dataset(file, min_conf=0.95)).labels[0].visibility.tolist() == [[0]]
    with pytest.raises(ValueError, match="min_conf must be from 0 to 1, got 2"):
        open_dataset(file, min_conf=2)


def yolo(folder: Path, rows: list[str], end: str, *, colours: bool = True) -> Path:
    """Write a set with a picture of its own grey for each row."""
    rng = np.random.default_rng(0)
    for i, row in enumerate(rows):
        for part, name in (("images", f"{i}.png"), ("labels", f"{i}.txt")):
            (folder / part / "train").mkdir(parents=True, exist_ok=True)
            path = folder / part / "train" / name
            if part == "images":
                Image.fromarray(rng.integers(0, 255, (40, 60, 3), dtype=np.uint8)).save(path)
            else:
                path.write_text(row + "\n")
    (folder / "data.yaml").write_text(f"path: .\ntrain: images/train\n{end}")
    return folder / "data.yaml"


def labelme(folder: Path, shapes: list[tuple[str, list[list[float]], Any]], **more: Any) -> Path:
    kit.picture(folder, "a.png", (100, 80))
    table = [
        {"label": label, "points": spots, "group_id": group, "flags": {}} | {"shape_type": "rectangle"}
        if len(spots) > 1
        else {"label": label, "points": spots, "group_id": group, "flags": {}, "shape_type": "point"} | more
        for label, spots, group in shapes
    ]
    (folder / "a.json").write_text(
        json.dumps({"shapes": table, "imagePath": "a.png", "imageWidth": 100, "imageHeight": 80})
    )
    return folder / "a.json"


ONE, TWO = ("cat", [[5, 5], [45, 70]], None), ("cat", [[40, 5], [95, 70]], None)


def point(name: str, x: float, y: float) -> tuple[str, list[list[float]], None]:
    return (name, [[x, y]], None)


TIED = {
    "each in its own box": ([point("nose", 10, 10), point("nose", 80, 10)], [[10], [80]]),
    "one in both, one in the first": ([point("nose", 43, 10), point("nose", 10, 10)], [[10], [43]]),
    "one a little beyond its box": ([point("nose", 10, 10), point("nose", 97, 10)], [[10], [97]]),
    "two names": ([point("nose", 10, 10), point("nose", 80, 10), point("tail", 90, 60)], [[10, None], [80, 90]]),
}


@pytest.mark.parametrize("name", TIED)
def test_points_of_no_group_go_to_the_box_that_they_lie_in(tmp_path: Path, name: str) -> None:
    points, expected = TIED[name]
    found = open_dataset(labelme(tmp_path, [ONE, *points, TWO]))

    labels, problems = found.read(0)

    assert problems == []
    assert [[None if x != x else x for x in row] for row in labels.xy[..., 0].tolist()] == expected
    assert found.notes == (  # type: ignore[attr-defined]
        f"{len(points)} keypoints are tied to no instance in the file; each was given to the box that it lies in",
    )


LOOSE = {
    "in 2 boxes": [point("nose", 42, 10)],
    "in no box": [point("nose", 10, 10), point("tail", 70, 79.5)],
    "a second of that name in its box": [point("nose", 10, 10), point("nose", 12, 12)],
}


@pytest.mark.parametrize("why", LOOSE)
def test_a_point_that_may_be_anyones_is_a_problem_with_the_real_reason(tmp_path: Path, why: str) -> None:
    _, problems = open_dataset(labelme(tmp_path, [ONE, *LOOSE[why], TWO])).read(0)

    assert [p.kind for p in problems] == ["keypoint-of-no-instance"]
    assert f"({why})" in problems[0].message
    assert problems[0].mend == "give them and their rectangle the same group_id"


@pytest.mark.parametrize("more", [{"difficult": True}, {"flags": {"hidden": True}}, {"flags": {"occluded": True}}])
def test_points_that_are_marked_as_hidden_are(tmp_path: Path, more: dict[str, Any]) -> None:
    labels, _ = open_dataset(labelme(tmp_path, [ONE, point("nose", 10, 10)], **more)).read(0)

    assert labels.visibility.tolist() == [[1]]


SHAPES = {
    "circle": ({"shape_type": "circle", "points": [[10, 10]]}, [], ("not read: shapes of type circle (1)",)),
    "half a rectangle": (
        {"shape_type": "rectangle", "points": [[10, 10]]},
        ["shapes[2]: a rectangle must have two corners or more, got 1"],
        (),
    ),
    "no points": (
        {"shape_type": "point", "points": []},
        ["shapes[2]: points must be [x, y] pairs, got []"],
        (),
    ),
    "two points": (
        {"shape_type": "point", "points": [[1, 2], [3, 4]]},
        ["shapes[2]: a point must have one position, got 2"],
        (),
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_an_odd_shape_of_labelme_costs_that_shape_and_is_told(tmp_path: Path, name: str) -> None:
    shape, problems, notes = SHAPES[name]
    file = labelme(tmp_path, [ONE, point("nose", 10, 10)])
    table = json.loads(file.read_text())
    table["shapes"].append({"label": "x", "group_id": None, "flags": {}} | shape)
    file.write_text(json.dumps(table))
    found = open_dataset(file)

    labels, told = found.read(0)

    assert labels.xy.tolist() == [[[10, 10]]]
    assert [str(problem) for problem in told] == [f"{file}: {text}; correct or remove it" for text in problems]
    assert found.notes == notes  # type: ignore[attr-defined]


def test_a_file_of_circles_says_that_these_are_not_read(tmp_path: Path) -> None:
    file = labelme(tmp_path, [ONE])
    file.write_text(file.read_text().replace('"rectangle"', '"circle"'))

    with pytest.raises(FormatError, match=r"a.json: no keypoints \(not read: shapes of type circle \(1\)\); expected"):
        open_dataset(file)


def test_a_turned_rectangle_of_x_anylabeling_is_the_upright_one_around_it(tmp_path: Path) -> None:
    file = labelme(tmp_path, [("cat", [[30, 10], [50, 30], [30, 50], [10, 30]], None), point("nose", 30, 30)])
    file.write_text(file.read_text().replace('"rectangle"', '"rotation"'))

    labels, _ = open_dataset(file).read(0)

    assert labels.boxes.tolist() == [[10, 10, 50, 50]]


def cvat(folder: Path, shapes: str) -> Path:
    kit.picture(folder, "0.png", (100, 80))
    labels = "".join(f"<label><name>{n}</name><type>x</type></label>" for n in ("dog", "cat", "nose", "tail"))
    path = folder / "annotations.xml"
    path.write_text(
        f"<annotations><meta><task><labels>{labels}</labels></task></meta>"
        f'<image id="0" name="0.png" width="100" height="80">{shapes}</image></annotations>'
    )
    return path


def box(label: str, x: int, group: int | None) -> str:
    tied = "" if group is None else f' group_id="{group}"'
    return f'<box label="{label}" xtl="{x}" ytl="5" xbr="{x + 40}" ybr="70"{tied}></box>'


def spot(label: str, x: int, group: int | None) -> str:
    tied = "" if group is None else f' group_id="{group}"'
    return f'<points label="{label}" points="{x},10"{tied}></points>'


@pytest.mark.parametrize("groups", [(1, 2), (None, None)])
@pytest.mark.parametrize("first", [True, False])
def test_boxes_of_cvat_give_their_points_a_class(tmp_path: Path, groups: tuple[Any, Any], first: bool) -> None:
    shapes = [
        box("dog", 5, groups[0]), spot("nose", 10, groups[0]), spot("tail", 30, groups[0]),
        box("cat", 50, groups[1]), spot("nose", 60, groups[1]), spot("tail", 80, groups[1]),
    ]  # fmt: skip
    found = open_dataset(cvat(tmp_path, "".join(shapes if first else shapes[::-1])))

    labels, problems = found.read(0)

    assert problems == []
    assert sorted(found.spec.names.values()) == ["cat", "dog"]
    rows = {found.spec.names[int(c)]: i for i, c in enumerate(labels.classes)}
    k = found.spec.skeleton.index("nose")
    assert labels.xy[rows["dog"], k, 0] == 10
    assert labels.xy[rows["cat"], k, 0] == 60
    assert labels.boxes[rows["cat"]].tolist() == [50, 5, 90, 70]
    assert (labels.visibility == 2).all()


def bones(label: str, x: int) -> str:
    points = "".join(
        f'<points label="{n}" points="{x + i * 20},10" occluded="0" outside="0"></points>' for i, n in PARTS
    )
    return f'<skeleton label="{label}">{points}</skeleton>'


PARTS = ((0, "nose"), (1, "tail"))


@pytest.mark.parametrize("boxes", [[5], [5, 55], [5, 7]], ids=["one", "one each", "two round one"])
def test_a_skeleton_of_cvat_takes_the_ungrouped_box_that_is_certainly_its_own(tmp_path: Path, boxes: list[int]) -> None:
    skeletons = bones("dog", 10) + (bones("dog", 60) if boxes[-1] == 55 else "")
    found = open_dataset(cvat(tmp_path, skeletons + "".join(box("dog", x, None) for x in boxes)))

    labels, _ = found.read(0)

    if boxes == [5, 7]:  # nobody knows which of them
        assert len(labels) == 3
        return
    assert labels.boxes.tolist() == [[x, 5, x + 40, 70] for x in boxes]
    assert labels.xy[:, found.spec.skeleton.index("nose"), 0].tolist() == [x + 5 for x in boxes]


@pytest.mark.parametrize("whole", [True, False], ids=["skeleton", "single points"])
def test_an_ungrouped_turned_box_of_cvat_is_the_upright_one_around_it(tmp_path: Path, whole: bool) -> None:
    # 60 x 10 turned by a quarter: 10 x 60 round the same middle.
    turned = '<box label="dog" xtl="5" ytl="30" xbr="65" ybr="40" rotation="90.0"></box>'
    points = '<points label="nose" points="33,10"></points><points label="tail" points="37,60"></points>'
    shapes = f'<skeleton label="dog">{points}</skeleton>{turned}' if whole else points + turned
    labels, problems = open_dataset(cvat(tmp_path, shapes)).read(0)

    assert problems == []
    np.testing.assert_allclose(labels.boxes, [[30, 5, 40, 65]], atol=1e-4)
    assert labels.xy.tolist() == [[[33, 10], [37, 60]]]


def studio(folder: Path, tasks: list[dict[str, Any]]) -> Path:
    kit.picture(folder, "dog1.png", (200, 100))
    (folder / "export.json").write_text(json.dumps(tasks))
    return folder / "export.json"


SIDES = {"original_width": 200, "original_height": 100}
BOX = {"x": 10, "y": 10, "width": 40, "height": 80, "rectanglelabels": ["Fish"]}
NOSE = {"x": 20, "y": 50, "width": 0.2, "keypointlabels": ["Nose"]}


@pytest.mark.parametrize("address", ["/data/upload/3/1a2b3c4d-dog1.png", "s3://bucket/dog1.png", "dog1.png"])
def test_label_studios_flat_export_is_read(tmp_path: Path, address: str) -> None:
    task = {"image": address, "id": 1, "label": [BOX | SIDES], "kp-1": [NOSE | SIDES], "annotator": 1, "lead_time": 1.0}

    labels, problems = open_dataset(studio(tmp_path, [task])).read(0)

    assert problems == []
    assert labels.boxes.tolist() == [[20, 10, 100, 90]]
    assert labels.xy.tolist() == [[[40, 50]]]


@pytest.mark.parametrize("annotations", [[], [{"id": 1, "result": []}]])
def test_predictions_are_read_where_nobody_has_labelled(tmp_path: Path, annotations: list[Any]) -> None:
    results = [
        {"id": "a", "type": "rectanglelabels", "value": BOX} | SIDES,
        {"id": "b", "type": "keypointlabels", "value": NOSE} | SIDES,
    ]
    task = {"data": {"image": "dog1.png"}, "annotations": annotations, "predictions": [{"result": results}]}
    found = open_dataset(studio(tmp_path, [task]))

    assert found.read(0)[0].xy.tolist() == [[[40, 50]]]
    assert found.notes == ("there are no annotations; the predictions are read as labels",)  # type: ignore[attr-defined]


def test_points_that_nobody_owns_are_not_called_no_keypoints(tmp_path: Path) -> None:
    results = [
        {"id": "a", "type": "rectanglelabels", "value": BOX} | SIDES,
        {"id": "c", "type": "rectanglelabels", "value": BOX | {"width": 60}} | SIDES,
        {"id": "b", "type": "keypointlabels", "value": NOSE} | SIDES,
    ]
    task = {"data": {"image": "dog1.png"}, "annotations": [{"id": 1, "result": results}]}

    (problem,) = open_dataset(studio(tmp_path, [task])).read(0)[1]

    assert "it is not known whose keypoint 'Nose' at (40, 50) is (in 2 boxes)" in problem.message


def coco(folder: Path, *, category: dict[str, Any] | None = None, **annotation: Any) -> Path:
    kit.picture(folder, "a.png", (64, 48))
    entry = {"id": 1, "name": "cat", "keypoints": ["nose", "left_eye", "right_eye"], "skeleton": [[1, 2], [1, 3]]}
    given = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [5, 5, 30, 30], "area": 900, "iscrowd": 0}
    given |= {"keypoints": [10, 10, 2, 20, 10, 2, 30, 10, 1]} | annotation
    table = {
        "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 48}],
        "categories": [entry | (category or {})],
        "annotations": [given],
    }
    (folder / "ann.json").write_text(json.dumps(table))
    return folder / "ann.json"


@pytest.mark.parametrize("nowhere", [[None, None, 0], [-900, 5, 0], ["", "", 0], [None, None, None]])
def test_coco_keypoints_that_are_not_labelled_may_be_nothing(tmp_path: Path, nowhere: list[Any]) -> None:
    labels, problems = open_dataset(coco(tmp_path, keypoints=[*nowhere, 20, 10, 2, 30, 10, 1])).read(0)

    assert problems == []
    assert labels.visibility.tolist() == [[0, 2, 1]]
    assert check(tmp_path / "ann.json").ok


@pytest.mark.parametrize(
    "keypoints",
    [
        [[10, 10, 2], [20, 10, 1], [0, 0, 0]],
        [[10, 10, 2], [20, 10, 1], None],
        [[10, 10, 2], [20, 10, 1], [None, None, 0]],
    ],
)
def test_coco_keypoints_in_lists_of_their_own_are_read(tmp_path: Path, keypoints: list[Any]) -> None:
    found = open_dataset(coco(tmp_path, keypoints=keypoints))

    labels, problems = found.read(0)

    assert problems == []
    assert labels.xy[0, :2].tolist() == [[10, 10], [20, 10]]
    assert labels.visibility.tolist() == [[2, 1, 0]]
    assert found.notes == ()  # type: ignore[attr-defined]
    assert check(tmp_path / "ann.json").ok


@pytest.mark.parametrize("nested", [True, False])
def test_true_and_false_as_visibility_are_seen_and_not_labelled(tmp_path: Path, nested: bool) -> None:
    points = [[10, 10, True], [20, 10, False], [30, 10, True]]
    found = open_dataset(coco(tmp_path, keypoints=points if nested else [v for point in points for v in point]))

    labels, problems = found.read(0)

    assert problems == []
    assert labels.visibility.tolist() == [[2, 0, 2]]
    assert found.notes == (  # type: ignore[attr-defined]
        "1 annotations have true or false as visibility, where COCO has 0, 1 or 2: true is read as 2 (seen), false as "
        "0 (not labelled)",
    )


@pytest.mark.parametrize("keypoints", [[[10, 10], [20, 10], [30, 10]], [[10, 10, 2], 20, 10, 2, 30, 10, 2, 0, 0]])
def test_other_lists_are_no_keypoints(tmp_path: Path, keypoints: list[Any]) -> None:
    (problem,) = open_dataset(coco(tmp_path, keypoints=keypoints)).read(0)[1]

    assert problem.message.startswith("annotation 1: keypoints in lists of their own must be [x, y, v] each, got [[")


def test_nested_lists_say_how_many_keypoints_there_are(tmp_path: Path) -> None:
    points = [[10, 10, 2], [20, 10, 1]]
    found = open_dataset(coco(tmp_path, category={"keypoints": [], "skeleton": []}, keypoints=points))

    assert found.spec.kpt_shape == (2, 3)


@pytest.mark.parametrize(
    ("edges", "kept", "lost"),
    [
        ([[0, 1], [2, 3]], ((0, 1),), 1),
        ([[1, 2], [3, 4]], ((0, 1),), 1),
        ([[1, 2], [1, 99], "x", [2]], ((0, 1),), 3),
        ("all", (), 1),
        ([[1, 2], [2, 3]], ((0, 1), (1, 2)), 0),
    ],
)
def test_a_wrong_edge_costs_the_edge(tmp_path: Path, edges: Any, kept: tuple[tuple[int, int], ...], lost: int) -> None:
    found = open_dataset(coco(tmp_path, category={"skeleton": edges}))

    assert found.spec.skeleton.edges == kept
    told = [note for note in found.notes if "are not drawn" in note]  # type: ignore[attr-defined]
    assert len(told) == (lost > 0)
    assert not told or told[0].startswith(f"{lost} edges of the skeleton join no two keypoints")


@pytest.mark.parametrize(
    ("edges", "kept"),
    [
        ("[[0, 1], [1, 9]]", ((0, 1),)),
        ("[[0, 1], [nose, tial]]", ((0, 1),)),
        ("[[1, 2], [2, 3]]", ()),
        ("[0, 1]", ()),
    ],
)
def test_a_wrong_edge_of_a_description_costs_the_edge(tmp_path: Path, edges: str, kept: Any) -> None:
    end = f"kpt_shape: [3, 3]\nnames: [cat]\nkpt_names: [nose, neck, tail]\nskeleton: {edges}\n"
    spec = read_spec(yolo(tmp_path, ["0 .5 .5 .2 .4 .2 .5 2 .3 .5 2 .4 .5 2"], end))

    assert spec.skeleton.edges == kept
    assert spec.notes[0].endswith("edges are not drawn")


def test_categories_may_be_a_table_whose_keys_count(tmp_path: Path) -> None:
    file = coco(tmp_path)
    table = json.loads(file.read_text())
    table["categories"] = {"0": table["categories"][0]}
    file.write_text(json.dumps(table))

    assert open_dataset(file).spec.skeleton.keypoints == ("nose", "left_eye", "right_eye")


def test_a_single_point_gets_a_box_of_a_stated_size(tmp_path: Path) -> None:
    picture = kit.picture(tmp_path, "labeled-data/v1/img001.png", (200, 100))
    head = "scorer,JD,JD\nbodyparts,centre,centre\ncoords,x,y\n"
    (picture.parent / "CollectedData_JD.csv").write_text(f"{head}labeled-data/v1/img001.png,50,40\n")
    found = open_dataset(tmp_path)

    # A tenth of the longer side, 20 pixels, round the point.
    assert found.read(0)[0].boxes.tolist() == [[40, 30, 60, 50]]
    assert found.notes[0].startswith("1 instances have no box and a single labelled keypoint")  # type: ignore[attr-defined]


def test_a_single_point_of_coco_at_the_edge_gets_what_is_in_the_picture(tmp_path: Path) -> None:
    labels, _ = open_dataset(coco(tmp_path, bbox=None, keypoints=[0, 20, 2, 0, 0, 0, 0, 0, 0])).read(0)

    np.testing.assert_allclose(labels.boxes, [[0, 16.8, 3.2, 23.2]], rtol=1e-6)


def test_points_in_one_line_get_a_box_with_an_area(tmp_path: Path) -> None:
    labels, _ = open_dataset(coco(tmp_path, bbox=None, keypoints=[10, 20, 2, 30, 20, 2, 0, 0, 0])).read(0)

    assert labels.boxes.tolist() == [[10, 19, 30, 21]]


def test_names_without_a_known_side_are_told_and_not_mirrored(tmp_path: Path) -> None:
    found = open_dataset(coco(tmp_path, category={"keypoints": ["nose", "left_eye", "left_ear"]}))

    assert not found.spec.flip_known
    (problem,) = [p for p in check(tmp_path / "ann.json").problems if p.kind == "flip-map-missing"]
    assert "no name is the other side of 'left_eye', 'left_ear'" in problem.message


def test_corners_of_a_plate_are_mirrored(tmp_path: Path) -> None:
    found = open_dataset(coco(tmp_path, category={"keypoints": ["TL", "TR", "B"], "skeleton": []}))

    assert found.spec.flip_known
    assert found.spec.skeleton.flip_idx == (1, 0, 2)


def test_a_file_without_any_point_says_so(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no keypoints; expected at least one labelled point"):
        open_dataset(labelme(tmp_path, [ONE, TWO]))


KEPT = "0 .5 .5 .2 .4 .25 .5 2\n"
WRITTEN = {
    "a mark of UTF-8": b"\xef\xbb\xbf" + KEPT.encode(),
    "UTF-16 of Windows": KEPT.encode("utf-16"),
    "lines of Windows": KEPT.replace("\n", "\r\n").encode(),
    "lines of an old Mac": KEPT.replace("\n", "\r").encode(),
    "tabs": KEPT.replace(" ", "\t").encode(),
    "powers of ten": b"0.0 5e-1 5.0E-01 +2e-1 .4 2.5e-1 0.50 2.000000e+00\n",
}


@pytest.mark.parametrize("how", WRITTEN)
def test_label_files_are_read_however_they_are_written(tmp_path: Path, how: str) -> None:
    file = yolo(tmp_path, [KEPT], "kpt_shape: [1, 3]\nnames: [cat]\n")
    (tmp_path / "labels/train/0.txt").write_bytes(WRITTEN[how])

    labels, problems = open_dataset(file).read(0)

    assert problems == []
    assert labels.xy.tolist() == [[[15, 20]]]
    assert check(file).ok


def test_a_description_in_another_encoding_is_read_or_says_where(tmp_path: Path) -> None:
    file = yolo(tmp_path, [KEPT], "kpt_shape: [1, 3]\nnames: [Löwe]\n")
    text = file.read_text()

    file.write_text(text, encoding="utf-16")
    assert read_spec(file).names == {0: "Löwe"}
    file.write_text(text, encoding="latin-1")
    with pytest.raises(FormatError) as caught:
        read_spec(file)

    assert str(caught.value).endswith("not text in UTF-8 (byte 0xf6 in line 4); save it in UTF-8")


def test_a_wrong_line_of_a_description_is_named_once(tmp_path: Path) -> None:
    file = yolo(tmp_path, [KEPT], "kpt_shape: [1, 3]\nnames:\t[cat]\n")

    (problem,) = check(file).problems

    assert problem.line == 4
    assert problem.message.startswith("not a readable YAML file: ")


@pytest.mark.parametrize("sign", [",", ";"])
def test_values_without_spaces_are_told_what_they_lack(sign: str) -> None:
    (problem,) = parse_labels(KEPT.replace(" ", sign), FILE, size=(9, 9), classes=1, kpt_shape=(1, 3))[1]

    assert problem.message == "1 column, expected 8 (class, box of 4, 1 x 3)"
    assert problem.mend == "write spaces between the values"


def test_labels_of_two_pictures_in_one_file_are_named(tmp_path: Path) -> None:
    file = yolo(tmp_path, [KEPT, KEPT], "kpt_shape: [1, 3]\nnames: [cat]\n")
    kit.picture(tmp_path, "images/train/0.jpg", (64, 48))

    (problem,) = [p for p in check(file).problems if p.kind == "shared-labels"]

    assert problem.file == tmp_path / "labels/train/0.txt"
    assert problem.message == "the labels of both 0.jpg and 0.png"


def test_a_set_without_a_labelled_keypoint_is_a_warning(tmp_path: Path) -> None:
    file = yolo(tmp_path, ["0 .5 .5 .2 .4 0 0 0"] * 2, "kpt_shape: [1, 3]\nnames: [cat]\n")
    found = open_dataset(file)

    (problem,) = [p for p in check(file).problems if p.kind == "never-labelled"]
    (also,) = [p for p in quick(found, scan(found)) if p.kind == "never-labelled"]

    assert problem.severity == "warning"
    assert problem.message == "none of 2 instances has a labelled keypoint: a network learns boxes only"
    assert also.message == problem.message


def test_what_cannot_be_read_is_named_once_with_one_mend(tmp_path: Path) -> None:
    file = yolo(tmp_path, [KEPT, KEPT], "kpt_shape: [1, 3]\nnames: [cat]\n")
    picture, labels = tmp_path / "images/train/0.png", tmp_path / "labels/train/1.txt"
    picture.write_bytes(picture.read_bytes()[:200])
    labels.write_bytes(b"0 .5 \xff")

    (broken,) = [str(p) for p in check(file).problems if p.kind == "unreadable-picture"]
    assert broken.startswith(f"{picture}: truncated PNG: ")
    assert broken.endswith("before the picture does; copy it again, or take it out of the data set")
    for problems in (check(file).problems, scan(open_dataset(file)).problems):
        (odd,) = [str(p) for p in problems if p.kind == "unreadable-labels"]
        assert odd == (
            f"{labels}: not a readable text file: not text in UTF-8 (byte 0xff in line 1); save it in UTF-8; mend or "
            "remove the file"
        )
