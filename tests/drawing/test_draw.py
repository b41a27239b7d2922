"""What a drawing shows, and what it leaves alone."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poise.drawing import Style, draw, draw_label, draw_polyline, draw_trails, limbs, text
from poise.drawing._draw import instance_colours
from poise.drawing._style import appearance_of, bgr
from poise.drawing._text import label_size, place_label
from poise.results import Results
from poise.skeletons import Skeleton, get

SHARED = Path(os.environ.get("POISE_SHARED", Path(__file__).resolve().parents[3] / "shared"))
STANDING = np.array(
    [[50, 7], [54, 5], [46, 5], [60, 7], [40, 7], [72, 20], [28, 20], [85, 36], [15, 36], [88, 50], [12, 50], [64, 52],
     [36, 52], [66, 74], [34, 74], [67, 95], [33, 95]], dtype=np.float32,
)  # fmt: skip
BARE = {"boxes": False, "labels": False}


def grey(height: int = 220, width: int = 200, value: int = 128) -> np.ndarray:
    return np.full((height, width, 3), value, dtype=np.uint8)


def people(
    n: int = 1, *, conf: float = 0.9, image: np.ndarray | None = None, ids: bool = False, step: int = 60
) -> Results:
    image = grey(240, 170 + step * n) if image is None else image
    xy = STANDING[None] * 2 + np.array([[[10 + step * i, 10]] for i in range(n)])
    boxes = [[10 + step * i, 10, 210 + step * i, 210, *([i + 1] if ids else []), 0.8, 0] for i in range(n)]
    return Results.of(image, boxes, xy, np.full((n, 17), conf))


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return (before != after).any(axis=2)


def test_the_source_picture_is_not_changed() -> None:
    result = people(2)
    before = result.orig_img.copy()

    picture = draw(result)

    assert np.array_equal(result.orig_img, before)
    assert not np.shares_memory(picture, result.orig_img)
    assert changed(before, picture).any()


def test_another_picture_is_drawn_on_and_not_changed() -> None:
    other = grey(value=250)

    picture = draw(people(), image=other)

    assert (other == 250).all()
    assert picture.shape == other.shape
    assert (picture[-1, -1] == 250).all()


def test_nothing_found_gives_an_equal_copy() -> None:
    result = people()[:0]

    picture = draw(result)

    assert np.array_equal(picture, result.orig_img)
    assert picture is not result.orig_img


def test_a_limb_is_full_on_its_line_and_absent_beyond_its_width() -> None:
    image = grey(60, 100)

    limbs(image, [(20, 30)], [(80, 30)], (0, 0, 255), 8)

    assert (image[27:33, 20:80] == (0, 0, 255)).all()
    assert (image[:25] == 128).all()
    assert (image[35:] == 128).all()
    assert (image[:, :15] == 128).all()
    assert (image[:, 85:] == 128).all()


def test_a_slanted_edge_has_shades_between_colour_and_ground() -> None:
    image = grey(60, 100, value=0)

    limbs(image, [(10, 10.3)], [(90.7, 37)], (255, 255, 255), 5)

    assert len(np.unique(image)) > 20


def test_a_limb_tapers() -> None:
    image = grey(60, 200, value=0)

    limbs(image, [(20, 30)], [(180, 30)], (255, 255, 255), [(20, 4)])

    filled = (image[:, :, 0] > 127).sum(axis=0)
    assert filled[21] == pytest.approx(20, abs=1)
    assert filled[100] == pytest.approx(12, abs=1)
    assert filled[179] == pytest.approx(4, abs=1)


def test_area_of_a_limb_is_that_of_a_capsule_whatever_its_direction() -> None:
    areas = []
    for degrees in range(0, 180, 15):
        image = grey(200, 200, value=0)
        half = 60 * np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])
        limbs(image, [100.3 - half], [100.3 + half], (255, 255, 255), 10)
        areas.append(image[:, :, 0].sum() / 255)

    # 120 x 10 and two half discs of radius 5; coverage from distance is exact to about a hundredth.
    assert areas == pytest.approx([120 * 10 + np.pi * 25] * len(areas), rel=0.01)


def test_crossing_shapes_are_blended_in_painting_order() -> None:
    image = grey(41, 41, value=0)

    limbs(image, [(5, 20), (20, 5)], [(36, 20), (20, 36)], [(200, 0, 0), (0, 0, 200)], 6, [1.0, 0.5])

    assert image[20, 20].tolist() == [100, 0, 100]  # half of the second over all of the first


def test_left_and_right_have_their_own_colours() -> None:
    picture = draw(people(), style=Style(left="#0000ff", right="#ff0000", middle="#00ff00", core=0), **BARE)

    left_thigh, right_thigh, hips = (
        picture[round(y * 2 + 10), round(x * 2 + 10)] for x, y in ((65, 63), (35, 63), (50, 52))
    )
    assert left_thigh.tolist() == [255, 0, 0]
    assert right_thigh.tolist() == [0, 0, 255]
    assert hips.tolist() == [0, 255, 0]


def test_opacity_grows_with_confidence() -> None:
    strength = [
        np.abs(draw(people(conf=conf), **BARE).astype(int) - 128).sum() for conf in (0.2, 0.26, 0.4, 0.59, 0.6, 0.95)
    ]

    assert strength[0] == 0  # below the threshold: not drawn
    assert strength[0] < strength[1] < strength[2] < strength[3]
    assert strength[4] == strength[5]


def test_min_conf_of_the_call_wins_over_the_style() -> None:
    result = people(conf=0.1)

    assert not changed(result.orig_img, draw(result, **BARE)).any()
    assert changed(result.orig_img, draw(result, min_conf=0.05, **BARE)).any()


def test_a_point_that_was_not_predicted_takes_only_its_limbs_away() -> None:
    whole = people()
    xy = np.array(whole.keypoints.xy)
    xy[0, 13] = np.nan  # left knee
    part = Results.of(whole.orig_img, whole.boxes.data, xy, whole.keypoints.conf)

    gone = changed(draw(whole, **BARE), draw(part, **BARE))

    y, x = np.nonzero(gone)
    assert gone[136, 140]
    assert x.min() > 2 * 60
    assert y.min() > 2 * 50


def test_width_follows_the_size_of_the_person() -> None:
    def thickness(scale: float) -> int:
        image = grey(round(230 * scale), round(230 * scale), value=0)
        result = Results.of(
            image,
            [[10 * scale, 10 * scale, 210 * scale, 210 * scale, 0.9, 0]],
            STANDING[None] * 2 * scale,
            np.ones((1, 17)),
        )
        row = draw(result, **BARE)[round(126 * scale), round(100 * scale) :]
        return int((row.max(axis=1) > 200).sum())

    assert 1 <= thickness(0.25) <= 3
    assert thickness(4) > 2 * thickness(1)


def test_switches() -> None:
    result = people()
    drawn = {
        name: changed(result.orig_img, draw(result, **options)).sum()
        for name, options in {
            "all": {}, "no boxes": {"boxes": False}, "no labels": {"labels": False}, "no limbs": {"kpt_line": False},
            "no score": {"conf": False}, "nothing": {**BARE, "kpt_line": False, "kpt_radius": 0},
            "thick": {"line_width": 12}, "large dots": {"kpt_radius": 9},
        }.items()
    }  # fmt: skip

    assert drawn.pop("nothing") == 0
    assert drawn.pop("thick") > drawn["all"]
    assert drawn.pop("large dots") > drawn["all"]
    assert drawn.pop("all") > max(drawn.values())


def test_the_box_is_drawn_where_it_is() -> None:
    result = people()

    picture = draw(result, labels=False, kpt_line=False, kpt_radius=0)

    y, x = np.nonzero(changed(result.orig_img, picture))
    assert (x.min(), y.min()) == (9, 9)  # the box and one dark pixel around it
    assert not changed(result.orig_img, picture)[30:100, 30:100].any()


def test_known_sigma_is_an_ellipse_and_unknown_is_none() -> None:
    whole = people()
    sigma = np.full((1, 17, 2), np.nan)
    sigma[0, 9] = (12, 4)  # left wrist: wide, low
    result = Results.of(whole.orig_img, whole.boxes.data, whole.keypoints.xy, whole.keypoints.conf, sigma=sigma)

    extra = changed(draw(result, sigma=False, **BARE), draw(result, **BARE))

    y, x = np.nonzero(extra)
    assert x.max() - x.min() == pytest.approx(48, abs=3)
    assert y.max() - y.min() == pytest.approx(16, abs=3)
    assert not changed(draw(whole, sigma=False), draw(whole, sigma=True)).any()


def test_boxes_far_outside_and_not_finite_do_no_harm() -> None:
    boxes = [[-1e9, -1e9, -1e8, -1e8, 0.9, 0], [np.nan, 0, 5, 5, 0.9, 0], [50, 50, 1e12, 1e12, 0.9, 0]]
    xy = np.full((3, 17, 2), 1e12)
    xy[2, :9] = -5.0
    xy[1, 3] = np.inf

    picture = draw(Results.of(grey(), boxes, xy, np.ones((3, 17))))

    assert picture.shape == (220, 200, 3)


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (32, 32)])
def test_small_pictures(size: tuple[int, int]) -> None:
    image = grey(*size)
    scale = np.array(size[::-1]) / 100
    result = Results.of(image, [[0, 0, size[1], size[0], 0.9, 0]], STANDING[None] * scale, np.ones((1, 17)))

    picture = draw(result)

    assert picture.shape == image.shape
    assert changed(image, picture).any()


def test_a_tracks_colour_does_not_depend_on_its_row() -> None:
    result = people(3, ids=True)

    assert len(np.unique(instance_colours(result), axis=0)) == 3
    assert np.array_equal(instance_colours(result)[[2, 0, 1]], instance_colours(result[[2, 0, 1]]))


def test_untracked_people_keep_their_colours_when_the_rows_are_in_another_order() -> None:
    result = people(3)

    assert np.array_equal(instance_colours(result)[[2, 0, 1]], instance_colours(result[[2, 0, 1]]))


@settings(max_examples=60)
@given(
    points=st.lists(st.tuples(st.floats(-300, 500), st.floats(-300, 500)), min_size=17, max_size=17),
    conf=st.lists(st.floats(0, 1), min_size=17, max_size=17),
    lost=st.sets(st.integers(0, 16)),
)
def test_nothing_is_written_outside_the_bounds_of_the_points(points: list, conf: list, lost: set) -> None:
    image = grey()
    xy = np.array(points, dtype=np.float32)[None]
    xy[0, list(lost)] = np.nan
    scores = np.array(conf)

    picture = draw(Results.of(image, [[20, 20, 180, 200, 0.9, 0]], xy, scores[None]), **BARE)

    seen = xy[0][(scores >= 0.25) & np.isfinite(xy[0]).all(axis=1)]
    y, x = np.nonzero(changed(image, picture))
    if not len(seen):
        assert not len(x)
    elif len(x):
        margin = 8  # the widest dot and its outline at this size
        assert x.min() >= seen[:, 0].min() - margin
        assert x.max() <= seen[:, 0].max() + margin
        assert y.min() >= seen[:, 1].min() - margin
        assert y.max() <= seen[:, 1].max() + margin


@settings(max_examples=60)
@given(
    x0=st.floats(-400, 600), y0=st.floats(-400, 600), x1=st.floats(-400, 600), y1=st.floats(-400, 600),
    width=st.floats(0.5, 60),
)  # fmt: skip
def test_a_limb_is_what_its_distance_says(x0: float, y0: float, x1: float, y1: float, width: float) -> None:
    image = grey(90, 120, value=0)

    limbs(image, [(x0, y0)], [(x1, y1)], (255, 255, 255), width)

    y, x = np.mgrid[:90, :120] + 0.5
    step = np.array([x1 - x0, y1 - y0])
    t = np.clip(((x - x0) * step[0] + (y - y0) * step[1]) / max(float(step @ step), 1e-9), 0, 1)
    distance = np.hypot(x - x0 - t * step[0], y - y0 - t * step[1])
    expected = 255 * np.clip(width / 2 + 0.5 - distance, 0, 1)
    assert np.abs(image[:, :, 0] - expected).max() <= 1  # one grey level of rounding


def test_a_user_skeleton_without_limbs_shows_its_points() -> None:
    skeleton = Skeleton("corners", ("a", "b", "c", "d"))
    xy = np.array([[[20, 20], [80, 20], [80, 80], [20, 80]]], dtype=np.float32)

    picture = draw(Results.of(grey(100, 100), [[10, 10, 90, 90, 0.9, 0]], xy, skeleton=skeleton), **BARE)

    centres = picture[[20, 20, 80, 80], [20, 80, 80, 20]]
    assert changed(grey(100, 100), picture)[[20, 20, 80, 80], [20, 80, 80, 20]].all()
    assert not changed(grey(100, 100), picture)[50].any()
    assert len(np.unique(centres, axis=0)) == 4


def test_fingers_differ_and_the_palm_is_neutral() -> None:
    names = ("wrist", "thumb_mcp", "thumb_tip", "index_mcp", "index_tip")
    hand = Skeleton("hand", names, ((0, 1), (1, 2), (0, 3), (3, 4), (1, 3)))

    seen = appearance_of(hand, Style()).edge_colours.tolist()

    middle = list(bgr("#f4f1e8"))
    assert [seen[0], seen[2], seen[4]] == [middle] * 3
    assert len({tuple(seen[1]), tuple(seen[3]), tuple(middle)}) == 3


def test_the_parts_of_a_mesh_are_coloured_by_its_groups() -> None:
    names = tuple(f"p{i:03d}" for i in range(300))
    mesh = Skeleton(
        "mesh",
        names,
        ((0, 1), (2, 3), (4, 5), (6, 7)),
        subsets={"left_eye": (0, 1), "right_eye": (2, 3), "lips": (4, 5)},
    )

    parts = appearance_of(mesh, Style(left="#000001", right="#000002", middle="#000003", mouth="#000004"))

    assert parts.edge_colours[:, 0].tolist() == [1, 2, 4, 3]
    assert parts.fine


def test_limbs_of_a_chain_without_published_sigmas_taper_from_its_middle() -> None:
    chain = Skeleton("worm", tuple("abcde"), ((0, 1), (1, 2), (2, 3), (3, 4)))

    weight = appearance_of(chain, Style()).weight

    assert weight[2] > weight[1] > weight[0]
    assert weight[0] == pytest.approx(weight[4])


def test_a_label_stays_in_the_picture_and_off_the_others() -> None:
    taken = np.empty((0, 4))
    for _ in range(6):
        rect = place_label((200, 300), (230, 2, 298, 90), (60, 16), taken)
        assert min(rect) >= 0
        assert rect[2] <= 300
        assert rect[3] <= 200
        overlap = np.minimum(taken[:, 2:], rect[2:]) - np.maximum(taken[:, :2], rect[:2])
        assert not (overlap > 0).all(axis=1).any()
        taken = np.concatenate([taken, [rect]])


def test_text_contrasts_with_its_plate() -> None:
    dark, light = grey(40, 120), grey(40, 120)

    draw_label(dark, (5, 5), "person", (40, 0, 0), 14)
    draw_label(light, (5, 5), "person", (200, 255, 255), 14)

    assert dark.max() > 240
    assert light[5:20, 5:60].min() < 40


@pytest.mark.parametrize("size", [9, 14, 60])
def test_text_keeps_to_its_size(size: int) -> None:
    image = grey(200, 900, value=0)

    text(image, (10, 10), "Ågjy 0.93 person", (255, 255, 255), size)

    y, x = np.nonzero(image[:, :, 0])
    assert x.min() >= 9
    assert 0.6 * size < y.max() - y.min() < 1.6 * size
    assert label_size("person", size)[1] > size


def test_trails_fade_towards_the_past_and_keep_gaps() -> None:
    image = grey(100, 300, value=0)
    path = np.stack([np.linspace(10, 290, 60), np.full(60, 50.0)], axis=1)
    path[28:33] = np.nan

    draw_trails(image, {4: path}, style=Style(outline_alpha=0))

    bright = image.max(axis=2).max(axis=0).astype(int)
    assert bright[280] > bright[200] > bright[60]
    assert bright[150] == 0


def test_a_path_of_one_point_draws_nothing() -> None:
    image = grey()

    draw_polyline(image, [(5, 5)], (0, 0, 255), 3)

    assert (image == 128).all()


def test_a_read_only_picture_is_refused() -> None:
    image = grey()
    image.flags.writeable = False

    with pytest.raises(ValueError, match=r"image\.copy\(\)"):
        limbs(image, [(0, 0)], [(9, 9)], (0, 0, 255), 3)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("left", "blue", "Style.left must be a colour such as '#1fa2ff', got 'blue'"),
        ("palette", (), "Style.palette must have at least one colour"),
        ("min_conf", -1, "Style.min_conf must be 0 or more"),
        ("min_conf", float("nan"), "Style.min_conf must be 0 or more"),
        ("colour_by", "mood", "'auto', 'id', 'class' or 'place'"),
    ],
)
def test_a_style_says_what_is_wrong(field: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Style(**{field: value})


@pytest.mark.parametrize("name", ["single_half_body.png", "no_person_coffee.png"])
def test_a_photo(name: str) -> None:
    path = SHARED / "data" / "images" / name
    if not path.exists():
        pytest.skip(f"{path} is not there; set POISE_SHARED")
    from PIL import Image

    image = np.ascontiguousarray(np.asarray(Image.open(path).convert("RGB"))[:, :, ::-1])
    height, width = image.shape[:2]
    xy = STANDING[None] / 100 * (width, height)

    picture = draw(Results.of(image, [[0, 0, width, height, 0.9, 0]], xy, np.ones((1, 17))))

    share = changed(image, picture).mean()
    assert 0.02 < share < 0.25


def test_every_bundled_skeleton_can_be_drawn() -> None:
    from poise.skeletons import names

    rng = np.random.default_rng(3)
    for name in names():
        skeleton = get(name)
        xy = rng.uniform(10, 190, (1, len(skeleton), 2))
        image = grey()

        picture = draw(Results.of(image, [[5, 5, 195, 195, 0.9, 0]], xy, skeleton=skeleton), **BARE)

        assert changed(image, picture).any(), name
