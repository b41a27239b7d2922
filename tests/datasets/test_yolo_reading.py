"""YOLO-pose label files and the YAML of a data set: what is read, and what is said about the rest."""

from __future__ import annotations

from pathlib import Path

import format_kit as kit
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.datasets import Labels, YoloDataset, open_dataset, read_spec, scan, stack
from poise.datasets._yolo import label_path, parse_labels
from poise.datasets.doctor import check
from poise.errors import FormatError

FILE = Path("labels/a.txt")


def parse(text: str, *, k: int = 1, d: int = 3, classes: int = 2) -> tuple[Labels, list[str]]:
    labels, problems, lines = parse_labels(text, FILE, size=(200, 100), classes=classes, kpt_shape=(k, d))
    assert len(lines) == len(labels)
    return labels, [f"{p.line}: {p.kind}" for p in problems]


def test_a_row_becomes_pixels() -> None:
    labels, problems = parse("1 0.5 0.5 0.2 0.4 0.25 0.75 1\n")

    assert problems == []
    assert labels.classes.tolist() == [1]
    np.testing.assert_allclose(labels.boxes, [[80, 30, 120, 70]], rtol=1e-6)
    assert labels.xy.tolist() == [[[50, 75]]]
    assert labels.visibility.tolist() == [[1]]


def test_what_is_not_labelled_is_nan() -> None:
    labels, _ = parse("0 .5 .5 .2 .4 0 0 0")

    assert np.isnan(labels.xy).all()


def test_without_visibility_all_is_seen_but_what_is_negative() -> None:
    labels, _ = parse("0 .5 .5 .2 .4 .5 .5 -0.005 .5", k=2, d=2)

    assert labels.visibility.tolist() == [[2, 0]]


GOOD = "0 .5 .5 .2 .4 .5 .5 2"
ROWS = [
    ("0 .5 .5 .2 .4 .5 .5", "wrong-columns"),
    ("0 .5 .5 .2 .4 .5 .5 2 1", "wrong-columns"),
    ("cat .5 .5 .2 .4 .5 .5 2", "not-a-number"),
    ("0 .5 .5 .2 .4 .5 1_0 2", "not-a-number"),
    ("0 nan .5 .2 .4 .5 .5 2", "not-finite"),
    ("0 1e999 .5 .2 .4 .5 .5 2", "not-finite"),
    ("0.5 .5 .5 .2 .4 .5 .5 2", "class-out-of-range"),
    ("2 .5 .5 .2 .4 .5 .5 2", "class-out-of-range"),
    ("-1 .5 .5 .2 .4 .5 .5 2", "class-out-of-range"),
    ("0 .5 .5 -.2 .4 .5 .5 2", "negative-size"),
    ("0 -.5 .5 .2 .4 .5 .5 2", "negative-value"),
    ("0 .5 .5 .2 .4 -.5 .5 2", "negative-value"),
    ("0 .5 .5 .2 .4 1.02 .5 2", "not-normalised"),
    ("0 320 240 64 48 .5 .5 2", "box-not-normalised"),
    ("0 .5 .5 .2 .4 .5 .5 3", "bad-visibility"),
]


@pytest.mark.parametrize(("row", "kind"), ROWS)
def test_a_row_that_cannot_be_used_is_named_by_its_line(row: str, kind: str) -> None:
    labels, problems = parse(f"{GOOD}\n\n{row}\n")

    assert len(labels) == 1
    assert problems == [f"3: {kind}"]


def test_a_row_that_stands_there_twice_is_used_once() -> None:
    labels, problems = parse(f"{GOOD}\n{GOOD}")

    assert len(labels) == 1
    assert problems == ["2: duplicate-row"]


def test_the_message_says_what_would_fit() -> None:
    _, (problem,), _ = parse_labels("0 .5 .5 .2 .4 .5 .5", FILE, size=(9, 9), classes=1, kpt_shape=(1, 3))

    assert str(problem) == (
        "labels/a.txt:1: 7 columns, expected 8 (class, box of 4, 1 x 3); correct the line, or kpt_shape in the data "
        "set's YAML ([1, 2] would fit)"
    )


