"""BVH written, and read back by us and by others."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from motions import about, motions, still, walk

from poise.errors import FormatError
from poise.mocap import Motion
from poise.mocap.eulers import from_zxy, to_zxy
from poise.mocap.files import write_motion
from poise.mocap.formats.bvh import bvh_text
from poise.mocap.formats.bvh_reader import read_bvh
from poise.mocap.rig_table import rig_table


def rows(motion: Motion, names: tuple[str, ...], rig: str = "bvh") -> list[int]:
    """Return where the bones of a motion are among the names of a file."""
    table = rig_table(rig)
    return [names.index(table.bones[bone][0]) for bone in motion.rig.bones]


def test_joints_are_read_where_they_were(tmp_path: Path) -> None:
    motion = walk()

    read = read_bvh(write_motion(motion, tmp_path / "walk.bvh"))

    assert read.frame_time == pytest.approx(1 / 30, abs=1e-8)
    assert np.abs(read.joints()[:, rows(motion, read.names)] / 100 - motion.joints()).max() < 1e-6
    assert read.channels[0] == ("Xposition", "Yposition", "Zposition", "Zrotation", "Xrotation", "Yrotation")


@given(motion=motions(), rig=st.sampled_from(["bvh", "vrm", "mixamo", "unreal", "rigify"]))
def test_any_movement_is_read_as_it_was(motion: Motion, rig: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("bvh") / "any.bvh"
    even = motion.replace(times=np.arange(len(motion)) / 30)

    read = read_bvh(write_motion(even, path, rig=rig))

    found = read.joints()[:, rows(motion, read.names, rig)] * rig_table(rig).metres
    assert np.abs(found - motion.joints()).max() < 1e-4
    assert not np.isnan(read.values).any()


def test_another_reader_sees_the_same(tmp_path: Path) -> None:
    bvhio = pytest.importorskip("bvhio")
    motion = walk(0.5)
    path = write_motion(motion, tmp_path / "walk.bvh")

    root = bvhio.readAsHierarchy(str(path))

    found = {joint.Name: [] for joint, *_ in root.layout()}
    for frame in range(len(motion)):
        root.loadPose(frame)
        for joint, *_ in root.layout():
            found[joint.Name].append(list(joint.PositionWorld))
    table = rig_table("bvh")
    for at, bone in enumerate(motion.rig.bones):
        theirs = np.array(found[table.bones[bone][0]]) / 100
        assert np.abs(theirs - motion.joints()[:, at]).max() < 1e-4, bone


@given(seed=st.integers(0, 10_000))
def test_angles_turn_as_the_quaternions_do(seed: int) -> None:
    angles = np.random.default_rng(seed).choice([-180.0, -90.0, -45.0, 0.0, 30.0, 90.0, 180.0], (5, 3))
    q = from_zxy(angles)

    back = from_zxy(to_zxy(q))

    assert np.abs(np.abs((back * q).sum(-1)) - 1).max() < 1e-12


def test_angles_do_not_jump() -> None:
    """A spin of two turns ends at 720 degrees, and does not leap from 180 to -180."""
    angles = to_zxy(about("y", np.linspace(0, 720, 200)))

    assert np.abs(np.diff(angles, axis=0)).max() < 4
    assert angles[-1, 2] == pytest.approx(720)


def test_frames_are_as_many_as_asked(tmp_path: Path) -> None:
    motion = walk(2.0)

    read = read_bvh(write_motion(motion, tmp_path / "walk.bvh", fps=60))

    assert len(read.values) == 2 * len(motion) - 1
    assert np.abs(read.joints()[::2, 0] / 100 - motion.joints()[:, 0]).max() < 1e-5


def test_uneven_times_become_a_steady_clock(tmp_path: Path) -> None:
    motion = walk(1.0)
    keep = np.array([0, 1, 2, 4, 5, 7, 8, 9, 10, 11, 12, 13, 20])
    uneven = motion.replace(**{k: getattr(motion, k)[keep] for k in ("times", "rotations", "root", "trust", "contact")})

    read = read_bvh(write_motion(uneven, tmp_path / "walk.bvh"))

    assert read.frame_time == pytest.approx(1 / 30, abs=1e-6)
    assert len(read.values) == 21
    assert np.abs(read.joints()[4, 0] / 100 - motion.joints()[4, 0]).max() < 1e-4


def test_one_frame_of_somebody_who_was_not_seen(tmp_path: Path) -> None:
    read = read_bvh(write_motion(still(fingers=True), tmp_path / "still.bvh"))

    assert len(read.values) == 1
    assert read.names[0] == "Hips"
    assert (read.values[0, 3:] == 0).all()


def test_units_and_the_up_axis_are_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'unit = "mm"\nup = "z"\n[bones]\nhips = "Root"\nspine = "Back"\nchest = "Chest"\nneck = "Neck"\nhead = "Top"\n'
    )
    motion = walk(0.2)

    read = read_bvh(write_motion(motion, tmp_path / "walk.bvh", rig=str(path)))

    x, y, z = np.moveaxis(motion.joints()[:, motion.rig.row("head")], -1, 0)
    assert np.abs(read.joints()[:, read.names.index("Top")] / 1000 - np.stack([x, -z, y], -1)).max() < 1e-5
    assert read.names == ("Root", "Back", "Chest", "Neck", "Top")


def test_the_same_movement_is_the_same_file() -> None:
    assert bvh_text(walk(0.3)) == bvh_text(walk(0.3))


GOOD = bvh_text(walk(0.1)).rstrip()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: "", "the file ends where HIERARCHY was expected"),
        (lambda t: t.replace("HIERARCHY", "HELLO"), "'HIERARCHY' was expected"),
        (lambda t: t.replace("CHANNELS 3 ", "CHANNELS 9 ", 1), "'CHANNELS' with their number"),
        (lambda t: t.replace("Frames: 3", "Frames: 4000000000"), "the file ends where frame 4 of 4000000000"),
        (lambda t: t.replace("Frames: 3", "Frames: -3"), "is no number of frames"),
        (lambda t: t.replace("Frame Time: 0.03333333", "Frame Time: 0"), "must last more than 0 seconds"),
        (lambda t: t + "x", "is no number"),
        (lambda t: t.rsplit(" ", 1)[0] + " nan", "not finite"),
        (lambda t: t.rsplit(" ", 1)[0], "numbers, expected"),
        (lambda t: t.replace("\tJOINT", "\tROOT", 1), "a file begins with one ROOT"),
        (lambda t: "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 0\n" + "JOINT a\n{\nOFFSET 0 0 0\nCHANNELS 0\n" * 9999,
         "one inside the other"),
        (lambda t: "HIERARCHY\nROOT a\n{\nOFFSET 0 0 1e999\n", "is no number"),
    ],
)  # fmt: skip
def test_a_broken_file_is_told_with_its_line(change: object, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.bvh"
    path.write_text(change(GOOD))  # type: ignore[operator]

    with pytest.raises(FormatError, match=r"bad\.bvh:\d+: ") as caught:
        read_bvh(path)

    assert message in str(caught.value)


@given(data=st.binary(max_size=300), at=st.integers(0, 3000))
def test_no_bytes_break_the_reader(data: bytes, at: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("bvh") / "bytes.bvh"
    good = GOOD.encode()
    path.write_bytes(good[:at] + data + good[at + len(data) :])

    with suppress(FormatError):
        read_bvh(path).joints()
