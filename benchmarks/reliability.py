"""Whether a confidence means what it says: python benchmarks/reliability.py [--models …] [--fit] [--without-people …].

For every model a table of its finds by confidence, and how many of them are right: people against COCO's labels
(OKS of 0.5 or more, as in AP50), faces and hands against what was judged by eye (``judged_finds.json``); what is found
too on pictures without people, and how many of the faces, hands and people are found. ``--fit`` fits the weights of
the evidence of body-3d, hands and face and prints them as they stand in the registry, the same table out of fold (of
each picture with weights that were fitted without it), and that of the network's own presence. ``--sizes`` tries tiles
of other sizes for hands and faces. ``--without-people`` names a folder of more pictures without people, for instance
wallpapers; what they give was never fitted on.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from _judged import Finds, Floats, judged, pictures, read_still, tell_judged, tell_people, tell_points
from _logistic import best_ridge, fit, nested
from accuracy import network, read_pictures
from numpy.typing import NDArray

from poise import weights
from poise.estimators import Estimator, Options, build
from poise.estimators.blazepose import COCO17
from poise.estimators.roi import likeness
from poise.frames import Image
from poise.geometry import nms

MODELS = ("body-fast", "body", "body-accurate", "body-3d", "hands", "face")
FITTED = ("body-3d", "hands", "face")
EDGES = (0.05, 0.1, 0.25, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0)
Odds = Callable[[Floats], Floats]
ASKED = 0.25  # the confidence from which ``predict`` shows a find


@dataclass(frozen=True)
class Scenes:
    """The labelled pictures of a model: where they are, who judges finds, and how many instances are labelled."""

    images: Iterable[tuple[str, Callable[[], Image]]]
    tell: Callable[[str, Finds], NDArray[np.int8]]
    total: int
    people: dict[str, list[dict[str, Any]]]


def scenes(model: str, shared: Path) -> Scenes:
    """Return the labelled pictures of a model."""
    data = shared / "data"
    if model in ("face", "hands"):
        entries = judged(model)
        total = sum(len(entry["right"]) for entry in entries.values())
        return Scenes(
            pictures(data, list(entries)), lambda name, finds: tell_judged(model, entries[name], finds), total, {}
        )
    coco = read_pictures(shared)
    people: dict[str, list[dict[str, Any]]] = {str(i): [] for i in coco.paths}
    for one in coco.truth["annotations"]:
        people[str(one["image_id"])].append(one)
    files = {str(i): path for i, path in coco.paths.items()}
    files |= {str(path.relative_to(data)): path for path in empty(data)}
    people |= {name: [] for name in files if name not in people}
    images = ((name, partial(read_still, path)) for name, path in files.items())
    return Scenes(images, lambda name, finds: tell_people(people[name], finds), len(coco.labelled), people)


def empty(data: Path) -> list[Path]:
    """Return the pictures without people beside COCO's; the horses of horse10 are led by people."""
    animals = sorted(path for path in data.glob("animals/*/**/*.*g") if "horse10" not in path.parts)
    return [*sorted(data.glob("images/no_person_*")), *animals]


def empties(shared: Path, more: list[Path]) -> dict[str, list[Path]]:
    """Return the pictures without people: of the data, and of each folder of the user's."""
    data, coco = shared / "data", read_pictures(shared)
    with_people = {one["image_id"] for one in coco.truth["annotations"]}
    mine = [path for i, path in coco.paths.items() if i not in with_people]
    mine += empty(data)
    endings = {".jpg", ".jpeg", ".png"}
    folders = {str(folder): sorted(p for p in folder.iterdir() if p.suffix.lower() in endings) for folder in more}
    return {"shared": mine, **folders}


def points(model: str, xy: NDArray[Any]) -> Floats:
    return np.asarray(xy[:, COCO17] if model == "body-3d" else xy, dtype=np.float64)


def bins(conf: Floats, right: NDArray[np.bool_], what: str) -> None:
    """Print by confidence: how many, their mean confidence, the share that is right."""
    print(f"| conf | {what} | mean conf | right |")
    print("|---|---|---|---|")
    for low, high in pairwise(EDGES):
        inside = (conf >= low) & ((conf < high) | (high == EDGES[-1]))
        if inside.any():
            share = f"{conf[inside].mean():.2f} | {right[inside].mean():.2f}"
            print(f"| {low:.2f} to {high:.2f} | {inside.sum()} | {share} |")


