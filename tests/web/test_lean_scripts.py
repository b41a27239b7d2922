"""What is sent to a browser says the same as what is in the repository."""

from __future__ import annotations

from pathlib import Path

import pytest
from motion_node import SCRIPTS

from poise.web import lean_script, small_script, write_bundle

FILES = sorted(SCRIPTS.rglob("*.js"))


def test_comments_indentation_and_empty_lines_go() -> None:
    script = """/**
 * What it is for.
 */
import {a} from "./a.js";

  // Why.
  const b = a ? 1 : 2; // of each
  const address = "http://a.example"; // it's kept: a quote follows
"""

    assert lean_script(script) == (
        'import {a} from "./a.js";\n'
        "const b = a ? 1 : 2;\n"
        'const address = "http://a.example"; // it\'s kept: a quote follows\n'
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_text_goes_over_several_lines(file: Path) -> None:
    lines = lean_script(file.read_text(encoding="utf-8")).splitlines()

    assert [line for line in lines if line.count("`") % 2] == []


def test_names_inside_a_script_are_shortened_and_those_that_others_import_are_not() -> None:
    pytest.importorskip("minify", reason="needs the web extra")

    assert small_script("export function boxArea(box) {\n  return box[2] - box[0];\n}\n") == (
        "export function boxArea(e){return e[2]-e[0]}"
    )


def test_the_scripts_of_a_page_stay_small(tmp_path: Path) -> None:
    pytest.importorskip("minify", reason="needs the web extra")

    assert write_bundle(tmp_path / "page").script_bytes < 150_000


def test_the_scripts_of_motion_stay_small() -> None:
    sizes = [len(lean_script(file.read_text(encoding="utf-8"))) for file in FILES]

    assert sum(sizes) < 80_000
