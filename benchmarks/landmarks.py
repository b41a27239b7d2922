"""Hands, faces and bodies in 3D: agreement with MediaPipe, accuracy, times and network runs.

    python benchmarks/landmarks.py --shared ../shared --peer-python /path/to/python-with-mediapipe

``--shared`` is the folder with the test data (``data/gestures``, ``data/images``, ``data/coco-mini`` …).
``--peer-python`` names a Python that can import mediapipe 0.10.21; without it the records in
``tests/assets/mediapipe.json`` are used.
``--record FILE`` writes such records anew: of the repository's own pictures, of the hands of ``data/gestures``, and of
the faces of ``data/gestures/call``. Sections can be picked: ``--only peer accuracy stills video``.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageOps

from poise import weights
from poise.estimators import Estimator, Options, build
from poise.estimators.blazepose import COCO17
from poise.runtime import Session, open_session

REPOSITORY = Path(__file__).resolve().parents[1]
# Pictures of the repository that tests compare with the peer, under the names that its records have.
OWN = {
    "src/poise/cli/demo.jpg": REPOSITORY / "src/poise/cli/demo.jpg",
    "assets/astronaut.jpg": REPOSITORY / "tests/assets/astronaut.jpg",
    "assets/hand.jpg": REPOSITORY / "tests/assets/hand.jpg",
}
MODELS = ("hands", "face", "body-3d")
CLIPS = {
    "hands": ("gestures/asl_clips/again.mp4", "gestures/asl_clips/book.mp4"),
    "face": ("gestures/asl_clips/again.mp4", "videos/curl_dumbbell_home.mp4"),
    "body-3d": ("videos/squat_home_front.mp4", "videos/gesture_wave.mp4", "videos/people_store_aisle.gif"),
}

# Runs in the peer's Python: picture paths on stdin, a JSON object on stdout.
PEER = r"""
import json, sys, numpy, PIL.Image, PIL.ImageOps
import mediapipe as mp
s = mp.solutions
hands = s.hands.Hands(static_image_mode=True, max_num_hands=6, model_complexity=1)
face = s.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=6, refine_landmarks=False)
pose = s.pose.Pose(static_image_mode=True, model_complexity=1)
out = {}
for path in sys.stdin.read().splitlines():
    image = numpy.ascontiguousarray(PIL.ImageOps.exif_transpose(PIL.Image.open(path)).convert("RGB"))
    h, w = image.shape[:2]
    xy = lambda found: [[round(p.x * w, 2), round(p.y * h, 2)] for p in found.landmark]
    metres = lambda found: [[round(v, 5) for v in (p.x, p.y, p.z)] for p in found.landmark]
    entry = out[path] = {"size": [w, h]}
    r = hands.process(image)
    rows = zip(r.multi_hand_landmarks or (), r.multi_hand_world_landmarks or (), r.multi_handedness or ())
    entry["hands"] = [{"xy": xy(a), "world": metres(b), "label": c.classification[0].label} for a, b, c in rows]
    entry["faces"] = [xy(a) for a in face.process(image).multi_face_landmarks or ()]
    r = pose.process(image)
    if r.pose_landmarks:
        seen = [round(p.visibility, 3) for p in r.pose_landmarks.landmark]
        entry["pose"] = {"xy": xy(r.pose_landmarks), "world": metres(r.pose_world_landmarks), "visibility": seen}
