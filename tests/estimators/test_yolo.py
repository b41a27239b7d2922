"""The YOLO pose estimator on networks of a few numbers."""

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poise.errors import ModelError
from poise.estimators import Options
from poise.estimators.yolo import Yolo
from poise.runtime import Tensor, open_session
from poise.skeletons import names as skeleton_names

Answer = Callable[[np.ndarray], dict[str, np.ndarray]]
PERSON = {"task": "pose", "names": "{0: 'person'}", "kpt_shape": "[17, 3]", "stride": "32", "imgsz": "[64, 64]"}


class Network:
    """A session that answers from a function of its input."""

    engine, device = "test", "cpu"

    def __init__(
        self,
        answer: Answer,
        metadata: Mapping[str, str],
        *,
        shape: tuple[int | None, ...] = (None, 3, None, None),
        outputs: Mapping[str, tuple[int | None, ...]] | None = None,
        dtype: str = "float32",
    ) -> None:
        self.answer, self.metadata = answer, dict(metadata)
        self.inputs = (Tensor("images", shape, np.dtype(dtype)),)
        made = outputs or {"output0": (None, None, None)}
        self.outputs = tuple(Tensor(name, s, np.dtype(dtype)) for name, s in made.items())
        self.fed: list[np.ndarray] = []

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.fed.append(feeds["images"].copy())
        return self.answer(feeds["images"])

    def close(self) -> None: ...


def constant(*rows: np.ndarray, **more: np.ndarray) -> Answer:
    """Answer each picture of the batch with the same array."""

    def answer(batch: np.ndarray) -> dict[str, np.ndarray]:
        given = {"output0": rows[0], **more}
        return {name: np.repeat(array[None], len(batch), axis=0) for name, array in given.items()}

    return answer


def column(box: list[float], scores: list[float], points: np.ndarray) -> np.ndarray:
    """One anchor from a centre-size box."""
    return np.concatenate([box, scores, np.ravel(points)]).astype(np.float32)


def metadata(classes: str = "{0: 'thing'}", k: int = 2, d: int = 3, **more: str) -> dict[str, str]:
    return {"task": "pose", "names": classes, "kpt_shape": f"[{k}, {d}]", "stride": "32", "imgsz": "[64, 64]", **more}


def picture(width: int = 64, height: int = 64, level: int = 50) -> np.ndarray:
    return np.full((height, width, 3), level, dtype=np.uint8)


ONE = column([32, 24, 16, 8], [0.9], np.array([[30, 22, 0.5], [34, 26, 0.25]]))


def test_an_anchor_becomes_an_instance() -> None:
    model = Yolo(Network(constant(ONE[:, None]), metadata()))

    [found] = model([picture()], Options())

    np.testing.assert_allclose(found.boxes, [[24, 20, 40, 28, 0.9, 0]], rtol=1e-6)
    np.testing.assert_allclose(found.xy, [[[30, 22], [34, 26]]])
    np.testing.assert_allclose(found.conf, [[0.5, 0.25]])
    assert found.sigma is None
    assert set(found.speed) == {"preprocess", "inference", "postprocess"}


def test_a_network_that_selects_gives_the_same_instance() -> None:
    row = np.array([24, 20, 40, 28, 0.9, 0, 30, 22, 0.5, 34, 26, 0.25], dtype=np.float32)
    padded = np.stack([row, np.zeros(12, dtype=np.float32)])
    plain = Yolo(Network(constant(ONE[:, None]), metadata()))([picture()], Options())[0]
    for said in ({"end2end": "True"}, {"args": "{'nms': True}"}):
        model = Yolo(Network(constant(padded), metadata(**said)))

        [found] = model([picture()], Options())

        assert model.end2end
        np.testing.assert_allclose(found.boxes, plain.boxes, rtol=1e-6)
        np.testing.assert_allclose(found.xy, plain.xy)


