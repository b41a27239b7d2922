"""The mirror map against names and poses, and instances whose left and right are exchanged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from doctor_kit import copy, edit

from poise.datasets import open_dataset, read_spec, scan
from poise.datasets.doctor import check
from poise.datasets.doctor._mirror import check_mirror, known_skeleton, one_sidedness
from poise.datasets.doctor._swaps import find_swaps
from poise.datasets.doctor._table import Table, table_of

BUNDLED = ("coco-pose", "coco8-pose", "tiger-pose", "dog-pose", "hand-keypoints")
# The maps as the field's own files have them: dog-pose has none.
DISTRIBUTED = {
    "tiger-pose": list(range(12)),
    "dog-pose": None,
    "hand-keypoints": [0, 1, 2, 4, 3, 10, 11, 12, 13, 14, 5, 6, 7, 8, 9, 15, 16, 17, 18, 19, 20],
}


def description(tmp_path: Path, name: str, flip: list[int] | None, *, named: bool) -> Path:
    """Write the description of a field's data set with a mirror map of our choice."""
    spec = read_spec(f"{name}.yaml")
    file = tmp_path / f"{name}.yaml"
    lines = [f"path: {tmp_path}", "train: images", f"kpt_shape: {list(spec.kpt_shape)}", "names:"]
    lines += [f"  {i}: {class_name}" for i, class_name in spec.names.items()]
    lines += [f"flip_idx: {flip}"] * (flip is not None)
    lines += [f"kpt_names: {list(spec.skeleton.keypoints)}"] * named
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.mark.parametrize("name", BUNDLED)
def test_descriptions_that_come_with_the_package_are_right(name: str) -> None:
    assert list(check_mirror(read_spec(f"{name}.yaml"))) == []


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("name", ["tiger-pose", "hand-keypoints"])
def test_distributed_map_is_caught_with_its_line_and_the_right_map(tmp_path: Path, name: str, named: bool) -> None:
    file = description(tmp_path, name, DISTRIBUTED[name], named=named)

    (problem,) = check_mirror(read_spec(file))

    assert problem.kind == "flip-map-wrong"
    assert file.read_text().splitlines()[(problem.line or 0) - 1].startswith("flip_idx")
    assert str(list(read_spec(f"{name}.yaml").skeleton.flip_idx)) in problem.mend


def test_missing_map_of_dog_pose_is_caught_with_the_right_map(tmp_path: Path) -> None:
    file = description(tmp_path, "dog-pose", None, named=False)

    (problem,) = check_mirror(read_spec(file))

    assert problem.kind == "flip-map-missing"
    assert str(list(read_spec("dog-pose.yaml").skeleton.flip_idx)) in problem.mend


def test_wrong_map_is_an_error_where_the_file_names_its_points(tmp_path: Path) -> None:
    file = description(tmp_path, "tiger-pose", list(range(12)), named=True)

    assert [p.severity for p in check_mirror(read_spec(file))] == ["error"]


def test_right_map_without_names_is_not_complained_about(tmp_path: Path) -> None:
    right = list(read_spec("tiger-pose.yaml").skeleton.flip_idx)

    assert list(check_mirror(read_spec(description(tmp_path, "tiger-pose", right, named=False)))) == []


@pytest.mark.parametrize("flip", [[1, 2, 0, *range(3, 17)], [0, 2, 1], [0, 99, *range(2, 17)]])
def test_map_that_is_none_is_an_error_and_the_labels_are_still_checked(
    shared: Path, tmp_path: Path, flip: list[int]
) -> None:
    yaml = copy(shared / "data/coco8-pose", tmp_path / "set")
    lines = [f"flip_idx: {flip}" if line.startswith("flip_idx") else line for line in yaml.read_text().splitlines()]
    yaml.write_text("\n".join(lines) + "\n")
    edit(yaml.parent / "labels/train/000000000036.txt", 1, lambda words: words[:-1])

    found = {p.kind: p for p in check(yaml, fast=True).problems}

    assert found["flip-map-invalid"].severity == "error"
    assert lines[(found["flip-map-invalid"].line or 0) - 1].startswith("flip_idx")
    assert "wrong-columns" in found


def table(datasets: list[str], images: list[str]) -> Table:
    opened = [open_dataset(data, split) for data, split in zip(datasets, images, strict=True)]
    return table_of(opened, [scan(dataset) for dataset in opened])


@pytest.fixture(scope="module")
def people(shared: Path) -> Table:
    folder = shared / "data/coco-mini/annotations"
    return table([str(folder / f"person_keypoints_{s}2017.json") for s in ("train", "val")], ["train", "val"])


@pytest.fixture(scope="module")
def tigers(shared: Path) -> Table:
    return table([str(shared / "data/tiger-pose/tiger-pose.yaml")] * 2, ["train", "val"])


def test_poses_of_people_speak_for_the_right_map(people: Table) -> None:
    xy, flip = people.labels.xy, people.spec.skeleton.flip_idx

    assert one_sidedness(xy, flip) < 0.5
    assert one_sidedness(xy, tuple(range(17))) == pytest.approx(4)


def test_poses_without_a_preferred_sense_say_nothing() -> None:
    poses = np.random.default_rng(0).normal(size=(200, 6, 2))

    assert np.isnan(one_sidedness(poses, (1, 0, 3, 2, 5, 4)))


def with_swaps(table: Table, rows: np.ndarray) -> Table:
    flip = np.array(known_skeleton(table.spec)[0].flip_idx)
    xy, visibility = np.array(table.labels.xy), np.array(table.labels.visibility)
    xy[rows], visibility[rows] = xy[rows][:, flip], visibility[rows][:, flip]
    return replace(table, labels=replace(table.labels, xy=xy, visibility=visibility))


def rates(table: Table, part: float) -> tuple[float, float]:
    """Return recall and precision of swaps put into a part of the instances, over five choices."""
    skeleton, _ = known_skeleton(table.spec)
    clean = find_swaps(table, skeleton)
    assert clean is not None
    judged = np.flatnonzero(np.isfinite(clean.chance))
    hit = named = swapped = 0
    for seed in range(5):
        rows = np.random.default_rng(seed).choice(judged, max(1, int(part * len(judged))), replace=False)
        found = find_swaps(with_swaps(table, rows), skeleton)
        assert found is not None
        flagged = np.flatnonzero(np.nan_to_num(found.chance) > 0.5)
        hit, named, swapped = hit + len(np.intersect1d(flagged, rows)), named + len(flagged), swapped + len(rows)
    return hit / swapped, hit / max(named, 1)


def test_no_instance_of_clean_sets_is_called_swapped(people: Table, tigers: Table) -> None:
    for each in (people, tigers):
        found = find_swaps(each, known_skeleton(each.spec)[0])

        assert found is not None
        assert (np.nan_to_num(found.chance) > 0.5).sum() == 0


def test_swapped_tigers_are_found(tigers: Table) -> None:
    recall, precision = rates(tigers, 0.05)

    assert recall > 0.6
    assert precision > 0.9


def test_some_swapped_people_are_found_though_there_are_few_to_learn_from(people: Table) -> None:
    recall, precision = rates(people, 0.05)

    assert recall > 0.25
    assert precision > 0.4


def test_too_few_poses_are_not_judged(shared: Path) -> None:
    few = table([str(shared / "data/coco8-pose/coco8-pose.yaml")], ["train"])

    assert find_swaps(few, few.spec.skeleton) is None
