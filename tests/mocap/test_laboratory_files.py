"""TRC, C3D and tables: points and angles as laboratories have them, read by others."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from motions import about, still, walk

from poise.mocap import Motion, Rig
from poise.mocap import quaternions as quat
from poise.mocap.angles import joint_angles
from poise.mocap.files import SUFFIXES, write_motion
from poise.mocap.formats.markers import markers
from poise.mocap.formats.tables import motion_columns


def posed(**turns: np.ndarray) -> Motion:
    """Return one frame of somebody with hanging arms, with bones turned besides."""
    motion = still()
    q = np.array(motion.rotations)
    for side, degrees in (("left", -90.0), ("right", 90.0)):
        q[0, motion.rig.row(f"{side}UpperArm")] = about("z", degrees)
    for bone, turn in turns.items():
        row = motion.rig.row(bone)
        q[0, row] = quat.multiply(turn, q[0, row])
    return motion.replace(rotations=q)


def test_who_hangs_the_arms_has_no_angles() -> None:
    assert {name: round(float(v[0]), 9) for name, v in joint_angles(posed()).items() if abs(v[0]) > 1e-9} == {}


@pytest.mark.parametrize(
    ("bone", "turn", "name", "degrees"),
    [
        ("leftUpperLeg", about("x", -30.0), "hip_flexion_l", 30),
        ("rightUpperLeg", about("x", -30.0), "hip_flexion_r", 30),
        ("leftUpperLeg", about("z", -20.0), "hip_adduction_l", 20),
        ("rightUpperLeg", about("z", 20.0), "hip_adduction_r", 20),
        ("leftUpperLeg", about("y", -15.0), "hip_rotation_l", 15),
        ("rightUpperLeg", about("y", 15.0), "hip_rotation_r", 15),
        ("leftLowerLeg", about("x", 70.0), "knee_angle_l", 70),
        ("rightFoot", about("x", -12.0), "ankle_angle_r", 12),
        ("leftUpperArm", about("x", -100.0), "arm_flex_l", 100),
        ("rightUpperArm", about("z", -40.0), "arm_add_r", -40),
        ("leftUpperArm", about("z", 40.0), "arm_add_l", -40),
        ("leftLowerArm", about("y", -80.0), "elbow_flex_l", 80),
        ("rightLowerArm", about("y", 80.0), "elbow_flex_r", 80),
        ("leftLowerArm", about("x", 35.0), "pro_sup_l", 35),
        ("rightLowerArm", about("x", 35.0), "pro_sup_r", 35),
        ("leftHand", about("z", -25.0), "wrist_flex_l", 25),
        ("rightHand", about("y", 10.0), "wrist_dev_r", 10),
        ("hips", about("y", 50.0), "pelvis_rotation", 50),
        ("hips", about("x", 8.0), "pelvis_tilt", -8),
        ("chest", about("x", -9.0), "lumbar_extension", 9),
        ("head", about("z", 14.0), "neck_bending", 14),
    ],
)
def test_each_angle_is_the_turn_of_its_joint(bone: str, turn: np.ndarray, name: str, degrees: float) -> None:
    angles = joint_angles(posed(**{bone: turn}))

    assert angles.pop(name)[0] == pytest.approx(degrees, abs=1e-6)
    assert max(abs(v[0]) for v in angles.values()) < 1e-6


@pytest.mark.parametrize("facing", [0.0, 40.0, 90.0, -150.0])
def test_a_pelvis_tilts_and_lists_alike_whichever_way_it_faces(facing: float) -> None:
    turn = quat.multiply(about("y", facing), quat.multiply(about("z", -5.0), about("x", 12.0)))

    angles = joint_angles(posed(hips=turn))

    found = [angles[f"pelvis_{name}"][0] for name in ("rotation", "list", "tilt")]
    assert found == pytest.approx([facing, -5.0, -12.0], abs=1e-6)


def test_places_are_the_joints_in_opensims_axes(tmp_path: Path) -> None:
    motion = walk(0.5)

    lines = write_motion(motion, tmp_path / "walk.trc").read_text().split("\n")

    head = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=True))
    assert (head["NumFrames"], head["NumMarkers"], head["Units"]) == ("15", "24", "mm")
    names = [name for name in lines[3].split("\t")[2:] if name]
    assert len(names) == 24
    assert lines[4].split("\t")[2:5] == ["X1", "Y1", "Z1"]
    rows = np.array([line.split("\t") for line in lines[6:-1]], dtype=float)
    assert rows[:, 1] == pytest.approx(motion.times, abs=1e-6)
    knee = motion.joints()[:, motion.rig.row("leftLowerLeg")] * 1000
    at = 2 + 3 * names.index("LKnee")
    assert np.abs(rows[:, at : at + 3] - np.stack([knee[:, 2], knee[:, 1], -knee[:, 0]], -1)).max() < 1e-3


def test_what_was_not_seen_is_a_gap(tmp_path: Path) -> None:
    motion = walk(0.2)
    trust = np.array(motion.trust)
    trust[2, motion.rig.row("leftLowerArm")] = 0  # so the wrist is not known
    motion = motion.replace(trust=trust)

    lines = write_motion(motion, tmp_path / "walk.trc").read_text().split("\n")

    names = [name for name in lines[3].split("\t")[2:] if name]
    fields = [line.split("\t") for line in lines[6:-1]]
    at = 2 + 3 * names.index("LWrist")
    assert fields[2][at : at + 3] == ["", "", ""]
    assert "" not in fields[1]
    assert fields[2].count("") == 3


def test_one_who_was_not_seen_has_no_point_at_all() -> None:
    assert np.isnan(markers(still()).places).all()


def test_ezc3d_reads_the_points(tmp_path: Path) -> None:
    ezc3d = pytest.importorskip("ezc3d")
    motion = walk(0.5, fingers=True)
    trust = np.array(motion.trust)
    trust[3, motion.rig.row("head")] = 0
    motion = motion.replace(trust=trust)

    read = ezc3d.c3d(str(write_motion(motion, tmp_path / "walk.c3d")))

    point = read["parameters"]["POINT"]
    assert point["UNITS"]["value"] == ["mm"]
    assert point["RATE"]["value"] == [30]
    labels = point["LABELS"]["value"]
    assert read["data"]["points"].shape == (4, len(labels), len(motion))
    wrist = motion.joints()[:, motion.rig.row("rightHand")] * 1000
    found = read["data"]["points"][:3, labels.index("RWrist")].T
    assert np.abs(found - wrist[:, [2, 0, 1]]).max() < 1e-3
    gap = read["data"]["points"][:3, labels.index("Head"), 3]
    assert np.isnan(gap).all() or (gap == 0).all()


def test_another_reader_of_c3d_agrees(tmp_path: Path) -> None:
    c3d = pytest.importorskip("c3d")
    motion = walk(0.5)
    path = write_motion(motion, tmp_path / "walk.c3d")

    with path.open("rb") as file:
        reader = c3d.Reader(file)
        labels = [label.strip() for label in reader.point_labels]
        frames = [points for _, points, _ in reader.read_frames()]

    assert reader.point_rate == 30
    knee = motion.joints()[:, motion.rig.row("rightLowerLeg")] * 1000
    found = np.array(frames)[:, labels.index("RKnee"), :3]
    assert np.abs(found - knee[:, [2, 0, 1]]).max() < 1e-3


def test_a_table_has_a_row_a_frame(tmp_path: Path) -> None:
    motion = walk(0.5)

    with write_motion(motion, tmp_path / "walk.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert len(rows) == len(motion)
    assert [float(row["knee_angle_l"]) for row in rows] == pytest.approx(joint_angles(motion)["knee_angle_l"], abs=1e-4)
    q = [[float(row[f"leftHand_q{axis}"]) for axis in "xyzw"] for row in rows]
    assert np.abs(np.array(q) - motion.rotations[:, motion.rig.row("leftHand")]).max() < 1e-6
    assert [row["contact_left"] == "1" for row in rows] == motion.contact[:, 0].tolist()


def test_parquet_holds_all_digits(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    motion = walk(0.2)

    table = parquet.read_table(write_motion(motion, tmp_path / "walk.parquet"))

    assert table.column_names == list(motion_columns(motion))
    assert table["root_z"].to_pylist() == motion.root[:, 2].tolist()


@pytest.mark.parametrize("ending", SUFFIXES)
def test_every_format_takes_one_frame_and_few_bones(ending: str, tmp_path: Path) -> None:
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    motion = still(bones=("hips", "spine", "leftUpperLeg"))

    path = write_motion(motion, tmp_path / f"still{ending}", fps=25)

    assert path.stat().st_size > 100


@pytest.mark.parametrize("ending", SUFFIXES)
def test_a_full_disk_leaves_what_was_there(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    from poise.errors import PoiseError
    from poise.files import writing

    path = tmp_path / f"walk{ending}"
    path.write_bytes(b"before")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "write_all", full)

    with pytest.raises(PoiseError, match="the disk is full"):
        write_motion(still(), path, overwrite=True)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_there_is_not_replaced_unasked(tmp_path: Path) -> None:
    from poise.errors import PoiseError

    path = write_motion(still(), tmp_path / "still.bvh")

    with pytest.raises(PoiseError, match="exists already"):
        write_motion(still(), path)


def test_nothing_is_written_of_no_frame(tmp_path: Path) -> None:
    rig = Rig.of_height(1.7)
    empty = Motion(rig, np.zeros(0), np.zeros((0, 21, 4)), np.zeros((0, 3)), np.zeros((0, 21)), np.zeros((0, 2), bool))

    with pytest.raises(ValueError, match="the movement has no frame"):
        write_motion(empty, tmp_path / "none.bvh")


@pytest.mark.parametrize("fps", [0, -1, float("nan"), 1e9])
def test_a_rate_that_nobody_films_with_is_refused(fps: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fps must be 1 to 1000"):
        write_motion(walk(0.2), tmp_path / "walk.bvh", fps=fps)