@given(st.text(max_size=200), st.integers(1, 3), st.sampled_from([2, 3]))
def test_any_text_gives_labels_or_problems(text: str, k: int, d: int) -> None:
    labels, problems = parse(text, k=k, d=d)

    words = [line for line in text.splitlines() if line.split()]
    assert len(labels) + len(problems) == len(words)


@pytest.mark.parametrize(
    ("picture", "labels"),
    [
        ("a/images/train/b.jpg", "a/labels/train/b.txt"),
        ("images/images/b.jpg", "images/labels/b.txt"),
        ("train/b.c.png", "train/b.c.txt"),
        ("Images/train/b.jpg", "Labels/train/b.txt"),
    ],
)
def test_labels_are_beside_the_last_folder_images(picture: str, labels: str) -> None:
    assert label_path(Path(picture)) == Path(labels)


SPELLED = [
    ("images/a.png", "labels/a.TXT"),
    ("images/A.PNG", "labels/A.Txt"),
    ("Images/train/a.JPG", "Labels/train/a.txt"),
    ("Images/train/a.png", "labels/train/a.TXT"),
    ("images/train/a.png", "Labels/train/a.txt"),
    ("all/a.png", "all/a.TXT"),
]


@pytest.mark.parametrize(("picture", "labels"), SPELLED)
def test_label_files_are_found_with_large_letters_in_their_names(tmp_path: Path, picture: str, labels: str) -> None:
    kit.picture(tmp_path, picture, (200, 100))
    file = tmp_path / labels
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(GOOD)
    (file.parent / "other.TXT").write_text(GOOD)
    data = described(tmp_path, f"train: {picture.split('/')[0]}\nkpt_shape: [1, 3]\nnames: [cat]")

    found = open_dataset(data)
    told = [p for p in check(data).problems if p.kind in ("label-without-picture", "picture-without-label")]

    assert isinstance(found, YoloDataset)
    assert found.label_path(0).samefile(file)
    assert found.read(0)[0].xy.tolist() == [[[100, 50]]]
    assert [(p.kind, p.file.name) for p in told] == [("label-without-picture", "other.TXT")]


def described(folder: Path, text: str) -> Path:
    file = folder / "data.yaml"
    file.write_text(text)
    return file


def test_pictures_without_label_file_or_with_an_empty_one_are_background(tmp_path: Path) -> None:
    for i in range(2):
        kit.picture(tmp_path, f"images/{i}.png", (20, 10))
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/1.txt").write_text("\n")

    found = scan(open_dataset(described(tmp_path, "train: images\nkpt_shape: [1, 3]\nnames: [cat]")))

    assert [len(labels) for labels in found.labels] == [0, 0]
    assert found.usable == [True, True]
    assert found.problems == []


def test_an_unreadable_picture_is_a_problem_and_not_the_end(tmp_path: Path) -> None:
    kit.picture(tmp_path, "images/0.png", (20, 10))
    (tmp_path / "images/1.png").write_bytes(b"")

    found = scan(open_dataset(described(tmp_path, "train: images\nkpt_shape: [1, 3]\nnames: [cat]")))

    assert found.usable == [True, False]
    assert [problem.kind for problem in found.problems] == ["unreadable-picture"]


@pytest.mark.parametrize("name", ["tiger-pose", "coco8-pose"])
def test_real_sets_have_no_problems(shared: Path, name: str) -> None:
    for split in ("train", "val"):
        found = scan(open_dataset(shared / f"data/{name}/{name}.yaml", split))

        assert found.problems == []
        assert all(found.usable)


def test_a_list_of_pictures_starts_where_it_is(tmp_path: Path) -> None:
    kit.picture(tmp_path, "lists/images/a.png", (20, 10))
    (tmp_path / "lists" / "train.txt").write_text("./images/a.png\n\n")

    found = open_dataset(described(tmp_path, "train: lists/train.txt\nkpt_shape: [1, 3]\nnames: [cat]"))

    assert isinstance(found, YoloDataset)
    assert found.name(0) == "lists/images/a.png"
    assert found.label_path(0) == tmp_path / "lists/labels/a.txt"


