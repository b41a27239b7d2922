"""A notebook plays the file that was written, byte by byte."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

from poise import samples
from poise.drawing import Video


def test_the_page_holds_the_file() -> None:
    page = Video(samples.clip, width=320)._repr_html_()

    data = re.search(r'src="data:video/mp4;base64,([^"]+)"', page)
    assert data is not None
    assert base64.b64decode(data[1]) == samples.clip.read_bytes()
    assert "width:320px" in page


def test_names_are_text_and_not_markup(tmp_path: Path) -> None:
    path = tmp_path / '"><b>.mp4'
    path.write_bytes(b"x")

    assert "<b>" not in Video(path)._repr_html_()


@pytest.mark.parametrize(("name", "message"), [("a.avi", "browsers do not play .avi"), ("a.mp4", "pass limit_mb=")])
def test_what_a_page_cannot_show_is_said(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(bytes(2000))

    with pytest.raises(ValueError, match=message):
        Video(tmp_path / name, limit_mb=0.001)
