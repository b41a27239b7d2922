"""Left and right in names, in the writings that people's data sets have."""

from __future__ import annotations

import pytest

from poise.skeletons import Skeleton, lone_sides

# Name lists, and their pairs of left and right.
PAIRED = {
    "one word": (("snout", "leftear", "rightear", "tailbase"), [(1, 2)]),
    "letter before a word": (("nose", "lhip", "rhip", "lknee", "rknee"), [(1, 2), (3, 4)]),
    "letter behind a word": (("hipl", "hipr", "earL", "earR"), [(0, 1), (2, 3)]),
    "corners": (("TL", "TR", "BR", "BL"), [(0, 1), (3, 2)]),
    "corners of upper and lower": (("LL", "LR", "UL", "UR"), [(0, 1), (2, 3)]),
    "corners in words": (("topleft", "topright", "bottomright", "bottomleft"), [(0, 1), (3, 2)]),
    "winds": (("NW", "NE", "SE", "SW"), [(0, 1), (3, 2)]),
    "corners in Chinese": (("左上", "右上", "右下", "左下"), [(0, 1), (3, 2)]),
    "markers": (("LASI", "RASI", "LPSI", "RPSI"), [(0, 1), (2, 3)]),
    "Blender": (("eye.L", "eye.R", "hand_L_thumb", "hand_R_thumb"), [(0, 1), (2, 3)]),
    "wheels": (("FL", "FR", "RL", "RR"), [(0, 1), (2, 3)]),
    "paws, side first": (("LF", "RF", "LR", "RR"), [(0, 1), (2, 3)]),
    "paws in a word": (("flpaw", "frpaw", "hlpaw", "hrpaw", "tail"), [(0, 1), (2, 3)]),
    "Chinese": (("鼻", "左耳", "右耳"), [(1, 2)]),
    "Korean": (("왼쪽눈", "오른쪽눈"), [(0, 1)]),
    "Spanish": (("nariz", "ojo_izquierdo", "ojo_derecho"), [(1, 2)]),
    "French": (("oeil_gauche", "oeil_droit", "main_gauche", "main_droite"), [(0, 1), (2, 3)]),
    "German": (("linkes_auge", "rechtes_auge"), [(0, 1)]),
    "Russian": (("левый глаз", "правый глаз"), [(0, 1)]),
    "divided differently": (("front_left_paw", "frontRightPaw", "Left Eye", "right_eye"), [(0, 1), (2, 3)]),
    "numbered": (("lefteye1", "righteye1", "lefteye2", "righteye2"), [(0, 1), (2, 3)]),
    "abbreviated": (("Lft_ankle", "Rgt_ankle", "eye_lt", "eye_rt"), [(0, 1), (2, 3)]),
}


@pytest.mark.parametrize("names", PAIRED)
def test_sides_of_any_common_writing_are_paired(names: str) -> None:
    keypoints, wanted = PAIRED[names]
    skeleton = Skeleton("own", keypoints)

    found = sorted((a, b) if skeleton.sides[a] < 0 else (b, a) for a, b in skeleton.pairs)
    assert found == sorted(wanted)
    assert lone_sides(keypoints) == ()


@pytest.mark.parametrize(
    "keypoints",
    [
        ("upright", "lip", "L1", "L2", "L3"),
        ("crown", "brow", "clown"),
        ("tail1", "tail2", "tail3"),
        ("ball", "rim", "collar", "heel"),
        ("cleft", "bright"),
        ("左右中心", "鼻"),
    ],
)
def test_words_that_only_look_like_sides_stay(keypoints: tuple[str, ...]) -> None:
    skeleton = Skeleton("own", keypoints)

    assert skeleton.pairs == ()
    assert not skeleton.sides.any()
    assert lone_sides(keypoints) == ()


@pytest.mark.parametrize(
    ("keypoints", "lone"),
    [
        (("left_eye", "nose"), ("left_eye",)),
        (("bodyleft", "body", "leftear", "rightear"), ("bodyleft",)),
        (("L_Eye", "R_Ear"), ("L_Eye", "R_Ear")),
        (("左耳", "鼻"), ("左耳",)),
        (("left_ear", "right_earr"), ("left_ear", "right_earr")),
    ],
)
def test_names_with_a_side_and_no_partner_are_told(keypoints: tuple[str, ...], lone: tuple[str, ...]) -> None:
    assert lone_sides(keypoints) == lone


def test_two_that_could_be_the_partner_are_none() -> None:
    # Read without regard to case and separators, both are the right eye.
    skeleton = Skeleton("own", ("lefteye", "Right_Eye", "righteye_"))

    assert skeleton.pairs == ()
