"""Real windows: Tk on an X server without a monitor, and OpenCV's side of its pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from window_kit import SIZE, Screen, screen

SOURCE = Path(__file__).resolve().parents[2] / "src"
DARK = (16, 16, 16)

# What each script begins with: a picture of four colours, and a window that is asked to show it.
BEGIN = """
import json, sys, time
import numpy as np
from poise.drawing import LiveWindow
from poise.drawing import _window, _surfaces
from poise.frames import Frame, Media

picture = np.zeros((240, 320, 3), np.uint8)
picture[:120, :160], picture[:120, 160:] = (255, 0, 0), (0, 255, 0)
picture[120:, :160], picture[120:, 160:] = (0, 0, 255), (200, 100, 50)
media = Media("some film.mp4", "stream", path="some film.mp4")

def frame(n):
    return Frame(picture, media, n, n / 10)

def say(**facts):  # and wait until the test has looked
    print(json.dumps(facts), flush=True)
    sys.stdin.readline()

window = LiveWindow()
assert window.show(frame(0))
surface = window._surface
"""


@pytest.fixture(scope="module")
def xvfb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    with screen(tmp_path_factory.mktemp("screen")) as found:
        yield found


class Script:
    """A program with a window, in a process of its own, that stops where it says something."""

    def __init__(self, code: str, folder: Path, display: str, *paths: Path) -> None:
        where = os.pathsep.join(map(str, [*paths, SOURCE]))
        self._process = subprocess.Popen(
            [sys.executable, "-c", BEGIN + textwrap.dedent(code)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**os.environ, "DISPLAY": display, "PYTHONPATH": where, "COVERAGE_PROCESS_START": ""},
        )

    def says(self) -> Any:
        """Return what it says next, and let it go on with the call after."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return json.loads(line) if line else pytest.fail(self._process.communicate(timeout=60)[1])

    def go_on(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self) -> str:
        _, errors = self._process.communicate("\n", timeout=60)
        assert self._process.returncode == 0, errors
        return errors


tk = pytest.mark.skipif(
    subprocess.run([sys.executable, "-c", "import tkinter"], capture_output=True, check=False).returncode != 0,
    reason="needs a Python with Tk",
)


def colours(picture: np.ndarray, left: int, top: int, width: int, height: int) -> list[tuple[int, ...]]:
    """Return the colours at the middles of the four quarters of a region."""
    return [
        tuple(picture[top + round(height * y), left + round(width * x)].tolist()) for y in (0.25, 0.75)
        for x in (0.25, 0.75)
    ]  # fmt: skip


FOUR = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 100, 50)]


@tk
def test_the_frame_is_on_the_screen_as_it_is(xvfb: Screen, tmp_path: Path) -> None:
    script = Script("say(x=surface._root.winfo_rootx(), y=surface._root.winfo_rooty())", tmp_path, xvfb.name)
    at = script.says()
    seen = xvfb.picture()[at["y"] : at["y"] + 240, at["x"] : at["x"] + 320]
    script.end()

    expected = np.zeros((240, 320, 3), np.uint8)
    expected[:120, :160], expected[:120, 160:], expected[120:, :160], expected[120:, 160:] = FOUR
    # The pointer of the mouse is drawn over a few pixels.
    assert (seen != expected).any(axis=-1).mean() < 0.01


@tk
def test_a_window_of_another_shape_keeps_the_proportions(xvfb: Screen, tmp_path: Path) -> None:
    script = Script(
        """
        surface._root.geometry("800x300+0+0")
        for n in range(1, 4):
            window.show(frame(n))
            time.sleep(0.05)
        say(x=surface._root.winfo_rootx(), y=surface._root.winfo_rooty())
        """,
        tmp_path, xvfb.name,
    )  # fmt: skip
    at = script.says()
    seen = xvfb.picture()
    script.end()

    assert colours(seen, at["x"] + 200, at["y"], 400, 300) == FOUR
    beside = seen[at["y"] + 20 : at["y"] + 280]
    assert (beside[:, at["x"] : at["x"] + 190] == DARK).all()
    assert (beside[:, at["x"] + 610 : at["x"] + 790] == DARK).all()


@tk
def test_a_picture_larger_than_the_screen_is_seen_whole(xvfb: Screen, tmp_path: Path) -> None:
    script = Script(
        """
        window.close()
        window = LiveWindow()
        large = np.repeat(np.repeat(picture, 10, 0), 10, 1)
        window.show(Frame(large, media, 0, 0.0))
        root = window._surface._root
        say(x=root.winfo_rootx(), y=root.winfo_rooty(), width=root.winfo_width(), height=root.winfo_height(),
            again=window._surface is surface)
        """,
        tmp_path, xvfb.name,
    )  # fmt: skip
    at = script.says()
    seen = xvfb.picture()
    script.end()

    assert at["width"] <= SIZE[0]
    assert at["height"] <= SIZE[1]
    assert at["width"] / at["height"] == pytest.approx(4 / 3, rel=0.01)
    assert colours(seen, at["x"], at["y"], at["width"], at["height"]) == FOUR
    assert at["again"]  # the window of before is used, so that no interpreter of Tk is ever forgotten


