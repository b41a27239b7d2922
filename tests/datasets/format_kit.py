"""Data sets made up for tests, and what a format keeps of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from poise.datasets import Dataset, DataSpec, Labels
from poise.datasets.formats._build import TableDataset
from poise.datasets.formats._capacity import FormatCapacity, around, leaves
from poise.datasets.formats._registry import format_module
from poise.skeletons import Skeleton

SIZES = [(640, 480), (97, 1), (1, 33), (1920, 1080), (333, 777)]

# Names as people write them, and worse; control characters are refused by XML and tested apart.
WORDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), min_size=1, max_size=8
)
FILES = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters='/\\:*?"<>|\ufffe\uffff'), max_size=10
)


def picture(folder: Path, name: str, size: tuple[int, int]) -> Path:
    """Make an empty picture."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("1", size).save(path)
    return path


def spec(
    file: Path,
    *,
    keypoints: tuple[str, ...] = ("nose", "left_paw", "right_paw"),
    classes: tuple[str, ...] = ("cat",),
    values: int = 3,
    edges: tuple[tuple[int, int], ...] = (),
    flip: tuple[int, ...] = (),
    sigmas: np.ndarray | None = None,
) -> DataSpec:
    skeleton = Skeleton(
        "made",
        keypoints,
        edges=edges,
        flip_idx=flip,
        sigmas=np.empty(0) if sigmas is None else sigmas,
        sigmas_source="test" if sigmas is not None else Skeleton.sigmas_source,
    )
    return DataSpec(
        file=file,
        root=file.parent,
        splits={"train": (str(file),)},
        names=dict(enumerate(classes)),
        kpt_shape=(len(keypoints), values),
        skeleton=skeleton,
        flip_known=True,
        kpt_names=True,
    )


def table(folder: Path, labels: list[Labels], sizes: list[tuple[int, int]] | None = None, **about: object) -> Dataset:
    """Make a data set of these labels, one picture each."""
    sizes = sizes or [(640, 480)] * len(labels)
    paths = [picture(folder, f"{i}.png", size) for i, size in enumerate(sizes)]
    description = spec(folder / "made.yaml", **about)  # type: ignore[arg-type]
    return TableDataset(description, "train", paths, list(sizes), [(one, []) for one in labels])


@st.composite
def labels(draw: st.DrawFn, size: tuple[int, int], keypoints: int, classes: int, *, values: int) -> Labels:
    n = draw(st.integers(0, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    scale = np.array(size)
    # A twentieth of the points leave the picture; some are on its edge.
    xy = (random.random((n, keypoints, 2)) * 1.1 - 0.05) * scale
    xy = np.where(random.random(xy.shape) < 0.05, np.round(xy / scale) * scale, xy)
    seen = random.choice([0, 1, 2], (n, keypoints)) if values == 3 else np.full((n, keypoints), 2)
    if values == 3 and n:
        seen[random.integers(n)] = 0
    corners = np.sort((random.random((n, 2, 2)) * 1.1 - 0.05) * scale, axis=1)
    area = np.where(random.random(n) < 0.5, np.nan, random.random(n) * scale.prod())
    return Labels.of(
        random.integers(0, classes, n), corners.reshape(n, 4), xy, seen, area=area, crowd=random.random(n) < 0.2
    )


@st.composite
def datasets(draw: st.DrawFn, folder: Path) -> Dataset:
    """Make one to three pictures with up to five instances each, of up to 40 keypoints and 3 classes."""
    keypoints = tuple(draw(st.lists(WORDS, min_size=1, max_size=40, unique=True)))
    classes = tuple(draw(st.lists(WORDS, min_size=1, max_size=3, unique=True)))
    values, k = draw(st.sampled_from([2, 3])), len(keypoints)
    edges = draw(st.sets(st.tuples(st.integers(0, k - 1), st.integers(0, k - 1)), max_size=5))
    flip = list(range(k))
    if k > 2 and draw(st.booleans()):
        flip[0], flip[2] = 2, 0
    sigmas = draw(st.none() | st.just(np.linspace(0.01, 0.1, k)))
    sizes = draw(st.lists(st.sampled_from(SIZES), min_size=1, max_size=3))
    names = [f"{i} {draw(FILES)}.png" for i in range(len(sizes))]
    return TableDataset(
        spec(
            folder / "made.yaml",
            keypoints=keypoints,
            classes=classes,
            values=values,
            edges=tuple(edges),
            flip=tuple(flip),
            sigmas=sigmas,
        ),
        "train",
        [picture(folder, name, size) for name, size in zip(names, sizes, strict=True)],
        sizes,
        [(draw(labels(size, k, len(classes), values=values)), []) for size in sizes],
    )


def kept(one: Labels, size: tuple[int, int], name: str) -> Labels:
    """Return what a format keeps of the labels of a picture."""
    holds: FormatCapacity = format_module(name).HOLDS
    limit = np.array(size, dtype=np.float32)
    change = dataclasses.replace
    if not holds.outside:
        out = leaves(one.xy, limit)
        boxes = np.clip(one.boxes.reshape(-1, 2, 2), 0, limit).reshape(-1, 4)
        one = change(
            one, xy=np.where(out[..., None], np.nan, one.xy), visibility=np.where(out, 0, one.visibility), boxes=boxes
        )
    if not holds.bare:
        one = one[(one.visibility > 0).any(axis=1)]
    if not holds.hidden:
        one = change(one, visibility=np.where(one.visibility == 1, 2, one.visibility))
    if not holds.boxes:
        one = change(one, boxes=around(one, size))
    if not holds.classes:
        one = change(one, classes=np.zeros_like(one.classes))
    if not holds.area:
        one = change(one, area=np.full(len(one), np.nan))
    if not holds.crowd:
        one = change(one, crowd=np.zeros(len(one), bool))
    if name == "coco":
        sides = one.boxes[:, 2:] - one.boxes[:, :2]
        one = change(one, area=np.where(np.isnan(one.area), sides.prod(axis=1), one.area))
    return one


def by_number(dataset: Dataset) -> Iterator[tuple[int, int]]:
    """Yield the number that each picture's name begins with, and its index; copies may be in another order."""
    for i, path in enumerate(dataset.paths):
        yield int(path.stem.split()[0]), i


def assert_same(found: Labels, expected: Labels, *, atol: float = 2e-4) -> None:
    """Compare labels; 2e-4 pixels is what float32 tells apart at 2,000."""
    assert found.classes.tolist() == expected.classes.tolist()
    assert found.visibility.tolist() == expected.visibility.tolist()
    assert found.crowd.tolist() == expected.crowd.tolist()
    np.testing.assert_allclose(found.xy, expected.xy, atol=atol, rtol=0)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=atol, rtol=0)
    np.testing.assert_allclose(found.area, expected.area, rtol=1e-3, atol=1)
