"""A validation and what can be wrong with its data."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poise import Pose
from poise.datasets import Dataset, open_dataset
from poise.errors import FormatError, ModelError
from poise.evaluation import PoseMetrics, analyse, compare_metrics
from poise.skeletons import get
from poise.validation import ValSettings, agree, coco_results, ordered, validate

pytest.importorskip("yaml")
ROOT = Path(__file__).resolve().parents[2]
PICTURES = (ROOT / "src/poise/cli/demo.jpg", ROOT / "tests/assets/astronaut.jpg")
YAML = "path: .\ntrain: images\nval: images\nkpt_shape: [17, 3]\nnames: [person]\n"


@pytest.fixture(scope="module")
def model() -> Pose:
    return Pose("body-fast", threads=1)


@pytest.fixture(scope="module")
def own(model: Pose, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of two pictures, labelled by the model itself."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    for path in PICTURES:
        shutil.copy(path, folder / "images")
        (result,) = model.predict(path, conf=0.3, verbose=False)
        lines = []
        for box, points in zip(result.boxes.xywhn, result.keypoints.xyn, strict=True):
            inside = np.clip(points, 0, 1)
            lines.append(" ".join(f"{v:.6f}" for v in [0, *box, *np.c_[inside, np.full(17, 2)].ravel()]))
        lines = ["0" + line[len("0.000000") :] for line in lines]
        (folder / "labels" / f"{path.stem}.txt").write_text("\n".join(lines))
    (folder / "data.yaml").write_text(YAML)
    return folder


def copied(own: Path, target: Path) -> Path:
    shutil.copytree(own, target, dirs_exist_ok=True)
    return target


@pytest.fixture(scope="module")
def metrics(model: Pose, own: Path) -> PoseMetrics:
    return model.val(own / "data.yaml", conf=0.3)


@pytest.mark.parametrize("protocol", ["yolo", "coco"])
def test_a_model_agrees_with_its_own_labels(model: Pose, own: Path, protocol: str) -> None:
    if protocol == "coco":
        pytest.importorskip("hotcoco")

    metrics = model.val(own / "data.yaml", conf=0.3, protocol=protocol)

    assert metrics.images == 2
    assert metrics.pose.map == pytest.approx(0.995 if protocol == "yolo" else 1.0)
    assert metrics.box.map50 == pytest.approx(0.995 if protocol == "yolo" else 1.0)


def test_metrics_have_the_names_that_users_know(metrics: PoseMetrics) -> None:
    assert metrics.results_dict.keys() == {
        *(f"metrics/{name}({kind})" for kind in "BP" for name in ("precision", "recall", "mAP50", "mAP50-95")),
        "fitness",
    }
    assert metrics.fitness == metrics.pose.map + metrics.box.map
    assert metrics.mean_results()[4:] == metrics.pose.mean_results()
    assert metrics.class_result(0) == (*metrics.box.class_result(0), *metrics.pose.class_result(0))
    assert metrics.pose.maps.shape == metrics.box.maps.shape == (1,)
    assert {"preprocess", "inference", "postprocess"} <= set(metrics.speed)
    assert (metrics.names, metrics.ap_class_index.tolist()) == ({0: "person"}, [0])


def test_the_record_is_what_the_command_prints(metrics: PoseMetrics) -> None:
    record = metrics.record()

    assert list(record) == ["protocol", "images", "instances", "pose", "box", "confusion", "speed"]
    assert list(record["pose"]) == list(record["box"]) == ["map", "map50", "map75", "p", "r"]


def test_what_was_found_missed_and_false_is_counted(metrics: PoseMetrics) -> None:
    assert metrics.confusion is not None
    assert metrics.confusion_matrix is metrics.confusion
    assert metrics.confusion.matrix.tolist() == [[2, 0], [0, 0]]
    assert metrics.confusion.conf == 0.3  # less sure finds were not asked for


def test_keypoints_of_another_number_are_refused(model: Pose, shared: Path) -> None:
    with pytest.raises(ModelError, match=r"finds 17 keypoints \(coco17\), but .* labels 12"):
        model.val(shared / "data/tiger-pose/tiger-pose.yaml")


def spec_with(own: Path, names: dict[int, str]):
    return replace(open_dataset(own / "data.yaml", "val").spec, names=names)


def test_the_only_class_may_have_another_name(model: Pose, own: Path) -> None:
    classes, notes = agree(model.skeleton, {0: "person"}, spec_with(own, {0: "human"}))

    assert classes == {0: 0}
    assert notes == ("the network's class 'person' is scored as 'human'",)


def test_classes_are_compared_by_name(model: Pose, own: Path) -> None:
    classes, _ = agree(model.skeleton, {0: "dog", 1: "Person", 2: "cat"}, spec_with(own, {0: "person", 1: "dog"}))

    assert classes == {1: 0, 0: 1}


def test_a_class_that_the_model_lacks_is_named(model: Pose, own: Path) -> None:
    with pytest.raises(ModelError, match=r"lack 'hors', which .* labels; did you mean 'horse'"):
        agree(model.skeleton, {0: "horse", 1: "dog"}, spec_with(own, {0: "hors", 1: "dog"}))


def test_keypoints_in_another_order_are_compared_by_name(model: Pose, own: Path) -> None:
    spec = spec_with(own, {0: "person"})
    names = model.skeleton.keypoints
    turned = replace(spec, kpt_names=True, skeleton=replace(model.skeleton, keypoints=names[1:] + names[:1]))

    order, notes = ordered(model.skeleton, turned)

    assert order == [*range(1, 17), 0]
    assert notes == ("keypoints are compared by name: their order differs",)


def test_keypoints_of_other_names_are_compared_by_number_and_that_is_said(model: Pose, own: Path) -> None:
    spec = replace(spec_with(own, {0: "person"}), kpt_names=True, skeleton=get("ap10k17"))

    order, notes = ordered(model.skeleton, spec)

    assert order is None
    assert notes == ("keypoints are compared by number: the network's 'nose' is scored as 'left_eye'",)


def test_data_without_labels_is_refused(model: Pose, own: Path, tmp_path: Path) -> None:
    data = copied(own, tmp_path)
    shutil.rmtree(data / "labels")

    with pytest.raises(FormatError, match="2 pictures, none with a label; validation needs labels"):
        model.val(data / "data.yaml")


def test_data_with_nothing_but_wrong_labels_names_the_first(model: Pose, own: Path, tmp_path: Path) -> None:
    data = copied(own, tmp_path)
    for path in (data / "labels").iterdir():
        path.write_text("0 0.5 0.5\n")

    with pytest.raises(FormatError, match=r"astronaut.txt:1: 3 columns, expected 56 .* \(and 1 more\)"):
        model.val(data / "data.yaml")


def test_a_split_that_is_not_there_is_named(model: Pose, own: Path) -> None:
    with pytest.raises(FormatError, match="no split 'test'; it has train, val"):
        model.val(own / "data.yaml", split="test")


def test_a_picture_that_cannot_be_read_is_named_and_left_out(model: Pose, own: Path, tmp_path: Path) -> None:
    data = copied(own, tmp_path)
    (data / "images" / "demo.jpg").write_bytes(b"not a picture")

    metrics = model.val(data / "data.yaml", conf=0.3)

    assert metrics.images == 1
    assert len(metrics.skipped) == 1
    assert "demo.jpg" in metrics.skipped[0]


def test_a_picture_that_breaks_off_is_named_and_left_out_of_finds_and_labels(
    model: Pose, own: Path, tmp_path: Path
) -> None:
    data = copied(own, tmp_path)
    path = data / "images" / "demo.jpg"
    path.write_bytes(path.read_bytes()[:3000])  # the head, which has the size, is whole

    metrics = model.val(data / "data.yaml", conf=0.3)

    assert (metrics.images, metrics.pose.map) == (1, pytest.approx(0.995))
    assert "demo.jpg" in metrics.skipped[0]


def test_data_of_which_no_labelled_picture_can_be_read_is_refused(model: Pose, own: Path, tmp_path: Path) -> None:
    data = copied(own, tmp_path)
    for path in (data / "images").iterdir():
        path.write_bytes(path.read_bytes()[:3000])

    with pytest.raises(FormatError, match=r"no picture with labels that can be used: .*\(and 1 more\)"):
        model.val(data / "data.yaml", conf=0.3)


def test_a_picture_without_people_counts_against_false_alarms(model: Pose, own: Path, tmp_path: Path) -> None:
    data = copied(own, tmp_path)
    (data / "labels" / "demo.txt").unlink()

    metrics = model.val(data / "data.yaml", conf=0.3)

    assert metrics.images == 2
    assert metrics.instances == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": None}, "needs data"),
        ({"data": "x.yaml", "protocol": "coko"}, "did you mean 'coco'"),
        ({"data": "x.yaml", "conf": 2}, "conf must be from 0 to 1"),
        ({"data": "x.yaml", "batch": 0}, "batch must be a whole number from 1"),
        ({"data": "x.yaml", "nms": False}, r"Pose\(model, end2end=True\)"),
        ({"data": "x.yaml", "half": True}, "half=True is not supported"),
    ],
)
def test_arguments_that_cannot_be_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ValSettings.of(arguments)


def test_an_unknown_argument_is_answered_with_the_nearest() -> None:
    with pytest.raises(TypeError, match="no argument 'splt'; did you mean 'split'"):
        ValSettings.of({"data": "x.yaml", "splt": "val"})


def test_arguments_of_the_field_that_change_nothing_are_accepted() -> None:
    settings = ValSettings.of({"data": "x.yaml", "workers": 8, "rect": True, "verbose": False, "imgsz": [320, 640]})

    assert settings.imgsz == 640


def test_an_analysis_holds_every_table(metrics: PoseMetrics) -> None:
    analysis = analyse(metrics, resamples=20)

    assert analysis.tables["all"][0].median < 0.01  # labels have six decimals
    assert analysis.pck["bbox"] == pytest.approx(1.0)
    assert np.median([row.median for row in analysis.angles]) < 0.1
    span = analysis.intervals["pose mAP50-95"]
    assert span.low <= span.value <= span.high
    assert isinstance(analysis.record()["tables"]["size"], list)


def test_a_comparison_with_itself_finds_no_difference(metrics: PoseMetrics) -> None:
    paired = compare_metrics(metrics, metrics, resamples=20)

    assert {change.difference.value for change in paired.scores.values()} == {0.0}
    assert all(row.first == row.second for row in paired.pictures)


def test_different_pictures_cannot_be_compared(metrics: PoseMetrics) -> None:
    assert metrics.evidence is not None
    other = replace(metrics, evidence=replace(metrics.evidence, used=np.array([0])))

    with pytest.raises(ValueError, match="same pictures"):
        compare_metrics(metrics, other)


def test_results_file_has_a_row_a_find(metrics: PoseMetrics, own: Path) -> None:
    dataset: Dataset = open_dataset(own / "data.yaml", "val")

    rows = coco_results(metrics, dataset)

    assert metrics.evidence is not None
    assert len(rows) == len(metrics.evidence.found)
    assert {row["image_id"] for row in rows} == {"demo", "astronaut"}
    assert len(rows[0]["keypoints"]) == 51


def test_a_network_of_fixed_size_is_validated_too(shared: Path) -> None:
    path = shared / "fixtures/yolo/yolo11n-pose-coco-256x192.onnx"
    data = shared / "data/coco-mini/annotations/person_keypoints_val2017.json"

    metrics = Pose(path, threads=1).val(data)

    assert metrics.images == 47


def test_a_session_is_enough(shared: Path) -> None:
    from poise.runtime import open_session

    session = open_session(shared / "fixtures/yolo/yolo11n-pose-coco-256x192.onnx", threads=1)
    dataset = open_dataset(shared / "data/coco8-pose/coco8-pose.yaml", "val")

    assert validate(session, dataset).images == 4


def test_imgsz_is_used_of_bundled_models_too(model: Pose, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from poise.estimators.search import Finder

    asked: list[int | None] = []
    looked: list[list[int]] = []
    before = Finder.sizes

    def sizes(self: Finder, search: Any, part: Any, imgsz: int | None, *more: Any) -> list[int]:
        asked.append(imgsz)
        looked.append(before(self, search, part, imgsz, *more))
        return looked[-1]

    monkeypatch.setattr(Finder, "sizes", sizes)
    model.val(own / "data.yaml", conf=0.3, imgsz=640)

    assert set(asked) == {640}
    assert {max(found) for found in looked} == {640}
    assert {min(found) for found in looked} == {256, 320}  # the model's own sizes stay
