"""MoveNet and NanoDet decoding by hand, joining and scoring, and the body models on real photos."""

import json
import os
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from poise import weights
from poise.errors import FormatError
from poise.estimators import Options, build, movenet
from poise.estimators.crops import agree
from poise.estimators.detectors.nanodet import NanoDet
from poise.estimators.detectors.whole import canvas_size
from poise.estimators.people import alike_or_part, decay, move, regions, tiles
from poise.estimators.protocols import People
from poise.estimators.scoring import Looks, PersonScore, PointScore
from poise.estimators.spec import Spec, registered
from poise.estimators.topdown import TopDown
from poise.geometry import affine_apply, box_iou, oks
from poise.image import crop
from poise.runtime import Tensor, open_session
from poise.skeletons import get

shared = Path(os.environ.get("POISE_SHARED", Path(__file__).resolve().parents[3] / "shared"))
needs_photos = pytest.mark.skipif(
    not (shared / "data").is_dir(), reason="the shared photos are not beside the repository"
)
K = 17


@cache
def network(name: str):
    return open_session(weights.load(name), threads=2, name=name)


@cache
def body(name: str) -> TopDown:
    return build(weights.model(name), network)


def photo(name: str) -> np.ndarray:
    with PIL.Image.open(shared / "data" / name) as picture:
        return np.ascontiguousarray(np.asarray(picture.convert("RGB"))[..., ::-1])


