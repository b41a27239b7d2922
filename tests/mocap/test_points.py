"""Keypoints as plain OSC: addresses, axes, what is left out."""

from __future__ import annotations

import numpy as np
import pytest
from live_people import PICTURE, people

from poise.frames import Frame, Media
from poise.mocap import osc
from poise.mocap.points import points_datagrams
from poise.results import Results
from poise.skeletons import get

CAMERA = Media("camera 0", "stream")


def test_points_are_metres_up_and_towards_the_camera_with_their_place_in_the_picture() -> None:
    result = people([4], 2.5, index=75)

    messages = [one for part in points_datagrams(result) for one in osc.decode(part)]

    assert len(messages) == 33 + 2
    assert messages[0].address == "/poise/person/4/nose"
    wrist = next(one for one in messages if one.address == "/poise/person/4/left_wrist")
    assert wrist.arguments == pytest.approx((0.15, 0.5, 0.25, 0.75, 50 / 200, 50 / 100))
    assert messages[-2:] == [("/poise/people", (4,)), ("/poise/frame", (75, 2.5))]


def test_points_that_were_not_found_are_not_sent() -> None:
    result = people([1])
    xyz = np.array(result.keypoints.xyz)
    xyz[0, :30] = np.nan
    result = Results.of(
        Frame(PICTURE, CAMERA), result.boxes.data, result.keypoints.xy, skeleton=get("blazepose33"), xyz=xyz
    )

    messages = [one for part in points_datagrams(result) for one in osc.decode(part)]

    assert [one.address for one in messages[:-2]] == [
        f"/poise/person/1/{name}" for name in ("right_heel", "left_foot_index", "right_foot_index")
    ]


def test_model_without_places_in_space_is_refused_by_name() -> None:
    result = Results.of(Frame(PICTURE, CAMERA), [[0, 0, 9, 9, 1, 0.9, 0]], np.zeros((1, 17, 2)))

    with pytest.raises(ValueError, match="skeleton 'coco17' of this model lacks; use the model body-3d"):
        points_datagrams(result)


def test_nobody_is_an_empty_list_of_people() -> None:
    messages = [one for part in points_datagrams(people([], 1.0, index=3)) for one in osc.decode(part)]

    assert messages == [("/poise/people", ()), ("/poise/frame", (3, 1.0))]
