"""Show, save and plot: on a screen, in a notebook, and where there is neither."""

import sys
import tempfile
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageShow

from poise.drawing import display, draw
from poise.frames import Frame, Media
from poise.results import Results


def result(name: str = "street/runner.jpg") -> Results:
    image = np.full((120, 160, 3), 90, dtype=np.uint8)
    image[:, :, 0] = 200  # blue
    xy = np.random.default_rng(5).uniform(20, 100, (1, 17, 2))
    return Results.of(Frame(image, Media(name)), [[10, 10, 110, 110, 0.9, 0]], xy, np.ones((1, 17)))


@pytest.fixture
def headless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    return tmp_path


def test_without_a_screen_a_file_is_written_and_its_path_printed(headless: Path, capsys: pytest.CaptureFixture) -> None:
    path = result().show()

    assert path is not None
    assert capsys.readouterr().out == f"{path}\n"
    assert Path(path) == headless / "runs" / "pose" / "show" / "runner.jpg"
    assert Image.open(path).size == (160, 120)


def test_a_second_file_does_not_replace_the_first(headless: Path) -> None:
    first, second = result().show(), result().show()

    assert first != second
    assert {p.name for p in (headless / "runs/pose/show").iterdir()} == {"runner.jpg", "runner2.jpg"}


def test_where_runs_cannot_be_written_the_temporary_folder_is_used(
    headless: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (headless / "runs").write_text("a file, not a folder")
    monkeypatch.setattr(tempfile, "tempdir", str(headless / "tmp"))

    path = display(result().orig_img, "x")

    assert path == str(headless / "tmp" / "poise" / "x.jpg")


def test_the_name_of_a_file_is_safe(headless: Path) -> None:
    path = display(result().orig_img, "rtsp://user:secret@cam/live?x=1")

    assert path is not None
    assert Path(path).parent == headless / "runs" / "pose" / "show"


def test_on_a_screen_the_viewer_opens(headless: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("shutil.which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(ImageShow, "show", lambda picture, title: shown.append((picture.size, title)) or True)

    path = result().show()

    assert path is None
    assert shown == [((160, 120), "runner")]


@pytest.mark.parametrize("outcome", [False, OSError("no viewer")])
def test_a_viewer_that_fails_leaves_a_file(
    headless: Path, monkeypatch: pytest.MonkeyPatch, outcome: bool | OSError
) -> None:
    def show(picture: Image.Image, title: str) -> bool:
        if isinstance(outcome, OSError):
            raise outcome
        return outcome

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(ImageShow, "show", show)

    path = result().show()

    assert path is not None
    assert Path(path).exists()


def test_in_a_notebook_the_picture_appears_below_the_cell(headless: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    ipython, inner = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())  # type: ignore[attr-defined]
    inner.Image = lambda data, format: (format, data[:8])  # type: ignore[attr-defined]
    inner.display = shown.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", inner)

    path = result().show()

    assert path is None
    assert shown == [("png", b"\x89PNG\r\n\x1a\n")]


def test_an_ipython_terminal_is_no_notebook(headless: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ipython = ModuleType("IPython")
    ipython.get_ipython = lambda: SimpleNamespace()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)

    assert result().show() is not None


def test_plot_takes_the_words_of_this_field() -> None:
    found = result()
    other = np.zeros_like(found.orig_img)

    same = found.plot(conf=True, line_width=None, kpt_radius=None, kpt_line=True, labels=True, boxes=True, img=None,
                      pil=False, masks=True, probs=True, min_conf=None, font="Arial.ttf", font_size=None)  # fmt: skip

    assert np.array_equal(same, draw(found))
    assert np.array_equal(found.plot(img=other, boxes=False), draw(found, image=other, boxes=False))
    assert (found.plot(font_size=30) != found.plot()).any()


def test_a_pil_picture_is_rgb() -> None:
    picture = result().plot(pil=True, boxes=False, labels=False, min_conf=2.0)

    assert isinstance(picture, Image.Image)
    assert picture.getpixel((0, 0)) == (90, 90, 200)


def test_an_unknown_option_suggests_the_nearest() -> None:
    with pytest.raises(TypeError, match="plot\\(\\) has no argument 'line_widht'; did you mean 'line_width'"):
        result().plot(line_widht=3)


def test_save_names_the_file_after_the_source(headless: Path) -> None:
    assert result().save() == "results_runner.jpg"
    assert result("clip.mp4").save() == "results_clip.jpg"
    assert result().save("new/folder/x.png", boxes=False) == str(Path("new/folder/x.png"))

    saved = np.asarray(Image.open("new/folder/x.png"))[:, :, ::-1]
    assert np.array_equal(saved, result().plot(boxes=False))


def test_save_refuses_an_ending_that_is_no_picture(headless: Path) -> None:
    with pytest.raises(ValueError, match=r"x\.gif: no picture format has the ending '\.gif'; known: \.jpg"):
        result().save("x.gif")


def test_notebook_representations() -> None:
    found = result("<b>.jpg")

    assert found._repr_png_().startswith(b"\x89PNG")
    page = found._repr_html_()
    assert 'src="data:image/jpeg;base64,' in page
    assert "1 person" in page
    assert "<b>" not in page