def labelled(image_id: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keypoints, areas and boxes of the labelled people of a coco-mini picture."""
    for part in ("train2017", "val2017"):
        path = shared / "data" / "coco-mini" / "annotations" / f"person_keypoints_{part}.json"
        people = [a for a in json.loads(path.read_text())["annotations"] if a["image_id"] == image_id]
        if people:
            points = np.array([a["keypoints"] for a in people], float).reshape(-1, K, 3)
            boxes = np.array([a["bbox"] for a in people], float)
            boxes[:, 2:] += boxes[:, :2]
            return points, np.array([a["area"] for a in people]), boxes
    raise AssertionError(image_id)


def blank(h: int, w: int, *, multi: bool = True) -> dict[str, np.ndarray]:
    shapes = {"center": 1, "kpt_heatmap": K, "kpt_regress": 2 * K, "kpt_offset": 2 * K}
    if multi:
        shapes |= {"box_scale": 2, "box_offset": 2}
    return {name: np.zeros((1, c, h, w), np.float32) for name, c in shapes.items()}


def one_person() -> dict[str, np.ndarray]:
    """A person centred on cell (8, 6), box 8 x 6 cells; keypoint 0 guessed at (6, 7), its heat at (5, 7)."""
    maps = blank(16, 12)
    maps["center"][0, 0, 8, 6] = 0.8
    maps["box_scale"][0, :, 8, 6] = (8, 6)
    maps["kpt_regress"][0, 0:2, 8, 6] = (-2, 1)
    maps["kpt_heatmap"][0, 0, 5, 7] = 0.9
    maps["kpt_offset"][0, 0:2, 5, 7] = (0.25, -0.5)
    return maps


def test_multipose_reads_the_heat_near_the_guess() -> None:
    people = movenet.decode_multipose(one_person())

    assert len(people.score) == 1
    np.testing.assert_allclose(people.boxes[0], [4 * 3, 4 * 4, 4 * 9, 4 * 12])
    np.testing.assert_allclose(people.xy[0, 0], [4 * 6.5, 4 * 5.25])
    weight = np.exp(-1 / (0.3 * 12))
    assert people.conf[0, 0] == pytest.approx(0.9 * weight, rel=1e-5)
    assert people.score[0] == pytest.approx(0.8 * 0.9 * weight, rel=1e-5)


def test_multipose_ignores_heat_outside_the_box() -> None:
    maps = one_person()
    maps["kpt_heatmap"][0, 0, 2, 7] = 1.0  # two cells above the box

    people = movenet.decode_multipose(maps)

    np.testing.assert_allclose(people.xy[0, 0], [4 * 6.5, 4 * 5.25])


def test_multipose_finds_nobody_in_silence() -> None:
    people = movenet.decode_multipose(blank(8, 8))

    assert [column.shape for column in people] == [(0, 4), (0, K, 2), (0, K), (0,)]


def test_local_maxima_are_five_cells_apart() -> None:
    values = np.zeros((12, 12), np.float32)
    values[3, 3], values[3, 5], values[9, 9] = 0.9, 0.8, 0.5

    y, x = movenet.local_maxima(values, min_value=0.1, limit=30)

    assert list(zip(y.tolist(), x.tolist(), strict=True)) == [(3, 3), (9, 9)]


def test_thunder_prefers_the_person_in_the_middle() -> None:
    maps = blank(16, 12, multi=False)
    maps["center"][0, 0, 8, 6] = 0.5
    maps["center"][0, 0, 2, 1] = 0.9
    maps["kpt_regress"][0, 0:2, 8, 6] = (-3, 0)
    maps["kpt_heatmap"][0, 0, 5, 6] = 0.4
    maps["kpt_heatmap"][0, 0, 1, 1] = 0.6
    maps["kpt_offset"][0, 0:2, 5, 6] = (0.5, 0.25)

    xy, conf, center = movenet.decode_thunder(maps)

    np.testing.assert_allclose(xy[0, 0], [4 * 6.25, 4 * 5.5])
    assert conf[0, 0] == pytest.approx(0.4)
    assert center[0] == pytest.approx(0.5)


def test_a_hint_points_at_the_person_beside_the_middle() -> None:
    maps = blank(16, 12, multi=False)
    maps["center"][0, 0, 8, 6], maps["center"][0, 0, 3, 2] = 0.9, 0.2
    maps["kpt_heatmap"][0, :, 8, 6], maps["kpt_heatmap"][0, :, 3, 2] = 0.6, 0.5
    hint = np.full((1, K, 2), (4 * 2.0, 4 * 3.0), np.float32)
    hint[0, 5:] = np.nan

    alone = movenet.decode_thunder(maps)
    pointed = movenet.decode_thunder(maps, hint, np.full((1, K), 0.8, np.float32))
    unsure = movenet.decode_thunder(maps, hint, np.zeros((1, K), np.float32))

    np.testing.assert_allclose(alone[0][0, 0], [4 * 6, 4 * 8])
    np.testing.assert_allclose(pointed[0][0], np.tile([4.0 * 2, 4 * 3], (K, 1)))
    np.testing.assert_allclose(unsure[0], alone[0])


def test_looks_are_averaged_where_they_agree() -> None:
    sigmas = get("coco17").sigmas
    boxes = np.array([[0, 0, 200, 200]], np.float32)
    one = np.full((1, K, 2), 100.0, np.float32)
    other = one + np.array([1.0, 0], np.float32)
    other[0, 1], other[0, 2] = np.nan, 900
    weights_ = np.stack([np.full((1, K), 0.4), np.full((1, K), 0.2)]).astype(np.float32)

    xy, looks = agree(np.stack([one, other]), weights_, weights_[0], boxes, sigmas)

    np.testing.assert_allclose(xy[0, 0], [100 + 1 / 3, 100], rtol=1e-6)
    np.testing.assert_allclose(xy[0, 1:3], 100)
    assert looks.support[0, :3].tolist() == pytest.approx([1, 1, 2 / 3])
    assert looks.size[0, 0] == pytest.approx(np.log(200))


def test_of_three_looks_two_outvote_one() -> None:
    boxes = np.array([[0, 0, 200, 200]], np.float32)
    points = np.stack([np.full((1, K, 2), v, np.float32) for v in (20.0, 120.0, 121.0)])
    scores = np.stack([np.full((1, K), v, np.float32) for v in (0.5, 0.4, 0.4)])

    xy, looks = agree(points, scores, scores.mean(axis=0), boxes, get("coco17").sigmas)

    np.testing.assert_allclose(xy[0, 3], 120.5)
    assert looks.support[0, 3] == pytest.approx(0.8 / 1.3)


def test_averaging_with_the_own_mirror_doubles_nothing() -> None:
    """The mirrored input's maps, made by hand from the plain ones, average back to them."""
    maps = one_person()
    flip = get("coco17").flip_idx
    mirrored = {}
    for name, plain in maps.items():
        turned = np.zeros_like(plain)
        turned[..., 1:] = plain[..., 1:][..., ::-1]  # cell w - j, the mirrored cell j
        if name in ("kpt_regress", "kpt_offset"):
            turned = turned.reshape(1, K, 2, 16, 12)[:, list(flip)].copy()
            turned[:, :, 1] = -turned[:, :, 1] - 0.25
            turned = turned.reshape(plain.shape)
        elif name == "box_offset":
            turned[:, 1] = -turned[:, 1] - 0.25
        elif name == "kpt_heatmap":
            turned = turned[:, list(flip)]
        mirrored[name] = turned
    both = movenet.average_mirrored(maps, mirrored, flip)

    np.testing.assert_allclose(both["center"][0, 0, 8, 6], 0.8)
    np.testing.assert_allclose(both["kpt_offset"][0, 0:2, 5, 7], (0.25, -0.5))
    np.testing.assert_allclose(both["kpt_regress"][0, 0:2, 8, 6], (-2, 1))


class Named:
    """A session that only has an input, and names of outputs."""

    def __init__(self, height: int | None = None, width: int | None = None) -> None:
        self.inputs = (Tensor("image", (1, height, width, 3), np.dtype("uint8")),)
        names = [f"{kind}_s{stride}" for kind in ("cls", "reg") for stride in (8, 16, 32)]
        self.outputs = tuple(Tensor(name, (1, None, None, None), np.dtype("float32")) for name in names)


@pytest.mark.parametrize(("height", "width", "made"), [(None, None, 224), (416, 416, 416)])
def test_nanodet_is_given_the_size_that_it_takes(height: int | None, width: int | None, made: int) -> None:
    network = NanoDet(registered("nanodet-416"), Named(height, width))

    feeds, back = network.prepare(np.full((400, 800, 3), 9, np.uint8))

    assert feeds["image"].shape == (1, made, 416, 3)
    np.testing.assert_allclose(back, [[800 / 416, 0, 0], [0, 800 / 416, 0]], atol=1e-9)


def test_nanodet_distance_is_the_mean_of_its_bins() -> None:
    outputs = {}
    for stride in (8, 16, 32):
        grid = (416 // stride, 320 // stride)
        outputs[f"cls_s{stride}"] = np.zeros((1, 80, *grid), np.float32)
        outputs[f"reg_s{stride}"] = np.zeros((1, 44, *grid), np.float32)
    outputs["cls_s16"][0, 0, 5, 7] = 0.6
    outputs["cls_s8"][0, 1, 0, 3] = 0.9  # another class
    for side, bin_ in enumerate((1, 2, 3, 4)):
        outputs["reg_s16"][0, side * 11 + bin_, 5, 7] = 50  # all of the softmax in one bin
    spec = registered("nanodet-416")

    found = NanoDet(spec, Named()).decode(outputs, min_score=0.3)
    others = NanoDet(replace(spec, options={"classes": (1,)}), Named()).decode(outputs, min_score=0.3)

    x, y = 7.5 * 16, 5.5 * 16
    np.testing.assert_allclose(found.boxes, [[x - 16, y - 32, x + 48, y + 64]], atol=1e-3)
    assert found.score.tolist() == pytest.approx([0.6])
    assert found.xy.shape == (1, 0, 2)
    assert others.score.tolist() == pytest.approx([0.9])


def test_spec_feeds_what_a_network_wants() -> None:
    picture = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(1, 2, 3, 3)

    plain = Spec.of({"family": "nanodet", "size": [3, 2], "layout": "nhwc", "dtype": "uint8"}).feed(picture)
    mean = Spec.of({"family": "simcc", "size": [3, 2], "mean": [1.0, 2, 3], "scale": [2.0, 2, 4]}).feed(picture)

    np.testing.assert_array_equal(plain, picture[..., ::-1])
    assert mean.shape == (1, 3, 2, 3)
    assert mean[0, :, 1, 2].tolist() == [(17 - 1) / 2, (16 - 2) / 2, (15 - 3) / 4]
    with pytest.raises(FormatError, match="did you mean 'mean'"):
        Spec.of({"family": "simcc", "size": [3, 2], "means": [0.0, 0, 0]})


def test_likeness_lowers_a_score_and_sameness_drops() -> None:
    similarity = np.array([[1.0, 0.5, 0.95, 0.1], [0.5, 1, 0.5, 0.0], [0.95, 0.5, 1, 0], [0.1, 0, 0, 1]])

    keep, score = decay(similarity, np.array([0.9, 0.8, 0.7, 0.6]), decay_from=0.3, max_similarity=0.9)

    assert keep.tolist() == [0, 3, 1]
    assert score.tolist() == pytest.approx([0.9, 0.6, 0.4])


def looks(conf: float, n: int = 1) -> Looks:
    one = np.ones((n, K), np.float32)
    return Looks(conf * one, one, 0 * one, 5 * one)


def test_scores_without_a_fit_are_the_fields_product() -> None:
    person, point = PersonScore(), PointScore()
    seen = looks(0.6)
    seen.conf[0, :8] = 0.1  # keypoints that are not seen do not count

    score = person(np.array([[0.5, 0.8]], np.float32), person.expected(point(seen), seen))

    assert score.tolist() == pytest.approx([0.48])


def test_fitted_scores_rise_with_every_evidence() -> None:
    point = PointScore(weights=(2.0, 0.5, -0.5, 0.1), bias=(1.0,))
    person = PersonScore(evidence=(0.4, 1.4), points=2.6, bias=0.9)
    found = np.array([[0.1, 0.1], [0.3, 0.1], [0.3, 0.6]], np.float32)

    by_found = person(found, np.full(3, 0.7, np.float32))
    by_points = [float(person(found[2:], person.expected(point(looks(c)), looks(c)))[0]) for c in (0.1, 0.4, 0.8)]

    assert (np.diff(by_found) > 0).all()
    assert by_points == sorted(by_points)
    assert point(looks(0.0)).max() == 0
    assert point(looks(0.5))[0, 0] == pytest.approx(1 / (1 + np.exp(-(1 + 2 * np.log(0.53) + 0.5 + 0.5))), rel=1e-5)


@pytest.mark.parametrize(
    ("shape", "expected"), [((720, 1280), (256, 160)), ((1, 30000), (256, 32)), ((1, 1), (256, 256))]
)
def test_canvas_is_a_multiple_of_32(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    assert canvas_size(np.zeros((*shape, 3), np.uint8), 250) == expected


@pytest.mark.parametrize(("width", "height"), [(640, 480), (100, 1000), (30000, 1), (1, 1)])
def test_tiles_cover_the_picture_with_overlap(width: int, height: int) -> None:
    parts = tiles(width, height, 0.6)

    seen = np.zeros((min(height, 1000), width), bool)
    for x0, y0, x1, y1 in parts:
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
        seen[y0:y1, x0:x1] = True
    assert seen.all()


def test_regions_have_the_proportions_of_the_crop() -> None:
    box = regions(np.array([[10, 20, 110, 60]], np.float32), (192, 256), 1.25)[0]

    assert (box[2] - box[0], box[3] - box[1]) == pytest.approx((125, 125 * 256 / 192))
    assert ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) == pytest.approx((60, 40))


@pytest.mark.parametrize("sides", ["as they are", "exchanged"])
def test_a_part_of_a_person_is_that_person_whichever_side_it_shows(sides: str) -> None:
    skeleton = get("coco17")
    flip = list(skeleton.flip_idx)
    body = np.random.default_rng(0).uniform((20, 10), (80, 190), (17, 2)).astype(np.float32)
    arm = body[flip] if sides == "exchanged" else body.copy()
    seen = np.zeros(17, np.float32)
    seen[[5, 7, 9]] = 0.9
    people = People(
        np.array([[0, 0, 100, 200], [10, 5, 90, 120]], np.float32),
        np.stack([body, np.where(seen[:, None] > 0, arm, 300)]).astype(np.float32),
        np.stack([np.full(17, 0.9, np.float32), seen]),
        np.array([0.9, 0.5], np.float32),
    )

    plain = alike_or_part(people, skeleton.sigmas)[0, 1]
    both = alike_or_part(people, skeleton.sigmas, skeleton.flip_idx)[0, 1]

    assert both == pytest.approx(1)
    assert (plain == pytest.approx(1)) == (sides == "as they are")


def test_box_moves_and_grows_with_its_keypoints() -> None:
    before = np.array([[[0, 0], [10, 0], [10, 20], [0, 20]]], np.float32)

    box = move(np.array([[-5.0, -5, 15, 25]], np.float32), before, before * 1.1 + [3, 4], np.ones((1, 4)))[0]

    np.testing.assert_allclose(box, [-5 * 1.1 + 3, -5 * 1.1 + 4, 15 * 1.1 + 3, 25 * 1.1 + 4], rtol=1e-5)


def test_who_stands_up_gets_a_higher_box_and_no_wider_one() -> None:
    before = np.array([[[0, 0], [10, 0], [10, 20], [0, 20]]], np.float32)
    after = before * np.array([1.0, 1.15], np.float32)

    box = move(np.array([[-5.0, -5, 15, 25]], np.float32), before, after, np.ones((1, 4), np.float32))[0]

    np.testing.assert_allclose(box, [-5, -5 * 1.15, 15, 25 * 1.15], rtol=1e-5)


def test_keypoints_in_one_line_leave_the_side_across_it_in_proportion() -> None:
    before = np.array([[[5, 0], [5, 10], [5, 20]]], np.float32)
    after = np.array([[[5, 0], [5, 11], [6, 22]]], np.float32)

    box = move(np.array([[0.0, 0, 10, 20]], np.float32), before, after, np.ones((1, 3), np.float32))[0]

    assert 9.5 < box[2] - box[0] < 12
    assert 21 < box[3] - box[1] < 23


def test_crop_maps_points_where_the_pixels_go() -> None:
    image = np.zeros((200, 300, 3), np.uint8)
    image[100:110, 150:160] = 255

    crops, matrices = crop(image, np.array([[100.0, 60, 196, 188], [-500, -500, -404, -372]]), (48, 64))

    y, x = np.nonzero(crops[0, :, :, 0] > 128)
    middle = affine_apply(matrices[:1], np.array([[[155.0, 105.0]]]))[0, 0]
    np.testing.assert_allclose([x.mean() + 0.5, y.mean() + 0.5], middle, atol=0.5)  # whole pixels
    assert not crops[1].any()


def test_unknown_setting_is_named() -> None:
    card = replace(weights.model("body-fast"), settings={"detectors": [{"network": "nanodet-416", "imgzs": [256]}]})

    with pytest.raises(FormatError, match="did you mean 'imgsz'"):
        TopDown(card, network, get("coco17"))


@pytest.mark.parametrize("name", ["body-fast", "body", "body-accurate"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (64, 48)])
def test_pictures_without_anything_give_nobody(name: str, shape: tuple[int, int]) -> None:
    found = body(name)([np.full((*shape, 3), 90, np.uint8)], Options())[0]

    assert found.boxes.shape == (0, 6)
    assert found.xy.shape == (0, K, 2)
    assert found.conf is not None
    assert found.conf.shape == (0, K)


@needs_photos
@pytest.mark.parametrize(("name", "least"), [("body-fast", 0.85), ("body", 0.9), ("body-accurate", 0.9)])
def test_labelled_person_is_found(name: str, least: float) -> None:
    truth, area, truth_box = labelled(368212)

    path = next((shared / "data" / "coco-mini").glob("*/000000368212.jpg"))
    found = body(name)([photo(str(path.relative_to(shared / "data")))], Options())[0]

    similarity = oks(found.xy, truth[..., :2], area=area, visible=truth[..., 2] > 0, sigmas=get("coco17").sigmas)
    assert similarity[0].max() > least
    assert box_iou(found.boxes[:1, :4], truth_box).max() > 0.7
    assert found.boxes.dtype == found.xy.dtype == np.float32
    assert 0.25 <= found.boxes[0, 4] <= 1
    assert set(found.speed) == {"preprocess", "inference", "postprocess"}


@needs_photos
def test_a_mirrored_photo_gives_mirrored_keypoints() -> None:
    image = photo("images/three_seated.jpg")
    flip = list(get("coco17").flip_idx)

    plain = body("body")([image], Options(augment=True))[0]
    turned = body("body")([np.ascontiguousarray(image[:, ::-1])], Options(augment=True))[0]

    back = turned.xy[:, flip] * [-1, 1] + [image.shape[1], 0]
    area = np.prod(plain.boxes[:, 2:4] - plain.boxes[:, :2], axis=-1)
    similarity = oks(back, plain.xy, area=area, visible=plain.conf > 0.5, sigmas=get("coco17").sigmas)
    assert len(plain.boxes) >= 3
    # The proposals are not mirrored, so that crops differ a little.
    assert (similarity.max(axis=0)[:3] > 0.9).all()


@needs_photos
def test_options_limit_what_is_returned() -> None:
    image = photo("images/three_seated.jpg")
    every = body("body-fast")([image], Options())[0]

    assert len(every.boxes) >= 3
    assert (np.diff(every.boxes[:, 4]) <= 0).all()
    assert len(body("body-fast")([image], Options(max_det=1))[0].boxes) == 1
    assert len(body("body-fast")([image], Options(classes=(3,)))[0].boxes) == 0
    assert len(body("body-fast")([image], Options(conf=0.999))[0].boxes) == 0
    assert len(body("body-fast")([image], Options(tile=True))[0].boxes) >= 3


@needs_photos
@pytest.mark.parametrize("name", ["no_person_cat.png", "no_person_coffee.png"])
def test_pictures_without_people_raise_no_alarm(name: str) -> None:
    assert len(body("body")([photo(f"images/{name}")], Options(conf=0.5))[0].boxes) == 0


@needs_photos
@pytest.mark.parametrize("name", ["body", "body-accurate"])
def test_a_large_person_before_a_crowd_is_kept(name: str) -> None:
    found = body(name)([photo("images/crowd_behind_phone.jpg")], Options())[0]

    assert box_iou(found.boxes[:, :4], np.array([[88.0, 141, 543, 580]])).max() > 0.8


@needs_photos
@pytest.mark.parametrize("name", ["body-fast", "body", "body-accurate"])
def test_a_face_is_not_a_second_person(name: str) -> None:
    assert len(body(name)([photo("images/single_half_body.png")], Options())[0].boxes) == 1


class Counted:
    """A network that counts its runs."""

    def __init__(self, name: str) -> None:
        self.inner, self.runs = network(name), 0
        self.inputs, self.outputs = self.inner.inputs, self.inner.outputs

    def run(self, feeds):
        self.runs += 1
        return self.inner.run(feeds)


@needs_photos
def test_video_follows_people_without_searching_every_frame() -> None:
    networks = {name: Counted(name) for name in weights.model("body").networks}
    model = build(weights.model("body"), networks.__getitem__)
    path = next((shared / "data" / "coco-mini").glob("*/000000368212.jpg"))
    image = photo(str(path.relative_to(shared / "data")))
    frames = [np.roll(image, 2 * i, axis=1) for i in range(6)]
    memory = model.memory()

    found = model(frames, Options(conf=0.7), memory, times=[i / 25 for i in range(6)])

    assert networks["movenet-multipose"].runs == len(model.settings.detectors[1].imgsz)
    assert networks["nanodet-416"].runs == len(model.settings.detectors[0].imgsz)
    for i, one in enumerate(found):
        full = model([frames[i]], Options())[0]
        area = np.prod(full.boxes[:1, 2:4] - full.boxes[:1, :2], axis=-1)
        similarity = oks(one.xy, full.xy[:1], area=area, visible=full.conf[:1] > 0.5, sigmas=get("coco17").sigmas)
        assert (similarity.max(axis=0) > 0.85).all()


@needs_photos
@pytest.mark.parametrize("name", ["body-fast", "body"])
def test_video_searches_again_after_a_cut(name: str) -> None:
    model = body(name)
    memory = model.memory()
    nobody = photo("images/no_person_coffee.png")
    people = photo("images/three_seated.jpg")
    nobody = np.resize(nobody, people.shape)

    found = model([people, nobody, people], Options(), memory, times=[0, 0.04, 0.08])

    assert len(found[2].boxes) == len(found[0].boxes) >= 1
