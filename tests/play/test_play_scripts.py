"""The page's own controller, in JavaScript, says what Python's says: the definitions are the same."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from play_kit import SIZE, track

import poise
from poise.play import BodyController
from poise.results import Results
from poise.web import lean_script

PAGE = Path(poise.__file__).parent / "web/page"
_ASK = """
import fs from "node:fs";
import {Body} from "./body.js";
const [width, frames] = JSON.parse(fs.readFileSync(0));
const body = new Body();
const said = frames.flatMap(([time, points]) => body.update(points, time, width).map((name) => [name, time]));
console.log(JSON.stringify(said));
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("node") is None:
        pytest.skip("needs Node: no program node is there")
    made = tmp_path_factory.mktemp("node")
    script = (PAGE / "play/body.js").read_text(encoding="utf-8")
    (made / "body.js").write_text(lean_script(script), encoding="utf-8")
    (made / "ask.js").write_text(_ASK, encoding="utf-8")
    (made / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    return made


def said_by_the_page(folder: Path, frames: list[Results]) -> list[tuple[str, float]]:
    rows = []
    for one in frames:
        points = np.concatenate([one.keypoints.xy[0], one.keypoints.conf[0][:, None]], axis=1)
        rows.append([one.time, np.nan_to_num(points.astype(float)).tolist()])
    told = subprocess.run(
        [str(shutil.which("node")), "ask.js"], cwd=folder, input=json.dumps([SIZE[1], rows]), capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return [(name, time) for name, time in json.loads(told.stdout)]


def said_by_python(frames: list[Results]) -> list[tuple[str, float]]:
    names = {("jump", "press"): "jump", ("duck", "press"): "duck", ("duck", "release"): "rise"}
    controller = BodyController("runner")
    actions = [action for one in frames for action in controller.update(one)]
    return [(names[key], one.time) for one in actions if (key := (one.name, one.state)) in names]


@pytest.mark.parametrize("who", ["jumps", "walk", "hidden", "crowd", "stand", "wave"])
@pytest.mark.parametrize("step", [1, 2, 4])
def test_both_controllers_say_the_same_of_real_people(folder: Path, who: str, step: int) -> None:
    frames = track(who)[::step]

    assert said_by_the_page(folder, frames) == said_by_python(frames)


def test_both_controllers_say_the_same_of_squats(folder: Path) -> None:
    from play_kit import results

    data = np.load(Path(__file__).parents[1] / "assets/tracks/squat_gym_hold.npz")
    first = np.concatenate([[0], np.cumsum(data["n"])])[:-1]  # the first of each frame is the one in front
    rows = zip(data["time"], data["xy"][first], data["conf"][first], strict=True)
    frames = [
        results([xy.astype(float)], time=float(time), conf=1.0, frame=n)
        for n, (time, xy, conf) in enumerate(rows)
        if (conf > 0.3).all()
    ]

    said = said_by_the_page(folder, frames)

    assert [name for name, _ in said].count("duck") == 2
    assert said == said_by_python(frames)
