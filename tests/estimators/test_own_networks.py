"""What a network file of one's own is found to be, and how it is put together with a detector."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from network_stub import Stub

from poise import Pose
from poise.errors import FormatError, ModelError
from poise.estimators import assembly
from poise.estimators.own import BY_COUNT, family_of, recognise, recognise_detector
from poise.skeletons import Skeleton, get

NETWORKS = Path(__file__).parents[1] / "assets/networks"
NCHW = (None, 3, 256, 192)


def simcc(k: int = 17, image: tuple[int | None, ...] = NCHW, **more: Any) -> Stub:
    return Stub(image, {"simcc_x": (None, k, 384), "simcc_y": (None, k, 512)}, **more)


def heatmap(k: int = 17, image: tuple[int | None, ...] = NCHW, **more: Any) -> Stub:
    return Stub(image, {"heatmap": (None, k, 64, 48)}, **more)


@pytest.mark.parametrize(
    ("image", "outputs", "family"),
    [
        (NCHW, {"simcc_x": (None, 17, 384), "simcc_y": (None, 17, 512)}, "simcc"),
        (NCHW, {"output": (1, 26, 384), "700": (1, 26, 512)}, "simcc"),
        (NCHW, {"a": (1, 133, 384), "b": (1, 133, 512), "c": (1, 133, 512)}, "simcc"),
        (NCHW, {"heat": (None, 17, 64, 48)}, "heatmap"),
        ((None, 3, None, None), {"heat": (None, 17, None, None)}, "heatmap"),
        ((1, 3, 640, 640), {"dets": (1, None, 5), "keypoints": (1, None, 17, 3)}, "rtmo"),
        ((1, 640, 640, 3), {f"map_s{s}": (1, None, None, 5) for s in (8, 16, 32)}, "rtmdet"),
        ((1, 3, 416, 416), {"cls_s8": (1, 80, 52, 52), "reg_s8": (1, 44, 52, 52)}, "nanodet"),
        ((1, 3, 320, 320), {f"{k}_s{s}": (1, 32, None, None) for k in ("cls", "reg") for s in (8, 64)}, "picodet"),
        # Not of these families: YOLO's rows, its masks, a segmentation as large as its picture, a classifier.
        ((1, 3, 640, 640), {"output0": (1, 56, 8400)}, None),
        ((1, 3, 640, 640), {"output0": (1, 116, 8400), "output1": (1, 32, 160, 160)}, None),
        ((1, 3, 512, 512), {"mask": (1, 21, 512, 512)}, None),
        ((1, 3, 224, 224), {"scores": (1, 1000)}, None),
    ],
)
def test_the_family_is_seen_from_the_outputs(image: Any, outputs: Any, family: str | None) -> None:
    assert family_of(Stub(image, outputs)) == family


def test_what_a_file_says_of_itself_comes_first() -> None:
    assert family_of(simcc(metadata={"task": "pose"})) is None


@pytest.mark.parametrize(("count", "name"), BY_COUNT.items())
def test_the_skeleton_is_chosen_by_the_number_of_keypoints(count: int, name: str) -> None:
    assert recognise(simcc(count), name="my.onnx").skeleton == get(name)
    assert len(get(name).keypoints) == count


def test_points_that_nobody_names_are_numbered_and_stay_themselves_in_a_mirror() -> None:
    skeleton = recognise(heatmap(5), name="my.onnx").skeleton

    assert skeleton is not None
    assert skeleton.keypoints == tuple(f"keypoint_{i}" for i in range(5))
    assert list(skeleton.flip_idx) == [0, 1, 2, 3, 4]


def test_seventeen_points_may_be_an_animals() -> None:
    said = recognise(simcc(metadata={"skeleton": "ap10k17"}), name="my.onnx")
    told = recognise(simcc(), name="my.onnx", skeleton="ap10k17")

    assert said.skeleton == told.skeleton == get("ap10k17")
    # What the user says is surer than the file.
    assert recognise(simcc(metadata={"skeleton": "ap10k17"}), name="my.onnx", skeleton="coco17").skeleton == get(
        "coco17"
    )


def test_names_in_the_file_are_used() -> None:
    skeleton = recognise(heatmap(2, metadata={"kpt_names": "['left_tip', 'right_tip']"}), name="my.onnx").skeleton

    assert skeleton is not None
    assert skeleton.keypoints == ("left_tip", "right_tip")
    assert list(skeleton.flip_idx) == [1, 0]


def test_a_skeleton_of_another_size_is_refused_with_the_one_that_fits() -> None:
    with pytest.raises(
        ModelError, match=r"my\.onnx: gives 26 keypoints, but skeleton 'coco17' has 17; write skeleton='halpe26'"
    ):
        recognise(simcc(26), name="my.onnx", skeleton="coco17")
    with pytest.raises(ModelError, match="no skeleton named 'halpe62'; did you mean 'halpe26'"):
        recognise(simcc(26), name="my.onnx", skeleton="halpe62")


def test_a_skeleton_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "tips.toml"
    path.write_text('keypoints = ["left_tip", "right_tip", "root"]\nedges = [["left_tip", "root"]]\n')

    assert recognise(heatmap(3), name="my.onnx", skeleton=path).skeleton.name == "tips"


def test_float_pictures_are_normalised_as_imagenets_unless_something_else_is_known() -> None:
    usual = recognise(simcc(), name="my.onnx").spec
    assert (usual.colour, usual.layout, usual.size, usual.expand) == ("rgb", "nchw", (192, 256), 1.25)
    assert usual.mean == (123.675, 116.28, 103.53)
    assert usual.scale == (58.395, 57.12, 57.375)

    # Mean and scale go with the channels.
    assert recognise(simcc(), name="my.onnx", spec={"colour": "bgr"}).spec.mean == (103.53, 116.28, 123.675)
    told = {"colour": "bgr", "mean": (1, 2, 3), "scale": (4, 5, 6)}
    spec = recognise(simcc(), name="my.onnx", spec=told).spec
    assert (spec.mean, spec.scale) == ((1, 2, 3), (4, 5, 6))


def test_pictures_of_bytes_are_normalised_inside() -> None:
    spec = recognise(heatmap(image=(None, 256, 192, 3), dtype="uint8"), name="my.onnx").spec

    assert (spec.layout, spec.dtype, spec.mean, spec.scale) == ("nhwc", "uint8", (0, 0, 0), (1, 1, 1))
    crops = np.arange(256 * 192 * 3, dtype=np.uint8).reshape(1, 256, 192, 3)
    np.testing.assert_array_equal(spec.feed(crops), crops[..., ::-1])


def test_half_precision_is_fed_as_such() -> None:
    spec = recognise(simcc(dtype="float16"), name="my.onnx").spec

    assert spec.feed(np.zeros((1, 256, 192, 3), np.uint8)).dtype == np.float16


def test_what_the_metadata_says() -> None:
    said = {"size": [256, 256], "mean": [0, 0, 0], "scale": [255, 255, 255], "expand": 1.1, "options": {"split": 1.5}}

    spec = recognise(simcc(image=(1, 3, None, None), metadata={"spec": json.dumps(said)}), name="my.onnx", spec=None)

    assert spec.spec.size == (256, 256)
    assert spec.spec.expand == 1.1
    assert spec.spec.scale == (255, 255, 255)
    assert spec.spec.options == {"split": 1.5}


def test_metadata_that_is_wrong_is_told() -> None:
    with pytest.raises(ModelError, match="'spec' in the metadata must be a JSON table, got 'size = 3'"):
        recognise(simcc(metadata={"spec": "size = 3"}), name="my.onnx")
    with pytest.raises(FormatError, match="unknown key 'sise' in its spec; did you mean 'size'"):
        recognise(simcc(metadata={"spec": '{"sise": [1, 2]}'}), name="my.onnx")


def test_what_mmdeploy_writes_beside_a_network_is_read(tmp_path: Path) -> None:
    tasks = [
        {
            "module": "Transform",
            "transforms": [
                {"type": "LoadImageFromFile"},
                {"type": "TopDownGetBboxCenterScale", "padding": 1.4, "image_size": [192, 256]},
                {"type": "Normalize", "mean": [1, 2, 3], "std": [4, 5, 6], "to_rgb": True},
            ],
        },
        {"module": "Net"},
        {"component": "SimCCLabelDecode", "params": {"input_size": [192, 256], "simcc_split_ratio": 2.0}},
    ]
    (tmp_path / "pipeline.json").write_text(json.dumps({"pipeline": {"tasks": tasks}}))
    free = Stub((None, 3, None, None), {"output": (None, 17, None), "700": (None, 17, None)})

    spec = recognise(free, name="end2end.onnx", path=tmp_path / "end2end.onnx").spec

    assert (spec.family, spec.size, spec.expand, spec.colour) == ("simcc", (192, 256), 1.4, "rgb")
    assert (spec.mean, spec.scale, spec.options) == ((1, 2, 3), (4, 5, 6), {"split": 2.0})
    # The network's own shape is surer than the size written beside it.
    square = Stub((None, 3, 256, 256), {"output": (None, 21, 512), "700": (None, 21, 512)})
    assert recognise(square, name="end2end.onnx", path=tmp_path / "end2end.onnx").spec.size == (256, 256)


@pytest.mark.parametrize("text", ["", "[]", '{"pipeline": 3}', '{"pipeline": {"tasks": [7, {"transforms": 1}]}}', "{"])
def test_a_pipeline_file_of_something_else_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "pipeline.json").write_text(text)

    assert recognise(simcc(), name="my.onnx", path=tmp_path / "my.onnx").spec.size == (192, 256)


def test_the_size_is_told_by_the_outputs_where_the_input_is_free() -> None:
    assert recognise(heatmap(image=(None, 3, None, None)), name="my.onnx").spec.size == (192, 256)
    assert recognise(simcc(image=(None, 3, None, None)), name="my.onnx").spec.size == (192, 256)
    with pytest.raises(ModelError, match=r"does not say for which it was trained; write spec=\{'size': \[width, hei"):
        recognise(Stub((None, 3, None, None), {"heat": (None, 17, None, None)}), name="my.onnx")
    with pytest.raises(ModelError, match=r"takes 192 x 256 pixels \(width x height\), but size=\[256, 192\] is given"):
        recognise(simcc(), name="my.onnx", spec={"size": [256, 192]})


def test_a_strange_network_is_told_what_it_looks_like_and_what_to_write() -> None:
    with pytest.raises(ModelError) as error:
        recognise(Stub((1, 3, 224, 224), {"probs": (1, 1000)}), name="my.onnx")
    assert "this looks like a classification network (inputs input float32[1, 3, 224, 224]" in str(error.value)
    assert "say which: spec={'family': …}" in str(error.value)

    with pytest.raises(ModelError, match="no family named 'simc'; did you mean 'simcc'"):
        recognise(simcc(), name="my.onnx", spec={"family": "simc"})
    with pytest.raises(ModelError, match=r"expected one input of pictures, .* float32\[1, 17\]"):
        recognise(Stub((1, 17), {"simcc_x": (1, 17, 9), "simcc_y": (1, 17, 9)}), name="my.onnx")
    with pytest.raises(ModelError, match="its input is int64, expected float32, float16 or uint8"):
        recognise(simcc(dtype="int64"), name="my.onnx")
    with pytest.raises(ModelError, match="a heatmap network has one output"):
        recognise(simcc(), name="my.onnx", spec={"family": "heatmap"})


def test_a_network_without_bins_or_keypoints_is_refused() -> None:
    with pytest.raises(ModelError, match="outputs of 0 and 0 bins for an input of 192 x 256 pixels"):
        recognise(Stub((1, 3, 256, 192), {"simcc_x": (1, 17, 0), "simcc_y": (1, 17, 0)}), name="my.onnx")
    none = {"maps": np.zeros((1, 0, 64, 48), np.float32)}
    with pytest.raises(ModelError, match="its outputs have no keypoints"):
        recognise(Stub((1, 3, 256, 192), {"maps": (1, 0, 64, 48)}, answer=lambda _: none), name="my.onnx")
    with pytest.raises(ModelError, match="family 'nanodet': expected outputs"):
        recognise_detector(
            Stub((1, 3, 416, 416), {"cls_s8": (1, 80, 52, 52), "reg_s8": (1, 44, 52, 52)}), name="a.onnx"
        )
    with pytest.raises(ModelError, match="no family named 'nanodot'; did you mean 'nanodet'"):
        recognise_detector(Stub((1, 3, 9, 9), {"a": (1, 4)}), name="a.onnx", spec={"family": "nanodot"})


def test_detectors_are_told_apart_by_name_where_their_outputs_are_alike() -> None:
    ready = Stub((1, 3, 640, 640), {"dets": (1, None, 5), "labels": (1, None)}, whole=("labels",))

    assert recognise_detector(ready, name="yolox_m.onnx").family == "yolox"
    rtmdet = recognise_detector(ready, name="rtmdet_nano.onnx")
    assert (rtmdet.family, rtmdet.colour, rtmdet.mean) == ("rtmdet", "bgr", (103.53, 116.28, 123.675))
    with pytest.raises(ModelError, match="want their pictures differently; say which it is"):
        recognise_detector(ready, name="end2end.onnx")
    assert recognise_detector(ready, name="end2end.onnx", spec={"family": "yolox"}).mean == (0, 0, 0)


def test_yolox_is_known_by_its_rows() -> None:
    rows = Stub((1, 3, 640, 640), {"output": (1, 8400, 85)})

    assert recognise_detector(rows, name="my.onnx").family == "yolox"
    with pytest.raises(ModelError, match=r"expected a detector .* but this looks like a YOLO"):
        recognise_detector(Stub((1, 3, 640, 640), {"output0": (1, 56, 8400)}), name="my.onnx")


def test_points_in_boxes_of_ones_own_are_those_that_rtmlib_finds() -> None:
    expected = json.loads((NETWORKS / "expected.json").read_text())
    as_rtmlib = {"colour": "bgr", "mean": (123.675, 116.28, 103.53), "scale": (58.395, 57.12, 57.375)}
    pose = Pose(NETWORKS / "simcc.onnx", spec=as_rtmlib)

    (result,) = pose.predict(NETWORKS / "picture.png", boxes=np.array(expected["boxes"]))

    np.testing.assert_allclose(result.keypoints.xy, expected["simcc"]["points"], atol=1e-3)


def test_a_pair_of_files_finds_what_each_of_them_finds() -> None:
    expected = json.loads((NETWORKS / "expected.json").read_text())
    pose = Pose(NETWORKS / "heatmap.onnx", detector=NETWORKS / "rtmdet.onnx", skeleton="coco17")

    (result,) = pose.predict(NETWORKS / "picture.png", conf=0.0)

    best = np.array(expected["rtmdet"]["boxes"])
    apart = np.abs(result.boxes.xyxy[:, None] - np.clip(best, 0, 160)[None]).max(axis=-1)
    assert len(result) > 0
    assert (apart.min(axis=1) < 1e-2).all()
    assert result.keypoints.xy.shape == (len(result), 17, 2)


def test_a_one_stage_file_gives_its_own_points() -> None:
    expected = np.array(json.loads((NETWORKS / "expected.json").read_text())["rtmo"]["points"])

    (result,) = Pose(NETWORKS / "rtmo.onnx").predict(NETWORKS / "picture.png", conf=0.0)

    apart = np.abs(result.keypoints.xy[:, None] - expected[None]).max(axis=(2, 3))
    assert len(result) > 0
    # rtmlib drops more of those that overlap, so that each of its own is looked for here.
    assert (apart.min(axis=0) < 1e-2).mean() > 0.5


class Joined:
    """Stands for what joins detectors and a refiner: keeps what it was given."""

    def __init__(self, card: Any, open_network: Any, skeleton: Any, spec: Any) -> None:
        self.card, self.open_network, self.skeleton, self.spec = card, open_network, skeleton, spec


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(assembly.FAMILIES, "top-down", f"{__name__}:Joined")


def test_a_network_file_is_joined_with_the_bundled_detector(joined: None) -> None:
    pose = Pose(NETWORKS / "simcc.onnx")
    made = pose.estimator

    assert made.card.settings == {
        "detectors": [{"network": "nanodet-416"}],
        "refiner": str(NETWORKS / "simcc.onnx"),
    }
    assert pose.skeleton.name == "coco17"
    assert made.spec(made.card.settings["refiner"]).size == (96, 128)
    assert made.open_network(made.card.settings["refiner"]).outputs[0].name == "simcc_x"
    assert [t.name for t in made.open_network("nanodet-416").inputs] == ["image"]


def test_a_detectors_file_is_opened_and_described(joined: None) -> None:
    made = Pose(NETWORKS / "heatmap.onnx", detector=NETWORKS / "rtmdet.onnx").estimator
    (entry,) = made.card.settings["detectors"]

    assert made.spec(entry["network"]).family == "rtmdet"
    assert {t.name for t in made.open_network(entry["network"]).outputs} == {"dets", "labels"}

    told = {"file": NETWORKS / "rtmdet.onnx", "family": "yolox"}
    made = Pose(NETWORKS / "heatmap.onnx", detector=told).estimator
    assert made.spec(made.card.settings["detectors"][0]["network"]).family == "yolox"


def test_a_one_stage_network_needs_no_detector(joined: None) -> None:
    made = Pose(NETWORKS / "rtmo.onnx").estimator

    assert made.card.settings == {"detectors": [{"network": str(NETWORKS / "rtmo.onnx")}]}
    with pytest.raises(ModelError, match="in one stage; leave detector='body' out"):
        Pose(NETWORKS / "rtmo.onnx", detector="body")


@pytest.mark.parametrize(
    ("skeleton", "detectors"),
    [
        ("coco17", [{"network": "nanodet-416"}]),
        ("ap10k17", [{"network": "nanodet-416", "classes": list(range(15, 24))}]),
    ],
)
def test_the_usual_detector_looks_for_what_the_skeleton_is_of(joined: None, skeleton: str, detectors: Any) -> None:
    assert Pose(NETWORKS / "simcc.onnx", skeleton=skeleton).estimator.card.settings["detectors"] == detectors


def test_what_no_bundled_detector_finds_needs_boxes_or_a_detector_of_its_own() -> None:
    hand = Skeleton("fingers", tuple(f"finger_{i}" for i in range(17)), instance="hand")
    pose = Pose(NETWORKS / "simcc.onnx", skeleton=hand)

    assert pose.predict(NETWORKS / "picture.png", boxes=[[20, 20, 120, 140]])[0].names == {0: "hand"}
    with pytest.raises(ModelError, match=r"no detector is known .* or pass the boxes"):
        pose.predict(NETWORKS / "picture.png")


def test_classes_of_a_detectors_settings_reach_it() -> None:
    pose = Pose(NETWORKS / "simcc.onnx", skeleton="ap10k17")

    assert pose.names == {0: "animal"}
    (search,) = pose.estimator.settings.detectors
    assert search.classes == tuple(range(15, 24))
    assert pose.predict(NETWORKS / "picture.png")[0].keypoints.xy.shape[1:] == (17, 2)


def test_a_name_that_is_no_detector_is_told(joined: None) -> None:
    with pytest.raises(ModelError, match="no model and no detector named 'boddy'; did you mean 'body'"):
        Pose(NETWORKS / "simcc.onnx", detector="boddy")
    with pytest.raises(ModelError, match="model 'hands' has no boxes to lend"):
        Pose(NETWORKS / "simcc.onnx", detector="hands")
    with pytest.raises(ModelError, match=r"detector nothing\.onnx: no such file"):
        Pose(NETWORKS / "simcc.onnx", detector="nothing.onnx")
    with pytest.raises(ModelError, match="a table needs 'file'"):
        Pose(NETWORKS / "simcc.onnx", detector={"family": "yolox"})


def test_a_detector_alone_finds_no_keypoints() -> None:
    with pytest.raises(ModelError, match=r"finds boxes and no keypoints; .* give it to a network that refines them"):
        Pose(NETWORKS / "rtmdet.onnx", spec={"family": "rtmdet"})


@pytest.mark.parametrize("detector", ["nanodet-416", "movenet-multipose", "body-accurate"])
def test_a_bundled_body_searches_with_another_detector(detector: str, photo: Path) -> None:
    (found,) = Pose("body-fast", detector=detector)(photo)

    assert len(found) == 1
    assert found.boxes.conf[0] > 0.8


def test_arguments_of_files_are_refused_for_registered_models() -> None:
    with pytest.raises(ModelError, match="body: skeleton= and spec= are for network files"):
        Pose("body", skeleton="coco17")
    with pytest.raises(ModelError, match="hands: detector= is for models that refine boxes"):
        Pose("hands", detector="nanodet-416")


def constant(path: Path, outputs: dict[str, tuple[int, ...]]) -> Path:
    """Write a network whose outputs hold the mean of its input, in any shape."""
    onnx = pytest.importorskip("onnx")
    make, kind = onnx.helper, onnx.TensorProto
    nodes, shapes, tensors = [make.make_node("ReduceMean", ["input"], ["mean"], keepdims=0)], [], []
    for name, shape in outputs.items():
        shapes.append(make.make_tensor(f"{name}_shape", kind.INT64, [len(shape)], shape))
        nodes.append(make.make_node("Expand", ["mean", f"{name}_shape"], [name]))
        tensors.append(make.make_tensor_value_info(name, kind.FLOAT, shape))
    picture = make.make_tensor_value_info("input", kind.FLOAT, (1, 3, 256, 192))
    graph = make.make_graph(nodes, "constant", [picture], tensors, shapes)
    onnx.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 13)], ir_version=8), path)
    return path


def test_outputs_that_do_not_fit_their_family_end_in_a_sentence(tmp_path: Path) -> None:
    two = constant(tmp_path / "two.onnx", {"simcc_x": (2, 17, 384), "simcc_y": (2, 17, 512)})
    flat = constant(
        tmp_path / "flat.onnx", {f"{kind}_s{s}": (1, 80, 9) for kind in ("cls", "reg") for s in (8, 16, 32, 64)}
    )
    picture = NETWORKS / "picture.png"

    with pytest.raises(ModelError, match=r"two.onnx: its outputs do not fit the family 'simcc' \(simcc_x \[2, 17, 3"):
        Pose(two).predict(picture, boxes=[[10, 10, 50, 80]])
    with pytest.raises(ModelError, match=r"flat.onnx: its outputs do not fit the family 'picodet' \(cls_s8 \[1, 8"):
        Pose(NETWORKS / "simcc.onnx", detector=flat).predict(picture)


def test_a_network_of_another_batch_is_told_which(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    path = constant(tmp_path / "seven.onnx", {"maps": (7, 17, 64, 48)})
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 7
    onnx.save(model, path)

    with pytest.raises(ModelError, match=r"Got invalid dimensions for input: input .* index: 0 Got: 1 Expected: 7$"):
        Pose(path).predict(NETWORKS / "picture.png", boxes=[[10, 10, 50, 80]])
