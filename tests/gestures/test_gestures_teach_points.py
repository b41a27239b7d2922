"""Teaching bodies, faces, animals and skeletons of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poise.gestures.events import UNKNOWN
from poise.gestures.shapes.embedding import embed
from poise.gestures.shapes.learning import learn_shapes
from poise.gestures.shapes.variation import augmented
from poise.skeletons import Skeleton, get

POSTURES = np.load(Path(__file__).parents[1] / "assets/postures.npz")
HAND, BODY, FACE = get("hand21"), get("coco17"), get("face468")


@given(st.floats(0.1, 10), st.floats(-500, 500), st.floats(-500, 500))
@settings(max_examples=30)
def test_a_body_is_the_same_wherever_and_however_large(scale: float, right: float, down: float) -> None:
    xy = POSTURES["xy"][:1].astype(float)

    np.testing.assert_allclose(embed(BODY, xy), embed(BODY, xy * scale + [right, down]), atol=1e-6)


def postures(*, mirror: bool) -> list[tuple[str, str]]:
    """Judge the frames of each clip by those of all other clips."""
    posture, clip, xy = POSTURES["posture"].tolist(), POSTURES["clip"], POSTURES["xy"].astype(float)
    told = []
    for name in dict.fromkeys(clip.tolist()):
        train = np.flatnonzero(clip != name)
        one = learn_shapes(
            "mine", BODY, [(posture[i], xy[i], None) for i in train], mirror=mirror, groups=clip[train].tolist()
        )
        answers = one.classify(embed(BODY, xy[clip == name]))
        told += [(posture[i], answer) for i, (answer, _) in zip(np.flatnonzero(clip == name), answers, strict=True)]
    return told


def test_postures_are_told_from_people_in_other_clips() -> None:
    told = postures(mirror=True)

    assert np.mean([true == answer for true, answer in told]) > 0.8
    assert all(answer in (true, UNKNOWN) for true, answer in told)


def test_a_mirrored_example_is_another_posture_unless_that_was_asked() -> None:
    xy = POSTURES["xy"][POSTURES["clip"] == "hold_plank_gym"].astype(float)
    other = xy[:1, BODY.flip_idx] * [-1, 1]
    examples = [("plank", one, None) for one in xy]

    assert learn_shapes("mine", BODY, examples).classify(embed(BODY, other))[0][0] == UNKNOWN
    assert learn_shapes("mine", BODY, examples, mirror=True).classify(embed(BODY, other))[0][0] == "plank"


def arms(xy: np.ndarray, *, raised: bool) -> np.ndarray:
    """Move the arms of a real standing person straight out or straight up."""
    moved = xy.copy()
    trunk = np.linalg.norm(xy[[5, 6]].mean(axis=0) - xy[[11, 12]].mean(axis=0))
    for side, (shoulder, elbow, wrist) in ((1, (5, 7, 9)), (-1, (6, 8, 10))):
        step = np.array([0.1 * side, -0.5] if raised else [0.5 * side, 0.0]) * trunk
        moved[elbow], moved[wrist] = moved[shoulder] + step, moved[shoulder] + 2 * step
    return moved


def standing() -> np.ndarray:
    return POSTURES["xy"][POSTURES["clip"] == "gesture_none_stand"].astype(float)


@pytest.mark.parametrize("hidden", [(), (13, 14, 15, 16), (11, 12, 13, 14, 15, 16), (0, 1, 2, 3, 4), (9, 15, 16)])
def test_points_out_of_the_picture_do_not_shift_the_others(hidden: tuple[int, ...]) -> None:
    body = standing()[0]
    one = learn_shapes(
        "mine", BODY, [("t_pose", arms(body, raised=False), None), ("raised", arms(body, raised=True), None)]
    )
    shown = np.stack([arms(body, raised=False), arms(body, raised=True)]) * 0.7 + 40
    shown[:, list(hidden)] = np.nan

    vectors = embed(BODY, shown)

    assert [name for name, _ in one.classify(vectors)] == ["t_pose", "raised"]
    np.testing.assert_allclose(np.nanmin(one.distances(vectors), axis=1), 0.0, atol=1e-6)


def test_an_example_with_hidden_legs_serves_for_whole_people() -> None:
    body = standing()[0]
    half = arms(body, raised=False)
    half[13:] = np.nan
    one = learn_shapes("mine", BODY, [("t_pose", half, None)])

    assert one.classify(embed(BODY, arms(body, raised=False)[None]))[0][0] == "t_pose"
    assert one.classify(embed(BODY, arms(body, raised=True)[None]))[0][0] == UNKNOWN


def test_too_few_points_are_unknown() -> None:
    body = standing()[0]
    one = learn_shapes("mine", BODY, [("standing", body, None)])
    hidden = body.copy()
    hidden[8:] = np.nan

    assert one.classify(embed(BODY, hidden[None])) == [(UNKNOWN, 1.0)]


def mouths() -> tuple[np.ndarray, np.ndarray]:
    """Return a made-up face of 468 points, and the same with a lower lip that hangs."""
    face = np.random.default_rng(0).normal(size=(468, 2)) * 50
    lower = face.copy()
    lower[[14, 17, 78, 84, 87, 88, 95, 178, 181, 308, 314, 317, 318, 324, 402, 405]] += [0, 40]
    return face, lower


@pytest.mark.parametrize("degrees", [0, 25, -40])
def test_faces_are_told_however_tilted(degrees: float) -> None:
    closed, opened = mouths()
    rng = np.random.default_rng(1)
    examples = [(name, shape + rng.normal(size=shape.shape), None) for name, shape in
                (("closed", closed), ("open", opened)) for _ in range(3)]  # fmt: skip
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))

    one = learn_shapes("faces", FACE, examples)

    shown = np.stack([closed, opened]) @ np.array([[c, -s], [s, c]])
    assert [name for name, _ in one.classify(embed(FACE, shown))] == ["closed", "open"]


def opened(face: np.ndarray) -> np.ndarray:
    """Move the points below the middle of a real mouth down, along the face, by a third of the eyes' distance."""
    across = face[263] - face[33]
    down = np.array([-across[1], across[0]])
    scale = across @ across
    off = face - face[[13, 14]].mean(axis=0)
    weight = np.where(off @ down > 0, np.exp(-np.square(off @ across / scale / 0.35)), 0.0)
    moved: np.ndarray = face + weight[:, None] * down / 3
    return moved