def test_a_network_without_doubles_is_selected_outside() -> None:
    corners = ONE.copy()
    corners[:4] = [24, 20, 40, 28]
    both = np.stack([corners, corners], axis=1)
    net = Network(constant(both), metadata(end2end="True"), outputs={"output0": (None, 11, None)})
    model = Yolo(net)

    [found] = model([picture()], Options())

    assert model.end2end
    np.testing.assert_allclose(found.boxes[:, :4], [[24, 20, 40, 28]] * 2)


def test_without_a_third_value_there_is_no_confidence() -> None:
    anchor = column([32, 24, 16, 8], [0.9], np.array([[30, 22], [34, 26]]))
    model = Yolo(Network(constant(anchor[:, None]), metadata(d=2)))

    [found] = model([picture()], Options())

    assert found.conf is None
    np.testing.assert_allclose(found.xy, [[[30, 22], [34, 26]]])


def test_sigma_is_in_pixels_of_the_picture() -> None:
    others = np.zeros((11, 2), dtype=np.float32)
    anchors = np.concatenate([others, ONE[:, None]], axis=1)
    sigma = np.zeros((4, 3), dtype=np.float32)
    sigma[:, 2] = [1, 2, 3, 4]
    net = Network(
        constant(anchors, sigma=sigma), metadata(), outputs={"output0": (None, 11, None), "sigma": (None, 4, None)}
    )

    [found] = Yolo(net)([picture(128, 128)], Options())

    np.testing.assert_allclose(found.sigma, [[[2, 4], [6, 8]]])


def test_sigma_of_selected_rows_follows_them() -> None:
    rows = np.zeros((3, 12), dtype=np.float32)
    rows[:, 4] = [0.9, 0.8, 0.7]
    rows[:, 5] = [0, 1, 0]
    sigma = np.arange(12, dtype=np.float32).reshape(3, 4)
    said = metadata("{0: 'a', 1: 'b'}", end2end="True")
    net = Network(constant(rows, sigma=sigma), said, outputs={"output0": (None, 3, 12), "sigma": (None, 3, 4)})

    [found] = Yolo(net)([picture()], Options(classes=(1,)))

    np.testing.assert_allclose(found.sigma, [[[4, 5], [6, 7]]])


def test_a_wide_picture_goes_into_the_smallest_rectangle_and_comes_back() -> None:
    net = Network(constant(column([32, 16, 16, 8], [0.9], np.array([[30, 14, 1], [80, 40, 1]]))[:, None]), metadata())

    [found] = Yolo(net)([picture(256, 96)], Options())

    assert net.fed[0].shape == (1, 3, 32, 64)
    np.testing.assert_allclose(found.boxes[0, :4], [96, 32, 160, 64])
    # The second point lies outside the picture and is moved to its edge.
    np.testing.assert_allclose(found.xy, [[[120, 40], [256, 96]]])


def test_pictures_of_one_shape_run_at_once_and_others_in_full_squares() -> None:
    same, mixed = (Network(constant(ONE[:, None]), metadata()) for _ in range(2))

    Yolo(same)([picture(64, 20)] * 3, Options())
    found = Yolo(mixed)([picture(64, 20), picture(20, 64)], Options())

    assert [f.shape for f in same.fed] == [(3, 3, 32, 64)]
    assert [f.shape for f in mixed.fed] == [(2, 3, 64, 64)]
    assert len(found) == 2


def test_a_fixed_batch_is_filled_up() -> None:
    net = Network(constant(ONE[:, None]), metadata(), shape=(2, 3, 64, 64))

    found = Yolo(net)([picture(level=level) for level in (10, 20, 30)], Options())

    assert [f.shape[0] for f in net.fed] == [2, 2]
    assert [float(f[0, 0, 0, 0] * 255) for f in net.fed] == pytest.approx([10, 30])
    assert len(found) == 3


def test_no_pictures_no_run() -> None:
    net = Network(constant(ONE[:, None]), metadata())

    assert Yolo(net)([], Options()) == []
    assert net.fed == []


