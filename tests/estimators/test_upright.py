"""People who lie: their crops are turned by quarters, and points come back to where they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise import Pose, Results
from poise.estimators._upright import Torso, quarters, upright
from poise.geometry import affine_apply
from poise.skeletons import get

TORSO = Torso.of(get("coco17"))
PARK = Path(__file__).parents[1] / "assets/park.jpg"


def body(up: tuple[float, float]) -> np.ndarray:
    """Return keypoints of which shoulders and hips are known."""
    xy = np.full((1, 17, 2), np.nan, np.float32)
    across = np.array([-up[1], up[0]])
    for sign, (shoulder, hip) in zip((1, -1), ((5, 11), (6, 12)), strict=True):
        xy[0, hip] = np.array([100, 100]) + sign * 10 * across
        xy[0, shoulder] = xy[0, hip] + 50 * np.array(up)
    return xy


@pytest.mark.parametrize(("up", "turn"), [((0, -1), 0), ((1, 0), 1), ((0, 1), 2), ((-1, 0), 3), ((0.5, -0.9), 0)])
def test_a_head_tells_the_turn(up: tuple[float, float], turn: int) -> None:
    assert quarters(body(up), np.ones((1, 17), np.float32), TORSO)[0] == turn


def test_nobody_is_turned_on_a_guess() -> None:
    assert quarters(body((1, 0)), np.full((1, 17), 0.05, np.float32), TORSO)[0] == 0
    assert quarters(np.full((1, 17, 2), np.nan, np.float32), np.ones((1, 17), np.float32), TORSO)[0] == 0
    assert Torso.of(get("hand21")) is None
    assert quarters(body((1, 0)), np.ones((1, 17), np.float32), None)[0] == 0


@given(turn=st.integers(0, 3), x=st.integers(40, 100), y=st.integers(40, 100))
def test_a_spot_is_where_the_map_says(turn: int, x: int, y: int) -> None:
    image = np.zeros((160, 160, 3), np.uint8)
    image[y - 2 : y + 2, x - 2 : x + 2] = 255
    cut, maps = upright(image, np.array([[20, 30, 120, 130.0]], np.float32), (96, 128, 1.25), turn, gap=2.0)

    assert cut.shape == (1, 128, 96, 3)
    weight = cut[0, :, :, 0].astype(float)
    seen = np.array([(weight.sum(0) * (np.arange(96) + 0.5)).sum(), (weight.sum(1) * (np.arange(128) + 0.5)).sum()])
    assert np.allclose(seen / weight.sum(), affine_apply(maps[0], np.array([[x, y]], float))[0], atol=0.3)


@pytest.fixture(scope="module")
def model() -> Pose:
    return Pose("body")


@pytest.fixture(scope="module")
def standing(model: Pose) -> Results:
    return model(PARK, verbose=False)[0]


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_people_on_their_sides_and_heads_are_found(model: Pose, standing: Results, quarter: int) -> None:
    image = standing.orig_img
    lying = model(np.ascontiguousarray(np.rot90(image, quarter)), verbose=False)[0]

    xy = lying.keypoints.xy.astype(float)
    for turn in range(quarter, 0, -1):
        # Each turn took (x, y) to (y, width - x); undo the last one first.
        width = image.shape[1] if turn % 2 else image.shape[0]
        xy = np.stack([width - xy[..., 1], xy[..., 0]], axis=-1)
    off = np.linalg.norm(xy[:, None] - standing.keypoints.xy, axis=-1)
    size = np.sqrt(np.prod(standing.boxes.xywh[:, 2:], axis=-1))
    assert (np.nanmedian(off, axis=-1).min(axis=0) < 0.05 * size).sum() >= 2
