"""Each check of labels is proven by the fault put into a copy of COCO8-Pose, and by its silence on the copy itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from doctor_kit import copy, edit, kinds, swap_words

from poise.datasets import open_dataset, scan
from poise.datasets.doctor import Diagnosis, check, quick


@pytest.fixture
def coco8(shared: Path, tmp_path: Path) -> Path:
    return copy(shared / "data/coco8-pose", tmp_path / "set")


def label(yaml: Path) -> Path:
    """A training picture with one person."""
    return yaml.parent / "labels/train/000000000036.txt"


def only(found: Diagnosis, kind: str) -> object:
    members = [p for p in found.problems if p.kind == kind]
    assert members, f"no {kind} among {[str(p) for p in found.problems]}"
    return members[0]


def test_clean_set_has_no_errors_and_no_warnings(coco8: Path) -> None:
    found = check(coco8)

    assert found.ok
    assert kinds(found) == set()


def test_statistics_count_pictures_and_instances(coco8: Path) -> None:
    splits = check(coco8, fast=True).statistics["splits"]

    assert splits["train"] | {"instances_a_picture": None} == {
        "pictures": 4,
        "used": 4,
        "left_out": 0,
        "background": 0,
        "instances": 7,
        "instances_a_picture": None,
    }


FAULTS: dict[str, tuple[Callable[[list[str]], list[str]], str]] = {
    "wrong-columns": (lambda words: words[:-1], "error"),
    "not-a-number": (swap_words(1, "half"), "error"),
    "not-finite": (swap_words(5, "nan"), "error"),
    "class-out-of-range": (swap_words(0, "3"), "error"),
    "bad-visibility": (swap_words(7, "5"), "error"),
    "negative-size": (swap_words(3, "-0.2"), "error"),
    "not-normalised": (swap_words(5, "412"), "error"),
    "tiny-box": (lambda words: [*words[:3], "0.004", "0.002", *words[5:]], "warning"),
    "box-not-around-points": (lambda words: [words[0], "0.1", "0.1", "0.1", "0.1", *words[5:]], "warning"),
    "box-outside-picture": (lambda words: [words[0], "0.9", *words[2:3], "0.6", *words[4:]], "warning"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_fault_is_named_with_file_line_and_mend(coco8: Path, kind: str) -> None:
    change, severity = FAULTS[kind]
    edit(label(coco8), 1, change)

    problem = only(check(coco8, fast=True), kind)

    assert (problem.file, problem.line, problem.severity) == (label(coco8), 1, severity)
    assert problem.mend


def test_point_outside_the_picture_is_named(coco8: Path) -> None:
    edit(label(coco8), 1, lambda words: [*words[:5], "1.008", *words[6:7], "2", *words[8:]])

    problem = only(check(coco8, fast=True), "point-outside-picture")

    assert (problem.file, problem.line) == (label(coco8), 1)


def test_pictures_with_a_wrong_row_are_counted_as_left_out(coco8: Path) -> None:
    edit(label(coco8), 1, swap_words(0, "3"))

    found = check(coco8, fast=True)

    assert found.statistics["splits"]["train"]["left_out"] == 1
    assert "1 of 4 pictures" in only(found, "left-out").message


def test_duplicate_row_is_named_by_its_line(coco8: Path) -> None:
    file = label(coco8)
    file.write_text(file.read_text().rstrip("\n") + "\n" + file.read_text())

    assert only(check(coco8, fast=True), "duplicate-row").line == 2


def test_nearly_the_same_instance_is_named(coco8: Path) -> None:
    file = label(coco8)
    words = file.read_text().split()
    moved = [
        *words[:5],
        *(f"{float(w) + 0.001:.6f}" if i % 3 != 2 and float(w) else w for i, w in enumerate(words[5:])),
    ]
    file.write_text(" ".join(words) + "\n" + " ".join(moved) + "\n")

    problem = only(check(coco8, fast=True), "same-instance-twice")

    assert problem.line == 2
    assert "line 1" in problem.message


def test_label_without_picture_is_named(coco8: Path) -> None:
    orphan = coco8.parent / "labels/train/gone.txt"
    orphan.write_text(label(coco8).read_text())

    assert only(check(coco8, fast=True), "label-without-picture").file == orphan


def test_picture_without_labels_is_background_and_only_a_note(coco8: Path) -> None:
    label(coco8).unlink()

    found = check(coco8, fast=True)

    assert only(found, "picture-without-label").severity == "note"
    assert found.statistics["splits"]["train"]["background"] == 1


def test_unused_class_is_named_with_its_line(coco8: Path) -> None:
    coco8.write_text(coco8.read_text() + "  1: ghost\n")

    problem = only(check(coco8, fast=True), "unused-class")

    assert "ghost" in problem.message
    assert coco8.read_text().splitlines()[problem.line - 1] == "names:"


def test_missing_val_split_is_named(coco8: Path) -> None:
    coco8.write_text(coco8.read_text().replace("val: images/val\n", ""))

    assert "missing-split" in kinds(check(coco8, fast=True))


def test_val_that_is_the_train_folder_is_an_error(coco8: Path) -> None:
    coco8.write_text(coco8.read_text().replace("val: images/val", "val: images/train"))

    assert only(check(coco8, fast=True), "same-pictures").severity == "error"


def test_other_number_of_keypoints_in_the_yaml_is_an_error_that_says_what_fits(coco8: Path) -> None:
    coco8.write_text(coco8.read_text().replace("[17, 3]", "[12, 3]").replace("flip_idx", "# flip_idx"))

    problem = only(check(coco8, fast=True), "wrong-columns")

    assert "[17, 3]" in problem.mend


def test_position_of_what_is_not_labelled_is_noted(coco8: Path) -> None:
    edit(label(coco8), 1, lambda words: [*words[:7], "0", *words[8:]])

    problem = only(check(coco8, fast=True), "position-not-labelled")

    assert (problem.file, problem.line) == (label(coco8), 1)


def test_points_at_the_origin_are_named_where_there_is_no_visibility(shared: Path, tmp_path: Path) -> None:
    yaml = copy(shared / "data/tiger-pose", tmp_path / "set", pictures=3)
    file = sorted((yaml.parent / "train/labels").glob("*.txt"))[0]
    edit(file, 1, lambda words: [*words[:5], "0", "0", *words[7:]])

    found = check(yaml, fast=True)

    assert only(found, "point-at-origin").file == file


def test_point_that_never_moves_is_named(shared: Path, tmp_path: Path) -> None:
    yaml = copy(shared / "data/tiger-pose", tmp_path / "set", pictures=25)
    for file in (yaml.parent / "train/labels").glob("*.txt"):
        edit(file, 1, lambda words: [*words[:5], "0.4", "0.3", *words[7:]])

    assert "constant-point" in kinds(check(yaml, fast=True))


def test_keypoint_that_is_never_labelled_is_named(coco8: Path) -> None:
    for file in coco8.parent.rglob("*.txt"):
        for line in range(len(file.read_text().splitlines())):
            edit(file, line + 1, lambda words: [*words[:5], "0", "0", "0", *words[8:]])

    assert "nose" in only(check(coco8, fast=True), "never-labelled").message


def test_long_limb_is_named(shared: Path, tmp_path: Path) -> None:
    yaml = copy(shared / "data/tiger-pose", tmp_path / "set", pictures=40)
    file = sorted((yaml.parent / "train/labels").glob("*.txt"))[7]
    clean = kinds(check(yaml, fast=True))
    edit(file, 1, lambda words: [*words[:5], "0.02", "0.98", *words[7:]])

    found = check(yaml, fast=True)

    assert "long-limb" not in clean
    assert [p.file for p in found.problems if p.kind == "long-limb"] == [file]


def test_quick_finds_what_the_whole_check_finds_in_labels(coco8: Path) -> None:
    edit(label(coco8), 1, FAULTS["tiny-box"][0])
    dataset = open_dataset(coco8, "train")

    problems = quick(dataset, scan(dataset))

    assert [(p.kind, p.line) for p in problems if p.severity != "note"][:1] == [("box-not-around-points", 1)]
    assert ("tiny-box", 1) in [(p.kind, p.line) for p in problems]


def test_no_label_at_all_is_an_error_that_says_where_they_are_looked_for(coco8: Path) -> None:
    for file in coco8.parent.rglob("*.txt"):
        file.unlink()

    problem = only(check(coco8), "no-labels")

    assert "labels/train" in problem.mend


def test_empty_split_is_an_error(coco8: Path) -> None:
    for file in (coco8.parent / "images/train").glob("*"):
        file.unlink()

    problem = only(check(coco8), "no-pictures")

    assert coco8.read_text().splitlines()[problem.line - 1].startswith("train:")


@pytest.mark.parametrize("content", [b"\x00\xff\xfe\x80binary", b"0 " * 100_000, b"1e308 " * 56, b"0 inf nan -inf"])
def test_hostile_label_is_an_error_of_its_file(coco8: Path, content: bytes) -> None:
    label(coco8).write_bytes(content)

    found = check(coco8, fast=True)

    assert label(coco8) in {p.file for p in found.problems if p.severity == "error"}


def test_circle_of_links_is_an_error_of_its_file(coco8: Path) -> None:
    label(coco8).unlink()
    label(coco8).symlink_to(label(coco8))
    (coco8.parent / "images/train/loop").symlink_to(coco8.parent)

    found = check(coco8)

    assert label(coco8) in {p.file for p in found.problems if p.severity == "error"}


def test_unreadable_description_is_an_error_with_the_line_of_its_key(coco8: Path) -> None:
    coco8.write_text(coco8.read_text().replace("[17, 3]", "[17, 4]"))

    problem = only(check(coco8), "bad-description")

    assert coco8.read_text().splitlines()[problem.line - 1].startswith("kpt_shape")


def test_coco_file_names_annotation_and_picture(shared: Path, tmp_path: Path) -> None:
    source = shared / "data/coco-mini/annotations/person_keypoints_val2017.json"
    table = json.loads(source.read_text())
    row = next(a for a in table["annotations"] if a["num_keypoints"] > 5 and not a["iscrowd"])
    row["bbox"] = [1, 1, 20, 20]
    file = tmp_path / "annotations.json"
    file.write_text(json.dumps(table))
    for record in table["images"]:
        (tmp_path / record["file_name"]).symlink_to(shared / "data/coco-mini/val2017" / record["file_name"])

    problem = only(check(file, fast=True), "box-not-around-points")

    assert f"annotation {row['id']}" in problem.message
    assert problem.picture is not None


def test_sigmas_are_estimated_from_a_second_labelling(shared: Path, tmp_path: Path) -> None:
    first = copy(shared / "data/tiger-pose", tmp_path / "a", pictures=60)
    second = copy(shared / "data/tiger-pose", tmp_path / "b", pictures=60)
    generator = np.random.default_rng(0)
    true = np.linspace(0.02, 0.1, 12)
    for folder in (first.parent, second.parent):
        for file in folder.glob("*/labels/*.txt"):
            words = np.array(file.read_text().split(), dtype=float)
            area = 0.53 * words[3] * words[4] * 1280 * 720
            noise = generator.normal(size=(12, 2)) / np.sqrt(2) * true[:, None] * np.sqrt(area) / (1280, 720)
            words[5:] += noise.ravel()
            file.write_text(" ".join(f"{w:.6f}" for w in words).replace("0.000000", "0", 1))

    sigmas = check(first, fast=True, again=second).statistics["sigmas"]

    np.testing.assert_allclose(sigmas["values"], true, rtol=0.25)
    assert sigmas["line"].startswith("kpt_oks_sigmas: [")


def test_sigmas_that_are_assumed_are_called_so(shared: Path) -> None:
    found = check(shared / "data/tiger-pose/tiger-pose.yaml", fast=True)

    assert "assumption" in only(found, "sigmas").message