def test_imgsz_is_rounded_up_with_a_note(caplog: pytest.LogCaptureFixture) -> None:
    net = Network(constant(ONE[:, None]), metadata())

    with caplog.at_level(logging.INFO, logger="poise"):
        model = Yolo(net)
        for _ in range(2):
            model([picture(100, 100)], Options(imgsz=70))

    assert net.fed[0].shape == (1, 3, 96, 96)
    assert caplog.text.count("imgsz 70 rounded up to 96") == 1


def test_the_size_that_the_file_names_is_rounded_up_too() -> None:
    assert Yolo(Network(constant(ONE[:, None]), metadata(imgsz="[70, 100]"))).imgsz == (128, 96)


def test_an_input_with_one_fixed_side_keeps_it() -> None:
    net = Network(constant(ONE[:, None]), metadata(), shape=(1, 3, 96, None))

    Yolo(net)([picture(300, 20)], Options(imgsz=320))

    assert net.fed[0].shape == (1, 3, 96, 64)


def test_a_fixed_input_keeps_its_size(caplog: pytest.LogCaptureFixture) -> None:
    net = Network(constant(ONE[:, None]), metadata(), shape=(1, 3, 96, 64))
    model = Yolo(net, name="fixed.onnx")

    with caplog.at_level(logging.INFO, logger="poise"):
        model([picture(10, 10)], Options(imgsz=640))

    assert (model.imgsz, net.fed[0].shape) == ((64, 96), (1, 3, 96, 64))
    assert "imgsz 640 has no effect: fixed.onnx takes 64 x 96" in caplog.text


@pytest.mark.parametrize(("options", "words"), [({"imgsz": 0}, "imgsz must be 1"), ({"nms": "soft"}, "nms must be")])
def test_options_that_cannot_be(options: dict[str, Any], words: str) -> None:
    model = Yolo(Network(constant(ONE[:, None]), metadata()))

    with pytest.raises(ValueError, match=words):
        model([picture()], Options(**options))


def test_half_float_networks_are_fed_half_floats() -> None:
    net = Network(constant(ONE[:, None].astype(np.float16)), metadata(), dtype="float16")

    [found] = Yolo(net)([picture()], Options())

    assert net.fed[0].dtype == np.float16
    assert found.boxes.dtype == found.xy.dtype == np.float32
    np.testing.assert_allclose(found.boxes[0, :4], [24, 20, 40, 28])


def test_grey_of_one_shape_does_not_leak_into_the_next() -> None:
    net = Network(constant(ONE[:, None]), metadata(), shape=(1, 3, 64, 64))
    model = Yolo(net)

    for size in ((64, 20), (20, 64), (64, 64), (64, 20)):
        model([picture(*size, level=255)], Options())

    grey = np.float32(114) / np.float32(255)
    for fed, share in zip(net.fed, (20 / 64, 20 / 64, 1, 20 / 64), strict=True):
        assert (fed == 1).mean() == pytest.approx(share)
        assert ((fed == 1) | (fed == grey)).all()


