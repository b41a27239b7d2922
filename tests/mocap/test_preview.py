"""The preview page: what is in it, and how it behaves in a real browser."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from motions import still, walk
from npm_kit import ROOT

sys.path.insert(0, str(ROOT / "tests/web"))
from browser import Page, open_browser

from poise import samples
from poise.errors import PoiseError, SourceError
from poise.mocap import Motion
from poise.mocap import quaternions as quat
from poise.mocap.angles import joint_angles
from poise.mocap.preview import foot_slide, render_preview, write_preview
from poise.mocap.viewer import script

# WebGL without a graphics card.
SOFTWARE = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with open_browser(SOFTWARE) as browser:
        yield browser.page()


def shown(page: Page, path: Path) -> Page:
    page.errors.clear()
    page.open(path.as_uri())
    page.wait("globalThis.preview && preview.scene")
    return page


def test_nothing_comes_from_elsewhere() -> None:
    text = render_preview(walk(0.2))

    without_data = re.sub(r'<script type="text/plain" id="glb">.*?</script>', "", text, flags=re.DOTALL)
    assert re.findall(r"(?:src|href)=[\"']?(?!data:)\w+:", without_data) == []
    assert "://" not in without_data
    assert not re.search(r"\beval\(|new Function|^import ", without_data, re.MULTILINE)
    assert len(script()) < 60_000


def test_a_name_that_is_markup_stays_text() -> None:
    text = render_preview(
        walk(0.1).replace(source="a/<img src=x onerror=alert(1)></script>{{GLB}}", notes=("</ul><b>",))
    )

    assert "<img src=x" not in text
    assert "</ul><b>" not in text
    assert text.count("</script>") == 4


def test_a_page_that_is_there_is_not_replaced_unasked(tmp_path: Path) -> None:
    path = write_preview(tmp_path / "walk.html", walk(0.1))

    with pytest.raises(PoiseError, match="exists already"):
        write_preview(path, walk(0.1))


def test_a_video_of_another_time_is_told(tmp_path: Path) -> None:
    pytest.importorskip("av")
    motion = walk(0.5).replace(times=100 + np.arange(15) / 30)

    with pytest.raises(SourceError, match=r"no frame of it is from 100\.00 to 100\.47 s"):
        write_preview(tmp_path / "late.html", motion, video=samples.squats)


def test_feet_that_stand_do_not_slide() -> None:
    motion = walk(1.0)
    stands = np.ones((len(motion), 2), dtype=bool)
    frozen = motion.replace(
        rotations=np.repeat(motion.rotations[:1], len(motion), 0), root=np.repeat(motion.root[:1], len(motion), 0),
        contact=stands,
    )  # fmt: skip
    root = np.array(frozen.root)
    root[:, 0] += 0.5 * motion.times

    assert foot_slide(frozen) == pytest.approx(0, abs=1e-9)
    assert foot_slide(frozen.replace(root=root)) == pytest.approx(50)
    assert np.isnan(foot_slide(motion.replace(contact=~stands)))


def test_bones_stand_where_the_movement_says(page: Page, tmp_path: Path) -> None:
    """The page's own reader poses the character as :meth:`Motion.joints` does, also between frames."""
    motion = walk(1.0, fingers=True).replace(times=3 + np.arange(30) / 30)
    shown(page, write_preview(tmp_path / "walk.html", motion))

    for frame in (0, 11, 29):
        page.evaluate(f"preview.pause(), preview.seek({motion.times[frame]})")
        assert page.evaluate("preview.time") == pytest.approx(motion.times[frame])
        found = page.evaluate(f"preview.pose({frame / 30}).map((m) => [m[12], m[13], m[14]])")
        assert np.abs(np.array(found)[:51] - motion.joints()[frame]).max() < 1e-5
    assert page.errors == []


@pytest.mark.parametrize("size", [(1280, 900, False), (390, 844, True)])
def test_a_person_is_seen_and_nothing_is_cut_off(size: tuple[int, int, bool], page: Page, tmp_path: Path) -> None:
    width, height, phone = size
    page.viewport(width, height, phone=phone)
    shown(page, write_preview(tmp_path / "walk.html", walk(0.5)))

    # Read in the frame in which it was drawn: afterwards the canvas is empty to readers.
    count = page.evaluate("""(async () => {
      preview.draw();
      const gl = stage.getContext('webgl2'), w = stage.width, h = stage.height, data = new Uint8Array(4 * w * h);
      gl.readPixels(0, 0, w, h, gl.RGBA, gl.UNSIGNED_BYTE, data);
      let shirt = 0;
      for (let k = 0; k < data.length; k += 4) shirt += data[k] > 150 && data[k + 1] < 140 && data[k + 2] < 110;
      return shirt / (w * h);
    })()""")
    assert 0.005 < count < 0.2
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # Nothing of the bar lies on something else of it.
    boxes = page.evaluate("""[...document.querySelectorAll('.bar > *')].map((one) => {
      const {left, top, right, bottom} = one.getBoundingClientRect();
      return [left, top, right, bottom];
    })""")
    for a, b in combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_it_plays_steps_and_scrubs(page: Page, tmp_path: Path) -> None:
    page.viewport(1280, 900)
    motion = walk(1.0)
    shown(page, write_preview(tmp_path / "walk.html", motion))

    page.click("#play")
    page.wait("preview.time > 0.1")
    page.click("#play")
    page.evaluate("preview.seek(0.5)")
    page.click("#next")
    assert page.evaluate("preview.time") == pytest.approx(16 / 30, abs=1e-6)
    page.press("ArrowLeft")
    page.press("ArrowLeft")
    assert page.evaluate("preview.time") == pytest.approx(14 / 30, abs=1e-6)
    page.press("2")
    assert page.evaluate("preview.show") == "bones"
    page.evaluate("scrub.value = 0.9, scrub.dispatchEvent(new Event('input'))")
    page.wait("clock.textContent === '0.90 s'")
    assert page.errors == []


