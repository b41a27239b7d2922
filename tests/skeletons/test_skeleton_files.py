"""A user's own skeleton, from TOML or a data set's YAML, and what is said when it is wrong."""

from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from poise import MissingExtra
from poise.errors import FormatError
from poise.skeletons import Skeleton, check_flip, from_toml, from_yaml, get, names

SHARED = Path(os.environ.get("POISE_SHARED", Path(__file__).resolve().parents[3] / "shared"))

OWN = """name = "lamp"
instance = "lamp"
keypoints = ["base", "joint", "left_edge", "right_edge"]
edges = [["base", "joint"], [1, 2], ["joint", "right_edge"]]
sigmas = [0.02, 0.03, 0.05, 0.05]

[subsets]
shade = ["left_edge", "right_edge"]

[colours]
left = [255, 0, 0]

[aliases]
foot = "base"

[derived]
joint = ["left_edge", "right_edge"]
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "lamp.toml"
    path.write_text(OWN)
    return path


def test_own_toml_is_read_through_get(own: Path) -> None:
    skeleton = get(own)

    assert skeleton.edges == ((0, 1), (1, 2), (1, 3))
    assert skeleton.flip_idx == (0, 1, 3, 2)
    assert skeleton.subsets["shade"] == (2, 3)
    assert skeleton.colours["left"] == (255, 0, 0)
    assert skeleton.colours["right"] == get("coco17").colours["right"]
    assert get(str(own)) == skeleton


def test_a_changed_file_is_read_again(own: Path) -> None:
    get(own)
    own.write_text(OWN.replace('"lamp"', '"torch"'))

    assert get(own).name == "torch"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("sigmas =", "sigma =", r"lamp.toml:5: unknown key 'sigma'; did you mean 'sigmas'\?"),
        ("[subsets]", "[subset]", r"lamp.toml:7: unknown key 'subset'; did you mean 'subsets'\?"),
        ("[1, 2]", "[1, 4]", r"lamp.toml:4: edges: 4 is not a keypoint; expected a name or an index from 0 to 3"),
        ("[1, 2]", "[1, 2, 3]", r"lamp.toml:4: an edge must join two keypoints"),
        ("[1, 2]", '["joint", "left_egde"]', r"lamp.toml:4: edges: no keypoint named 'left_egde'; did you mean 'left_"),
        (
            'shade = ["left_edge"',
            'shade = ["leftedge"',
            r"lamp.toml:8: shade: no keypoint named 'leftedge'; did you mean 'left_edge'",
        ),
        ('"base", "joint", "l', '"base", "base", "l', r"lamp.toml:3: keypoint 'base' is there twice"),
        ("[0.02, 0.03, 0.05, 0.05]", "[0.02]", r"lamp.toml: .*sigmas must be 4 positive numbers, got \(1,\)"),
        ("0.02, 0.03", "0.02, -0.03", r"lamp.toml: .*sigmas must be 4 positive numbers, got -0.03"),
        ("sigmas = [0.02, 0.03, 0.05, 0.05]", "sigmas = 3", r"lamp.toml:5: 'sigmas' must be a list, got 3"),
        ("sigmas = [0.02", "flip_idx = [0, 1, 2]\nsigmas = [0.02", r"lamp.toml: .*flip_idx must swap"),
        ("[255, 0, 0]", "[256, 0, 0]", r"colour 'left' must be RGB from 0 to 255, got \(256, 0, 0\)"),
        ("left = [255", "lefft = [255", r"colours: no side 'lefft'; did you mean 'left'\?"),
        ('foot = "base"', 'foot = "bass"', r"alias 'foot' must be a new name of a keypoint, got 'bass'"),
        ("joint = [", "jont = [", r"derived: no keypoint named 'jont'; did you mean 'joint'\?"),
        ('keypoints = ["base"', 'keypoints = [1, "base"', r"lamp.toml:3: 'keypoints' must be a list of names"),
        ('name = "lamp"', "name = ", r"lamp.toml:1: not a readable TOML file"),
    ],
)
def test_bad_toml_says_where_and_what(own: Path, old: str, new: str, message: str) -> None:
    assert old in OWN
    own.write_text(OWN.replace(old, new, 1))

    with pytest.raises(FormatError, match=message):
        from_toml(own)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"none\.toml: not a readable TOML file"):
        get(tmp_path / "none.toml")


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(KeyError, match="did you mean 'coco17'"):
        get("coco18")


def test_unknown_keypoint_suggests_the_nearest() -> None:
    with pytest.raises(KeyError, match="did you mean 'left_knee'"):
        get("coco17").index("left_kne")


def test_a_bundled_skeleton_is_the_same_object_each_time() -> None:
    assert get("coco17") is get("coco17")


@pytest.mark.parametrize("name", names())
def test_copies_and_pickles_are_equal(name: str) -> None:
    skeleton = get(name)

    for other in (pickle.loads(pickle.dumps(skeleton)), copy.deepcopy(skeleton)):  # noqa: S301  # our own bytes
        assert other == skeleton
        assert hash(other) == hash(skeleton)


def test_skeletons_with_other_sigmas_differ() -> None:
    one, two = Skeleton("a", ("x", "y")), Skeleton("a", ("x", "y"), sigmas=np.array([0.1, 0.2]))

    assert one != two
    assert one != "a"


@pytest.mark.parametrize(
    ("keypoints", "flip", "sides"),
    [
        (("L_Eye", "R_Eye", "Nose"), (1, 0, 2), [-1, 1, 0]),
        (("leftEye", "rightEye"), (1, 0), [-1, 1]),
        (("eye_left", "eye_right"), (1, 0), [-1, 1]),
        (("eyeLeft", "eyeRight"), (1, 0), [-1, 1]),
        (("front-left-paw", "front-right-paw"), (1, 0), [-1, 1]),
        (("LEFT EAR", "RIGHT EAR"), (1, 0), [-1, 1]),
        (("upright", "lip", "L1"), (0, 1, 2), [0, 0, 0]),
        (("left_hand", "tail"), (0, 1), [-1, 0]),
    ],
)
def test_sides_are_words_in_the_name(keypoints: tuple[str, ...], flip: tuple[int, ...], sides: list[int]) -> None:
    skeleton = Skeleton("own", keypoints)

    assert skeleton.flip_idx == flip
    assert skeleton.sides.tolist() == sides


def write_yaml(folder: Path, text: str) -> Path:
    path = folder / "data.yaml"
    path.write_text(text)
    return path


@pytest.fixture
def _yaml() -> None:
    pytest.importorskip("yaml", reason="needs PyYAML (extra 'train')")


FULL = """path: .
kpt_shape: [4, 3]
flip_idx: [0, 1, 3, 2]
names: {0: lamp}
kpt_names:
  0: [base, joint, left_edge, right_edge]