def test_threads_do_not_share_a_buffer() -> None:
    meet = threading.Barrier(2, timeout=10)
    levels: dict[int, float] = {}

    def answer(batch: np.ndarray) -> dict[str, np.ndarray]:
        meet.wait()  # both have filled their buffers
        levels[threading.get_ident()] = float(batch.mean() * 255)
        return {"output0": np.repeat(ONE[None, :, None], len(batch), axis=0)}

    model = Yolo(Network(answer, metadata()))
    seen: dict[int, float] = {}

    def work(level: int) -> None:
        model([picture(level=level)], Options())
        seen[level] = levels[threading.get_ident()]

    threads = [threading.Thread(target=work, args=(level,)) for level in (10, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == {10: pytest.approx(10, abs=0.01), 200: pytest.approx(200, abs=0.01)}


@pytest.mark.parametrize("k", [1, 2, 17, 133, 500])
@pytest.mark.parametrize("d", [2, 3])
def test_any_number_of_keypoints(k: int, d: int) -> None:
    points = np.random.default_rng(k).uniform(5, 60, (k, d)).astype(np.float32)
    points[:, 2:] /= 60
    model = Yolo(Network(constant(column([32, 32, 40, 40], [0.9], points)[:, None]), metadata(k=k, d=d)))

    [found] = model([picture()], Options())

    assert model.kpt_shape == (k, d)
    assert len(model.skeleton) == k
    np.testing.assert_allclose(found.xy[0], points[:, :2], rtol=1e-5)


def test_nothing_found() -> None:
    [found] = Yolo(Network(constant(np.zeros((11, 84), np.float32)), metadata()))([picture()], Options(conf=0.0))

    assert (found.boxes.shape, found.xy.shape) == ((0, 6), (0, 2, 2))
    assert found.conf is not None
    assert found.conf.shape == (0, 2)


def test_four_hundred_instances_are_cut_at_max_det() -> None:
    anchors = np.tile(ONE[:, None], (1, 400))
    anchors[0] = np.arange(400) * 30
    anchors[4] = np.linspace(0.99, 0.5, 400)
    net = Network(constant(anchors), metadata(imgsz="[12032, 12032]"))
    model = Yolo(net)
    image = picture(12032, 32)

    assert len(model([image], Options())[0].boxes) == 300
    assert len(model([image], Options(max_det=400))[0].boxes) == 400


def test_an_object_of_one_pixel_keeps_its_place() -> None:
    tiny = column([31.5, 23.5, 1, 1], [0.9], np.array([[31.5, 23.5, 1], [31.2, 23.8, 1]]))

    [found] = Yolo(Network(constant(tiny[:, None]), metadata()))([picture()], Options())

    np.testing.assert_allclose(found.boxes[0, :4], [31, 23, 32, 24])


def test_classes_and_suppression_follow_the_options() -> None:
    a = column([32, 24, 16, 8], [0.9, 0.3], np.array([[30, 22, 1], [34, 26, 1]]))
    b = column([32, 24, 16, 8], [0.2, 0.8], np.array([[34, 26, 1], [30, 22, 1]]))
    model = Yolo(Network(constant(np.stack([a, b], axis=1)), metadata("{0: 'cat', 1: 'dog'}")))

    def classes(**options: Any) -> list[int]:
        return model([picture()], Options(**options))[0].boxes[:, 5].astype(int).tolist()

    assert model.names == {0: "cat", 1: "dog"}
    assert classes() == [0, 1]
    assert classes(classes=(1,)) == [1]
    assert classes(agnostic=True) == [0]
    assert classes(agnostic=True, nms="oks") == [0, 1]
    assert classes(conf=0.85) == [0]


def test_a_place_gives_each_label_above_conf_when_asked() -> None:
    a = column([32, 24, 16, 8], [0.9, 0.3], np.array([[30, 22, 1], [34, 26, 1]]))
    model = Yolo(Network(constant(a[:, None]), metadata("{0: 'cat', 1: 'dog'}")))

    [one], [each] = (model([picture()], Options(multi_label=asked)) for asked in (False, True))

    np.testing.assert_allclose(one.boxes[:, 4:], [[0.9, 0]])
    np.testing.assert_allclose(each.boxes[:, 4:], [[0.9, 0], [0.3, 1]])


def test_coco_people_have_the_coco_skeleton() -> None:
    model = Yolo(Network(constant(np.zeros((56, 84), np.float32)), PERSON))

    assert (model.skeleton.name, model.names, model.kpt_shape) == ("coco17", {0: "person"}, (17, 3))


@pytest.mark.skipif("tiger12" not in skeleton_names(), reason="skeleton tiger12 is not there")
def test_tigers_have_theirs_and_others_of_twelve_points_have_not() -> None:
    numbers = str({0: [str(i) for i in range(12)]})

    def skeleton(animal: str) -> str:
        said = metadata(f"{{0: '{animal}'}}", k=12, kpt_names=numbers)
        return Yolo(Network(constant(np.zeros((41, 84), np.float32)), said)).skeleton.name

    assert (skeleton("tiger"), skeleton("chair")) == ("tiger12", "chair-12")


def test_points_are_named_as_the_file_says() -> None:
    said = metadata(k=3, kpt_names="{0: ['tip', 'left_end', 'right_end']}", license="CC0")
    model = Yolo(Network(constant(np.zeros((14, 84), np.float32)), said))

    assert model.skeleton.keypoints == ("tip", "left_end", "right_end")
    assert model.skeleton.flip_idx == (0, 2, 1)
    assert (model.licence, model.metadata["kpt_shape"]) == ("CC0", "[3, 3]")


def test_points_without_names_are_numbered() -> None:
    model = Yolo(Network(constant(np.zeros((11, 84), np.float32)), metadata()))

    assert model.skeleton.keypoints == ("keypoint_0", "keypoint_1")


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        ("names", "__import__('os').system('true')", "names in the metadata cannot be read"),
        ("names", "{" * 5000, "names in the metadata cannot be read"),
        ("names", "'" + "a" * 300_000 + "'", "300,002 letters"),
        ("names", "{'zero': 'a'}", "must be numbered"),
        ("kpt_shape", "[17]", r"must be \[K, 2\] or \[K, 3\]"),
        ("kpt_shape", "[17, 4]", r"must be \[K, 2\] or \[K, 3\]"),
        ("kpt_shape", "[0, 3]", r"must be \[K, 2\] or \[K, 3\]"),
        ("kpt_shape", "[1000000000, 3]", r"must be \[K, 2\] or \[K, 3\]"),
        ("imgsz", "[1000000000, 64]", r"imgsz in the metadata must be \[height, width\] from 1 to 16384"),
        ("imgsz", "'large'", r"imgsz in the metadata must be \[height, width\]"),
        ("stride", "0", "stride in the metadata must be from 1 to 16384, got '0'"),
        ("stride", "'x'", "stride in the metadata must be from 1"),
        ("kpt_names", "{0: ['a']}", "must be 2 different names"),
        ("task", "segment", "for the task 'segment'"),
        ("task", "obb", "for the task 'obb'"),
        ("task", "classify", "for the task 'classify'"),
        ("task", "detect", "for the task 'detect'"),
    ],
)
def test_metadata_that_cannot_be(key: str, text: str, words: str) -> None:
    with pytest.raises(ModelError, match=words) as error:
        Yolo(Network(constant(ONE[:, None]), {**metadata(), key: text}), name="best.onnx")

    assert str(error.value).startswith("best.onnx: ")


