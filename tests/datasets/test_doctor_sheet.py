"""The command ``poise data check`` and the sheet."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import PIL.Image
import pytest
from doctor_kit import copy, edit

from poise.cli import main


@pytest.fixture
def coco8(shared: Path, tmp_path: Path) -> Path:
    return copy(shared / "data/coco8-pose", tmp_path / "set")


def break_one(yaml: Path) -> None:
    edit(yaml.parent / "labels/train/000000000036.txt", 1, lambda words: words[:-1])


def test_clean_set_ends_with_code_0(coco8: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", str(coco8)]) == 0
    assert "0 errors, 0 warnings" in capsys.readouterr().out


def test_error_ends_with_code_1_and_prints_file_and_line(coco8: Path, capsys: pytest.CaptureFixture[str]) -> None:
    break_one(coco8)

    assert main(["data", "check", str(coco8), "--fast"]) == 1
    assert "000000000036.txt:1: 55 columns, expected 56" in capsys.readouterr().out


def test_many_problems_of_a_kind_are_counted_and_json_lists_them_all(
    coco8: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in coco8.parent.rglob("*.txt"):
        file.unlink()

    main(["data", "check", str(coco8), "--fast"])
    text = capsys.readouterr().out
    main(["data", "check", str(coco8), "--fast", "--json"])
    table = json.loads(capsys.readouterr().out)

    assert "5 more of picture-without-label (8 in all" in text
    assert sum(p["kind"] == "picture-without-label" for p in table["problems"]) == 8
    assert table["statistics"]["splits"]["train"]["background"] == 4


def test_missing_file_is_one_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["data", "check", str(tmp_path / "none.yaml")]) == 1
    assert capsys.readouterr().err.startswith("poise: ")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img", "br", "rect", "line"):
            self.open.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open[-1:]:
            self.open.pop()


def test_sheet_is_one_whole_page_that_asks_nothing_of_a_network(coco8: Path, tmp_path: Path) -> None:
    break_one(coco8)
    page = tmp_path / "sheet.html"

    main(["data", "check", str(coco8), "--sheet", str(page)])

    tags = _Tags()
    tags.feed(page.read_text())
    assert tags.open == []
    assert tags.addresses
    assert all(address.startswith("data:image/") for address in tags.addresses)
    assert not re.search(r"https?://|@import|url\(", page.read_text())
    assert "000000000036.txt:1" in page.read_text()


def test_sheet_shows_names_of_a_hostile_set_as_text(coco8: Path, tmp_path: Path) -> None:
    coco8.write_text(coco8.read_text().replace("0: person", "0: '<script>alert(1)</script>'"))
    page = tmp_path / "sheet.html"

    main(["data", "check", str(coco8), "--sheet", str(page)])

    assert "<script" not in page.read_text()


def test_sheet_can_be_a_picture(coco8: Path, tmp_path: Path) -> None:
    main(["data", "check", str(coco8), "--sheet", str(tmp_path / "sheet.png")])

    with PIL.Image.open(tmp_path / "sheet.png") as picture:
        assert picture.width == 1240
        assert picture.height > 500


def test_sheet_of_a_set_without_labels_is_written(coco8: Path, tmp_path: Path) -> None:
    for file in coco8.parent.rglob("*.txt"):
        file.unlink()

    for name in ("sheet.html", "sheet.png"):
        main(["data", "check", str(coco8), "--fast", "--sheet", str(tmp_path / name)])

        assert (tmp_path / name).stat().st_size > 500


def test_sheet_of_another_ending_is_refused_before_the_work(coco8: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", str(coco8), "--sheet", "sheet.pdf"]) == 2
    assert ".html or .png" in capsys.readouterr().err
