"""What the canned gestures say of real hands: python benchmarks/gesture_hands.py [HANDS] [--sides SHARED].

HANDS is ``tests/assets/judged_hands.json``: keypoints of hands that the hand model found, with what each shows as told
by eye. ``unknown`` is a hand that shows no gesture of the set; ``fist|unknown`` one that grips or hangs, of which both
are right; ``?`` one that cannot be told by eye. The limits of the set were chosen on the group ``photos``; the group
``clips`` was judged afterwards. ``--sides`` also runs the networks over the sign clips of the folder of test data.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from poise.gestures import GestureRecognizer
from poise.gestures.streams.hand_follower import wrist_pairs
from poise.results import Results
from poise.results.columns import Boxes, Keypoints, freeze
from poise.skeletons import get

HANDS = Path(__file__).parents[1] / "tests/assets/judged_hands.json"
NAMES = {0: "left_hand", 1: "right_hand"}


def result(entry: dict[str, Any]) -> Results:
    """Return one hand as results of its picture."""
    xy, xyz, size = np.array(entry["xy"]), np.array(entry["xyz"]), tuple(entry["size"])
    row = [*xy.min(axis=0), *xy.max(axis=0), entry["conf"], float(entry["network"] == "right")]
    points = Keypoints(
        freeze(xy[None]), freeze(np.full((1, 21), entry["conf"])), get("hand21"), size, xyz=freeze(xyz[None])
    )
    image = np.broadcast_to(np.uint8(0), (*size, 3))
    return Results(image, Boxes(freeze(np.array([row])), size), points, NAMES)


def table(entries: list[dict[str, Any]]) -> None:
    recognizer = GestureRecognizer("hands")
    said = Counter((entry["gesture"], recognizer.recognize(result(entry))[0].gesture) for entry in entries)
    for true in sorted({true for true, _ in said}):
        answers = {name: count for (one, name), count in said.most_common() if one == true}
        right = "" if true == "?" else f"{sum(n for name, n in answers.items() if name in true.split('|'))} right of "
        print(f"  {true:24s} {right}{sum(answers.values())}: {answers}")
    shown = [(true, name, n) for (true, name), n in said.items() if true not in ("?", "unknown") and "|" not in true]
    none = [(name, n) for (true, name), n in said.items() if true == "unknown"]
    right, total = sum(n for true, name, n in shown if true == name), sum(n for *_, n in shown)
    wrong = sum(n for true, name, n in shown if name not in (true, "unknown"))
    print(f"  gestures: {right} of {total} right, {wrong} taken for another")
    print(f"  no gesture: {sum(n for name, n in none if name == 'unknown')} of {sum(n for _, n in none)} unknown")


def told_sides(entries: list[dict[str, Any]]) -> None:
    """Compare the sides that the hand network and the wrists tell with those told by eye."""
    known = [entry for entry in entries if entry["side"]]
    photos = [entry for entry in known if entry["group"] == "photos"]
    right = sum(entry["network"] == entry["side"] for entry in photos)
    print(f"hand network, gesture photos: {right} of {len(photos)} sides right")
    apart = [entry for entry in known if entry["wrist"] and entry["wrist"] != entry["network"]]
    wrist = sum(entry["wrist"] == entry["side"] for entry in apart)
    print(f"where the wrist says otherwise and the eye can tell: the wrist is right in {wrist} of {len(apart)}")


def agreement(shared: Path) -> None:
    """Count in how many hands of the sign clips hand network and wrists agree, and print the events of hands."""
    from poise import Pose
    from poise.frames import Frame
    from poise.gestures import HandFinder

    body, hands = Pose("body-fast"), Pose("hands")
    same = total = alone = 0
    for path in sorted((shared / "data/gestures/asl_clips").glob("*.mp4")):
        finder, recognizer, events = HandFinder(hands), GestureRecognizer("hands"), []
        for bodies in body.track(path, stream=True):
            found = finder.find(Frame(bodies.orig_img, bodies.media, bodies.frame, bodies.time), bodies)
            xy, conf = np.asarray(bodies.keypoints.xy, dtype=float), np.asarray(bodies.keypoints.conf, dtype=float)
            rows, sides = wrist_pairs(np.asarray(found.keypoints.xy, dtype=float), xy, conf)
            right = np.asarray(found.boxes.cls) == 1
            clear = sides != 0
            total, same = total + int(clear.sum()), same + int(((sides > 0) == right)[clear].sum())
            alone += int((rows < 0).sum())
            recognizer.update(found, bodies)
            events += [f"{one.part} {one.gesture} {one.time:.1f} s" for one in recognizer.events if one.state == "on"]
        print(f"  {path.name}: {', '.join(events) or 'no events'}")
    print(f"sign clips: hand network and wrist say the same side of {same} of {total} hands; {alone} without a body")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hands", type=Path, nargs="?", default=HANDS)
    parser.add_argument("--sides", type=Path, metavar="SHARED")
    wanted = parser.parse_args()
    entries = json.loads(wanted.hands.read_text(encoding="utf-8"))
    for group in ("photos", "clips"):
        print(f"{group}:")
        table([entry for entry in entries if entry["group"] == group])
    told_sides(entries)
    if wanted.sides:
        agreement(wanted.sides)


if __name__ == "__main__":
    main()
