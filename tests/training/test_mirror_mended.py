"""Training mirrors with the map of the names where the data set's contradicts them, and says so once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tiny import NAMES, draw, settings  # noqa: E402

from poise.training import TrainSettings, settings_of  # noqa: E402
from poise.training.data import Data, open_data  # noqa: E402


def opened(file: Path, **changes: Any) -> Data:
    return open_data(settings_of(settings(file, **changes)))


def edited(folder: Path, old: str, new: str) -> Path:
    file = draw(folder, train=2, val=1)
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return file


def test_a_map_that_contradicts_the_names_is_replaced_and_told_once(tmp_path: Path) -> None:
    data = opened(edited(tmp_path, "flip_idx: [1, 0, 3, 2]", "flip_idx: [0, 1, 2, 3]"))

    assert data.train.spec.skeleton.flip_idx == (1, 0, 3, 2)
    assert data.spec.skeleton.flip_idx == (1, 0, 3, 2)
    told = [note for note in data.notes if "flip" in note]
    assert len(told) == 1
    assert "'top_left' becomes 'top_left' in a mirrored picture, not 'top_right'" in told[0]
    assert "trained with flip_idx: [1, 0, 3, 2]" in told[0]


def test_as_given_insists_on_the_files_map(tmp_path: Path) -> None:
    file = edited(tmp_path, "flip_idx: [1, 0, 3, 2]", "flip_idx: [0, 1, 2, 3]")

    assert opened(file, flip_idx="as-given").spec.skeleton.flip_idx == (0, 1, 2, 3)


def test_a_map_of_the_call_wins(tmp_path: Path) -> None:
    data = opened(edited(tmp_path, "flip_idx: [1, 0, 3, 2]\n", ""), flip_idx=[3, 2, 1, 0])

    assert data.spec.skeleton.flip_idx == (3, 2, 1, 0)
    assert data.spec.flip_known
    with pytest.raises(ValueError, match=r"flip_idx must swap indices 0 to 3 in pairs, got \[1, 2, 3, 0\]"):
        opened(tmp_path / "data.yaml", flip_idx=[1, 2, 3, 0])


def test_a_right_map_is_not_spoken_of(tmp_path: Path) -> None:
    data = opened(draw(tmp_path, train=2, val=1))

    assert not [note for note in data.notes if "flip" in note]


def test_points_without_a_side_keep_the_partner_of_the_file(tmp_path: Path) -> None:
    # No language that is known here: the map is believed.
    names = f"kpt_names:\n  0: [{', '.join(NAMES)}]"
    data = opened(edited(tmp_path, names, "kpt_names:\n  0: [ylhä, alha, mua, mub]"))

    assert data.spec.skeleton.flip_idx == (1, 0, 3, 2)


def test_names_with_one_side_only_are_not_mirrored(tmp_path: Path) -> None:
    names = f"kpt_names:\n  0: [{', '.join(NAMES)}]"
    file = edited(tmp_path, names, "kpt_names:\n  0: [left_a, right_b, left_c, right_d]")
    file.write_text(file.read_text().replace("flip_idx: [1, 0, 3, 2]\n", ""))
    data = opened(file)

    assert not data.spec.flip_known
    assert any("no name is the other side of 'left_a'" in note for note in data.notes)


def tigers(folder: Path, flip: list[int]) -> Path:
    """Write a set that names no keypoints: animals in profile, their points in the order of tiger12."""
    points = np.array(
        [[90, 40], [84, 32], [84, 34], [10, 60], [26, 70], [70, 70], [71, 72], [27, 72], [24, 90], [72, 92], [73, 90],
         [25, 92]], dtype=np.float64
    )  # fmt: skip
    from PIL import Image

    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    rng = np.random.default_rng(0)
    for i in range(16):
        Image.new("RGB", (100, 100)).save(folder / "images" / f"{i}.png")
        xy = (points + rng.normal(0, 0.5, points.shape)).clip(0, 99) / 100
        row = [0, 0.5, 0.6, 0.9, 0.7, *np.concatenate([xy, np.full((12, 1), 2)], axis=1).ravel()]
        (folder / "labels" / f"{i}.txt").write_text(" ".join(f"{v:g}" for v in row) + "\n")
    file = folder / "data.yaml"
    file.write_text(f"path: .\ntrain: images\nkpt_shape: [12, 3]\nflip_idx: {flip}\nnames: [tiger]\n")
    return file


def test_a_guess_at_the_names_counts_where_the_poses_agree(tmp_path: Path) -> None:
    data = opened(tigers(tmp_path / "a", list(range(12))), val=False)

    assert data.spec.skeleton.flip_idx == (0, 1, 2, 3, 7, 6, 5, 4, 10, 11, 8, 9)
    assert sum("taking the points for those of 'tiger12', as the poses do" in note for note in data.notes) == 1


def test_settings_take_the_forms_that_people_write() -> None:
    assert TrainSettings.of({"flip_idx": "1,0"}).flip_idx == (1, 0)
    assert TrainSettings.of({"flip_idx": "as-given"}).flip_idx == "as-given"
    with pytest.raises(ValueError, match="flip_idx must be numbers such as 3,2,1,0 or as-given, got 'never'"):
        TrainSettings.of({"flip_idx": "never"})


# The other package's file: every mode's settings, and values of the machine that it was written on.
ARGS = """task: pose
mode: train
model: yolov8s-pose.pt
data: data/data.yaml
epochs: 3000
time: null
patience: 50
batch: 4
imgsz: 960
save: true
device: '0'
workers: 8
pretrained: true
resume: false
multi_scale: false
freeze: null
overlap_mask: true
dropout: 0
conf: null
half: false
source: null
vid_stride: 1
stream_buffer: false
visualize: false
augment: false
agnostic_nms: false
retina_masks: false
show: false
save_frames: false
save_txt: false
save_conf: false
save_crop: false
show_labels: true
show_conf: true
show_boxes: true
line_width: null
format: torchscript
keras: false
optimize: false
int8: false
dynamic: false
opset: null
workspace: null
nms: false
degrees: 15
kobj: 2.0
copy_paste: 0.3
tracker: botsort.yaml
save_dir: /home/me/runs/x
"""


def test_the_other_packages_settings_are_taken_and_the_rest_is_listed_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "args.yaml").write_text(ARGS)

    made = TrainSettings.of({"epochs": 2}, cfg=tmp_path / "args.yaml")

    assert (made.epochs, made.patience, made.imgsz, made.degrees, made.kobj, made.multi_scale) == (2, 50, 960, 15, 2, 0)
    assert made.device is None
    (told,) = [record.getMessage() for record in caplog.records]
    assert "args.yaml: not used, as they mean nothing in a training here: device, " in told
    assert "copy_paste, tracker, save_dir" in told
    assert "epochs" not in told


def test_a_mistake_in_settings_of_ones_own_is_still_one(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("epochs: 2\npatiense: 5\n")

    with pytest.raises(TypeError, match="has no setting 'patiense'; did you mean 'patience'"):
        TrainSettings.of({}, cfg=tmp_path / "own.yaml")
