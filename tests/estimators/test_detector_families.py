"""Detectors of whole pictures: decoding by hand, and against what rtmlib 0.0.16 found with the same networks."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from network_stub import Stub

from poise.errors import FormatError
from poise.estimators import detectors
from poise.estimators.detectors.boxes import sigmoid
from poise.estimators.detectors.picodet import PicoDet
from poise.estimators.detectors.rtmdet import RtmDet
from poise.estimators.detectors.rtmo import Rtmo
from poise.estimators.detectors.yolox import YoloX
from poise.estimators.people import to_picture
from poise.estimators.spec import Spec
from poise.geometry import affine_apply, box_iou
from poise.runtime import open_session

NETWORKS = Path(__file__).parents[1] / "assets/networks"
shared = Path(os.environ.get("POISE_SHARED", Path(__file__).resolve().parents[3] / "shared"))
needs_shared = pytest.mark.skipif(
    not (shared / "weights/rtmdet-nano.onnx").is_file(), reason="the shared networks are not beside the repository"
)
EXPECTED = json.loads((NETWORKS / "expected.json").read_text())
# As rtmlib feeds them: see benchmarks/against_rtmlib.py.
SPECS = {
    "rtmo": Spec(family="rtmo", size=(160, 160), colour="bgr", options={"max_iou": 0.45}),
    "yolox": Spec(family="yolox", size=(160, 160), colour="bgr"),
    "rtmdet": Spec(
        family="rtmdet",
        size=(160, 160),
        colour="bgr",
        mean=(103.53, 116.28, 123.675),
        scale=(57.375, 57.12, 58.395),
    ),
}


def picture() -> np.ndarray:
    with PIL.Image.open(NETWORKS / "picture.png") as file:
        return np.ascontiguousarray(np.asarray(file.convert("RGB"))[..., ::-1])


@pytest.mark.parametrize("name", SPECS)
def test_boxes_and_keypoints_are_those_of_rtmlib(name: str) -> None:
    session = open_session(NETWORKS / f"{name}.onnx", threads=1)
    detector = detectors.detector(SPECS[name], session)

    feeds, back = detector.prepare(picture())
    people = to_picture(detector.decode(session.run(feeds), min_score=EXPECTED["score"]), back)

    expected = {key: np.array(values) for key, values in EXPECTED[name].items()}
    assert len(people.score) == len(next(iter(expected.values()))) > 10
    # The numbers in the file are rounded to five places.
    if "boxes" in expected:
        np.testing.assert_allclose(people.boxes, expected["boxes"], atol=1e-3)
    if "points" in expected:
        np.testing.assert_allclose(people.xy, expected["points"], atol=1e-3)
        np.testing.assert_allclose(people.conf, expected["scores"], atol=1e-5)


def test_rtmdet_reads_distances_from_the_corner_of_a_cell() -> None:
    maps = {f"map_s{s}": np.full((1, 64 // s, 96 // s, 5), -9, np.float32) for s in (8, 16, 32)}
    maps["map_s16"][0, 2, 3] = (2.0, 10, 20, 30, 40)
    detector = RtmDet(Spec(family="rtmdet", size=(96, 64)), Stub((1, 3, 64, 96), {n: m.shape for n, m in maps.items()}))

    people = detector.decode(maps, min_score=0.5)

    np.testing.assert_allclose(people.boxes, [[48 - 10, 32 - 20, 48 + 30, 32 + 40]])
    np.testing.assert_allclose(people.score, [1 / (1 + np.exp(-2.0))], rtol=1e-6)
    assert people.xy.shape == (1, 0, 2)


def test_rtmdet_takes_the_classes_that_are_wanted() -> None:
    maps = {f"map_s{s}": np.full((1, 64 // s, 64 // s, 7), -9, np.float32) for s in (8, 16, 32)}
    maps["map_s8"][0, 1, 1] = (3.0, -9, -9, 4, 4, 4, 4)
    maps["map_s8"][0, 5, 5] = (-9, -9, 3.0, 4, 4, 4, 4)
    stub = Stub((1, 3, 64, 64), {n: m.shape for n, m in maps.items()})

    for classes in ([2], (2,)):  # as TOML gives them, and as settings keep them
        spec = Spec(family="rtmdet", size=(64, 64), options={"classes": classes})
        np.testing.assert_allclose(RtmDet(spec, stub).decode(maps, min_score=0.5).boxes, [[36, 36, 44, 44]])
    with pytest.raises(FormatError, match="class 3 is wanted, but the network has 3 classes"):
        RtmDet(Spec(family="rtmdet", size=(64, 64), options={"classes": [3]}), stub).decode(maps, min_score=0.5)


def test_boxes_of_classes_that_are_not_wanted_are_left_out_of_a_ready_list() -> None:
    stub = Stub((1, 3, 64, 64), {"dets": (1, None, 5), "labels": (1, None)}, whole=("labels",))
    outputs = {
        "dets": np.array([[[0, 0, 9, 9, 0.9], [20, 20, 40, 40, 0.8], [0, 0, 0, 0, 0]]], np.float32),
        "labels": np.array([[1, 0, -1]]),
    }

    people = RtmDet(Spec(family="rtmdet", size=(64, 64)), stub).decode(outputs, min_score=0.1)

    np.testing.assert_allclose(people.boxes, [[20, 20, 40, 40]])
    np.testing.assert_allclose(people.score, [0.8])


def test_picodet_reads_the_mean_of_its_bins_from_the_middle_of_a_cell() -> None:
    outputs = {f"cls_s{s}": np.zeros((1, 1, 128 // s, 128 // s), np.float32) for s in (8, 16, 32, 64)}
    outputs |= {f"reg_s{s}": np.zeros((1, 32, 128 // s, 128 // s), np.float32) for s in (8, 16, 32, 64)}
    outputs["cls_s32"][0, 0, 1, 2] = 0.7
    # Sure of bins 1, 2, 3 and, for the bottom, even between 0 and 1.
    for side, bins in enumerate(([1], [2], [3], [0, 1])):
        for b in bins:
            outputs["reg_s32"][0, 8 * side + b, 1, 2] = 30
    detector = PicoDet(
        Spec(family="picodet", size=(128, 128)), Stub((1, 3, 128, 128), {n: m.shape for n, m in outputs.items()})
    )

    people = detector.decode(outputs, min_score=0.5)

    np.testing.assert_allclose(people.boxes, [[80 - 32, 48 - 64, 80 + 96, 48 + 16]], atol=1e-4)
    np.testing.assert_allclose(people.score, [0.7])


def test_picodet_stretches_the_picture_and_maps_both_axes_back() -> None:
    stub = Stub((1, 3, 320, 320), {f"{k}_s{s}": (1, None, None, None) for k in ("cls", "reg") for s in (8, 16, 32, 64)})
    detector = PicoDet(Spec(family="picodet", size=(320, 320)), stub)

    feeds, back = detector.prepare(np.zeros((120, 640, 3), np.uint8))

    assert feeds["input"].shape == (1, 3, 320, 320)
    np.testing.assert_allclose(affine_apply(back, np.array([[320.0, 320.0], [0, 0]])), [[640, 120], [0, 0]])


def test_yolox_reads_cells_strides_and_logarithms() -> None:
    rows = np.zeros((1, 64 + 16 + 4, 7), np.float32)
    rows[0, 64 + 5] = (0.25, 0.5, np.log(2), np.log(3), 0.8, 0.5, 1.0)  # stride 16, column 1, row 1
    stub = Stub((1, 3, 64, 64), {"output": rows.shape})
    detector = YoloX(Spec(family="yolox", size=(64, 64)), stub)

    people = detector.decode({"output": rows}, min_score=0.3)

    # Centre (1.25, 1.5) strides, 2 x 3 strides large; the second class is not asked for.
    np.testing.assert_allclose(people.boxes, [[20 - 16, 24 - 24, 20 + 16, 24 + 24]], rtol=1e-6)
    np.testing.assert_allclose(people.score, [0.4], rtol=1e-6)


def test_yolox_rows_of_another_input_size_are_refused() -> None:
    stub = Stub((1, 3, None, None), {"output": (1, None, 85)})
    detector = YoloX(Spec(family="yolox", size=(64, 64)), stub)

    with pytest.raises(FormatError, match="8400 rows do not fit an input of 64 x 64"):
        detector.decode({"output": np.zeros((1, 8400, 85), np.float32)}, min_score=0.3)


def test_a_person_is_told_once_by_rtmo() -> None:
    stub = Stub((1, 3, 64, 64), {"dets": (1, None, 5), "keypoints": (1, None, 2, 3)})
    dets = np.array([[[0, 0, 30, 60, 0.6], [1, 0, 31, 60, 0.9], [40, 0, 60, 60, 0.5]]], np.float32)
    points = np.arange(18, dtype=np.float32).reshape(1, 3, 2, 3) / 20

    people = Rtmo(Spec(family="rtmo", size=(64, 64)), stub).decode({"dets": dets, "keypoints": points}, min_score=0.1)

    np.testing.assert_allclose(people.score, [0.9, 0.5])
    np.testing.assert_allclose(people.xy, points[0, [1, 2], :, :2])
    np.testing.assert_allclose(people.conf, points[0, [1, 2], :, 2])


def test_a_free_network_sees_the_smallest_canvas_that_holds_the_picture() -> None:
    stub = Stub((None, 3, None, None), {f"map_s{s}": (None, None, None, 5) for s in (8, 16, 32)})
    detector = RtmDet(Spec(family="rtmdet", size=(640, 640)), stub)
    image = np.full((240, 400, 3), 7, np.uint8)

    feeds, back = detector.prepare(image)
    small, _ = detector.prepare(image, 320)
    square = RtmDet(Spec(family="rtmdet", size=(640, 640), options={"square": True}), stub).prepare(image, 500)[0]

    assert feeds["input"].shape == (1, 3, 384, 640)
    assert small["input"].shape == (1, 3, 192, 320)
    assert square["input"].shape == (1, 3, 512, 512)
    assert (feeds["input"][0, :, 383] == 7).all()  # 240 of 400 is 384 of 640: nothing is left beside it
    np.testing.assert_allclose(affine_apply(back, np.array([[640.0, 384.0]])), [[400, 240]])


def test_what_is_beside_the_picture_is_grey() -> None:
    stub = Stub((1, 3, 64, 64), {"output": (1, 84, 8)})
    detector = YoloX(Spec(family="yolox", size=(64, 64)), stub)

    feeds, _ = detector.prepare(np.full((30, 60, 3), 255, np.uint8))

    assert (feeds["input"][0, :, :32] == 255).all()
    assert (feeds["input"][0, :, 32:] == 114).all()


@pytest.mark.parametrize("family", sorted(set(detectors.FAMILIES) & {"rtmdet", "picodet", "yolox", "rtmo"}))
def test_outputs_of_another_family_are_refused_with_what_is_there(family: str) -> None:
    stub = Stub((1, 3, 64, 64), {"probabilities": (1, 1000)})

    with pytest.raises(FormatError, match="probabilities"):
        detectors.detector(Spec(family=family, size=(64, 64)), stub)


def test_an_option_that_is_not_known_is_told_with_the_nearest() -> None:
    stub = Stub((1, 3, 64, 64), {"dets": (1, None, 5), "labels": (1, None)})

    with pytest.raises(FormatError, match="no option 'max_iuo'; did you mean 'max_iou'"):
        RtmDet(Spec(family="rtmdet", size=(64, 64), options={"max_iuo": 0.5}), stub)


def test_a_logit_of_any_size_gives_a_score() -> None:
    with np.errstate(all="raise"):
        assert sigmoid(np.array([-80.0, 0.0, 80.0])).tolist() == pytest.approx([0, 0.5, 1], abs=1e-30)


@needs_shared
@pytest.mark.parametrize(("name", "longer"), [("rtmdet-nano", 512), ("picodet-s", None)])
def test_published_detectors_find_the_labelled_people(name: str, longer: int | None) -> None:
    session = open_session(shared / f"weights/{name}.onnx", threads=2)
    family, colour = name.partition("-")[0], "bgr" if name.startswith("rtm") else "rgb"
    side = 640 if family == "rtmdet" else 320
    spec = Spec(family=family, size=(side, side), layout="nhwc", dtype="uint8", colour=colour)
    detector = detectors.detector(spec, session)
    truth = json.loads((shared / "data/coco-mini/annotations/person_keypoints_val2017.json").read_text())
    labelled = [a for a in truth["annotations"] if a["area"] > 48**2 and not a["iscrowd"] and a["num_keypoints"] > 4]
    files = {i["id"]: i["file_name"] for i in truth["images"]}
    overlap: list[float] = []
    for image_id in sorted({a["image_id"] for a in labelled})[:12]:
        with PIL.Image.open(shared / "data/coco-mini/val2017" / files[image_id]) as file:
            image = np.ascontiguousarray(np.asarray(file.convert("RGB"))[..., ::-1])
        feeds, back = detector.prepare(image, longer)
        people = to_picture(detector.decode(session.run(feeds), min_score=0.3), back)
        boxes = np.array([a["bbox"] for a in labelled if a["image_id"] == image_id])
        boxes[:, 2:] += boxes[:, :2]
        overlap += box_iou(boxes, people.boxes).max(axis=1, initial=0).tolist()

    assert len(overlap) >= 12
    assert np.mean(np.array(overlap) > 0.5) > 0.85
    # Half a cell too far, or one stride for another, and boxes of this size overlap less.
    assert np.median(overlap) > 0.85
