"""Odd, broken and malicious label files end in one sentence, never in a crash or a picture outside."""

from __future__ import annotations

import json
import os
import pickle
import random
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import format_kit as kit
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poise.datasets import Labels, convert, open_dataset, scan, write_datasets
from poise.datasets.formats._place import names_below
from poise.errors import FormatError, PoiseError, SourceError

ODD = [
    None,
    True,
    "x",
    "",
    -1,
    0,
    1e308,
    float("nan"),
    float("inf"),
    [],
    {},
    [[]],
    [None],
    {"a": 1},
    10**400,
    "\x00",
    "../x",
]
ONE = Labels.of([0, 0], [[1, 2, 90, 95], [5, 5, 50, 60]], [[[9, 9], [20, 30]], [[6, 6], [0, 0]]], [[2, 1], [2, 0]])


def small(folder: Path, name: str, *, file: str) -> Path:
    """Write a sound little data set and return its label file."""
    made = kit.table(folder / "made", [ONE, Labels.empty(2)], keypoints=("nose", "tail"))
    write_datasets([made], folder / "out", format=name)
    return folder / "out" / file


def try_to_read(path: Path, **how: Any) -> None:
    """Open and read everything; only the project's own errors may come out."""
    try:
        dataset = open_dataset(path, **how)
        scan(dataset)
        [dataset.name(i) for i in range(len(dataset))]
    except PoiseError:
        pass


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every container and key in a JSON value."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [(value, key) for key in keys] + [place for key in keys for place in places(value[key])]


JSON_FILES = [
    ("coco", "annotations/train.json"),
    ("labelstudio", "train.json"),
    ("labelme", "train/0.json"),
]


@pytest.mark.parametrize(("name", "file"), JSON_FILES)
def test_odd_json_values_never_crash(tmp_path: Path, name: str, file: str) -> None:
    path = small(tmp_path, name, file=file)
    text, dice = path.read_text(), random.Random(7)

    for _ in range(400):
        table = json.loads(text)
        for container, key in dice.sample(places(table), dice.choice([1, 1, 2])):
            container[key] = dice.choice(ODD)
        path.write_text(json.dumps(table))

        try_to_read(path, format=name)


def test_odd_attributes_never_crash(tmp_path: Path) -> None:
    path = small(tmp_path, "cvat", file="train.xml")
    text, dice = path.read_text(), random.Random(7)
    spots = [m.span(1) for m in re.finditer('="([^"]*)"|>([^<>]+)<', text) if m.group(1) is not None]

    for _ in range(400):
        start, end = dice.choice(spots)
        odd = dice.choice(["", "nan", "1e999", "-1", "1_0", "x,y", "1,2;3", ";" * 9, "9" * 400, "../../x", "&#9;"])
        path.write_text(text[:start] + odd + text[end:])

        try_to_read(path)


@settings(max_examples=60)
@given(
    cells=st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=6), max_size=30), width=st.integers(1, 6)
)
def test_odd_tables_never_crash(cells: list[str], width: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.csv"
        heads = ["scorer", "bodyparts", "coords"]
        rows = [",".join(cells[i : i + width]) for i in range(0, len(cells), width)]
        path.write_text(
            "\n".join(f"{h}," * (i < 3) + row for i, (h, row) in enumerate(zip(heads * 9, rows, strict=False)))
        )

        try_to_read(path)


TEXT_FILES = [
    *JSON_FILES,
    ("cvat", "train.xml"),
    ("dlc", "train.csv"),
    ("parquet", "train.parquet"),
    ("sleap", "train.slp"),
]


@pytest.mark.parametrize(("name", "file"), TEXT_FILES)
def test_a_cut_file_is_refused(tmp_path: Path, name: str, file: str) -> None:
    pytest.importorskip({"parquet": "pyarrow", "sleap": "sleap_io"}.get(name, "json"))
    path = small(tmp_path, name, file=file)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])

    with pytest.raises(FormatError, match=re.escape(str(path.parent if name == "labelme" else path))):
        scan_or_raise(path, name)


def scan_or_raise(path: Path, name: str) -> None:
    """Raise what is wrong with the file, also where it is found row by row."""
    problems = scan(open_dataset(path, format=name)).problems
    if problems:
        raise FormatError(str(problems[0]))


BOMB = """<?xml version="1.0"?>
<!DOCTYPE annotations [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
<annotations><image name="&c;" width="1" height="1"/></annotations>"""
OUTSIDE = """<!DOCTYPE annotations [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotations>&x;</annotations>"""


@pytest.mark.parametrize("text", [BOMB, OUTSIDE], ids=["bomb", "outside"])
def test_entities_are_refused_with_the_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "labels.xml"
    path.write_text(text)

    with pytest.raises(FormatError, match=rf"labels\.xml:{1 + (text is BOMB)}: declares a document type"):
        open_dataset(path)


