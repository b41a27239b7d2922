"""How well taught gestures are told: python benchmarks/taught_gestures.py --found NPZ [--strangers SHARED] …

``--found`` takes points found before, ``tests/assets/gesture_crops.npz``, and needs a minute; ``--crops SHARED`` finds
them anew in the 24 crops with both networks. ``--strangers SHARED`` learns from all crops and judges hands that show
none of it: labelled hands of other data sets, and every third frame of the sign clips (minutes). ``--postures`` takes
``tests/assets/postures.npz``; ``--faces SHARED`` opens the mouths of the faces in the data. Each figure of the crops is
the mean of five seeds of 20 splits, with the standard deviation of the seeds: one seed is one draw of splits, and who
picks among them can pick 0.03.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from poise.geometry import Floats
from poise.gestures.events import NONE, UNKNOWN
from poise.gestures.shapes.embedding import embed
from poise.gestures.shapes.examples import ExamplePicture, choose_rows
from poise.gestures.shapes.learning import learn_shapes, leave_one_out_shapes
from poise.gestures.shapes.taught_shapes import TaughtShapes
from poise.skeletons import get

HAND, BODY, FACE = get("hand21"), get("coco17"), get("face468")
LABELS = ("call", "four", "none", "rock")
TAUGHT = ("call", "four", "rock")
SEEDS, SPLITS = 5, 20
Told = list[tuple[str, str, float]]


def found(path: Path, who: str) -> list[ExamplePicture]:
    """Read the hands of the crops as ``who`` found them: poise, flipped (in the mirrored crops), mediapipe."""
    data = np.load(path)
    starts = np.concatenate([[0], np.cumsum(data[f"{who}_count"].astype(int))])
    xy, xyz = data[f"{who}_xy"].astype(float), data[f"{who}_xyz"].astype(float)
    names = zip(data["label"], data["picture"], starts, starts[1:], strict=False)
    return [ExamplePicture(str(label), str(name), xy[a:b], xyz[a:b]) for label, name, a, b in names]


def look(shared: Path) -> list[ExamplePicture]:
    """Find the hands of the crops with both networks."""
    from poise import Pose
    from poise.gestures.streams.example_folders import collect_shapes

    folders = [shared / "data/gestures" / name for name in LABELS]
    return collect_shapes(folders, hands=Pose("hands"), body=Pose("body-fast"))


def taught_from(pictures: list[ExamplePicture]) -> TaughtShapes:
    rows = choose_rows(HAND, pictures)
    used = [(one, row) for one, row in zip(pictures, rows, strict=True) if row >= 0]
    return learn_shapes(
        "trial",
        HAND,
        [(one.label, one.xy[row], one.xyz[row]) for one, row in used],
        groups=[one.source for one, _ in used],
    )


def judge(taught: TaughtShapes, one: ExamplePicture, *, highest: bool) -> tuple[str, float]:
    """Return what a picture shows: of its highest hand, or the surest of all hands."""
    if not len(one.xy):
        return UNKNOWN, 1.0
    said = taught.classify(embed(HAND, one.xy, one.xyz))
    if highest:
        return said[int(one.xy[..., 1].mean(axis=1).argmin())]
    known = [answer for answer in said if answer[0] != UNKNOWN]
    return max(known, key=lambda answer: answer[1]) if known else (UNKNOWN, 1.0)


def parts(
    pictures: list[ExamplePicture], train: int, seed: int
) -> Iterator[tuple[list[ExamplePicture], list[ExamplePicture]]]:
    rng = np.random.default_rng(seed)
    for _ in range(SPLITS):
        split: tuple[list[ExamplePicture], list[ExamplePicture]] = ([], [])
        for label in LABELS:
            mine = [one for one in pictures if one.label == label]
            for place, i in enumerate(rng.permutation(len(mine)).tolist()):
                split[place >= train].append(mine[i])
        yield split


def splits(
    pictures: list[ExamplePicture], *, train: int, seed: int, highest: bool = True, without: tuple[str, ...] = ()
) -> Told:
    told: Told = []
    for some, rest in parts(pictures, train, seed):
        taught = taught_from([one for one in some if one.label not in without])
        told += [(NONE if one.label in without else one.label, *judge(taught, one, highest=highest)) for one in rest]
    return told


def figures(told: Told) -> tuple[float, float, float, float]:
    """Return the share of all that is right, of gestures right, of gestures unknown, and of others rejected."""
    shown = [(true, said) for true, said, _ in told if true != NONE]
    rejected = [said == UNKNOWN for true, said, _ in told if true == NONE]
    right = [true == said for true, said in shown]
    return (
        float(np.mean(right + rejected)),
        float(np.mean(right)),
        float(np.mean([said == UNKNOWN for _, said in shown])),
        float(np.mean(rejected)),
    )


def report(name: str, seeds: list[Told]) -> None:
    values = np.array([figures(told) for told in seeds])
    words = ("all", "taught right", "falsely unknown", "others rejected")
    cells = [f"{word} {m:.3f} ± {s:.3f}" for word, m, s in zip(words, values.mean(0), values.std(0), strict=True)]
    print(f"  {name:46s} {'  '.join(cells)}", flush=True)


def crops(name: str, pictures: list[ExamplePicture]) -> None:
    hands = sum(len(one.xy) > 0 for one in pictures)
    print(f"{name}: a hand found in {hands} of {len(pictures)} pictures ({hands / len(pictures):.3f})")
    seeds = range(SEEDS)
    half = [splits(pictures, train=3, seed=seed) for seed in seeds]
    report("half/half, highest hand", half)
    report("5 examples, highest hand", [splits(pictures, train=5, seed=seed) for seed in seeds])
    untaught = [
        [one for drop in TAUGHT for one in splits(pictures, train=3, seed=seed, without=(drop, NONE))] for seed in seeds
    ]
    report("one class untaught in turn, no folder none", untaught)
    report("half/half, any hand", [splits(pictures, train=3, seed=seed, highest=False) for seed in seeds])
    seen = [one for one in pictures if len(one.xy)]
    if len(seen) < len(pictures):
        report("half/half, where a hand was found", [splits(seen, train=3, seed=seed) for seed in seeds])
    whole = taught_from(seen)
    alone = leave_one_out_shapes(whole, [one.source for one in seen])
    anew = []
    for one in seen:
        fold = taught_from([other for other in seen if other is not one])
        anew.append((one.label, judge(fold, one, highest=True)[0]))
    for words, told in (("as printed by teach", alone), ("learned anew each time", anew)):
        right = sum(true == said or (true == NONE and said == UNKNOWN) for true, said in told)
        print(f"  leave one out, {words}: {right} of {len(told)}")
    sure([one for told in half + untaught for one in told])


def sure(told: Told) -> None:
    """Print how often answers of each conf are right."""
    for name, known in (("a gesture", True), ("unknown", False)):
        cells = []
        for low, high in ((0.5, 0.7), (0.7, 0.9), (0.9, 1.01)):
            right = [
                (true if true != NONE else UNKNOWN) == said
                for true, said, conf in told
                if (said != UNKNOWN) == known and low <= conf < high
            ]
            cells.append(f"{low:.1f} to {min(high, 1.0):.1f}: {np.mean(right):.3f} of {len(right)}" if right else "-")
        print(f"  said {name}, right by conf: {'; '.join(cells)}")


def strangers(shared: Path) -> dict[str, tuple[Floats, Floats]]:
    """Return hands that show none of the gestures of the crops, or only by chance, by where they are from."""
    from poise import Pose
    from poise.frames import Frame
    from poise.gestures import HandFinder

    hands: dict[str, tuple[Floats, Floats]] = {}
    for name in ("onehand10k", "freihand"):
        text = (shared / f"data/mmpose-samples/{name}/test_{name}.json").read_text(encoding="utf-8")
        points = np.array([np.reshape(one["keypoints"], (21, 3)) for one in json.loads(text)["annotations"]])
        whole = points[(points[..., 2] > 0).all(axis=1)]
        hands[name] = whole[..., :2], np.full((len(whole), 21, 3), np.nan)
    finder, body = HandFinder(Pose("hands")), Pose("body-fast")
    xy, xyz = [], []
    for clip in sorted((shared / "data/gestures/asl_clips").glob("*.mp4")):
        for result in body.predict(clip, stream=True):
            if result.frame % 3 == 0:
                seen = finder.find(Frame(result.orig_img, result.media, result.frame, result.time), result)
                xy += list(np.asarray(seen.keypoints.xy, dtype=float))
                xyz += list(np.asarray(seen.keypoints.xyz, dtype=float))
    hands["sign clips"] = np.array(xy), np.array(xyz)
    return hands


def postures(path: Path) -> None:
    """Judge the frames of each clip by those of all other clips."""
    data = np.load(path)
    posture, clip, xy = data["posture"].tolist(), data["clip"], data["xy"].astype(float)
    for mirror in (False, True):
        told = []
        for name in dict.fromkeys(clip.tolist()):
            train = np.flatnonzero(clip != name)
            examples = [(posture[i], xy[i], None) for i in train]
            taught = learn_shapes("trial", BODY, examples, mirror=mirror, groups=clip[train].tolist())
            said = taught.classify(embed(BODY, xy[clip == name]))
            told += [(posture[i], answer) for i, (answer, _) in zip(np.flatnonzero(clip == name), said, strict=True)]
        right, wrong = np.mean([a == b for a, b in told]), np.mean([b not in (a, UNKNOWN) for a, b in told])
        clips = len(set(clip.tolist()))
        print(
            f"postures, {clips} clips, each judged by the others, mirror {mirror}: right {right:.3f}, wrong {wrong:.3f}"
        )


def opened(face: Floats, by: float) -> Floats:
    """Move the points below the middle of a mouth down, along the face, by a share of the eyes' distance."""
    across = face[263] - face[33]
    down = np.array([-across[1], across[0]])
    off = face - face[[13, 14]].mean(axis=0)
    weight = np.where(off @ down > 0, np.exp(-np.square(off @ across / (across @ across) / 0.35)), 0.0)
    moved: Floats = face + by * weight[:, None] * down
    return moved