def test_several_folders_are_one_split(tmp_path: Path) -> None:
    for name in ("b/2.png", "a/10.png", "a/9.png"):
        kit.picture(tmp_path, name, (20, 10))

    found = open_dataset(described(tmp_path, "train: [a, b]\nkpt_shape: [1, 3]\nnames: [cat]"))

    assert [found.name(i) for i in range(3)] == ["a/9.png", "a/10.png", "b/2.png"]


WRONG = [
    ("- a\n- b\n", "expected 'key: value' lines, got list"),
    ("train: images\nnames: [cat]\n", "kpt_shape must be"),
    ("train: images\nkpt_shape: [1, 4]\nnames: [cat]\n", "kpt_shape must be"),
    ("train: images\nkpt_shape: [99999999, 2]\nnames: [cat]\n", "the limit is 10000"),
    ("train: images\nkpt_shape: [1, 2]\nnc: 99999999999\n", "nc is 99999999999, the limit is 100000"),
    ("train: images\nkpt_shape: [1, 2]\nnames: {0: cat, 2: dog}\n", "names must be numbered from 0 to 1"),
    ("train: images\nkpt_shape: [1, 2]\nnames: [cat]\nnc: 2\n", "nc is 2, but names lists 1"),
    ("train: 3\nkpt_shape: [1, 2]\nnames: [cat]\n", "train must be a folder"),
    ("kpt_shape: [1, 2]\nnames: [cat]\n", "names no pictures"),
    ("path: 3\ntrain: images\nkpt_shape: [1, 2]\nnames: [cat]\n", "path must be a folder"),
    ("format: 3\ntrain: images\nkpt_shape: [1, 2]\nnames: [cat]\n", "format must be the name"),
    ("train: nowhere\nkpt_shape: [1, 2]\nnames: [cat]\n", "nowhere: no such folder or .txt list"),
    ("train: images\n  kpt_shape: [1\n", r"data\.yaml:2: not a readable YAML file"),
    ("train: 2001-99-99\n", "not a readable YAML file"),
    ("train: !!python/object/apply:os.mkdir [hacked]\n", r"data\.yaml:1: not a readable YAML file"),
    ("train: &a [*a]\nkpt_shape: [1, 2]\n", "an alias inside itself"),
    ("train: " + "[" * 5000, "nested too deeply"),
    ("a: &a {x: 1}\ntrain: {<<: *a}\n", "merge keys"),
    (
        "\n".join(["a0: &a0 [x, x]", *(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 40))]),
        "stand for more than",
    ),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[message[:30] for _, message in WRONG])
def test_a_wrong_description_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(FormatError, match=message):
        open_dataset(described(tmp_path, text))

    assert not (tmp_path / "hacked").exists()


def test_a_split_that_is_not_there_names_the_others(tmp_path: Path) -> None:
    file = described(tmp_path, "train: a\nval: b\nkpt_shape: [1, 2]\nnames: [cat]\n")

    with pytest.raises(FormatError, match="has no split 'test'; it has train, val"):
        open_dataset(file, "test")


def test_the_same_description_from_elsewhere_finds_its_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.picture(tmp_path, "elsewhere/set/images/a.png", (20, 10))
    monkeypatch.setenv("POISE_DATASETS", str(tmp_path / "elsewhere"))

    spec = read_spec(described(tmp_path, "path: set\ntrain: images\nkpt_shape: [1, 2]\nnames: [cat]\n"))

    assert spec.root == tmp_path / "elsewhere" / "set"


def test_labels_are_read_only_also_after_a_copy() -> None:
    import pickle

    labels = pickle.loads(pickle.dumps(Labels.of([0], [[0, 0, 1, 1]], [[[1, 2]]])))  # noqa: S301 - our own

    with pytest.raises(ValueError, match="read-only"):
        labels.xy[0, 0, 0] = 5


def test_labels_of_several_pictures_join() -> None:
    one = Labels.of([1], [[0, 0, 1, 1]], [[[1, 2]]])

    assert stack([one, Labels.empty(1), one]).classes.tolist() == [1, 1]


def test_columns_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"area must have shape \(1,\) to match xy \(1, 1, 2\), got \(2,\)"):
        Labels.of([0], [[0, 0, 1, 1]], [[[1, 2]]], area=np.ones(2))