def test_an_output_that_is_not_what_the_metadata_says() -> None:
    net = Network(constant(np.zeros((84, 84), np.float32)), PERSON, outputs={"output0": (1, 84, 8400)})

    with pytest.raises(ModelError, match=r"56 rows \(4 box \+ 1 scores \+ 17 x 3\).*\[1, 84, 8400\]"):
        Yolo(net)


def test_a_result_that_is_not_what_the_metadata_says() -> None:
    model = Yolo(Network(constant(np.zeros((84, 84), np.float32)), PERSON))

    with pytest.raises(ModelError, match=r"56 on the middle axis of a result, got \(1, 84, 84\)"):
        model([picture()], Options())


@pytest.mark.parametrize("shape", [(1, 64, 64, 3), (1, 1, 64, 64), (1, 3, 64)])
def test_an_input_that_is_no_picture(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match=r"one input of shape \(batch, 3, height, width\)"):
        Yolo(Network(constant(ONE[:, None]), PERSON, shape=shape))


def grid(layout: str, *, k: int = 4, d: int = 3, classes: int = 1) -> Answer:
    """Answer as a network does on a grey picture: faint scores, coordinates all over the input."""

    def answer(batch: np.ndarray) -> dict[str, np.ndarray]:
        h, w = batch.shape[2:]
        count = h * w // 64 + h * w // 256 + h * w // 1024
        random = np.random.default_rng(0)
        points = random.uniform(0, w, (k, d, count))
        points[:, 2:] /= w
        scores = random.uniform(0, 0.01, (classes, count))
        boxes = random.uniform(1, w, (4, count))
        if layout == "anchors":
            rows = np.concatenate([boxes, scores, points.reshape(k * d, count)])
        else:
            n = min(300, count)
            best = -np.sort(-scores.max(axis=0))[:n]
            flat = points.reshape(k * d, count)[:, :n]
            rows = np.concatenate([boxes[:, :n], best[None], np.zeros((1, n)), flat]).T
        return {"output0": np.repeat(rows[None].astype(np.float32), len(batch), axis=0)}

    return answer