@tk
def test_keys_and_the_button_of_the_frame(xvfb: Screen, tmp_path: Path) -> None:
    code = """
    root = surface._root
    def press(key):
        root.focus_force()
        root.update()
        root.event_generate(f"<KeyPress-{key}>")

    press("s")
    going = [window.show(frame(1))]
    press("space")
    root.after(300, lambda: press("space"))
    began = time.monotonic()
    going.append(window.show(frame(2)))
    title = root.title()
    paused = time.monotonic() - began
    root.tk.call(*root.tk.splitlist(root.protocol("WM_DELETE_WINDOW")))
    going.append(window.show(frame(3)))
    say(going=going, title=title, paused=paused, state=root.state())
    """
    script = Script(code, tmp_path, xvfb.name)
    told = script.says()
    seen = xvfb.picture()
    errors = script.end()

    assert told["going"] == [True, True, False]
    assert told["paused"] >= 0.29  # a timer never comes early
    assert told["state"] == "withdrawn"
    assert {tuple(pixel) for pixel in np.unique(seen.reshape(-1, 3), axis=0)}.isdisjoint(FOUR)
    (saved,) = (tmp_path / "runs/pose/show").iterdir()
    assert saved.name == "some_film_0.jpg"
    assert errors == f"poise: saved {saved}\n"


@tk
@pytest.mark.parametrize("key", ["q", "Q", "Escape"])
def test_a_key_closes_the_window(xvfb: Screen, tmp_path: Path, key: str) -> None:
    script = Script(
        f"""
        surface._root.event_generate("<KeyPress-{key}>")
        say(going=[window.show(frame(1)), window.show(frame(2))], closed=window.closed)
        """,
        tmp_path, xvfb.name,
    )  # fmt: skip
    told = script.says()
    script.end()

    assert told == {"going": [False, False], "closed": True}


@tk
def test_what_a_key_raises_is_not_swallowed(xvfb: Screen, tmp_path: Path) -> None:
    script = Script(
        """
        def interrupted():
            raise KeyboardInterrupt
        surface._root.after(1, interrupted)
        time.sleep(0.05)
        try:
            window.show(frame(1))
            say(raised=False)
        except KeyboardInterrupt:
            say(raised=True)
        """,
        tmp_path, xvfb.name,
    )  # fmt: skip
    told = script.says()
    script.end()

    assert told == {"raised": True}


@tk
def test_a_window_that_goes_leaves_the_work_going(xvfb: Screen, tmp_path: Path) -> None:
    # On a busy machine some frames come too late to be seen, and only one that is seen misses its window; one that
    # comes long after the last is seen.
    then = "surface._root.destroy(); went = [window.show(frame(i)) for i in range(1, 39)]; time.sleep(1); "
    script = Script(then + "say(going=[*went, window.show(frame(39))])", tmp_path, xvfb.name)
    told = script.says()
    errors = script.end()

    assert told == {"going": [True] * 39}
    assert errors.count("the window is gone") == 1


@tk
def test_a_screen_that_does_not_answer_is_said(tmp_path: Path) -> None:
    script = Script("say(surface=surface is None)", tmp_path, ":4093")
    told = script.says()
    errors = script.end()

    assert told == {"surface": True}
    assert errors == 'no window can open here: couldn\'t connect to display ":4093"\n'


# ---- OpenCV, for Pythons without Tk

OPENCV = """
import json, pathlib, sys
WINDOW_NORMAL, WINDOW_KEEPRATIO, WINDOW_GUI_NORMAL, WND_PROP_FULLSCREEN, WND_PROP_VISIBLE, WINDOW_FULLSCREEN = range(6)
log = pathlib.Path("log.jsonl").open("a")
keys = [ord("f"), -1, 27]

def note(*what):
    log.write(json.dumps(what) + chr(10))
    log.flush()

def namedWindow(name, flags):
    note("open")

def resizeWindow(name, width, height):
    note("size", width, height)

def imshow(name, picture):
    note("picture", picture.shape, picture[60, 80].tolist())

def setWindowTitle(name, title):
    note("title", title)

def setWindowProperty(name, what, value):
    note("fill", value == WINDOW_FULLSCREEN)

def getWindowProperty(name, what):
    return 1.0

def waitKey(delay):
    return keys.pop(0) if keys and log.tell() > 60 else -1
"""


def _without_tk(folder: Path, opencv: str) -> Path:
    folder = folder / "packages"
    folder.mkdir()
    (folder / "tkinter.py").write_text("raise ImportError('no Tk')\n")
    (folder / "cv2.py").write_text(opencv)
    return folder


def test_opencv_shows_and_tells_keys(tmp_path: Path) -> None:
    script = Script("say(going=[window.show(frame(n)) for n in (1, 2, 3)], closed=window.closed)", tmp_path, ":1",
                    _without_tk(tmp_path, OPENCV))  # fmt: skip
    told = script.says()
    script.end()

    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert told["closed"]
    assert told["going"][-1] is False
    assert log[:4] == [
        ["open"],
        ["size", 320, 240],
        ["picture", [240, 320, 3], [255, 0, 0]],
        ["title", "some film.mp4"],
    ]
    assert ["fill", True] in log


@pytest.mark.parametrize(
    "opencv",
    ["def namedWindow(*_): raise RuntimeError('The function is not implemented')", "import os; os.abort()"],
    ids=["headless", "aborts"],
)
def test_an_opencv_without_windows_is_said(tmp_path: Path, opencv: str) -> None:
    script = Script("say(surface=surface is None)", tmp_path, ":1", _without_tk(tmp_path, opencv))
    told = script.says()
    errors = script.end()

    assert told == {"surface": True}
    assert errors.startswith("no window can open here: Python has no Tk")


def test_an_opencv_that_ends_leaves_the_work_going(tmp_path: Path) -> None:
    opencv = OPENCV.replace("return keys.pop(0)", "return sys.exit()")
    script = Script("say(going=[window.show(frame(n)) for n in range(1, 6)])", tmp_path, ":1",
                    _without_tk(tmp_path, opencv))  # fmt: skip
    told = script.says()
    errors = script.end()

    assert told == {"going": [True] * 5}
    assert errors == "the window is gone (OpenCV's window has ended)\n"
