"""Maps of controls: what comes with Poise, what a file may say, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.errors import FormatError
from poise.play import bundled_maps, read_map


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_bundled_maps() -> None:
    assert bundled_maps() == ["boxing", "hands", "runner", "wheel"]
    maps = {name: read_map(name) for name in bundled_maps()}
    assert [one.name for one in maps["runner"].buttons] == ["jump", "duck", "sprint"]
    assert [one.name for one in maps["wheel"].axes] == ["steer"]
    # People must be told what to do.
    assert all(one.summary and all(it.summary for it in (*one.buttons, *one.axes)) for one in maps.values())


def test_only_the_gestures_that_are_asked_for_are_kept() -> None:
    assert {one.name for one in read_map("runner").gestures} == {"take_off", "duck", "crouched", "run_on_spot"}


def test_a_map_of_ones_own(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        sets = ["moves"]
        players = 3
        [[gesture]]
        name = "hat"
        part = "body"
        where = [{ measure = "left_hand_from_head", max = 0.3 }]
        [[button]]
        name = "greet"
        gesture = ["hat", "jump"]
        mode = "hold"
        repeat_s = 0.5
        debounce_s = 0.25
        key = "g"
        [[axis]]
        name = "up"
        measure = "place_y"
        range = [0, 1]
        to = [0, 1]
        """,
    )

    made = read_map(path)

    assert (made.name, made.players) == ("mine", 3)
    (button,), (axis,) = made.buttons, made.axes
    assert (button.gestures, button.mode, button.repeat_s, button.debounce_s) == (("hat", "jump"), "hold", 0.5, 0.25)
    assert (axis.range, axis.to, axis.rest) == ((0.0, 1.0), (0.0, 1.0), 0.0)
    assert {one.name for one in made.gestures} == {"hat", "jump"}


BUTTON = '[[button]]\nname = "a"\ngesture = "jump"\n'
GESTURE = '[[gesture]]\nname = "a"\npart = "body"\nwhere = [{ measure = "left_reach", min = 1 }]\n'
AXIS = '[[axis]]\nname = "x"\nmeasure = "trunk_lean"\nrange = [-1, 1]\n'


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (BUTTON + 'moode = "tap"', 4, "unknown key 'moode'; did you mean 'mode'?"),
        ('[[button]]\nname = "a"\ngesture = "jmp"', 3, "no gesture of a body named 'jmp'; did you mean 'jump'?"),
        ('[[button]]\nname = "a"', 2, "button 'a' needs a 'gesture'"),
        ('[[button]]\nname = "a b"\ngesture = "jump"', 2, "the name of a button must be letters, digits and _"),
        (BUTTON + 'mode = "press"', 4, "'mode' must be 'tap' or 'hold', got 'press'"),
        (BUTTON + 'keep = "duck"', 4, "'keep' is for mode = 'hold'"),
        (BUTTON + "cooldown_s = -1", 4, "'cooldown_s' must be a number from 0 to 60, got -1"),
        (BUTTON + "conf = nan", 4, "'conf' must be a number from 0 to 1"),
        (BUTTON + 'key = "spce"', 4, "no key named 'spce'; did you mean 'space'?"),
        (BUTTON + 'gamepad = "left_x"', 4, "no gamepad named 'left_x'"),
        (BUTTON + BUTTON, 5, "there are two actions named 'a'"),
        (AXIS + 'key = "a"', 5, "an axis has no key"),
        ('[[axis]]\nname = "x"\nrange = [0, 1]', 2, "axis 'x' needs a 'measure'"),
        ('[[axis]]\nname = "x"\nmeasure = "trunk_leen"\nrange = [0, 1]', 3, "did you mean 'trunk_lean'?"),
        ('[[axis]]\nname = "x"\nmeasure = "place_x"', 2, "axis 'x' needs a 'range'"),
        (
            AXIS.replace("[-1, 1]", "[1, 1]"),
            4,
            "'range' must be two different numbers from -1e+06 to 1e+06, got [1, 1]",
        ),
        (AXIS.replace("[-1, 1]", "[-1, 1" + 400 * "0" + "]"), 4, "'range' must be two different numbers"),
        (AXIS.replace("[-1, 1]", "[-1e308, 1e308]"), 4, "'range' must be two different numbers"),
        (AXIS + "to = [0, nan]", 5, "'to' must be two different numbers"),
        ('[[button]]\nname = "a"\ngesture = [["jump"]]', 3, "no gesture of a body named \"['jump']\""),
        ('[[button]]\nname = "a"\ngesture = [{}]', 3, "no gesture of a body named '{}'"),
        (BUTTON.replace('"a"', f'"{65 * "a"}"'), 2, "letters, digits and _, at most 64"),
        (AXIS + "dead_zone = 1", 5, "'dead_zone' must be a number from 0 to 0.95, got 1"),
        ('sets = ["move"]\n' + BUTTON, 1, "no set of gestures named 'move'; did you mean 'moves'?"),
        ("players = 0\n" + BUTTON, 1, "'players' must be a whole number from 1 to 8, got 0"),
        (
            '[[gesture]]\nname = "a"\npart = "body"\nwhere = [{ measur = "reach" }]\n' + BUTTON,
            4,
            "unknown key 'measur'",
        ),
        ('butons = 1\n[[button]]\nname = "a"', 1, "unknown key 'butons'; did you mean 'button'?"),
        ("button = 1", 1, "'button' must be tables: write [[button]]"),
    ],
)
def test_a_wrong_file_says_where_and_how_to_mend_it(tmp_path: Path, text: str, line: int, words: str) -> None:
    path = written(tmp_path, text)

    with pytest.raises(FormatError) as error:
        read_map(path)

    assert str(error.value).startswith(f"{path}:{line}: ")
    assert words in str(error.value)


def test_a_file_without_actions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"expected at least one \[\[button\]\] or \[\[axis\]\] table"):
        read_map(written(tmp_path, 'name = "empty"'))


def test_an_unknown_map_is_named_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="no map named 'runer'; did you mean 'runner'"):
        read_map("runer")