def test_deep_xml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.xml"
    path.write_text("<annotations>" + "<image>" * 100_000)

    with pytest.raises(FormatError, match="nested more than 32 deep"):
        open_dataset(path)


@pytest.mark.parametrize("name", ["coco", "labelstudio", "labelme"])
def test_deep_json_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text('{"images":' + "[" * 200_000)

    with pytest.raises(FormatError, match="nested too deeply"):
        open_dataset(path, format=name)


def test_a_bad_line_of_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_text('{\n"images": [],\n oops}')

    with pytest.raises(FormatError, match=r"labels\.json:3: not a readable JSON file"):
        open_dataset(path)


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, ("hacked",))


@pytest.mark.parametrize("ending", [".h5", ".slp", ".parquet", ".csv", ".json", ".xml"])
def test_a_pickle_under_another_name_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    pytest.importorskip({".h5": "h5py", ".slp": "sleap_io", ".parquet": "pyarrow"}.get(ending, "json"))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"labels{ending}"
    path.write_bytes(pickle.dumps(Evil()))

    with pytest.raises(FormatError):
        open_dataset(path)

    assert not (tmp_path / "hacked").exists()


def test_a_pickle_inside_an_h5_table_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    h5py = pytest.importorskip("h5py")
    monkeypatch.chdir(tmp_path)
    path = small(tmp_path, "dlc", file="train.csv").with_suffix(".h5")
    write_datasets([kit.table(tmp_path / "made", [ONE], keypoints=("nose", "tail"))], path, format="dlc")
    with h5py.File(path, "a") as file:
        del file["df_with_missing/axis1"]
        kind = h5py.vlen_dtype("uint8")
        data = file.create_dataset("df_with_missing/axis1", (1,), dtype=kind)
        data[0] = list(pickle.dumps(Evil()))

    with pytest.raises(FormatError, match="axis1 is not plain numbers or text"):
        open_dataset(path)

    assert not (tmp_path / "hacked").exists()


@given(st.lists(st.lists(st.sampled_from(["..", ".", "a", "A", "b.png", "a:b", "c\x00", "/", "x" * 300]), min_size=1)))
def test_names_stay_below_their_folder_and_differ(parts: list[list[str]]) -> None:
    names = names_below([Path(*one, "p.png") for one in parts])

    assert not any(name.is_absolute() or ".." in name.parts or "\x00" in str(name) for name in names)
    assert len({str(name.with_suffix("")).casefold() for name in names}) == len(parts)


@pytest.mark.parametrize("form", ["yolo", "coco", "labelme"])
def test_copies_never_leave_the_folder(tmp_path: Path, form: str) -> None:
    secret = kit.picture(tmp_path, "secret.png", (8, 8))
    file = tmp_path / "a" / "b" / "labels.json"
    file.parent.mkdir(parents=True)
    kit.picture(file.parent, "c/d.png", (8, 8))
    images = [{"id": 1, "file_name": "../../secret.png", "width": 8, "height": 8}]
    images += [{"id": 2, "file_name": str(secret), "width": 8, "height": 8}]
    images += [{"id": 3, "file_name": "c/../c/d.png", "width": 8, "height": 8}]
    category = {"id": 1, "name": "cat", "keypoints": ["nose"]}
    file.write_text(json.dumps({"images": images, "annotations": [], "categories": [category]}))
    before = {path for path in tmp_path.rglob("*") if path.is_file()}

    convert(file, tmp_path / "a" / "out", format=form, pictures="copy")

    made = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert all(path.resolve().is_relative_to(tmp_path / "a" / "out") for path in made)
    assert sum(path.suffix == ".png" for path in made) == 3


def test_what_is_no_picture_is_not_copied(tmp_path: Path) -> None:
    (tmp_path / "passwords.png").write_text("root:x:0:0")
    kit.picture(tmp_path, "a.png", (8, 8))
    images = [
        {"id": i, "file_name": name, "width": 8, "height": 8} for i, name in enumerate(("passwords.png", "a.png"))
    ]
    category = {"id": 1, "name": "cat", "keypoints": ["nose"]}
    file = tmp_path / "labels.json"
    file.write_text(json.dumps({"images": images, "annotations": [], "categories": [category]}))

    done = convert(file, tmp_path / "out", format="yolo")

    assert [problem.kind for problem in done.problems] == ["unreadable-picture"]
    assert not done.whole
    assert [path.name for path in (tmp_path / "out/images/train").iterdir()] == ["a.png"]


