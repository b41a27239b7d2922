"""Refiners of crops: decoding by hand, and against what rtmlib 0.0.16 found with the same networks."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from network_stub import Stub

from poise.errors import FormatError
from poise.estimators import refiners
from poise.estimators.people import regions
from poise.estimators.refiners.heatmap import Heatmap, kernel
from poise.estimators.refiners.simcc import SimCc
from poise.estimators.spec import Spec
from poise.geometry import affine_apply, affine_invert, oks
from poise.image import crop
from poise.runtime import open_session
from poise.skeletons import get

NETWORKS = Path(__file__).parents[1] / "assets/networks"
shared = Path(os.environ.get("POISE_SHARED", Path(__file__).resolve().parents[3] / "shared"))
needs_shared = pytest.mark.skipif(
    not (shared / "weights/tinypose-256x192.onnx").is_file(), reason="the shared networks are not beside the repository"
)
EXPECTED = json.loads((NETWORKS / "expected.json").read_text())
# As rtmlib feeds them: see benchmarks/against_rtmlib.py.
IMAGENET = {"mean": (123.675, 116.28, 103.53), "scale": (58.395, 57.12, 57.375), "colour": "bgr"}
SPECS = {
    "simcc": Spec(family="simcc", size=(96, 128), **IMAGENET),
    "heatmap": Spec(family="heatmap", size=(96, 128), options={"udp": True, "blur": 11}, **IMAGENET),
}


def picture() -> np.ndarray:
    with PIL.Image.open(NETWORKS / "picture.png") as file:
        return np.ascontiguousarray(np.asarray(file.convert("RGB"))[..., ::-1])


@pytest.mark.parametrize("name", SPECS)
def test_keypoints_are_those_of_rtmlib(name: str) -> None:
    session, spec = open_session(NETWORKS / f"{name}.onnx", threads=1), SPECS[name]
    refiner = refiners.refiner(spec, session)

    # 1.25 times these boxes are crops of the network's size, moved by whole pixels: nothing is resampled.
    region = regions(np.array(EXPECTED["boxes"], np.float32), spec.size, spec.expand)
    crops, matrices = crop(picture(), region, spec.size)
    xy, conf = refiner.decode(session.run(refiner.prepare(crops)))

    found = affine_apply(affine_invert(matrices), xy)
    assert refiner.keypoints == 17
    np.testing.assert_allclose(found, EXPECTED[name]["points"], atol=1e-3)
    np.testing.assert_allclose(conf, EXPECTED[name]["scores"], atol=1e-5)


def heatmap(**options: object) -> Heatmap:
    spec = Spec(family="heatmap", size=(48, 64), options=options)
    return Heatmap(spec, Stub((None, 3, 64, 48), {"heatmap": (None, 1, 16, 12)}))


def bump(x: float, y: float, sigma: float = 2.0, height: float = 0.8) -> dict[str, np.ndarray]:
    """A Gaussian on a grid of 12 x 16 cells."""
    column, row = np.arange(12), np.arange(16)[:, None]
    return {
        "heatmap": (height * np.exp(-((column - x) ** 2 + (row - y) ** 2) / (2 * sigma**2)))[None, None].astype(
            np.float32
        )
    }


@given(x=st.floats(2, 9), y=st.floats(2, 13), blur=st.sampled_from([1, 3]))
def test_the_top_of_a_gaussian_is_found_between_the_cells(x: float, y: float, blur: int) -> None:
    xy, conf = heatmap(blur=blur).decode(bump(x, y))

    # The logarithm of a Gaussian is a parabola, so that one step is exact; the 3 x 3 blur bends it a little.
    np.testing.assert_allclose(xy[0, 0], [4 * x, 4 * y], atol=1e-3 if blur == 1 else 0.05)
    assert 0.7 < conf[0, 0] <= 0.8


def test_ways_of_decoding_on_one_map() -> None:
    maps = bump(5.4, 7.0)
    maps["heatmap"][0, 0, 6, 5] *= 0.99  # the lower neighbour is the higher one

    assert heatmap(decode="argmax").decode(maps)[0][0, 0].tolist() == [20, 28]
    assert heatmap(decode="quarter").decode(maps)[0][0, 0].tolist() == [21, 29]
    assert heatmap(decode="argmax", shift=0.5).decode(maps)[0][0, 0].tolist() == [20.5, 28.5]
    # The first and last cell on the crop's edges: 11 steps over 48 pixels, 15 over 64.
    np.testing.assert_allclose(
        heatmap(decode="argmax", udp=True).decode(maps)[0][0, 0], [5 * 48 / 11, 7 * 64 / 15], rtol=1e-6
    )


@pytest.mark.parametrize("corner", [(0, 0), (11, 0), (0, 15), (11, 15)])
def test_a_peak_on_the_rim_stays_near_it(corner: tuple[int, int]) -> None:
    for decode in ("dark", "quarter", "argmax"):
        xy, _ = heatmap(decode=decode).decode(bump(*corner))

        assert np.abs(xy[0, 0] - 4 * np.array(corner)).max() <= 4


def test_a_step_that_leaves_its_peak_is_not_taken() -> None:
    maps = bump(5, 7)
    # One tall cell on a slope: the blurred map has no maximum near it.
    maps["heatmap"][:] = np.linspace(0.2, 0.6, 12)
    maps["heatmap"][0, 0, 7, 5] = 0.61

    xy, _ = heatmap(blur=11).decode(maps)

    assert xy[0, 0].tolist() == [20, 28]


def test_an_empty_map_gives_no_keypoint() -> None:
    xy, conf = heatmap().decode({"heatmap": np.zeros((1, 1, 16, 12), np.float32)})

    assert np.isnan(xy).all()
    assert conf.tolist() == [[0]]


def test_scores_stay_probabilities() -> None:
    maps = bump(5, 7, height=3.0)

    assert heatmap().decode(maps)[1].tolist() == [[1]]
    logits = {"heatmap": np.log(np.clip(bump(5, 7)["heatmap"], 1e-6, 1 - 1e-6))}
    logits["heatmap"] -= np.log1p(-np.clip(bump(5, 7)["heatmap"], 1e-6, 1 - 1e-6))
    assert heatmap(sigmoid=True).decode(logits)[1][0, 0] == pytest.approx(0.8, abs=1e-5)


def test_a_heatmap_is_found_among_other_outputs() -> None:
    stub = Stub((1, 3, 64, 48), {"heat": (1, 5, 16, 12), "cell": (1, 5)}, whole=("cell",))

    assert Heatmap(Spec(family="heatmap", size=(48, 64)), stub).keypoints == 5


def test_keypoints_are_counted_where_the_file_does_not_say_them() -> None:
    answer = {"heat": np.zeros((1, 7, 16, 12), np.float32)}
    stub = Stub((None, 3, None, None), {"heat": (None, None, None, None)}, answer=lambda feeds: answer)

    assert Heatmap(Spec(family="heatmap", size=(48, 64)), stub).keypoints == 7


def test_the_blur_is_opencvs() -> None:
    cv2 = pytest.importorskip("cv2")

    for width in (1, 3, 5, 7, 11, 17):
        np.testing.assert_allclose(kernel(width), cv2.getGaussianKernel(width, 0)[:, 0], atol=1e-7)


def test_the_step_is_that_of_a_blurred_map() -> None:
    """Blurring nine cells gives what blurring the whole map by OpenCV gives, at the rim too."""
    cv2 = pytest.importorskip("cv2")
    rng = np.random.default_rng(5)
    spots = bump(0.3, 14.8)["heatmap"] + 0.7 * bump(7.7, 5.2)["heatmap"] + 0.02 * rng.random((1, 1, 16, 12))
    maps = spots.astype(np.float32)

    xy, _ = heatmap(blur=5).decode({"heatmap": maps})

    log = np.log(np.clip(cv2.GaussianBlur(maps[0, 0].astype(float), (5, 5), 0), 1e-3, 50))
    log = np.pad(log, 1, mode="edge")
    y, x = np.unravel_index(maps[0, 0].argmax(), (16, 12))
    n = log[y : y + 3, x : x + 3]
    gradient = np.array([n[1, 2] - n[1, 0], n[2, 1] - n[0, 1]]) / 2
    cross = (n[2, 2] - n[1, 2] - n[2, 1] + 2 * n[1, 1] - n[1, 0] - n[0, 1] + n[0, 0]) / 2
    bend = np.array([[n[1, 2] - 2 * n[1, 1] + n[1, 0], cross], [cross, n[2, 1] - 2 * n[1, 1] + n[0, 1]]])
    step = -np.linalg.solve(bend + 1.2e-7 * np.eye(2), gradient)
    np.testing.assert_allclose(xy[0, 0], 4 * (np.array([x, y]) + step), atol=1e-4)


def simcc(names: tuple[str, ...] = ("simcc_x", "simcc_y"), **options: object) -> SimCc:
    shapes = {name: (None, 2, bins) for name, bins in zip(names, (96, 128, 288), strict=False)}
    return SimCc(Spec(family="simcc", size=(48, 64), options=options), Stub((None, 3, 64, 48), shapes))


def bins(x: int, y: int, height: tuple[float, float] = (0.9, 0.5)) -> dict[str, np.ndarray]:
    rows = {"simcc_x": np.zeros((1, 2, 96), np.float32), "simcc_y": np.zeros((1, 2, 128), np.float32)}
    rows["simcc_x"][0, 0, x], rows["simcc_y"][0, 0, y] = height
    rows["simcc_x"][0, 1], rows["simcc_y"][0, 1] = -1, -1
    return rows


def test_simcc_reads_the_highest_bins() -> None:
    xy, conf = simcc().decode(bins(31, 100))

    assert xy[0, 0].tolist() == [15.5, 50]
    assert conf[0].tolist() == pytest.approx([0.7, 0])
    assert np.isnan(xy[0, 1]).all()  # nothing above 0: not predicted
    assert simcc(conf="min").decode(bins(31, 100))[1][0, 0] == 0.5
    assert simcc().decode(bins(31, 100, (1.4, 1.2)))[1][0, 0] == 1


def test_simcc_of_logits_gives_their_probability() -> None:
    rows = bins(31, 100)
    rows["simcc_x"][0, 0] = rows["simcc_y"][0, 0] = 0
    rows["simcc_x"][0, 0, 31] = rows["simcc_y"][0, 0, 100] = 9

    conf = simcc(softmax=True, conf="min").decode(rows)[1]

    assert conf[0, 0] == pytest.approx(np.exp(9) / (np.exp(9) + 127))


def test_simcc_knows_its_outputs_by_name_then_by_order() -> None:
    turned = SimCc(
        Spec(family="simcc", size=(48, 64)),
        Stub((None, 3, 64, 48), {"simcc_y": (None, 2, 128), "simcc_x": (None, 2, 96)}),
    )
    assert turned.decode(bins(31, 100))[0][0, 0].tolist() == [15.5, 50]

    numbered = simcc(("output", "700"))
    rows = dict(zip(("output", "700"), bins(31, 100).values(), strict=True))
    assert numbered.decode(rows)[0][0, 0].tolist() == [15.5, 50]

    with pytest.raises(FormatError, match="no output named '701'"):
        simcc(("output", "700"), x="701")


def test_simcc_with_a_third_row_reads_x_and_y() -> None:
    deep = simcc(("simcc_x", "simcc_y", "simcc_z"))

    xy, conf = deep.decode(bins(31, 100))

    assert xy[0, 0].tolist() == [15.5, 50]
    assert conf[0, 0] == 0.5


def test_bins_that_do_not_fit_the_size_are_refused() -> None:
    with pytest.raises(FormatError, match="384 bins of x and 512 of y do not fit an input of 256 x 256"):
        SimCc(
            Spec(family="simcc", size=(256, 256)),
            Stub((None, 3, None, None), {"simcc_x": (None, 17, 384), "simcc_y": (None, 17, 512)}),
        )


@given(x=st.integers(1, 94), y=st.integers(0, 127))
def test_the_flip_test_of_simcc_keeps_a_keypoint_in_place(x: int, y: int) -> None:
    """The mirror image of pixel i of 48 is 47 - i; its bin, turned back, must vote for i again."""
    plain = bins(x, y)
    mirrored = bins(94 - x, y)
    refiner = simcc()

    xy, _ = refiner.decode(refiner.average(plain, mirrored, [0, 1]))

    assert xy[0, 0].tolist() == [x / 2, y / 2]


@given(x=st.floats(2, 9), y=st.floats(2, 13), udp=st.booleans())
def test_the_flip_test_of_heatmaps_keeps_a_keypoint_in_place(x: float, y: float, udp: bool) -> None:
    """Cell x is pixel 4 x of 48; its mirror image is pixel 47 - 4 x. With cells on both edges it is cell 11 - x."""
    refiner = heatmap(blur=1, udp=udp)
    plain, mirrored = bump(x, y), bump(11 - x if udp else 11.75 - x, y)

    alone, _ = refiner.decode(plain)
    both, _ = refiner.decode(refiner.average(plain, mirrored, [0]))

    # Maps between the cells are interpolated, which flattens the top of a Gaussian a little.
    np.testing.assert_allclose(both, alone, atol=0.1)


def test_the_flip_test_exchanges_sides() -> None:
    refiner = simcc()
    plain = bins(31, 100)
    mirrored = {name: rows[:, ::-1].copy() for name, rows in bins(94 - 31, 100).items()}

    xy, _ = refiner.decode(refiner.average(plain, mirrored, [1, 0]))

    assert xy[0, 0].tolist() == [15.5, 50]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"decode": "dakr"}, "must be 'dark' or 'quarter' or 'argmax', got 'dakr'"),
        ({"blur": 4}, "must be an odd number from 1 to 31, got 4"),
        ({"blurr": 3}, "did you mean 'blur'"),
        ({"shift": "half"}, "'shift' must be of type float, got 'half'"),
    ],
)
def test_wrong_options_are_told(options: dict[str, object], words: str) -> None:
    with pytest.raises(FormatError, match=words):
        heatmap(**options)


@needs_shared
@pytest.mark.parametrize(("name", "size"), [("tinypose-256x192", (192, 256)), ("tinypose-128x96", (96, 128))])
def test_tinypose_finds_the_labelled_points(name: str, size: tuple[int, int]) -> None:
    session = open_session(shared / f"weights/{name}.onnx", threads=2)
    refiner = refiners.refiner(Spec(family="heatmap", size=size, layout="nhwc", dtype="uint8"), session)
    skeleton = get("coco17")
    truth = json.loads((shared / "data/coco-mini/annotations/person_keypoints_val2017.json").read_text())
    files = {i["id"]: i["file_name"] for i in truth["images"]}
    people = [a for a in truth["annotations"] if a["num_keypoints"] > 11 and not a["iscrowd"]]
    alike = {False: [], True: []}
    for person in people:
        with PIL.Image.open(shared / "data/coco-mini/val2017" / files[person["image_id"]]) as file:
            image = np.ascontiguousarray(np.asarray(file.convert("RGB"))[..., ::-1])
        box = np.array(person["bbox"], np.float32)
        box[2:] += box[:2]
        crops, matrices = crop(image, regions(box[None], size, 1.25), size)
        label = np.array(person["keypoints"], float).reshape(17, 3)
        plain = session.run(refiner.prepare(crops))
        mirrored = session.run(refiner.prepare(np.ascontiguousarray(crops[:, :, ::-1])))
        for flip, maps in ((False, plain), (True, refiner.average(plain, mirrored, skeleton.flip_idx))):
            xy, _ = refiner.decode(maps)
            found = affine_apply(affine_invert(matrices), xy)
            alike[flip].append(
                oks(
                    found,
                    label[None, :, :2],
                    area=np.array([person["area"]]),
                    visible=label[None, :, 2] > 0,
                    sigmas=skeleton.sigmas,
                )[0, 0]
            )

    assert len(people) == 7
    assert np.median(alike[False]) > 0.8
    # Averaged maps that are not moved into place lose more than they gain.
    assert np.mean(alike[True]) > np.mean(alike[False]) - 0.01
