"""The sheet of what was found: whole in one file, whatever the names in it are."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from pose_tables import bodies
from search_kit import result, video

from poise.bodies.pose_embedding import embed, layout
from poise.search import Like, PoseIndex, search, search_movements, write_sheet
from poise.search.thumbnails import find_source, thumbnails_of
from poise.skeletons import get

CLIP = Path(__file__).parents[1] / "assets/clip.mp4"


class Page(HTMLParser):
    """What a page consists of."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def saved(folder: Path, xy: np.ndarray) -> list[Path]:
    """Write a picture for each of the poses, bright where the person's box is."""
    paths = []
    for i, one in enumerate(xy):
        image = np.zeros((2400, 2400), np.uint8)
        low, high = one.min(axis=0).astype(int).clip(0), one.max(axis=0).astype(int)
        image[low[1] : high[1], low[0] : high[0]] = 255
        paths.append(folder / f"{i}.png")
        PIL.Image.fromarray(image).save(paths[-1])
    return paths


def test_a_hit_is_shown_cut_out_of_its_picture(tmp_path: Path) -> None:
    xy = bodies(3)
    paths = saved(tmp_path, xy)
    index = PoseIndex.of(result(one[None], source=str(path)) for one, path in zip(xy, paths, strict=True))
    like = Like.of(result(xy[:1]))
    hits = search(index, like)

    write_sheet(tmp_path / "found.html", index, like, hits)
    shot = thumbnails_of(index, hits[0])[0]

    page = Page(tmp_path / "found.html")
    assert page.tags.count("figure") == len(hits)
    assert page.tags.count("img") == len(hits) + 1  # and what was looked for
    assert all(link.startswith("data:image/jpeg;base64,") for link in page.links)
    assert "0.png" in page.text
    assert ((shot.points > 0) & (shot.points < 1)).all()
    # Points stand where they are in the cut picture: its box is bright.
    (tmp_path / "shot.jpg").write_bytes(shot.jpeg)
    pixels = np.asarray(PIL.Image.open(tmp_path / "shot.jpg").convert("L"))
    bright = np.argwhere(pixels > 128)[:, ::-1] / len(pixels)
    np.testing.assert_allclose(bright.min(axis=0), shot.points.min(axis=0), atol=0.03)
    np.testing.assert_allclose(bright.max(axis=0), shot.points.max(axis=0), atol=0.03)


def test_sources_that_are_gone_leave_their_skeletons_and_are_told(tmp_path: Path) -> None:
    xy = bodies(3)
    index = PoseIndex.of(result(one[None], source=f"/nowhere/{i}.jpg") for i, one in enumerate(xy))
    like = Like.of(result(xy[:1]))
    told: list[str] = []

    write_sheet(tmp_path / "found.html", index, like, search(index, like), on_error=told.append)

    page = Page(tmp_path / "found.html")
    assert page.tags.count("img") == 1
    assert page.tags.count("svg") == 1 + page.tags.count("figure")
    assert len(told) == page.tags.count("figure")
    assert "/nowhere/" in told[0]


def test_sources_that_were_moved_are_found_below_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x.png").write_bytes(b"")

    assert find_source("a/x.png", (tmp_path,)) == tmp_path / "a/x.png"
    assert find_source("/old/place/x.png", (tmp_path / "a",)) == tmp_path / "a/x.png"
    with pytest.raises(FileNotFoundError):
        find_source("x.png", (tmp_path,))


@pytest.mark.parametrize("name", ["http://localhost:1/a.jpg", "0", "webcam", "-", "rtsp://x", "a\0b", "x" * 5000])
def test_no_address_and_no_camera_is_opened(name: str) -> None:
    with pytest.raises(FileNotFoundError):
        find_source(name, (Path("/nowhere"),))


def test_names_from_strangers_stay_text(tmp_path: Path) -> None:
    name = '<script>alert("x")</script>{{VERSION}}&\u202e\ud800.jpg'
    xy = bodies(1)
    index = PoseIndex.of([result(xy, source=name)])
    like = Like.of(result(xy), name='"><img src=x>{{HITS}}')

    write_sheet(tmp_path / "found.html", index, like, search(index, like), about=["<b>bold</b>"])

    page = Page(tmp_path / "found.html")
    assert not {"script", "b>"} & set(page.tags)
    assert page.tags.count("figure") == 1
    assert page.tags.count("img") == 1
    assert "{{VERSION}}" in "".join(page.text)
    assert re.search(r"default-src 'none'", (tmp_path / "found.html").read_text(encoding="utf-8"))


def test_nothing_found_is_said(tmp_path: Path) -> None:
    xy = bodies(2)
    index = PoseIndex.of([result(xy[:1])])
    like = Like.of(result(xy[1:]))

    write_sheet(tmp_path / "found.html", index, like, [])

    assert "nobody shows this pose" in Page(tmp_path / "found.html").text


def test_a_movement_is_a_strip_of_pictures_of_its_video(tmp_path: Path) -> None:
    pytest.importorskip("av")
    xy = bodies(2)
    share = np.linspace(0, 1, 15)[:, None, None]
    index = PoseIndex.of(video((1 - share) * xy[0] + share * xy[1], source=str(CLIP)))
    embedding, weight = embed((1 - share) * xy[0] + share * xy[1], None, get("coco17"))
    like = Like(embedding, weight, layout(get("coco17")), np.zeros(15, np.int64), np.arange(15) / 10)

    write_sheet(tmp_path / "found.html", index, like, search_movements(index, like, top=1))

    page = Page(tmp_path / "found.html")
    assert page.tags.count("figure") == 1
    assert page.tags.count("img") == 5
    assert "0:00.0 to 0:01.4" in page.text


def test_poses_without_a_picture_are_drawn(tmp_path: Path) -> None:
    xy = bodies(1)
    index = PoseIndex.of([result(xy)])
    embedding, weight = embed(xy, None, get("coco17"))
    like = Like(embedding, weight, layout(get("coco17")), np.zeros(1, np.int64))

    write_sheet(tmp_path / "found.html", index, like, [])

    assert Page(tmp_path / "found.html").tags.count("line") > 20