def test_an_open_mouth_is_told_on_other_real_faces(shared: Path) -> None:
    from poise import Pose

    model = Pose("face", threads=1)
    paths = [*sorted((shared / "data/gestures/rock").glob("*.jpg")), shared / "data/images/single_upper_kitchen.jpg"]
    *known, first, second = (model(path)[0].keypoints.xy[0].astype(float) for path in paths)

    one = learn_shapes(
        "mouth", FACE, [pair for face in known for pair in (("closed", face, None), ("open", opened(face), None))]
    )

    shown = np.stack([first, opened(first), second, opened(second)])
    assert [name for name, _ in one.classify(embed(FACE, shown))] == ["closed", "open", "closed", "open"]


TIGER = np.array(
    [[0, 0], [10, -5], [40, -10], [110, -8], [100, 30], [98, 50], [118, 52], [120, 31], [38, 30], [36, 50], [52, 30],
     [54, 52]], dtype=float,
)  # fmt: skip


@pytest.mark.parametrize("known", [True, False])
def test_a_tiger_lies_down(known: bool) -> None:
    own = Skeleton("my_tiger", get("tiger12").keypoints, get("tiger12").edges, get("tiger12").flip_idx)
    tiger = get("tiger12") if known else own
    lying = TIGER * [1, 0.35]

    one = learn_shapes("tigers", tiger, [("standing", TIGER, None), ("lying", lying, None)], mirror=True)

    turned = np.stack([TIGER, lying])[:, list(tiger.flip_idx)] * [-1, 1]
    assert [name for name, _ in one.classify(embed(tiger, turned))] == ["standing", "lying"]


@pytest.mark.parametrize("skeleton", [HAND, BODY, FACE, get("tiger12")], ids=lambda one: one.name)
def test_variations_keep_what_was_not_seen(skeleton: Skeleton) -> None:
    xy = np.random.default_rng(0).normal(size=(2, len(skeleton), 2)) * 50
    xy[1, 3:5] = np.nan

    flat, _ = augmented(skeleton, xy, None, copies=3, rng=np.random.default_rng(1))

    assert flat.shape == (8, len(skeleton), 2)
    np.testing.assert_array_equal(flat[:2], xy)
    assert np.isfinite(flat[::2]).all()
    assert np.isnan(flat[1::2, 3:5]).all()
