"""Reading TOML: failures name the file and the line, and every part of it is found again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.errors import FormatError
from poise.skeletons.tomlfile import TomlFile, read_toml

TEXT = """\
name = "move"  # signal = 3
points = [
    "hip",
    "knee", "hip",
]

[[signal]]
name = "knee"
[[signal]]
  "name" = "elbow"

[joints.left_knee]
grows = "closing"
[ colours ]
left = [1, 2, 3]

[zones]
door = { polygon = [
  [1, 2],
], "part" = "foot" }
[zones.'my gate']  # the one behind the house
hold_s = 1
"""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = 1\n\nb = \n", r"a\.toml:3: not a readable TOML file: Invalid value"),
        (b"a = ", r"a\.toml(:1)?: not a readable TOML file: Invalid value"),
        (b"a = '\xff'", r"a\.toml: not a readable TOML file: not text in UTF-8"),
        (b"a = " + b"[" * 100_000, r"a\.toml: not a readable TOML file: nested too deeply"),
        (b"\xef\xbb\xbfa = ", r"a\.toml(:1)?: not a readable TOML file: Invalid value"),
        (None, r"a\.toml: not a readable TOML file: .*No such file"),
    ],
)
def test_what_is_not_toml_is_refused_with_its_line(content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "a.toml").write_bytes(content)

    with pytest.raises(FormatError, match=message):
        read_toml(tmp_path / "a.toml")


@pytest.mark.parametrize(
    ("key", "where", "line"),
    [
        ("name", {}, 1),
        ("points", {}, 2),
        ("points", {"word": "hip"}, 3),
        ("points", {"word": "hip", "again": 1}, 4),
        ("points", {"word": "ankle"}, 2),
        ("signal", {}, 7),
        ("name", {"table": "signal"}, 8),
        ("signal", {"table": "signal", "nth": 1}, 9),
        ("name", {"table": "signal", "nth": 1}, 10),
        ("joints.left_knee", {}, 12),
        ("joints", {}, 12),
        ("grows", {"table": "joints.left_knee"}, 13),
        ("colours", {}, 14),
        ("left", {"table": "colours"}, 15),
        ("right", {"table": "colours"}, 14),
        ("door", {"table": "zones"}, 18),
        ("polygon", {"table": "zones.door"}, 18),
        ("part", {"table": "zones"}, 20),
        ("my gate", {"table": "zones"}, 21),
        ("hold_s", {"table": "zones.my gate"}, 22),
    ],
)
def test_a_key_is_found_in_its_line(key: str, where: dict[str, object], line: int, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(TEXT)

    assert read_toml(path).at(key, **where) == f"{path}:{line}"


def test_a_key_that_is_not_there_gives_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(TEXT)
    file = read_toml(path)

    assert file.at("nam") == file.at("name", table="rule") == file.at("name", table="signal", nth=2) == str(path)


@given(text=st.text(), key=st.text(min_size=1), word=st.text(), table=st.text(), nth=st.integers(0, 2))
def test_any_text_is_searched(text: str, key: str, word: str, table: str, nth: int) -> None:
    found = TomlFile(Path("a.toml"), text, {}).at(key, table=table, nth=nth, word=word)

    assert found == "a.toml" or 1 <= int(found.removeprefix("a.toml:")) <= text.count("\n") + 1


def test_a_mark_at_the_begin_is_no_part_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xef\xbb\xbfname = 'lamp'\n")

    assert read_toml(path).table == {"name": "lamp"}
