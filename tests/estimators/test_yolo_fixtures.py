"""The YOLO pose estimator on exported networks of the original package, against its own outputs."""

import os
from pathlib import Path

import numpy as np
import pytest

from poise.errors import MissingExtra
from poise.estimators import Options
from poise.estimators.letterbox import to_picture
from poise.estimators.postprocess import Choice, Layout, Rows, choose
from poise.estimators.yolo import Yolo
from poise.runtime import Session, open_session

SHARED = Path(os.environ.get("POISE_SHARED", Path(__file__).resolve().parents[3] / "shared"))
FIXTURES = SHARED / "fixtures/yolo"
pytestmark = pytest.mark.skipif(not FIXTURES.is_dir(), reason="the folder shared is not beside the repository")

# File, its checkpoint's arrays, the output that the original package gave, and whether rows are selected.
NETWORKS = {
    "yolo26": ("yolo26n-pose-coco-end2end-256x192.onnx", "yolo26n-pose-coco", "eval/out_end2end_topk_fused", True),
    "yolo11": ("yolo11n-pose-coco-256x192.onnx", "yolo11n-pose-coco", "eval/out_fused", False),
}
PIXELS, CONF = 0.05, 1e-4


def opened(name: str, runtime: str) -> Session:
    try:
        return open_session(FIXTURES / NETWORKS[name][0], runtime=runtime, threads=2)
    except MissingExtra as error:
        pytest.skip(str(error))


def compare(found: Rows, expected: Rows) -> None:
    """Hold rows against each other, each with the nearest of its score: near-equal scores may swap places."""
    assert len(found.conf) == len(expected.conf) > 0
    apart = np.abs(found.boxes[:, None] - expected.boxes[None]).max(axis=2)
    apart += 1e3 * np.abs(found.conf[:, None] - expected.conf[None])
    nearest = apart.argmin(axis=0)
    assert len(set(nearest)) == len(nearest)
    np.testing.assert_allclose(found.boxes[nearest], expected.boxes, atol=PIXELS, rtol=0)
    np.testing.assert_allclose(found.points[nearest][..., :2], expected.points[..., :2], atol=PIXELS, rtol=0)
    np.testing.assert_allclose(found.points[nearest][..., 2:], expected.points[..., 2:], atol=CONF, rtol=0)
    np.testing.assert_allclose(found.conf[nearest], expected.conf, atol=CONF, rtol=0)
    assert np.array_equal(found.classes[nearest], expected.classes)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("name", NETWORKS)
def test_metadata_of_an_export(name: str, runtime: str) -> None:
    model = Yolo(opened(name, runtime))

    assert model.imgsz == (192, 256)
    assert model.kpt_shape == (17, 3)
    assert model.names == {0: "person"}
    assert model.skeleton.name == "coco17"
    assert model.stride == 32
    assert model.end2end == NETWORKS[name][3]
    assert model.licence.startswith("AGPL-3.0")
    assert model.metadata["task"] == "pose"


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("name", NETWORKS)
def test_rows_equal_those_of_the_original_package(name: str, runtime: str) -> None:
    _, stem, key, selected = NETWORKS[name]
    arrays = np.load(FIXTURES / f"{stem}.npz")
    session = opened(name, runtime)

    output = session.run({"images": arrays["input"]})["output0"]

    layout = Layout(1, 17, 3, selected=selected)
    # The networks are random, so nearly every anchor has a score; a fair number of rows is left at this one.
    choice = Choice(conf=0.3)
    compare(choose(output[0], layout, choice), choose(arrays[key][0], layout, choice))


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("name", NETWORKS)
def test_instances_are_the_chosen_rows_in_pixels_of_the_picture(name: str, runtime: str) -> None:
    session = opened(name, runtime)
    image = np.random.default_rng(1).integers(0, 256, (512, 300, 3), dtype=np.uint8)
    fed: list[np.ndarray] = []

    class Listening:
        """The session, and what it was fed."""

        def __getattr__(self, key: str) -> object:
            return getattr(session, key)

        def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            fed.append(feeds["images"].copy())
            return session.run(feeds)

    [found] = Yolo(Listening())([image], Options(conf=0.3))  # type: ignore[arg-type]

    output = session.run({"images": fed[0]})["output0"]
    rows = choose(output[0], Layout(1, 17, 3, selected=NETWORKS[name][3]), Choice(conf=0.3))
    back = to_picture(rows.points[..., :2], (192, 256), (300, 512))
    np.testing.assert_allclose(found.xy, back, atol=1e-3)
    np.testing.assert_allclose(found.conf, rows.points[..., 2])
    assert found.boxes[:, [0, 2]].max() <= 300
    assert found.boxes[:, [1, 3]].max() <= 512