@pytest.mark.parametrize("layout", ["anchors", "selected"])
@pytest.mark.parametrize(("k", "d"), [(12, 2), (8, 3), (17, 3), (1, 2), (250, 2), (5, 3)])
@pytest.mark.parametrize("shape", [(1, 3, 128, 128), (None, 3, None, None)])
def test_a_layout_without_metadata_is_found_out(layout: str, k: int, d: int, shape: tuple[int | None, ...]) -> None:
    model = Yolo(Network(grid(layout, k=k, d=d), {}, shape=shape))

    assert model.kpt_shape == (k, d)
    assert model.end2end == (layout == "selected")
    assert len(model.names) == 1


def test_classes_without_metadata_are_counted() -> None:
    model = Yolo(Network(grid("anchors", classes=3), {}))

    assert model.names == {0: "class0", 1: "class1", 2: "class2"}


@pytest.mark.parametrize(
    ("answer", "outputs", "words"),
    [
        (grid("anchors", k=0, classes=80), {"output0": (1, 84, 336)}, "a detection model of 80 classes"),
        (grid("anchors", k=1, d=1, classes=15), {"output0": (1, 20, 336)}, "an oriented-box model of 15 classes"),
        (grid("anchors"), {"output0": (1, 116, 336), "output1": (1, 32, 32, 32)}, "a YOLO segmentation model"),
        (grid("anchors"), {"output0": (1, 1000)}, "a classification network"),
        (constant(np.zeros((300, 30), np.float32)), {"output0": (1, 300, 30)}, "or an output that tells"),
        (constant(np.full((9, 336), -1, np.float32)), {"output0": (1, 9, 336)}, r"one run gave \(1, 9, 336\)"),
    ],
)
def test_other_networks_are_named(answer: Answer, outputs: dict[str, tuple[int, ...]], words: str) -> None:
    net = Network(answer, {}, shape=(1, 3, 128, 128), outputs=outputs)

    with pytest.raises(ModelError, match=words):
        Yolo(net, name="other.onnx")


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_file_with_metadata_runs(runtime: str, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip(runtime)
    helper = onnx.helper
    # The one anchor's score is the mean of the red plane, so that the picture really goes through.
    anchor = ONE[None, :, None].copy()
    anchor[0, 4] = 0
    only_score = np.zeros_like(anchor)
    only_score[0, 4] = 1
    graph = helper.make_graph(
        [
            helper.make_node("Slice", ["images", "zero", "one", "one"], ["red"]),
            helper.make_node("ReduceMean", ["red"], ["mean"], keepdims=0),
            helper.make_node("Mul", ["mean", "only_score"], ["score"]),
            helper.make_node("Add", ["score", "anchor"], ["output0"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, [1, 3, "h", "w"])],
        [helper.make_tensor_value_info("output0", onnx.TensorProto.FLOAT, [1, 11, 1])],
        [
            onnx.numpy_helper.from_array(anchor, "anchor"),
            onnx.numpy_helper.from_array(only_score, "only_score"),
            onnx.numpy_helper.from_array(np.array([0]), "zero"),
            onnx.numpy_helper.from_array(np.array([1]), "one"),
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(made, metadata())
    path = tmp_path / "tiny.onnx"
    onnx.save(made, str(path))
    image = picture()
    image[:, :, 2] = 153

    [found] = Yolo(open_session(path, runtime=runtime, threads=1), name=str(path))([image], Options())

    np.testing.assert_allclose(found.boxes, [[24, 20, 40, 28, 0.6, 0]], rtol=1e-5)
    np.testing.assert_allclose(found.xy, [[[30, 22], [34, 26]]])
