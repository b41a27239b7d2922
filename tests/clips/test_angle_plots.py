"""Angles on paper and on the frame are the angles that were measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from poise import samples
from poise.charts import Curve
from poise.cli import main
from poise.clips import Clip
from poise.clips.angles import _plot, draw_angles, plot_angles
from poise.drawing import JointArc, label_size
from poise.errors import PoiseError
from poise.frames import Frame, Media
from poise.results import Results
from poise.skeletons import get

BLUE, GREY = (178, 114, 0), (164, 174, 185)  # BGR of the left side, and of what is not trusted


def table(value: np.ndarray, trusted: np.ndarray) -> dict[str, np.ndarray]:
    n = len(value)
    return {
        "name": np.array(["left_knee_flexion"] * n, dtype=object), "id": np.ones(n), "time": np.arange(n) / 10,
        "value": value, "unit": np.array(["deg"] * n, dtype=object), "trusted": trusted,
    }  # fmt: skip


def near(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.abs(picture.astype(int) - colour).max(axis=-1) < 30


def test_a_bend_is_drawn_where_it_happens() -> None:
    value = np.full(100, 10.0)
    value[40:60] = 90.0

    curve = near(plot_angles(table(value, np.ones(100, bool))), BLUE)

    columns = np.linspace(66, 940 - 22, 100).astype(int)
    rows = np.array([np.flatnonzero(curve[56:, x]).mean() for x in columns[[10, 50, 90]]])
    # The axes are 140 pixels high for 90.4 degrees: 80, and 13 % of them for air.
    assert rows[0] == pytest.approx(rows[2], abs=1)
    assert rows[0] - rows[1] == pytest.approx(80 * 140 / 90.4, abs=4)


def test_what_the_view_falsifies_is_grey() -> None:
    trusted = np.arange(100) < 50

    # A level curve runs in the middle of the axes, below the legend.
    picture = plot_angles(table(np.full(100, 30.0), trusted))[124:136]

    blue, grey = (np.flatnonzero(near(picture, c).any(axis=0)) for c in (BLUE, GREY))
    middle = 66 + (940 - 22 - 66) / 2
    assert blue.max() == pytest.approx(middle, abs=6)
    assert grey[grey > 70].min() == pytest.approx(middle, abs=12)  # left of that stand the numbers of the axis


def test_nothing_to_plot_is_said() -> None:
    with pytest.raises(PoiseError, match="no angles to plot"):
        plot_angles(table(np.full(5, np.nan), np.zeros(5, bool)))


def test_the_arc_says_the_angle() -> None:
    picture = np.zeros((200, 200, 3), np.uint8)

    arc = JointArc.of([(100, 20), (100, 100), (180, 100)])
    arc.draw(picture, 0.28 * arc.limb, 1.5)

    assert arc.degrees == pytest.approx(90)
    assert picture[70:95, 105:130].any()
    assert not picture[110:, :90].any()


@pytest.mark.parametrize(("conf", "drawn"), [(0.9, True), (0.1, False)])
def test_unsure_joints_get_no_number(conf: float, drawn: bool) -> None:
    skeleton = get("coco17")
    xy = np.full((1, 17, 2), np.nan, np.float32)
    for name, place in {"hip": (100, 40), "knee": (100, 110), "ankle": (150, 160)}.items():
        xy[0, skeleton.index(f"left_{name}")] = place
    frame = Frame(np.full((200, 200, 3), 255, np.uint8), Media("a.jpg", "image"))
    box = np.array([[60, 20, 180, 180, 0.9, 0]], np.float32)
    result = Results.of(frame, box, xy, np.full((1, 17), conf, np.float32), skeleton=skeleton)

    plain = result.plot(conf=False, labels=False)
    assert (np.any(draw_angles(result) != plain)) == drawn


def test_the_command_writes_plot_video_and_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av")
    monkeypatch.chdir(tmp_path)
    words = ["angles", str(samples.clip), "--model", "body-fast", "--plot", "a.png", "--save", "--quiet"]

    assert main(words) == 0

    folder = tmp_path / "runs/pose/angles"
    assert sorted(path.name for path in folder.iterdir()) == ["angles.csv", "angles.png", "clip.mp4", "manifest.json"]
    assert json.loads((folder / "manifest.json").read_text())["status"] == "done"
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    assert main(words) == 1  # a.png is there


def test_a_plot_of_an_unknown_kind_and_a_saved_clip_with_save_are_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["angles", "no.mp4", "--plot", "a.bmp9"]) == 2
    assert ".png" in capsys.readouterr().err
    assert main(["angles", str(tmp_path / "a.npz"), "--save"]) == 2
    assert "give the video itself" in capsys.readouterr().err


def test_a_clip_is_a_table_and_a_chart(tmp_path: Path) -> None:
    t = np.arange(20) / 10
    xy = np.full((1, 20, 17, 2), 100, np.float32)
    xy[0, :, 9, 0] = 100 + 50 * np.sin(t)  # left_wrist
    clip = Clip(
        times=t, frames=np.arange(20), ids=[1], boxes=np.tile(np.float32([80, 80, 160, 200]), (1, 20, 1)),
        box_conf=np.ones((1, 20)), xy=xy, conf=np.ones((1, 20, 17)), sigma=np.full((1, 20, 17, 2), np.nan),
        skeleton=get("coco17"), size=(320, 240), source="a.mp4",
    )  # fmt: skip

    text = clip.to_csv(tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == text
    lines = text.splitlines()
    assert lines[0].startswith("source,frame,time,instance,id,class,name,box_conf,keypoint,x,y,conf")
    assert len(lines) == 1 + 20 * 17
    assert f"a.mp4,7,0.7,0,1,0,person,1.0,left_wrist,{100 + 50 * np.sin(0.7):.3f},100.0,1.0" in lines[1 + 7 * 17 + 9]

    assert clip.plot(["left_wrist"]).shape == (600, 900, 3)
    assert clip.plot(pil=True).size == (900, 600)
    assert clip._repr_png_()[:4] == b"\x89PNG"
    with pytest.raises(ValueError, match="did you mean 'left_wrist'"):
        clip.plot(["left_wirst"])


def test_a_clip_is_a_dataframe() -> None:
    pl = pytest.importorskip("polars")
    clip = Clip(
        times=[0.0], frames=[0], ids=[4], boxes=np.zeros((1, 1, 4)), box_conf=np.ones((1, 1)),
        xy=np.full((1, 1, 17, 2), np.nan), conf=np.full((1, 1, 17), np.nan), sigma=np.full((1, 1, 17, 2), np.nan),
        skeleton=get("coco17"), size=(10, 10),
    )  # fmt: skip

    table = clip.to_df()

    assert table.shape == (17, 17)
    assert table["id"].to_list() == [4] * 17
    assert table["x"].null_count() == 17
    assert table.schema["x"] == pl.Float64


def test_numbers_at_joints_that_meet_do_not_hide_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    skeleton = get("coco17")
    xy = np.full((1, 17, 2), np.nan, np.float32)
    for side, shift in (("left", 2), ("right", -2)):  # seen from the side
        for name, place in {"shoulder": (100, 40), "hip": (100, 100), "knee": (110, 150), "ankle": (105, 190)}.items():
            xy[0, skeleton.index(f"{side}_{name}")] = place[0] + shift, place[1]
    frame = Frame(np.full((240, 200, 3), 255, np.uint8), Media("a.jpg", "image"))
    box = np.array([[60, 20, 180, 200, 0.9, 0]], np.float32)
    result = Results.of(frame, box, xy, np.full((1, 17), 0.9, np.float32), skeleton=skeleton)
    places = []

    def note(image: np.ndarray, at: tuple[int, int], words: str, colour: object, size: float, **_: object) -> None:
        places.append((*at[:2], *np.add(at[:2], label_size(words, size))))

    monkeypatch.setattr(_plot, "draw_label", note)
    draw_angles(result)

    rects = np.array(places)
    low, high = np.maximum(rects[:, None, :2], rects[None, :, :2]), np.minimum(rects[:, None, 2:], rects[None, :, 2:])
    assert len(rects) == 4
    assert (np.all(high > low, axis=-1) == np.eye(4, dtype=bool)).all()


def test_what_is_not_trusted_is_named_once_whoever_it_is_of() -> None:
    left, right = table(np.full(100, 10.0), np.ones(100, bool)), table(np.full(100, 60.0), np.arange(100) < 50)
    right["name"][:] = "right_knee_flexion"
    both = {key: np.concatenate([left[key], right[key]]) for key in left}
    named: list[str] = []

    def chart(curves: list[Curve], **_: object) -> np.ndarray:
        named.extend(curve.name for curve in curves)
        return np.zeros((2, 2, 3), np.uint8)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_plot, "chart", chart)
        plot_angles(both)

    assert sorted(filter(None, named)) == ["left knee flexion", "not trusted", "right knee flexion"]
