"""Every format gives back what it can hold, and says what it cannot."""

from __future__ import annotations

import tempfile
from pathlib import Path

import format_kit as kit
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poise.datasets import Dataset, Labels, convert, open_dataset, scan, write_datasets
from poise.datasets.formats._registry import FORMATS, format_module

NEEDS = {"sleap": "sleap_io", "parquet": "pyarrow", "dlc": "h5py"}
QUICK = settings(max_examples=15, suppress_health_check=list(HealthCheck))


@pytest.fixture(params=list(FORMATS))
def form(request: pytest.FixtureRequest) -> str:
    if request.param in NEEDS:
        pytest.importorskip(NEEDS[request.param])
    return str(request.param)


def written(dataset: Dataset, folder: Path, name: str) -> Dataset:
    write_datasets([dataset], folder, format=name)
    found = open_dataset(folder, "train")
    assert scan(found).problems == []
    return found


@QUICK
@given(data=st.data())
def test_a_format_gives_back_what_it_can_hold(form: str, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        made = data.draw(kit.datasets(Path(name) / "made"))

        found = written(made, Path(name) / "out", form)

        assert len(found) == len(made)
        for number, i in kit.by_number(found):
            assert found.size(i) == made.size(number)
            kit.assert_same(found.read(i)[0], kit.kept(made.read(number)[0], made.size(number), form))


@QUICK
@given(data=st.data())
def test_the_description_comes_back_too(form: str, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        made = data.draw(kit.datasets(Path(name) / "made"))

        found = written(made, Path(name) / "out", form).spec

        expected = made.spec.skeleton
        assert found.skeleton.keypoints == expected.keypoints
        assert set(found.skeleton.edges) == set(expected.edges)
        assert found.skeleton.flip_idx == expected.flip_idx
        np.testing.assert_array_equal(found.skeleton.sigmas, expected.sigmas)
        if format_module(form).HOLDS.classes:
            assert found.names == made.spec.names


@settings(QUICK, max_examples=60)
@given(data=st.data(), pair=st.tuples(st.sampled_from(sorted(FORMATS)), st.sampled_from(sorted(FORMATS))))
def test_there_and_back_gives_what_both_can_hold(pair: tuple[str, str], data: st.DataObject) -> None:
    for name in pair:
        if name in NEEDS:
            pytest.importorskip(NEEDS[name])
    with tempfile.TemporaryDirectory() as folder:
        made = data.draw(kit.datasets(Path(folder) / "made"))

        one = written(made, Path(folder) / "one", pair[0])
        other = written(one, Path(folder) / "other", pair[1])
        back = written(other, Path(folder) / "back", pair[0])

        for number, i in kit.by_number(back):
            expected = made.read(number)[0]
            for name in (pair[0], pair[1], pair[0]):
                expected = kit.kept(expected, made.size(number), name)
            kit.assert_same(back.read(i)[0], expected, atol=4e-4)


ENDINGS = [".json coco", ".json labelstudio", ".xml cvat", ".csv dlc", ".h5 dlc", ".slp sleap", ".parquet parquet"]


@QUICK
@given(data=st.data())
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_alone_gives_back_the_same_labels(ending: str, data: st.DataObject) -> None:
    suffix, name = ending.split()
    pytest.importorskip(NEEDS.get(name, "json"))
    with tempfile.TemporaryDirectory() as folder:
        made = data.draw(kit.datasets(Path(folder) / "made"))

        write_datasets([made], Path(folder) / f"labels{suffix}", format=name)

        found = open_dataset(Path(folder) / f"labels{suffix}")
        assert found.spec.skeleton.keypoints == made.spec.skeleton.keypoints
        for number, i in kit.by_number(found):
            kit.assert_same(found.read(i)[0], kit.kept(made.read(number)[0], made.size(number), name))


SOURCES = [
    "coco-mini/annotations/person_keypoints_train2017.json",
    "coco-mini/annotations/person_keypoints_val2017.json",
    "coco8-pose/coco8-pose.yaml",
    "tiger-pose/tiger-pose.yaml",
    *(
        f"animals/{folder}/test_{folder}.json"
        for folder in ("animalpose", "ap10k", "atrw", "horse10", "macaque", "zebra")
    ),
]


@pytest.mark.parametrize("source", SOURCES)
def test_real_labels_come_back(shared: Path, tmp_path: Path, form: str, source: str) -> None:
    split = "val" if "tiger" in source else "train"
    given = open_dataset(shared / "data" / source, split)

    convert(
        shared / "data" / source,
        tmp_path / "out",
        format=form,
        split=split,
        pictures="link" if form == "yolo" else None,
    )

    found = open_dataset(tmp_path / "out", split)
    index = {path.name: i for i, path in enumerate(found.paths)}
    assert scan(found).problems == []
    assert len(found) == len(given)
    for i, path in enumerate(given.paths):
        expected = kit.kept(given.read(i)[0], given.size(i), form)
        kit.assert_same(found.read(index[path.name])[0], expected)


LOSSES = [
    ("yolo", {"area", "crowd", "leave the picture become", "boxes that leave"}),
    ("coco", set()),
    ("cvat", set()),
    ("labelstudio", {"area"}),
    ("labelme", {"area"}),
    ("dlc", {"area", "crowd", "visibility", "boxes: those", "without a labelled", "classes"}),
    ("sleap", {"area", "crowd", "visibility", "boxes: those", "without a labelled", "classes"}),
    ("parquet", set()),
]


@pytest.mark.parametrize(("form", "lost"), LOSSES)
def test_what_is_lost_is_reported(tmp_path: Path, form: str, lost: set[str]) -> None:
    if form in NEEDS:
        pytest.importorskip(NEEDS[form])
    labels = Labels.of(
        [0, 1],
        [[10, 10, 90, 90], [-5, 0, 50, 50]],
        [[[20, 20], [30, 30]], [[0, 0], [0, 0]]],
        [[1, 2], [0, 0]],
        area=np.array([500, 40]),
        crowd=np.array([False, True]),
    )
    outside = Labels.of([0], [[0, 0, 9, 9]], [[[700, 20], [30, 30]]], area=np.array([9]))
    made = kit.table(tmp_path / "made", [labels, outside], keypoints=("a", "b"), classes=("cat", "dog"))

    done = write_datasets([made], tmp_path / "out", format=form)

    assert len(done.lost) == len(lost)
    assert all(any(word in text for text in done.lost) for word in lost), done.lost


def test_a_file_alone_cannot_hold_the_mirror_map(tmp_path: Path) -> None:
    made = kit.table(tmp_path / "made", [Labels.empty(3)])

    done = write_datasets([made], tmp_path / "out" / "labels.json", format="coco")

    assert done.lost == ("skeleton: flip_idx (write into a folder to keep them in its data.yaml)",)