def faces(shared: Path, *, people: int = 5) -> None:
    """Teach closed mouths and the same opened from a few real faces, and judge each other face."""
    from poise import Pose

    model, rng = Pose("face"), np.random.default_rng(0)
    paths = [
        *sorted((shared / "data/gestures").glob("*/*.jpg")),
        *(path for path in sorted((shared / "data/images").iterdir()) if path.suffix in (".jpg", ".png")),
    ]
    found = [result.keypoints.xy[0].astype(float) for path in paths for result in model(path) if len(result)]
    pairs = [(one, opened(one, rng.uniform(0.25, 0.4))) for one in found]
    told = []
    for i, pair in enumerate(pairs):
        others = rng.permutation([j for j in range(len(pairs)) if j != i])[:people].tolist()
        examples = [(name, pairs[j][k], None) for j in others for k, name in enumerate(("closed", "open"))]
        taught = learn_shapes("mouth", FACE, examples, groups=[j for j in others for _ in range(2)])
        said = taught.classify(embed(FACE, np.stack(pair)))
        told += [(name, answer) for name, (answer, _) in zip(("closed", "open"), said, strict=True)]
    right = sum(a == b for a, b in told)
    unknown = sum(b == UNKNOWN for _, b in told)
    print(
        f"mouths of {len(pairs)} faces, closed and opened by moving points, each judged by {people} others: "
        f"{right} of {len(told)} right, {len(told) - right - unknown} wrong, {unknown} unknown"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--found", type=Path)
    parser.add_argument("--crops", type=Path)
    parser.add_argument("--strangers", type=Path)
    parser.add_argument("--postures", type=Path)
    parser.add_argument("--faces", type=Path)
    wanted = parser.parse_args()
    seen = {who: found(wanted.found, who) for who in ("poise", "flipped", "mediapipe")} if wanted.found else {}
    if wanted.crops:
        seen["poise, found anew"] = look(wanted.crops)
    for name, pictures in seen.items():
        crops(name, pictures)
    if wanted.strangers:
        hands = strangers(wanted.strangers)
        for name, pictures in seen.items():
            for words, labels in (("with none", LABELS), ("without none", TAUGHT)):
                taught = taught_from([one for one in pictures if one.label in labels])
                cells = []
                for where, (xy, xyz) in hands.items():
                    taken = sum(said != UNKNOWN for said, _ in taught.classify(embed(HAND, xy, xyz)))
                    cells.append(f"{where} {taken} of {len(xy)}")
                print(f"{name}, taught {words}, strangers taken for a gesture: {', '.join(cells)}")
    if wanted.postures:
        postures(wanted.postures)
    if wanted.faces:
        faces(wanted.faces)


if __name__ == "__main__":
    main()