json.dump(out, sys.stdout)
"""


class Counted:
    """A session that counts its runs."""

    def __init__(self, session: Session, name: str, runs: Counter[str]) -> None:
        self._session, self._name, self._runs = session, name, runs
        self.inputs, self.outputs, self.metadata = session.inputs, session.outputs, session.metadata
        self.engine, self.device = session.engine, session.device

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        self._runs[self._name] += 1
        return self._session.run(feeds)

    def close(self) -> None:
        self._session.close()


def load(name: str, runs: Counter[str], threads: int) -> Estimator:
    opened: dict[str, Counted] = {}

    def open_network(network: str) -> Session:
        if network not in opened:
            session = open_session(weights.load(network), threads=threads, name=network)
            opened[network] = Counted(session, network, runs)
        return opened[network]

    return build(weights.model(name), open_network)


def read(path: Path) -> np.ndarray:
    picture = PIL.ImageOps.exif_transpose(PIL.Image.open(path)).convert("RGB")
    return np.ascontiguousarray(np.asarray(picture)[..., ::-1])


def photos(data: Path) -> list[Path]:
    patterns = (
        "images/*.jpg",
        "images/*.png",
        "gestures/*/*.jpg",
        "coco-mini/*2017/*.jpg",
        "coco8-pose/images/*/*.jpg",
    )
    return sorted(path for pattern in (*patterns, "mmpose-samples/*/*.jpg") for path in data.glob(pattern))


def ask_peer(python: str, pictures: Iterable[Path]) -> dict[Path, dict[str, Any]]:
    """Run MediaPipe in its own Python."""
    listed = "\n".join(map(str, pictures))
    done = subprocess.run([python, "-c", PEER], input=listed, capture_output=True, text=True, check=True)
    return {Path(path): entry for path, entry in json.loads(done.stdout).items()}


def record(args: argparse.Namespace) -> None:
    """Write what MediaPipe finds, as tests/assets/mediapipe.json has it."""
    gestures = {
        f"shared/{p.relative_to(args.shared)}": p for p in photos(args.shared / "data") if "gestures" in p.parts
    }
    found = ask_peer(args.peer_python, [*OWN.values(), *gestures.values()])
    kept = {name: found[path] for name, path in OWN.items()}
    for name, path in gestures.items():
        if found[path]["hands"]:
            keys = ("size", "hands", "faces") if "call" in path.parts and found[path]["faces"] else ("size", "hands")
            kept[name] = {key: found[path][key] for key in keys}
    text = json.dumps({"mediapipe": "0.10.21", "pictures": kept}, separators=(",", ":"))
    args.record.write_text(text + "\n", encoding="utf-8")


def peer_records(args: argparse.Namespace) -> dict[Path, dict[str, Any]]:
    """Return what MediaPipe found, by picture."""
    if args.peer_python:
        return ask_peer(args.peer_python, photos(args.shared / "data"))
    kept = json.loads((REPOSITORY / "tests/assets/mediapipe.json").read_text(encoding="utf-8"))["pictures"]
    return {OWN.get(name, args.shared.parent / name): entry for name, entry in kept.items()}


def compare(args: argparse.Namespace, models: Mapping[str, Estimator]) -> None:
    """Print how far the points lie from MediaPipe's: median over the points of an instance, then over instances."""
    records = {path: entry for path, entry in peer_records(args).items() if path.is_file()}
    print("\nAgainst mediapipe 0.10.21, static mode, its own thresholds")
    print("| model | its instances | found too | median px | 90 % px | under 0.5 px | median / size |")
    print("|---|---|---|---|---|---|---|")
    for name, key in (("hands", "hands"), ("face", "faces"), ("body-3d", "pose")):
        medians, sizes, total = [], [], 0
        for path, entry in records.items():
            theirs = entry.get(key) or []
            theirs = [theirs] if isinstance(theirs, dict) else theirs
            if not theirs:
                continue
            found = models[name]([read(path)], Options())[0].xy
            for one in theirs:
                xy = np.array(one["xy"] if isinstance(one, dict) else one)
                seen = np.array(one["visibility"]) > 0.5 if key == "pose" else np.ones(len(xy), dtype=bool)
                total += 1
                if not len(found) or not seen.any():
                    continue
                size = np.ptp(xy[seen], axis=0).max()
                distance = np.median(np.linalg.norm(found - xy, axis=-1)[:, seen], axis=1).min()
                if distance < 0.3 * size:
                    medians.append(distance)
                    sizes.append(size)
        d = np.array(medians)
        print(
            f"| {name} | {total} | {len(d)} | {np.median(d):.2f} | {np.percentile(d, 90):.2f} | {np.mean(d < 0.5):.0%} "
            f"| {np.median(d / np.array(sizes)):.2%} |"
        )


