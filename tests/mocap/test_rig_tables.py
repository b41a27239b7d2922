"""Tables of other rigs: the shipped ones, a user's own, and what is told about a wrong one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from motions import still, walk

from poise.errors import FormatError
from poise.mocap import BONES
from poise.mocap import quaternions as quat
from poise.mocap.retargeting import retarget
from poise.mocap.rig_table import rig_names, rig_table


def test_the_shipped_tables_name_every_bone() -> None:
    assert rig_names() == ["bvh", "mixamo", "rigify", "unreal", "vrm"]
    for name in rig_names():
        assert tuple(sorted(rig_table(name).bones)) == tuple(sorted(BONES)), name


@pytest.mark.parametrize("rig", ["bvh", "mixamo", "rigify", "unreal", "vrm"])
def test_at_rest_nothing_is_turned_from_rest(rig: str) -> None:
    """Somebody in the rig's own rest pose has the rig's own rest rotations."""
    motion = still(fingers=True)
    table = rig_table(rig)
    q = np.array(motion.rotations)
    for side, sign in (("left", -1.0), ("right", 1.0)):
        turn = quat.from_axis_angle(np.array([0.0, 0, 1]), np.radians(sign * table.arms_down))
        q[0, motion.rig.row(f"{side}UpperArm")] = turn

    made = retarget(motion.replace(rotations=q), rig)

    assert np.abs(np.abs((made.rotations[0] * made.rest).sum(-1)) - 1).max() < 1e-12


def test_mixamos_bones_point_along_y() -> None:
    made = retarget(still(fingers=True), "mixamo")

    for bone in ("LeftArm", "LeftForeArm", "RightForeArm", "LeftUpLeg", "RightLeg", "Spine", "Neck", "LeftHandIndex2"):
        at = made.names.index(f"mixamorig:{bone}")
        child = int(np.flatnonzero(made.parents == at)[0])
        along = made.offsets[child] / np.linalg.norm(made.offsets[child])
        assert along[1] > 0.97, bone


def test_unreals_bones_hang_from_a_root_and_in_chains() -> None:
    made = retarget(walk(0.1), "unreal")

    assert made.names[:6] == ("root", "pelvis", "spine_01", "spine_02", "spine_03", "spine_04")
    assert made.hips == 1
    assert made.parents[made.names.index("clavicle_l")] == made.names.index("spine_05")
    rest = made.offsets[made.names.index("lowerarm_l")]
    assert rest[0] > 0
    # Axes are the world's in the T-pose; at rest the arm hangs at 45 degrees.
    q = made.rest[made.names.index("upperarm_l")]
    assert np.degrees(quat.angle(q)) == pytest.approx(45)


def test_who_lacks_a_bone_passes_its_turn_on(tmp_path: Path) -> None:
    path = tmp_path / "short.toml"
    path.write_text('[bones]\nhips = "A"\nhead = "B"\n')
    motion = walk(0.3)

    made = retarget(motion, path)

    _, turns = made.world()
    from poise.mocap import forward

    _, wanted = forward(motion.rig, motion.rotations, motion.root)
    assert np.abs(np.abs((turns[:, 1] * wanted[:, motion.rig.row("head")]).sum(-1)) - 1).max() < 1e-12


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('[bones]\nhips = "A"\nspin = "B"\n', 3, "no bone is called 'spin' in VRM; did you mean 'spine'?"),
        ('bone = 1\n[bones]\nhips = "A"\n', 1, "unknown key 'bone'; did you mean 'bones'?"),
        ('unit = "foot"\n[bones]\nhips = "A"\n', 1, "'unit' must be one of m, cm, mm, in, got 'foot'"),
        ('[bones]\nspine = "B"\n', 1, "'bones' must name the hips"),
        ('[bones]\nhips = "A"\nspine = "A"\n', 3, "'A' stands for spine and for hips"),
        ('[bones]\nhips = "A"\nspine = 3\n', 3, "spine must be a name or a list of names, got 3"),
        ('[bones]\nhips = "A\\nROOT B"\n', 2, "hips must have a printable name"),
        ('[bones]\nhips = "A\\u001b[31m"\n', 2, "hips must have a printable name"),
        ('[bones]\nhips = "A\\u202e"\n', 2, "hips must have a printable name"),
        ('root = "\\u0000"\n[bones]\nhips = "A"\n', 1, "'root' must be printable"),
        ('prefix = "\\n"\n[bones]\nhips = "A"\n', 1, "'prefix' must be printable"),
        (f'[bones]\nhips = "{"A" * 201}"\n', 2, "of at most 200 characters"),
        (f'[bones]\nhips = "A"\nspine = {[f"b{n}" for n in range(17)]}\n', 3, "at most 16 in a row, got 17"),
        ('[bones]\nhips = "A"\n[axes]\nhips = "left up frond"\n', 4, "is called 'frond'; did you mean 'front'?"),
        ('[bones]\nhips = "A"\n[axes]\nhips = "left up back"\n', 4, "are no right-handed axes"),
        ('[bones]\nhips = "A"\n[axes]\nhips = "left up"\n', 4, "must be three directions"),
        ('arms_down = 120\n[bones]\nhips = "A"\n', 1, "'arms_down' must be degrees from -90 to 90"),
        ('[bones]\nhips = "A"\n[axes]\nknee = "left up front"\n', 4, "no bone is called 'knee' in VRM"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_told_with_its_line(text: str, line: int, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)

    with pytest.raises(FormatError) as caught:
        rig_table(path)

    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert message in str(caught.value)


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(ValueError, match=r"no rig named 'miximo'; did you mean 'mixamo'\?"):
        rig_table("miximo")
