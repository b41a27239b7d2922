"""What ``poise reps`` prints and writes."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rep_figures import drawn, results

from poise.cli import main
from poise.clips.angles import angle_set, measure
from poise.reps import count_reps, get_exercise, overlay
from poise.reps.cycles import read_measure
from poise.reps.overlay import draw_reps
from poise.reps.report import ReportPicture, render_report

CLIP = Path(__file__).parents[1] / "assets/clip.mp4"


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]


def test_a_clip_without_exercise_prints_its_json(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["reps", str(CLIP), "--json", "--model", "body-fast"])

    record = json.loads(capsys.readouterr().out)
    assert code == 0
    assert [one["count"] for one in record["people"]] == [0] * len(record["people"])
    assert record["duration"] > 0


def test_an_unknown_exercise_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reps", str(CLIP), "--exercise", "sqat"]) == 2
    assert "did you mean 'squat'" in capsys.readouterr().err


def test_a_wrong_exercise_file_is_told_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("depht = 3\n")

    assert main(["reps", str(CLIP), "--exercise", str(path)]) == 1
    assert "mine.toml:1: unknown key 'depht'" in capsys.readouterr().err


def test_a_missing_video_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reps", "nowhere.mp4"]) == 1
    assert "nowhere.mp4" in capsys.readouterr().err


def test_report_and_video_are_written(tmp_path: Path) -> None:
    page, video = tmp_path / "page.html", tmp_path / "out.mp4"

    code = main(["reps", str(CLIP), "--model", "body-fast", "--report", str(page), "--out", str(video), "--quiet"])

    assert code == 0
    assert video.stat().st_size > 1000
    assert "data:image/jpeg" in page.read_text(encoding="utf-8")


def test_an_existing_report_is_not_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("mine")

    assert main(["reps", str(CLIP), "--model", "body-fast", "--report", str(page), "--quiet"]) == 1
    assert page.read_text() == "mine"


def test_learning_from_a_clip_without_repetitions_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "x.toml"

    code = main(
        ["reps", "learn", str(CLIP), "--reps", "5", "--name", "x", "--out", str(target), "--model", "body-fast"]
    )

    assert code == 1
    assert not target.exists()
    assert "repetitions" in capsys.readouterr().err


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    page = render_report(
        count_reps(results([drawn("squat")])),
        [ReportPicture(0.5, b"\xff\xd8jpeg"), ReportPicture(1.0, b"\xff\xd8jpeg")],
    )

    links = _Links()
    links.feed(page)

    assert all(link.startswith("data:") for link in links.links)
    assert not re.search(r"https?://|url\(|@import", page)


def test_the_page_shows_every_repetition_and_every_reason() -> None:
    clip = count_reps(results([drawn("squat").part(slice(0, 240))]), "squat")
    found = clip.people[0].found

    page = render_report(clip)

    assert page.count('class="dot"') == found.count
    assert all(no.reason in page for no in found.rejected)


def test_a_hostile_file_name_stays_text() -> None:
    clip = count_reps(results([drawn("squat")]))
    named = type(clip)('<script>alert(1)</script>"', clip.fps, clip.duration, clip.people)

    assert "<script>alert" not in render_report(named)


def test_nobody_gives_a_page_too() -> None:
    assert "nobody was found" in render_report(count_reps([]))


def test_the_counter_is_drawn_beside_the_person() -> None:
    frame = results([drawn("squat")])[60]
    blank = frame.replace(orig_img=np.zeros((600, 600, 3), np.uint8))

    picture = draw_reps(
        blank,
        row=0,
        label="squat",
        count=3,
        progress=0.5,
        exercise=get_exercise("squat"),
        trail=[[100, 100], [120, 130]],
    )

    assert picture[10:100, 10:150].any()
    assert not blank.orig_img.any()


def test_the_angle_on_the_video_is_the_one_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = results([drawn("squat")])[60]
    said: list[str] = []
    monkeypatch.setattr(overlay, "draw_label", lambda image, place, words, *_, **__: said.append(words))

    draw_reps(frame, row=0, label="squat", count=3, progress=0.5, exercise=get_exercise("squat"))

    angles = angle_set("coco17")
    xy = frame.keypoints.xy[:1]
    value = measure(xy, np.ones_like(xy), np.ones(xy.shape[:2]), angles).value[0]
    both = [f"{value[angles.index(f'{side}_knee_flexion')]:.0f}°" for side in ("left", "right")]
    assert said[0] in both
    assert 20 < float(said[0][:-1]) < 160


def test_the_report_counts_bends_from_straight() -> None:
    clip = count_reps(results([drawn("squat")]), "squat")
    main_person = clip.people[0]
    inner = read_measure(main_person.measured, "knee_angle", "left")[0]
    times = main_person.measured.time
    lows = [np.nanmin(inner[(times >= rep.start) & (times <= rep.end)]) for rep in main_person.found.reps]

    (row,) = re.findall(r"left knee flexion</td><td>(\d+)°</td><td>(\d+)°", render_report(clip))

    assert int(row[0]) < int(row[1])
    assert int(row[1]) == pytest.approx(180 - np.median(lows), abs=6)
    assert "knee angle" not in render_report(clip)
