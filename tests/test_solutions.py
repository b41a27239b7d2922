"""The ready loop and the annotator, by the names that scripts of this field use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import poise
from poise import Results, solutions
from poise.drawing import Annotator, colors
from poise.frames import Image


def arm(angle: float, *, conf: float = 0.9, number: int = 7) -> Results:
    """A person whose right elbow has an angle."""
    xy, sure = np.full((1, 17, 2), 20.0), np.full((1, 17), conf)
    turn = np.radians(180 - angle)
    xy[0, [6, 8, 10]] = [100, 60], [100, 100], [100 + 40 * np.sin(turn), 100 + 40 * np.cos(turn)]
    return Results.of(np.zeros((200, 200, 3), np.uint8), [[10, 10, 190, 190, number, 0.9, 0]], xy, sure)


def test_an_angle_is_counted_as_the_known_counter_does() -> None:
    gym = solutions.AIGym(kpts=[6, 8, 10], up_angle=145, down_angle=90)
    seen = [gym.take(arm(angle)) for angle in (170, 95, 170, 85, 120, 150, 80, 100, 144, 146, 160)]

    assert [made.workout_count[0] for made in seen] == [0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
    assert [made.workout_stage[0] for made in seen[:6]] == ["up", "up", "up", "down", "down", "up"]
    assert seen[4].workout_angle[0] == pytest.approx(120, abs=1e-3)
    assert (gym.count, gym.stage, seen[0].total_tracks) == ([2], ["up"], 1)


def test_a_pull_up_is_counted_at_the_top() -> None:
    gym = solutions.AIGym(pose_type="pullup")
    counts = [gym.take(arm(angle)).workout_count[0] for angle in (170, 85, 120, 150, 80)]

    assert counts == [0, 1, 1, 1, 2]


def test_everybody_has_a_count_of_their_own() -> None:
    gym = solutions.AIGym()
    for angle in (170, 80, 170):
        gym.take(arm(angle, number=1))
    gym.take(arm(170, number=4))
    blind = gym.take(arm(80, conf=0.1, number=4))

    assert gym.count == [1, 0]
    assert np.isnan(blind.workout_angle[0])
    assert gym.states[4].stage == "up"


def test_former_names_are_taken() -> None:
    gym = solutions.ai_gym.AIGym()
    gym.set_args(line_thickness=2, view_img=False, pose_type="pushup", kpts_to_check=[6, 8, 10])
    for i, angle in enumerate((170, 80, 170)):
        picture = np.zeros((200, 200, 3), np.uint8)
        drawn = gym.start_counting(picture, [arm(angle)], i)
    assert gym.count == [1]
    assert drawn is picture or np.shares_memory(drawn, picture)
    assert drawn.any()
    with pytest.raises(TypeError, match="AIGym has no argument 'kpst'; did you mean 'kpts'"):
        gym.set_args(kpst=[1, 2, 3])
    with pytest.raises(ValueError, match="down_angle must be below up_angle"):
        solutions.AIGym(up_angle=80)


def test_a_frame_is_enough(photo_image: Image) -> None:
    gym = solutions.AIGym("body-fast", kpts=[12, 14, 16])
    before = photo_image.copy()
    drawn = gym.monitor(photo_image)
    made = gym(photo_image)

    assert made.total_tracks == 1
    assert made.workout_angle[0] == pytest.approx(made.workout_angle[0])  # a number
    assert (drawn != before).any()
    assert (photo_image == before).all()


def test_other_solutions_are_answered_in_a_sentence() -> None:
    assert poise.solutions is solutions
    with pytest.raises(AttributeError, match="no 'ObjectCounter'; ZoneWatch counts who crosses a line"):
        solutions.ObjectCounter  # noqa: B018
    with pytest.raises(AttributeError, match="did you mean 'AIGym'"):
        solutions.AIGim  # noqa: B018


@pytest.fixture
def photo_image(photo: Any) -> Image:
    from poise.sources import read_picture

    return np.array(read_picture(photo))


class TestAnnotator:
    def test_it_draws_in_place_and_a_read_only_picture_in_a_copy(self) -> None:
        picture = np.zeros((100, 120, 3), np.uint8)
        Annotator(picture, line_width=2).box_label([20, 30, 60, 80], color=(0, 0, 255))
        kept = np.zeros((100, 120, 3), np.uint8)
        kept.flags.writeable = False
        drawn = Annotator(kept)
        drawn.rectangle([1, 1, 9, 9], fill=(5, 6, 7))

        assert picture[30, 40].tolist() == picture[80, 40].tolist() == picture[50, 20].tolist() == [0, 0, 255]
        assert picture[55, 40].tolist() == [0, 0, 0]
        assert drawn.result()[5, 5].tolist() == [5, 6, 7]
        assert not kept.any()

    def test_labels_stand_above_their_box_and_inside_at_the_edge(self) -> None:
        drawn = Annotator(np.zeros((100, 120, 3), np.uint8), font_size=12)
        drawn.box_label(np.array([20.4, 50, 60, 80]), "person 0.9", (0, 200, 0))
        above = drawn.result()[34:48, 22:60].any(axis=2).mean()
        edge = Annotator(np.zeros((100, 120, 3), np.uint8), font_size=12)
        edge.box_label((20, 0, 60, 80), "person 0.9", (0, 200, 0))

        assert above > 0.9
        assert edge.result()[3:13, 22:60].any(axis=2).mean() > 0.9

    def test_keypoints_that_are_not_there_are_not_drawn(self) -> None:
        points = np.zeros((17, 3), np.float32)
        points[5], points[6], points[7] = [30, 30, 0.9], [70, 30, 0.9], [30, 70, 0.1]
        drawn = Annotator(np.zeros((100, 120, 3), np.uint8), line_width=3)
        drawn.kpts(points, (100, 120), radius=4)
        picture = drawn.result()

        assert picture[30, 30].any()
        assert picture[30, 50].any()  # the limb from shoulder to shoulder
        assert not picture[60:, :].any()
        assert not picture[:10, :10].any()
        with pytest.raises(ValueError, match=r"must have shape \(K, 2 or 3\)"):
            drawn.kpts(np.zeros((2, 17, 3)))

    @pytest.mark.parametrize(("c", "angle"), [([1, 0], 0), ([0, 1], 90), ([-1, 0], 180), ([-1, 1], 135)])
    def test_angles(self, c: list[float], angle: float) -> None:
        assert Annotator.estimate_pose_angle([3, 0], [0, 0], c) == pytest.approx(angle)

    def test_words_lines_and_paths_are_drawn(self) -> None:
        drawn = Annotator(np.zeros((100, 200, 3), np.uint8), font_size=12)
        blank = drawn.result().copy()
        for act in (
            lambda: drawn.text((5, 5), "one\ntwo", (0, 0, 255), box_style=True),
            lambda: drawn.plot_angle_and_count_and_stage(92.4, 3, "down", [80, 10]),
            lambda: drawn.draw_region([(150, 10), (190, 10), (190, 60)], (0, 255, 0), 2),
            lambda: drawn.draw_centroid_and_tracks([(10, 90), (60, 90)], (255, 0, 255), 2),
        ):
            act()
            assert (drawn.result() != blank).any()
            blank = drawn.result().copy()
        assert drawn.get_bbox_dimension([1, 2, 4, 6]) == (3, 4, 12)
        assert drawn.result(pil=True).size == (200, 100)
        with pytest.raises(AttributeError, match="Annotator has no 'seg_bbox'"):
            drawn.seg_bbox(1)

    def test_colours_go_round(self) -> None:
        assert colors(0, True) == colors(10, True) == colors(0)[::-1]
        assert colors(1) != colors(2)
