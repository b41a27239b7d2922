"""Angles by name: hand-computed poses, invariance, uncertainty against Monte Carlo, and the camera's view."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motion_kit import STANDING, clip_of, walker

from poise.cli import main
from poise.clips.angles import angle_rows, angle_set, csv_text, from_toml, measure, velocity, view, write_table
from poise.errors import FormatError, PoiseError
from poise.skeletons import get

COCO = angle_set("coco17")
SKELETONS = ["coco17", "halpe26", "blazepose33"]


def value(points: np.ndarray, name: str, skeleton: str = "coco17") -> float:
    angles = angle_set(skeleton)
    ones = np.ones(points.shape)
    return float(measure(points, ones, ones[..., 0], angles).value[..., angles.index(name)])


def random_pose(seed: int, skeleton: str = "coco17") -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 300, size=(len(get(skeleton)), 2))


def pose(**points: tuple[float, float]) -> np.ndarray:
    xy = np.full((17, 2), np.nan)
    for name, at in points.items():
        xy[get("coco17").index(name)] = at
    return xy


def test_somebody_who_stands_reads_zero_everywhere() -> None:
    still = STANDING.copy()
    still[[7, 9, 13, 15], 0] = still[5, 0]
    still[[11], 0] = still[5, 0]
    still[[8, 10, 12, 14, 16], 0] = still[6, 0]

    for name in ("left_knee_flexion", "left_hip_flexion", "left_elbow_flexion", "left_shoulder_elevation"):
        assert value(still, name) == pytest.approx(0.0, abs=1e-6), name
    for name in ("trunk", "head", "left_thigh", "right_shank", "left_forearm", "shoulder_line", "hip_line"):
        assert value(still, name) == pytest.approx(0.0, abs=1e-6), name


def test_a_chair_bends_knee_and_hip_by_a_right_angle() -> None:
    sitting = pose(left_shoulder=(0, 0), left_hip=(0, 50), left_knee=(40, 50), left_ankle=(40, 90))

    assert value(sitting, "left_knee_flexion") == pytest.approx(90.0)
    assert value(sitting, "left_hip_flexion") == pytest.approx(90.0)
    assert value(sitting, "left_thigh") == pytest.approx(-90.0)  # its far end lies to the right: counter-clockwise


def test_an_arm_overhead_is_raised_by_180_degrees() -> None:
    reaching = pose(left_hip=(0, 50), left_shoulder=(0, 0), left_elbow=(0, -30))

    assert value(reaching, "left_shoulder_elevation") == pytest.approx(180.0)


def test_a_foot_at_a_right_angle_to_the_shank_reads_zero() -> None:
    xy = np.full((26, 2), np.nan)
    for name, at in {"left_knee": (0, 0), "left_ankle": (0, 50), "left_big_toe": (20, 50)}.items():
        xy[get("halpe26").index(name)] = at

    assert value(xy, "left_ankle_dorsiflexion", "halpe26") == pytest.approx(0.0)


def test_a_lean_to_the_right_of_the_picture_is_positive() -> None:
    leaning = pose(left_shoulder=(30, 0), right_shoulder=(30, 0), left_hip=(0, 30), right_hip=(0, 30))

    assert value(leaning, "trunk") == pytest.approx(45.0)


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.floats(-180, 180), st.floats(0.1, 10), st.floats(-500, 500))
def test_joints_do_not_change_when_the_picture_is_turned_scaled_and_moved(
    seed: int, turn: float, scale: float, shift: float
) -> None:
    points = random_pose(seed)
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    moved = scale * points @ np.array([[c, s], [-s, c]]) + shift
    ones = np.ones((17, 2))
    j = len(COCO.joints)

    found = measure(moved, ones, ones[:, 0], COCO).value[:j]

    np.testing.assert_allclose(found, measure(points, ones, ones[:, 0], COCO).value[:j], atol=1e-6)


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_a_mirrored_picture_gives_the_other_sides_angles(skeleton: str) -> None:
    angles, sk = angle_set(skeleton), get(skeleton)
    points = random_pose(1, skeleton)
    mirrored = (points * [-1, 1] + [640, 0])[list(sk.flip_idx)]
    ones = np.ones(points.shape)
    here, there = (measure(p, ones, ones[:, 0], angles).value for p in (points, mirrored))

    for i, name in enumerate(angles.names):
        other = angles.names.index(_other(name))
        if name in angles.segments and name.endswith("_line"):
            expected = -here[other]
        elif name in angles.segments and _zero_right(angles, name):
            expected = 180.0 - np.mod(180.0 - (180.0 - here[other]), 360.0)  # left-right directions turn round
        else:
            expected = -here[other] if name in angles.segments else here[other]
        assert there[i] == pytest.approx(expected, abs=1e-6), name


def _other(name: str) -> str:
    return name.replace("left_", "#").replace("right_", "left_").replace("#", "right_")


def _zero_right(angles, name: str) -> bool:  # type: ignore[no-untyped-def]
    return bool(angles.segment_zero[angles.segments.index(name)] == 0.0)


def test_uncertainty_equals_monte_carlo() -> None:
    rng = np.random.default_rng(0)
    points = STANDING * 300 + 350 + rng.normal(size=(17, 2)) * 15
    sigma = np.repeat(rng.uniform(0.5, 2.0, size=(17, 1)), 2, axis=1) * [1.0, 1.5]
    conf = np.full(17, 0.9)
    drawn = points + rng.normal(size=(20_000, 17, 2)) * sigma

    stated = measure(points, sigma, conf, COCO).sigma
    samples = measure(drawn, np.broadcast_to(sigma, drawn.shape), np.broadcast_to(conf, drawn.shape[:2]), COCO).value

    # Unsigned joint angles are folded at 0 and 180 degrees, where the first-order rule does not hold.
    inner = measure(points, sigma, conf, COCO).value
    plain = np.ones(len(COCO.names), dtype=bool)
    plain[: len(COCO.joints)] = (inner[: len(COCO.joints)] > 4 * stated[: len(COCO.joints)]) & (
        inner[: len(COCO.joints)] < 180 - 4 * stated[: len(COCO.joints)]
    )
    assert plain.sum() > 15
    np.testing.assert_allclose(stated[plain], samples.std(axis=0)[plain], rtol=0.06)


def test_an_angle_of_which_nothing_is_known_is_not_worse_than_chance() -> None:
    points = STANDING * 30

    found = measure(points, np.full((17, 2), 1e4), np.zeros(17), COCO)

    assert found.sigma[: len(COCO.joints)].max() == pytest.approx(180 / np.sqrt(12))


def test_a_missing_point_makes_its_angles_nan_and_no_others() -> None:
    points = STANDING * 300
    points[13] = np.nan

    found = measure(points, np.ones((17, 2)), np.ones(17), COCO)

    missing = {name for name, v in zip(found.names, found.value, strict=True) if np.isnan(v)}
    assert missing == {"left_knee_flexion", "left_hip_flexion", "left_thigh", "left_shank", "knee_gap"}


def test_two_points_in_one_place_have_no_angle_between_them() -> None:
    folded = pose(left_hip=(0, 0), left_knee=(0, 0), left_ankle=(0, 9))

    assert np.isnan(value(folded, "left_knee_flexion"))


def test_velocity_of_even_motion_is_even_at_uneven_times() -> None:
    times = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.1, 50))

    np.testing.assert_allclose(velocity(7.0 * times, times), 7.0)


def test_velocity_does_not_cross_a_gap_and_directions_go_round() -> None:
    times = np.arange(8) / 10
    x = np.array([170.0, 175, 180, -175, -170, np.nan, 0, 10])

    found = velocity(x, times, circular=True)

    np.testing.assert_allclose(found, [50, 50, 50, 50, 50, np.nan, 100, 100])


def squatter(frames: int = 90) -> np.ndarray:
    """Somebody who squats, seen from the side: thighs and shanks keep their lengths."""
    xy = np.repeat(STANDING[None] * [0.1, 1.0] * 300, frames, axis=0)
    bend = np.radians(70) * (1 - np.cos(2 * np.pi * np.arange(frames) / frames)) / 2
    for side in (0, 1):
        thigh, shank = 75.0, 72.0
        knee = xy[:, 15 + side] - shank * np.stack([np.sin(-bend / 2), np.cos(bend / 2)], -1)
        hip = knee - thigh * np.stack([np.sin(bend), np.cos(bend)], -1)
        xy[:, [5 + side, 7 + side, 9 + side]] += (hip - xy[:, 11 + side])[:, None]
        xy[:, 13 + side], xy[:, 11 + side] = knee, hip
    return xy


def test_limbs_that_lie_in_the_picture_are_trusted() -> None:
    points = squatter()
    conf = np.full((90, 17), 0.9)
    found = measure(points, np.ones(points.shape), conf, COCO)

    seen = view(points, conf, np.arange(90) / 30, COCO, found.value)

    assert found.value[:, COCO.index("left_knee_flexion")].max() == pytest.approx(105, abs=1)
    assert seen.error[:, COCO.index("left_knee_flexion")].max() < 5
    assert seen.facing.min() > 60


def test_a_thigh_that_points_at_the_camera_is_warned_of() -> None:
    sitting = np.repeat(STANDING[None] * 300, 60, axis=0)
    sitting[:, 13] = sitting[:, 11] + [5.0, 12.0]
    sitting[:, 15] = sitting[:, 13] + [0.0, 74.0]
    conf = np.full((60, 17), 0.9)
    found = measure(sitting, np.ones(sitting.shape), conf, COCO)

    seen = view(sitting, conf, np.arange(60) / 30, COCO, found.value)

    assert seen.off_plane[:, COCO.index("left_thigh")].min() > 60
    assert any(line.startswith("left_hip_flexion") for line in seen.warnings(COCO.joints))
    assert not any(line.startswith("right_knee_flexion") for line in seen.warnings(COCO.joints))


def test_from_the_front_the_shoulders_are_wide() -> None:
    front = np.repeat(STANDING[None] * 300, 30, axis=0)
    conf = np.full((30, 17), 0.9)

    assert view(front, conf, np.arange(30) / 30, COCO).facing.max() < 35


def test_the_table_has_a_row_a_frame_id_and_name() -> None:
    table, _ = angle_rows(clip_of(walker(10)), names=["left_knee_flexion", "knee_flexion_difference"])

    assert table["name"].tolist() == ["left_knee_flexion", "knee_flexion_difference"] * 10
    assert table["frame"].tolist() == [t for t in range(10) for _ in range(2)]
    assert np.isfinite(table["value"]).all()
    assert (table["sigma"] > 0).all()


def test_a_name_that_does_not_exist_is_answered_with_the_nearest() -> None:
    with pytest.raises(KeyError, match=r"no angle named 'left_knee'.*did you mean"):
        angle_rows(clip_of(walker(3)), names=["left_knee"])


def test_a_skeleton_without_angles_is_named() -> None:
    with pytest.raises(KeyError, match="no angles for skeleton 'hand21'"):
        angle_set("hand21")


def test_csv_reads_back_with_empty_cells_for_what_is_missing() -> None:
    points = walker(4)
    points[2, 13] = np.nan
    table, _ = angle_rows(clip_of(points), names=["left_knee_flexion"])

    rows = list(csv.DictReader(io.StringIO(csv_text(table))))

    assert [row["value"] == "" for row in rows] == [False, False, True, False]
    assert float(rows[0]["value"]) == pytest.approx(float(table["value"][0]), abs=1e-4)
    assert rows[0]["trusted"] in ("true", "false")


def test_parquet_holds_the_same_columns(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table, _ = angle_rows(clip_of(walker(4)))

    found = parquet.read_table(write_table(table, tmp_path / "angles.parquet"))

    assert found.column_names == list(table)
    np.testing.assert_allclose(found["value"].to_numpy(), table["value"])


def test_an_existing_table_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "angles.csv"
    path.write_text("mine")

    with pytest.raises(PoiseError, match="exists already"):
        write_table(angle_rows(clip_of(walker(2)))[0], path)


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_every_bundled_set_has_both_sides_of_every_angle(skeleton: str) -> None:
    names = angle_set(skeleton).names

    assert {_other(name) for name in names if name.startswith(("left_", "right_"))} <= set(names)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('skeleton = "coco17"\n[joint.x]\n', r"a\.toml:2: unknown key 'joint'; did you mean 'joints'"),
        ('skeleton = "coco"\n', r"a\.toml:1: no skeleton named 'coco'; did you mean 'coco17'"),
        (
            'skeleton = "coco17"\n\n[segments.arm]\nfrom = "left_sholder"\nto = "left_wrist"\nzero = "up"\n',
            r"a\.toml:3: segments\.arm: no keypoint named 'left_sholder'.*did you mean 'left_shoulder'",
        ),
        ('skeleton = "coco17"\n[distances.x]\nfrom = "nose"\n', r"a\.toml:2: distances\.x: 'to' is missing"),
        ("skeleton = ", r"a\.toml: not a readable TOML"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)

    with pytest.raises(FormatError, match=what):
        from_toml(path)


def test_the_command_prints_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = clip_of(walker(20)).save(tmp_path / "walk.npz")

    assert main(["angles", str(saved), "--names", "trunk", "--quiet"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("frame,time,id,name,value,unit,sigma,conf")
    assert len(lines) == 21