def test_the_chosen_angle_is_charted_and_told(page: Page, tmp_path: Path) -> None:
    page.viewport(1280, 900)
    motion = walk(1.0)
    shown(page, write_preview(tmp_path / "walk.html", motion))
    angles = joint_angles(motion)

    def told(frame: int) -> list[int]:
        page.evaluate(f"preview.pause(), preview.seek({motion.times[frame]})")
        page.wait(f"frame.textContent === 'frame {frame + 1} / 30'")
        return page.evaluate("[...document.querySelectorAll('#values b')].map((one) => parseInt(one.textContent))")

    assert page.evaluate("angle.selectedOptions[0].text") == "knee flexion"
    assert told(11) == pytest.approx([angles[f"knee_angle_{side}"][11] for side in "lr"], abs=0.6)
    page.evaluate("angle.value = [...angle.options].findIndex((one) => one.text === 'pelvis')")
    page.evaluate("angle.dispatchEvent(new Event('change'))")
    ways = ("tilt", "list", "rotation")
    assert told(20) == pytest.approx([angles[f"pelvis_{way}"][20] for way in ways], abs=0.6)
    # A press in the middle of the chart is the middle of the movement.
    x, y = page.evaluate(
        "(({left, right, top}) => [(left + 92 + right - 6) / 2, top + 40])(chart.getBoundingClientRect())"
    )
    for kind in ("mousePressed", "mouseReleased"):
        page.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)
    assert page.evaluate("preview.time") == pytest.approx(motion.times[-1] / 2, abs=0.01)
    assert page.errors == []


def test_somebody_who_goes_on_turning_is_charted(page: Page, tmp_path: Path) -> None:
    motion = still(bones=("hips",))
    turns = quat.from_axis_angle(np.tile([0.0, 1, 0], (400, 1)), np.radians(100) * np.arange(400))
    spun = Motion(
        motion.rig, np.arange(400) / 30, turns[:, None], np.tile(motion.root, (400, 1)), np.ones((400, 1)),
        np.ones((400, 2), dtype=bool),
    )  # fmt: skip
    shown(page, write_preview(tmp_path / "spin.html", spun))

    page.evaluate("preview.pause(), preview.seek(399 / 30)")
    page.wait("frame.textContent === 'frame 400 / 400'")

    told = page.evaluate("document.querySelector('#values').lastChild.lastChild.textContent")
    assert int(told.removesuffix("°")) == pytest.approx(39900, abs=2)
    assert page.errors == []


def test_a_drag_turns_the_view(page: Page, tmp_path: Path) -> None:
    page.viewport(1280, 900)
    shown(page, write_preview(tmp_path / "walk.html", walk(0.3)))
    before = page.evaluate("preview.scene.camera.yaw")

    for kind, x in (("mousePressed", 500), ("mouseMoved", 600), ("mouseReleased", 600)):
        page.send("Input.dispatchMouseEvent", type=kind, x=x, y=350, button="left", buttons=1, clickCount=1)

    assert page.evaluate("preview.scene.camera.yaw") == pytest.approx(before - 0.8, abs=0.01)


def test_the_video_follows(page: Page, tmp_path: Path) -> None:
    pytest.importorskip("av")
    page.viewport(1280, 900)
    motion = walk(4.0, fps=15).replace(times=2 + np.arange(60) / 15)
    points = np.full((60, 17, 2), np.nan)
    points[:, 3] = (240, 100)
    shown(page, write_preview(tmp_path / "squats.html", motion, video=samples.squats, points=points))

    page.wait("video.readyState > 1")
    page.evaluate("preview.pause(), preview.seek(4.0)")
    page.wait("!video.seeking")

    assert page.evaluate("video.currentTime") == pytest.approx(2.0, abs=1e-3)
    assert page.evaluate("[video.videoWidth, video.videoHeight]") == [480, 480]
    page.wait("""over.getContext('2d').getImageData(over.width / 2, over.height * 100 / 480, 1, 1).data[3] > 0""")
    page.click("#marks")
    page.wait("over.hidden && getComputedStyle(over).display === 'none'")
    page.click("#marks")
    page.wait("getComputedStyle(over).display !== 'none'")
    assert page.errors == []


@pytest.mark.parametrize("motion", [still(), still(bones=("hips", "spine"))], ids=["one frame", "two bones"])
def test_little_is_enough(motion: Motion, page: Page, tmp_path: Path) -> None:
    shown(page, write_preview(tmp_path / "still.html", motion))

    page.click("#play")
    page.wait("frame.textContent === 'frame 1 / 1'")

    assert page.errors == []


def test_without_an_encoder_there_are_stills(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av")
    monkeypatch.setattr("poise.mocap.preview_film._ENCODERS", ())
    motion = walk(4.0, fps=15)
    shown(page, write_preview(tmp_path / "squats.html", motion, video=samples.squats))

    page.evaluate("preview.pause(), preview.seek(2.0)")

    page.wait("picture.naturalWidth === 480 && picture.dataset.at > 20")
    assert page.errors == []