def test_labels_of_another_size_are_not_written(tmp_path: Path) -> None:
    file = small(tmp_path, "coco", file="annotations/train.json")
    table = json.loads(file.read_text())
    table["images"][0] |= {"width": 480, "height": 640}
    file.write_text(json.dumps(table))

    done = convert(file, tmp_path / "yolo", format="yolo")

    assert [problem.kind for problem in done.problems] == ["size-mismatch"]


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    small(tmp_path, "coco", file="data.yaml")
    made = kit.table(tmp_path / "more", [ONE], keypoints=("nose", "tail"))

    with pytest.raises(FormatError, match="is there already"):
        write_datasets([made], tmp_path / "out", format="cvat")


@pytest.mark.parametrize("name", ["labels_images/0.png", "labels.config.xml"])
def test_what_is_beside_a_single_file_is_not_replaced(tmp_path: Path, name: str) -> None:
    made = kit.table(tmp_path / "made", [ONE], keypoints=("nose", "tail"))
    (tmp_path / "out" / name).parent.mkdir(parents=True)
    (tmp_path / "out" / name).write_text("mine")

    with pytest.raises(FormatError, match="is there already"):
        write_datasets([made], tmp_path / "out/labels.json", format="labelstudio", pictures="copy")

    assert (tmp_path / "out" / name).read_text() == "mine"


def test_a_failed_conversion_leaves_nothing_behind(tmp_path: Path) -> None:
    made = kit.table(tmp_path / "made", [ONE], keypoints=("nose", "ta\x00il"))

    with pytest.raises(FormatError, match="XML cannot hold the character"):
        write_datasets([made], tmp_path / "out", format="cvat", pictures="copy")

    assert not (tmp_path / "out").exists()


def stop_at(number: int) -> Callable[[Iterable[int]], Iterable[int]]:
    def watch(indices: Iterable[int]) -> Iterator[int]:
        for i in indices:
            if i == number:
                raise KeyboardInterrupt
            yield i

    return watch


@pytest.mark.parametrize("dest", ["out", "out.json", "sub/out.json"])
def test_a_conversion_that_is_stopped_leaves_nothing_and_says_so(tmp_path: Path, dest: str) -> None:
    made = kit.table(tmp_path / "made", [ONE, ONE], keypoints=("nose", "tail"))
    before = set(tmp_path.rglob("*"))

    with pytest.raises(KeyboardInterrupt, match="stopped; nothing was written to"):
        write_datasets([made], tmp_path / dest, format="coco", pictures="copy", watch=stop_at(1))

    assert set(tmp_path.rglob("*")) - before <= {tmp_path / "sub"}


def test_a_file_that_cannot_be_written_takes_its_pictures_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = kit.table(tmp_path / "made", [ONE], keypoints=("nose", "tail"))

    def full(*_: object) -> None:
        raise FormatError("out.json: cannot be written: the disk is full")

    monkeypatch.setattr("poise.datasets.formats.coco.write_text", full)
    with pytest.raises(FormatError, match="disk is full"):
        write_datasets([made], tmp_path / "out.json", format="coco", pictures="copy")

    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_what_a_killed_conversion_left_is_called_that(tmp_path: Path) -> None:
    made = kit.table(tmp_path / "made", [ONE], keypoints=("nose", "tail"))
    kit.picture(tmp_path / "out/images/train", "0.png", (64, 48))

    with pytest.raises(FormatError, match=r"there already, without a data\.yaml: perhaps half written by a conversion"):
        write_datasets([made], tmp_path / "out", format="yolo")


@pytest.mark.parametrize("dest", ["file/out", "file/out.json"])
def test_a_place_that_cannot_be_written_to_is_told_before_the_work(tmp_path: Path, dest: str) -> None:
    made = kit.table(tmp_path / "made", [ONE], keypoints=("nose", "tail"))
    (tmp_path / "file").write_text("mine")

    with pytest.raises(PoiseError, match="cannot be written: part of the path is a file"):
        write_datasets([made], tmp_path / dest, format="coco", watch=stop_at(0))


def test_a_table_with_too_many_keypoints_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    names = [f"p{i // 2}" for i in range(4000)]
    path.write_text("\n".join([",".join(["bodyparts", *names]), ",".join(["coords", *["x", "y"] * 2000])]))

    with pytest.raises(FormatError, match="2000 body parts, the limit is 1024"):
        open_dataset(path)


def test_missing_pictures_are_named(tmp_path: Path) -> None:
    file = small(tmp_path, "coco", file="annotations/train.json")
    (tmp_path / "made" / "1.png").unlink()

    done = convert(file, tmp_path / "cvat", format="cvat")

    assert [(problem.kind, problem.file.name) for problem in done.problems] == [("missing-picture", "1.png")]
    with pytest.raises(SourceError):
        open_dataset(file).image(1)