def table(conf: Floats, told: NDArray[np.int8], total: int) -> None:
    """Print finds by confidence, and how many instances are found."""
    counted = told >= 0
    conf, right = conf[counted], told[counted] == 1
    bins(conf, right, "finds")
    for low in (ASKED, 0.5, 0.9):
        above = conf >= low
        share = f"{right[above].mean():.2f} right" if above.any() else "none"
        print(f"from {low}: {above.sum()} finds, {share}; {right[above].sum()} of {total} labelled found")


def kept(folder: Path | None, name: str, look: Callable[[], tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return what a look at a picture gives, from a folder of earlier looks where there is one."""
    if folder is None:
        return look()
    path = folder / f"{hashlib.sha1(name.encode()).hexdigest()}.npz"
    if path.is_file():
        with np.load(path) as file:
            return tuple(file[f"c{i}"] for i in range(len(file.files)))
    columns = look()
    folder.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".half.npz")
    np.savez(half, **{f"c{i}": column for i, column in enumerate(columns)})
    half.replace(path)
    return columns


def show(model: str, estimator: Estimator, shared: Path, cache: Path | None) -> None:
    """Print the table of a model as it is."""
    known = scenes(model, shared)
    conf, told, points_conf, points_right = [], [], [], []
    for name, image in known.images:

        def look(image: Callable[[], Image] = image) -> tuple[Any, ...]:
            found = estimator([image()], Options(conf=EDGES[0]))[0]
            return points(model, found.xy), found.boxes.astype(float), points(model, np.asarray(found.conf))

        xy, boxes, sure = kept(cache and cache / f"{model}.found", name, look)
        finds = Finds(xy, boxes[:, :4], boxes[:, 4])
        conf.append(finds.conf)
        told.append(known.tell(name, finds))
        if known.people:
            each, right = tell_points(known.people[name], finds, sure)
            points_conf.append(each)
            points_right.append(right)
    print(f"\n{model}")
    table(np.concatenate(conf), np.concatenate(told), known.total)
    if points_conf:
        print("keypoints of the right finds, where they are labelled")
        bins(np.concatenate(points_conf), np.concatenate(points_right), "keypoints")


def false_finds(model: str, estimator: Estimator, folders: dict[str, list[Path]], cache: Path | None) -> None:
    """Print what is found on pictures without people."""
    for folder, paths in folders.items():
        looks = [
            kept(cache and cache / f"{model}.false", str(path), lambda path=path: (_above(estimator, path),))
            for path in paths
        ]
        counts = np.array([counted for (counted,) in looks])
        for low, column in zip((ASKED, 0.5, 0.9), counts.T, strict=True):
            print(
                f"{model}: {column.sum()} false finds from {low} on {len(paths)} pictures without people ({folder}), "
                f"on {np.count_nonzero(column)} of them"
            )


def _above(estimator: Estimator, path: Path) -> list[int]:
    conf = estimator([read_still(path)], Options(conf=ASKED))[0].boxes[:, 4]
    return [int((conf >= low).sum()) for low in (ASKED, 0.5, 0.9)]


@dataclass(frozen=True)
class Ranked:
    """What is left of all looks when each instance is kept once: evidence, 1 / 0 / -1 as judged, and the pictures."""

    evidence: Floats
    told: NDArray[np.int8]
    names: list[str]


def rank(looked: list[tuple[Any, ...]], scene: Scenes, settings: Mapping[str, Any], odds: Odds) -> Ranked:
    """Keep each instance once, by the log odds of its evidence, and judge what is kept."""
    evidence, told, names = [], [], []
    for name, xy, boxes, columns in looked:
        sure = odds(columns)
        rows = np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(axis=-1))
        alike = likeness(boxes[rows], part=settings["part"])
        rows = rows[nms(alike, sure[rows], max_similarity=settings["iou"])]
        told.append(scene.tell(name, Finds(xy[rows], boxes[rows], sure[rows])))
        evidence.append(columns[rows])
        names += [name] * len(rows)
    return Ranked(np.concatenate(evidence), np.concatenate(told), names)


def refit(model: str, estimator: Any, shared: Path, cache: Path | None) -> None:
    """Fit the weights of a model's evidence; print them, the table out of fold, and that of the presence alone."""
    scene = scenes(model, shared)
    looked = []
    for name, image in scene.images:

        def look(image: Callable[[], Image] = image) -> tuple[Any, ...]:
            seen, boxes = estimator.examine(image(), Options())
            return points(model, seen.xy), boxes, seen.evidence

        looked.append((name, *kept(cache and cache / f"{model}.seen", name, look)))
    typical, w, bias = estimator.scorer.typical, estimator.scorer.weights, estimator.scorer.bias

    def odds(columns: Floats) -> Floats:
        return np.asarray(np.where(np.isnan(columns), typical, columns) @ w + bias)

    # What is kept of several looks at one instance depends on the weights, and the weights on what is kept.
    for _ in range(4):
        ranked = rank(looked, scene, estimator.settings, odds)
        typical = np.nanmedian(ranked.evidence[ranked.told == 1], axis=0)
        counted = ranked.told >= 0
        x = np.where(np.isnan(ranked.evidence), typical, ranked.evidence)[counted]
        y = ranked.told[counted] == 1
        names = [name for name, c in zip(ranked.names, counted, strict=True) if c]
        w, bias = fit(x, y, ridge=best_ridge(x, y, names))
    print(f"\n[models.{model}.settings.score]\nbias = {bias:.2f}")
    for name, weight, usual in zip(estimator.evidence, w, typical, strict=True):
        print(f"{name} = [{weight:.3f}, {usual:.2f}]")
    print(f"\n{model}, out of fold")
    table(nested(x, y, names), y.astype(np.int8), scene.total)
    presence = estimator.evidence.index("presence")
    ranked = rank(looked, scene, estimator.settings, lambda columns: columns[:, presence])
    print(f"\n{model}, by the network's presence alone")
    table(1 / (1 + np.exp(-ranked.evidence[:, presence])), ranked.told, scene.total)


def sizes(model: str, shared: Path, cache: Path | None) -> None:
    """Print what searches of stills at several sizes find, and what they cost."""
    print(f"\n{model}: finds from {ASKED}")
    print("| tiles, longer side | right | of | wrong | CPU ms a picture |")
    print("|---|---|---|---|---|")
    card = weights.model(model)
    for sides in ([], [384], [384, 768]):
        estimator = build(replace(card, settings={**card.settings, "sides": sides}), network)
        scene, told, spent = scenes(model, shared), [], []
        for name, image in scene.images:

            def look(image: Callable[[], Image] = image, estimator: Estimator = estimator) -> tuple[Any, ...]:
                picture = image()
                start = process_time()
                found = estimator([picture], Options(conf=ASKED))[0]
                took = (process_time() - start) * 1e3
                return points(model, found.xy), found.boxes.astype(float), np.array(took)

            xy, boxes, took = kept(cache and cache / f"{model}.{'-'.join(map(str, sides))}", name, look)
            told.append(scene.tell(name, Finds(xy, boxes[:, :4], boxes[:, 4])))
            spent.append(float(took))
        answers = np.concatenate(told)
        counts = f"{(answers == 1).sum()} | {scene.total} | {(answers == 0).sum()} | {np.median(spent):.0f}"
        print(f"| {', '.join(map(str, sides)) or 'none'} | {counts} |", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(__file__).resolve().parents[2] / "shared")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--fit", action="store_true", help="fit the weights of the evidence anew and print them")
    parser.add_argument("--sizes", action="store_true", help="try tiles of other sizes for hands and faces")
    parser.add_argument("--cache", type=Path, help="folder for what was found, so that an interrupted run goes on")
    parser.add_argument("--without-people", nargs="+", type=Path, default=[], metavar="DIR")
    wanted = parser.parse_args()
    folders = empties(wanted.shared, wanted.without_people)
    for model in wanted.models:
        estimator = build(weights.model(model), network)
        if wanted.sizes and model in ("hands", "face"):
            sizes(model, wanted.shared, wanted.cache)
            continue
        if wanted.fit and model in FITTED:
            refit(model, estimator, wanted.shared, wanted.cache)
            continue
        show(model, estimator, wanted.shared, wanted.cache)
        false_finds(model, estimator, folders, wanted.cache)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