def coco(data: Path) -> tuple[Any, dict[int, Path]]:
    from pycocotools.coco import COCO

    files: dict[int, Path] = {}
    people: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    for part in ("val2017", "train2017"):
        table = json.loads((data / f"coco-mini/annotations/person_keypoints_{part}.json").read_text(encoding="utf-8"))
        there = {i["id"]: data / "coco-mini" / part / i["file_name"] for i in table["images"]}
        there = {i: path for i, path in there.items() if path.is_file() and i not in files}
        files |= there
        images += [{"id": i} for i in there]
        people += [a for a in table["annotations"] if a["image_id"] in there and a["category_id"] == 1]
    truth = COCO()
    truth.dataset = {
        "images": images,
        "annotations": [a | {"id": n} for n, a in enumerate(people, start=1)],
        "categories": [{"id": 1, "name": "person"}],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
    return truth, files


def accuracy(args: argparse.Namespace, models: Mapping[str, Estimator]) -> None:
    """Print OKS AP of body-3d's 17 COCO points, and how often hands and faces are found and hallucinated."""
    from pycocotools.cocoeval import COCOeval

    truth, files = coco(args.shared / "data")
    rows = []
    hits, false = Counter[str](), Counter[str]()
    wanted, side_right = Counter[str](), 0
    for image_id, path in files.items():
        image = read(path)
        people = truth.imgToAnns[image_id]
        found = {
            name: model([image], Options(conf=0.5 if name != "body-3d" else 0.05))[0] for name, model in models.items()
        }
        for xy, box in zip(found["body-3d"].xy[:, COCO17], found["body-3d"].boxes, strict=True):
            flat = np.column_stack([xy, np.ones(17)]).ravel().tolist()
            rows.append({"image_id": image_id, "category_id": 1, "keypoints": flat, "score": float(box[4])})
        if not people:
            false.update({name: len(estimate.xy) for name, estimate in found.items()})
        for person in people:
            keypoints = np.array(person["keypoints"], dtype=float).reshape(-1, 3)
            scale = np.sqrt(person["area"])
            for side, k in enumerate((9, 10)):
                if keypoints[k, 2] == 2:
                    wanted["hands"] += 1
                    near = np.linalg.norm(found["hands"].xy[:, 0] - keypoints[k, :2], axis=-1)
                    if len(near) and near.min() < 0.15 * scale:
                        hits["hands"] += 1
                        side_right += int(found["hands"].boxes[near.argmin(), 5]) == side
            if (keypoints[:3, 2] == 2).all():
                wanted["face"] += 1
                apart = np.linalg.norm(keypoints[1, :2] - keypoints[2, :2])
                near = np.linalg.norm(found["face"].xy[:, 1] - keypoints[0, :2], axis=-1)
                hits["face"] += bool(len(near) and near.min() < max(4.0, 1.2 * apart))
    with contextlib.redirect_stdout(io.StringIO()):
        score = COCOeval(truth, truth.loadRes(rows), "keypoints")
        score.evaluate()
        score.accumulate()
        score.summarize()
    ap, ap50, ar = (100 * score.stats[i] for i in (0, 1, 5))
    empty = sum(not truth.imgToAnns[i] for i in files)
    print(f"\nCOCO subset, {len(files)} pictures, {empty} of them without people")
    print(f"body-3d as coco17: AP {ap:.1f}, AP50 {ap50:.1f}, AR {ar:.1f}; false: {false['body-3d']}")
    right = f"side right {side_right}"
    print(f"hands at a labelled wrist: {hits['hands']} of {wanted['hands']}, {right}; false: {false['hands']}")
    print(f"faces at labelled eyes and nose: {hits['face']} of {wanted['face']}; false: {false['face']}")


def stills(args: argparse.Namespace, models: Mapping[str, Estimator], runs: Counter[str]) -> None:
    """Print milliseconds a stage and network runs on pictures with one person."""
    image = read(REPOSITORY / "tests/assets/astronaut.jpg")
    gestures = sorted((args.shared / "data/gestures/rock").glob("*.jpg"))
    print(f"\nStills, {args.threads} threads, median of 15, ms")
    print("| model | picture | found | preprocess | inference | postprocess | runs |")
    print("|---|---|---|---|---|---|---|")
    for name, model in models.items():
        picture = read(gestures[0]) if name == "hands" and gestures else image
        model([picture], Options())
        runs.clear()
        took = [model([picture], Options())[0] for _ in range(15)]
        stages = [np.median([t.speed[stage] for t in took]) for stage in ("preprocess", "inference", "postprocess")]
        text = " | ".join(f"{value:.1f}" for value in stages)
        size = f"{picture.shape[1]}x{picture.shape[0]}"
        print(f"| {name} | {size} | {len(took[0].xy)} | {text} | {sum(runs.values()) / 15:.1f} |")


def video(args: argparse.Namespace, models: Mapping[str, Estimator], runs: Counter[str]) -> None:
    """Print network runs and CPU time a frame: searching every frame, and following regions."""
    import av

    print("\nVideo, 60 frames: every frame on its own -> following")
    print("| model | clip | runs a frame | searching runs a frame | CPU ms a frame | found a frame |")
    print("|---|---|---|---|---|---|")
    for name, clips in CLIPS.items():
        model = models[name]
        for clip in clips:
            with av.open(str(args.shared / "data" / clip)) as container:
                frames = [
                    (frame.to_ndarray(format="bgr24"), float(frame.time))
                    for frame, _ in zip(container.decode(video=0), range(60), strict=False)
                ]
            columns = []
            for memory in (None, model.memory()):
                runs.clear()
                start = time.process_time()
                found = [model([image], Options(), memory, times=[when])[0] for image, when in frames]
                took = (time.process_time() - start) * 1e3 / len(frames)
                search = runs[weights.model(name).networks[0]]
                count = sum(len(estimate.xy) for estimate in found)
                columns.append([sum(runs.values()) / len(frames), search / len(frames), took, count / len(frames)])
            cells = " | ".join(f"{a:.2f} -> {b:.2f}" for a, b in zip(*columns, strict=True))
            print(f"| {name} | {Path(clip).name} | {cells} |", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=REPOSITORY.parent / "shared")
    parser.add_argument("--peer-python")
    parser.add_argument("--record", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    sections = ("peer", "accuracy", "stills", "video")
    parser.add_argument("--only", nargs="+", choices=sections, default=sections)
    args = parser.parse_args()
    if not (args.shared / "data").is_dir():
        print(f"{args.shared}: no folder 'data' in it; name the folder with the test data by --shared", file=sys.stderr)
        return 2
    if args.record:
        if not args.peer_python:
            parser.error("--record needs --peer-python, a Python that can import mediapipe 0.10.21")
        record(args)
        return 0
    runs: Counter[str] = Counter()
    models = {name: load(name, runs, args.threads) for name in MODELS}
    if "peer" in args.only:
        compare(args, models)
    if "accuracy" in args.only:
        accuracy(args, models)
    if "stills" in args.only:
        stills(args, models, runs)
    if "video" in args.only:
        video(args, models, runs)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