skeleton: [[0, 1], [1, 2], [joint, right_edge]]
kpt_oks_sigmas: [0.02, 0.03, 0.05, 0.05]
"""


@pytest.mark.usefixtures("_yaml")
class TestYaml:
    def test_everything_in_the_file_is_read(self, tmp_path: Path) -> None:
        skeleton = get(write_yaml(tmp_path, FULL))

        assert skeleton.keypoints == ("base", "joint", "left_edge", "right_edge")
        assert skeleton.edges == ((0, 1), (1, 2), (1, 3))
        assert skeleton.sigmas.tolist() == [0.02, 0.03, 0.05, 0.05]
        assert skeleton.instance == "lamp"
        assert skeleton.sigmas_source == "kpt_oks_sigmas in data.yaml"

    def test_names_may_be_one_list(self, tmp_path: Path) -> None:
        text = FULL.replace("\n  0: [base", " [base")

        assert from_yaml(write_yaml(tmp_path, text)).keypoints[0] == "base"

    def test_without_names_and_map_points_are_numbered(self, tmp_path: Path) -> None:
        skeleton = from_yaml(write_yaml(tmp_path, "kpt_shape: [3, 2]\nnames: [cat, dog]\n"))

        assert skeleton.keypoints == ("point_0", "point_1", "point_2")
        assert skeleton.flip_idx == (0, 1, 2)
        assert skeleton.sigmas == pytest.approx(1 / 3)
        assert skeleton.instance == "object"

    def test_without_map_it_is_derived_from_the_names(self, tmp_path: Path) -> None:
        text = FULL.replace("flip_idx: [0, 1, 3, 2]\n", "")

        assert from_yaml(write_yaml(tmp_path, text)).flip_idx == (0, 1, 3, 2)

    def test_classes_may_name_points_differently(self, tmp_path: Path) -> None:
        text = "kpt_shape: [2, 3]\nnames: {0: cat, 1: hand}\nkpt_names: {0: [nose, tail], 1: [wrist, tip]}\n"
        path = write_yaml(tmp_path, text)

        assert from_yaml(path, class_name="hand").keypoints == ("wrist", "tip")
        with pytest.raises(FormatError, match="kpt_names differ between cat, hand; say which you want"):
            from_yaml(path)
        with pytest.raises(FormatError, match="no class named 'hond'"):
            from_yaml(path, class_name="hond")

    def test_a_wrong_map_is_kept_and_reported(self, tmp_path: Path) -> None:
        skeleton = from_yaml(write_yaml(tmp_path, FULL.replace("[0, 1, 3, 2]", "[0, 1, 2, 3]")))

        assert skeleton.flip_idx == (0, 1, 2, 3)
        [problem] = check_flip(skeleton)
        assert "'left_edge' (2) and 'right_edge' (3) must change places" in problem
        assert "set flip_idx[2] to 3 and flip_idx[3] to 2" in problem

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("kpt_shape: [4, 3]", "kpt_shap: [4, 3]", r"kpt_shape must be .*got None; did you mean 'kpt_shap'\?"),
            ("[4, 3]", "[4, 5]", r"kpt_shape must be \[number of keypoints, 2 or 3\], got \[4, 5\]"),
            ("[0, 1, 3, 2]", "[0, 1, 2]", r"flip_idx must have 4 indices to match kpt_shape, got 3"),
            ("[0, 1, 3, 2]", "[0, 1, 3, 4]", r"flip_idx must hold indices from 0 to 3, got 4"),
            ("[0, 1, 3, 2]", "[1, 2, 3, 0]", r"flip_idx must swap indices"),
            ("[base, joint", "[joint", r"kpt_names must hold 4 names to match kpt_shape, got 3 names"),
            ("[[0, 1], [1, 2]", "[[1, 2], [2, 4]", r"skeleton counts keypoints from 1"),
            (
                "[joint, right_edge]",
                "[joint, rightedge]",
                r"no keypoint named 'rightedge'; did you mean 'right_edge'\?",
            ),
            ("[0.02, 0.03", "[0.02", r"sigmas must be 4 positive numbers"),
            ("names: {0: lamp}", "names: 3", r"names must be a list of classes"),
            ("names: {0: lamp}", "names: {0: lamp", r"data\.yaml:5: not a readable YAML file"),
        ],
    )
    def test_bad_yaml_says_what(self, tmp_path: Path, old: str, new: str, message: str) -> None:
        assert old in FULL
        with pytest.raises(FormatError, match=message):
            from_yaml(write_yaml(tmp_path, FULL.replace(old, new, 1)))

    def test_yaml_cannot_run_code(self, tmp_path: Path) -> None:
        target = tmp_path / "pwned"
        text = f"kpt_shape: !!python/object/apply:os.mkdir ['{target}']\n"

        with pytest.raises(FormatError, match="not a readable YAML file"):
            from_yaml(write_yaml(tmp_path, text))
        assert not target.exists()

    @pytest.mark.parametrize(("folder", "count"), [("tiger-pose", 12), ("coco8-pose", 17)])
    def test_shared_data_sets_are_read(self, folder: str, count: int) -> None:
        path = SHARED / "data" / folder / f"{folder}.yaml"
        if not path.exists():
            pytest.skip(f"needs {path}; set POISE_SHARED")

        assert len(get(path)) == count

    def test_seventeen_points_with_cocos_map_are_coco17(self, tmp_path: Path) -> None:
        flip = list(get("coco17").flip_idx)
        skeleton = from_yaml(write_yaml(tmp_path, f"kpt_shape: [17, 3]\nflip_idx: {flip}\nnames: [person]\n"))

        assert skeleton.keypoints == get("coco17").keypoints
        np.testing.assert_array_equal(skeleton.sigmas, get("coco17").sigmas)


def test_missing_yaml_reader_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)

    with pytest.raises(MissingExtra, match=r"reading a dataset YAML needs yaml; run: pip install '.*\[data\]'"):
        from_yaml(write_yaml(tmp_path, FULL))


def test_tigers_identity_map_is_reported() -> None:
    tiger = get("tiger12")
    distributed = Skeleton("tiger-pose", tiger.keypoints, flip_idx=tuple(range(12)))

    assert len(check_flip(distributed)) == 4
    assert any("set flip_idx[4] to 7 and flip_idx[7] to 4" in problem for problem in check_flip(distributed))


def test_a_map_that_exchanges_points_of_a_hand_is_reported() -> None:
    hand = Skeleton("hand", ("wrist", "thumb_mcp", "thumb_ip"), flip_idx=(0, 2, 1))

    [problem] = check_flip(hand)
    assert "set flip_idx[1] to 1 and flip_idx[2] to 2" in problem


def test_numbered_points_cannot_be_judged() -> None:
    assert check_flip(Skeleton("own", ("point_0", "point_1", "7", "8"), flip_idx=(1, 0, 3, 2))) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keypoints": ("a", "b", "a")}, r"skeleton 'own': keypoint names must differ, found twice: a"),
        ({"edges": ((0, 3),)}, r"skeleton 'own': edge \(0, 3\) must be two indices from 0 to 2"),
        ({"edges": ((0, 1, 2),)}, r"skeleton 'own': edge \(0, 1, 2\) must be two indices"),
        ({"flip_idx": (1, 2, 0)}, r"flip_idx must swap indices 0 to 2 in pairs .*got \[1, 2, 0\]"),
        ({"subsets": {"all": (0, 3)}}, r"subset 'all' must hold indices from 0 to 2"),
        ({"sigmas": np.zeros(3)}, r"sigmas must be 3 positive numbers, got 0.0"),
        ({"aliases": {"a": "b"}}, r"alias 'a' must be a new name of a keypoint, got 'b'"),
        ({"colours": {"left": (1, 2)}}, r"colour 'left' must be RGB from 0 to 255, got \(1, 2\)"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Skeleton(**{"name": "own", "keypoints": ("a", "b", "c"), **changes})  # type: ignore[arg-type]


def test_repr_says_how_large_it_is() -> None:
    assert repr(get("mpii16")) == "Skeleton('mpii16', 16 keypoints, 15 edges)"
