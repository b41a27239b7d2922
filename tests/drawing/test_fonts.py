"""Names in any script are written in a font that has them, or it is said that none has."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from poise.drawing import _fonts, draw_label, find_font, label_size
from poise.drawing._text import ink
from poise.model.settings import Settings

WIDE, FAR = "wide.ttf", "far.ttf"


@pytest.fixture
def two_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a font of Cyrillic and Latin letters, and one of Chinese letters alone."""
    has = {None: "abc ", WIDE: "abc жиш", FAR: "人走"}
    monkeypatch.setattr(_fonts, "_installed", lambda: (Path(WIDE), Path(FAR)))
    monkeypatch.setattr(_fonts, "_has", lambda letter, path: letter in has[path])
    _fonts._runs.cache_clear()
    _fonts._warn.cache_clear()
    yield
    _fonts._runs.cache_clear()
    _fonts._warn.cache_clear()


@pytest.mark.usefixtures("two_fonts")
class TestChoice:
    def test_latin_stays_in_the_usual_font(self) -> None:
        assert _fonts.runs("abc", None) == (("abc", None),)

    def test_one_font_for_the_whole_line_where_one_has_it(self) -> None:
        assert _fonts.runs("a жиш", None) == (("a жиш", WIDE),)

    def test_pieces_where_none_has_it_all(self) -> None:
        assert _fonts.runs("ab 人走 ж", None) == (("ab ", None), ("人走 ", FAR), ("ж", WIDE))

    def test_what_no_font_has_is_said_once(self) -> None:
        with pytest.warns(RuntimeWarning, match="no font on this machine has 'ด'.*POISE_FONT"):
            assert _fonts.runs("a ด", None) == (("a ด", None),)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            _fonts.runs("b ด", None)


def installed(letter: str) -> str:
    """Return an installed font that has a letter which Pillow's own lacks."""
    found = next((str(path) for path in _fonts._installed() if _fonts._has(letter, str(path))), None)
    if found is None:
        pytest.skip(f"needs an installed font with {letter!r}")
    return found


def test_pillows_own_font_lacks_cyrillic_and_an_installed_one_does_not() -> None:
    assert _fonts._has("a", None)
    assert not _fonts._has("ж", None)
    assert _fonts._has("ж", installed("ж"))


def test_cyrillic_is_written_and_not_boxes() -> None:
    installed("ж")

    first, second = ink("жж", 30), ink("шш", 30)

    assert first.shape[0] == second.shape[0]
    # Boxes for missing letters would be alike.
    width = min(first.shape[1], second.shape[1])
    assert (first[:, :width] != second[:, :width]).mean() > 0.1


def test_a_mixed_line_stands_on_one_base_line() -> None:
    installed("ж")
    alone, mixed = ink("x", 40), ink("xж", 40)

    def base(mask: np.ndarray, columns: slice) -> int:
        return int(np.flatnonzero(mask[:, columns].max(axis=1) > 100).max())

    height = base(mixed, slice(0, 15)), base(mixed, slice(mixed.shape[1] - 15, None))
    assert abs(height[0] - height[1]) <= 1
    assert alone.shape[1] < mixed.shape[1]


def test_a_font_is_named_by_file_or_by_name() -> None:
    path = installed("ж")

    assert find_font(path) == path
    assert Path(find_font(Path(path).stem)).stem.lower() == Path(path).stem.lower()
    assert find_font(Path(path).name) == find_font(Path(path).stem.upper())
    with pytest.raises(ValueError, match="font 'NoSuchFont' is neither a file nor an installed font"):
        find_font("NoSuchFont")
    assert label_size("person", 20, font=path) != label_size("person", 20)


def test_the_environment_names_the_font_of_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    path = installed("ж")
    plain, chosen = np.zeros((60, 200, 3), np.uint8), np.zeros((60, 200, 3), np.uint8)
    draw_label(plain, (5, 5), "person", (255, 255, 255), 24)
    monkeypatch.setenv("POISE_FONT", path)
    draw_label(chosen, (5, 5), "person", (255, 255, 255), 24)

    assert (plain != chosen).any()


def test_a_wrong_font_is_an_error_before_the_run() -> None:
    with pytest.raises(ValueError, match="NoSuchFont"):
        Settings.of({"font": "NoSuchFont"}, call="predict")
