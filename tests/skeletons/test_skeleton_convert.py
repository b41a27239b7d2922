"""Points go from one skeleton to another by their names."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from poise.skeletons import Skeleton, get

BODIES = ["coco17", "halpe26", "coco-wholebody133", "crowdpose14", "mpii16"]
LIMBS = [
    f"{side}_{part}" for side in ("left", "right") for part in ("wrist", "elbow", "shoulder", "hip", "knee", "ankle")
]


def numbered(skeleton: Skeleton) -> np.ndarray:
    """(1, K, 2): x is the point's own index, y its negative."""
    k = np.arange(len(skeleton), dtype=np.float32)
    return np.stack([k, -k], axis=-1)[None]


@pytest.mark.parametrize(("source", "target"), list(itertools.permutations(BODIES, 2)))
def test_limbs_keep_their_place(source: str, target: str) -> None:
    a, b = get(source), get(target)
    carried = a.convert(numbered(a), b)

    assert carried.shape == (1, len(b), 2)
    for name in LIMBS:
        assert carried[0, b.index(name), 0] == a.index(name)


@pytest.mark.parametrize(
    ("source", "name", "target", "same"),
    [
        ("halpe26", "left_big_toe", "coco-wholebody133", "left_big_toe"),
        ("coco-wholebody133", "right_heel", "halpe26", "right_heel"),
        ("mpii16", "head_top", "halpe26", "head"),
        ("halpe26", "head", "mpii16", "head_top"),
        ("mpii16", "upper_neck", "crowdpose14", "neck"),
        ("crowdpose14", "neck", "mpii16", "upper_neck"),
        ("mpii16", "pelvis", "halpe26", "hip"),
        ("tiger12", "tail_base", "ap10k17", "root_of_tail"),
    ],
)
def test_a_point_is_found_under_its_other_name(source: str, name: str, target: str, same: str) -> None:
    a, b = get(source), get(target)

    assert a.convert(numbered(a), b)[0, b.index(same), 0] == a.index(name)


def test_what_is_not_there_is_nan() -> None:
    coco, mpii = get("coco17"), get("mpii16")
    carried = coco.convert(numbered(coco), mpii)
    missing = [name for name, point in zip(mpii.keypoints, carried[0], strict=True) if np.isnan(point).all()]

    assert missing == ["pelvis", "thorax", "upper_neck", "head_top"]


def test_derive_fills_in_the_middle_of_the_hips_only_where_the_definition_says_so() -> None:
    coco, mpii, halpe = get("coco17"), get("mpii16"), get("halpe26")
    points = numbered(coco)
    hips = points[0, [coco.index("left_hip"), coco.index("right_hip")]].mean(axis=0)

    np.testing.assert_array_equal(coco.convert(points, mpii, derive=True)[0, mpii.index("pelvis")], hips)
    np.testing.assert_array_equal(coco.convert(points, halpe, derive=True)[0, halpe.index("hip")], hips)
    assert np.isnan(coco.convert(points, halpe, derive=True)[0, halpe.index("neck")]).all()


def test_derive_leaves_a_point_that_was_given() -> None:
    halpe, mpii = get("halpe26"), get("mpii16")

    assert halpe.convert(numbered(halpe), mpii, derive=True)[0, mpii.index("pelvis"), 0] == halpe.index("hip")


def test_derive_of_a_missing_hip_is_nan() -> None:
    coco, mpii = get("coco17"), get("mpii16")
    points = numbered(coco)
    points[0, coco.index("left_hip")] = np.nan

    assert np.isnan(coco.convert(points, mpii, derive=True)[0, mpii.index("pelvis")]).all()


@given(
    arrays(
        np.float32,
        st.tuples(st.integers(0, 3), st.just(17), st.integers(1, 4)),
        elements=st.floats(-1e4, 1e4, width=32),
    ),
    st.sampled_from(["halpe26", "coco-wholebody133"]),
)
def test_a_larger_skeleton_gives_every_point_back(points: np.ndarray, larger: str) -> None:
    coco, other = get("coco17"), get(larger)

    np.testing.assert_array_equal(other.convert(coco.convert(points, other), coco), points)


@given(st.sampled_from(BODIES), st.sampled_from(BODIES))
def test_there_and_back_gives_the_point_or_nan(source: str, target: str) -> None:
    a, b = get(source), get(target)
    points = numbered(a)
    back = b.convert(a.convert(points, b), a)
    known = ~np.isnan(back[..., 0])

    np.testing.assert_array_equal(back[known], points[known])


def test_the_given_points_stay_as_they_are() -> None:
    coco = get("coco17")
    points = numbered(coco)
    carried = coco.convert(points, coco)
    carried[:] = 0

    np.testing.assert_array_equal(points, numbered(coco))


def test_points_of_another_skeleton_are_refused() -> None:
    with pytest.raises(ValueError, match=r"points must have shape \(\.\.\., 17, D\) for 'coco17', got \(2, 26, 3\)"):
        get("coco17").convert(np.zeros((2, 26, 3), dtype=np.float32), get("halpe26"))
