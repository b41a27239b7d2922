"""Lists and playlists that lead elsewhere, files that are none, and pictures that fill the memory."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from poise import files
from poise.errors import SourceError
from poise.sources import open_source
from poise.sources._options import MAX_FRAME

needs_av = pytest.mark.skipif(find_spec("av") is None, reason="needs PyAV (extra 'video')")


@pytest.fixture
def place(tmp_path: Path, photo: Path) -> Path:
    """A folder with a picture in it, one beside it, and a link from it to that one."""
    inner = tmp_path / "in"
    inner.mkdir()
    shutil.copy(photo, inner / "a.jpg")
    shutil.copy(photo, tmp_path / "b.jpg")
    (inner / "link.jpg").symlink_to(tmp_path / "b.jpg")
    return inner


def read(list_: Path, *, follow: bool = False) -> tuple[int, list[str]]:
    told: list[str] = []
    frames = sum(1 for _ in open_source([list_], follow=follow, on_error=lambda e: told.append(str(e))))
    return frames, told


def test_a_list_names_what_is_below_its_folder(place: Path) -> None:
    (place / "l.txt").write_text("a.jpg\n./a.jpg\n" + str(place / "a.jpg") + "\n")

    assert read(place / "l.txt") == (3, [])


@pytest.mark.parametrize("line", ["../b.jpg", "{outside}", "link.jpg", "../*.jpg"])
def test_a_list_that_leads_elsewhere_needs_leave(place: Path, line: str) -> None:
    line = line.format(outside=place.parent / "b.jpg")
    (place / "l.txt").write_text(f"a.jpg\n{line}\n")

    frames, told = read(place / "l.txt")
    assert frames == 1
    assert len(told) == 1
    assert "which is not below its own folder; to allow it: follow=True, --follow on the command line" in told[0]
    assert read(place / "l.txt", follow=True) == (2, [])


@pytest.mark.parametrize("line", ["0", "webcam", "http://127.0.0.1:9/a.jpg", "rtsp://127.0.0.1:9/a"])
def test_a_list_opens_no_camera_and_no_address(place: Path, line: str) -> None:
    (place / "l.txt").write_text(f"a.jpg\n{line}\n")

    frames, told = read(place / "l.txt")
    assert frames == 1
    assert "and may name files only" in told[0]


@needs_av
def test_a_playlist_names_what_is_below_its_folder(place: Path) -> None:
    import av

    for path in (place / "a.ts", place.parent / "b.ts"):
        with av.open(str(path), "w", format="mpegts") as out:
            stream = out.add_stream("mpeg2video", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for _ in range(10):
                out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")))
            out.mux(stream.encode(None))
    head = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n"
    for name, segment in (("good", "a.ts"), ("up", "../b.ts"), ("absolute", place.parent / "b.ts")):
        (place / f"{name}.m3u8").write_text(f"{head}{segment}\n#EXT-X-ENDLIST\n")

    assert sum(1 for _ in open_source(place / "good.m3u8")) == 10
    for name in ("up", "absolute"):
        with pytest.raises(SourceError, match=r"a playlist that names .*b\.ts, which is not below its own folder"):
            list(open_source(place / f"{name}.m3u8"))
        assert sum(1 for _ in open_source(place / f"{name}.m3u8", follow=True)) == 10


SPECIAL = ["device", "pipe", "sparse"]


@pytest.fixture(params=SPECIAL)
def special(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A link to a device that never ends, a pipe that nobody writes to, or a file of 8 GB of holes."""
    path = tmp_path / "special"
    if request.param == "device":
        if not Path("/dev/zero").exists():
            pytest.skip("this system has no /dev/zero")
        path.symlink_to("/dev/zero")
    elif request.param == "pipe":
        os.mkfifo(path)
    else:
        with path.open("wb") as file:
            file.truncate(8 << 30)
    return path


@pytest.mark.parametrize("ending", ["txt", "jpg", "png", "gif", "mp4"])
def test_special_files_are_no_sources(special: Path, ending: str) -> None:
    if ending == "mp4" and find_spec("av") is None:
        pytest.skip("needs PyAV (extra 'video')")
    path = special.rename(special.with_suffix(f".{ending}"))

    with pytest.raises(
        SourceError, match=r"a (device|pipe) where a file is expected|not a (picture|video)|8,589,934,592"
    ):
        list(open_source(path))


def test_special_files_are_not_read(special: Path) -> None:
    with pytest.raises(files.NotRead, match=r"where a file is expected|more than a file of this kind has"):
        files.read_bytes(special, most=1 << 20)


def test_a_file_of_holes_is_told(tmp_path: Path) -> None:
    path = tmp_path / "holes.pt"
    with path.open("wb") as file:
        file.truncate(3 << 30)
    if path.stat().st_blocks * 512 > 1 << 20:
        pytest.skip("this file system stores holes")

    with pytest.raises(files.NotRead, match="a file of holes; fetch or copy it again"):
        files.read_bytes(path, most=files.MOST_NETWORK)


def test_bytes_and_text_are_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("é\r\nb\rc".encode())

    assert files.read_bytes(path, most=8) == "é\r\nb\rc".encode()
    assert files.read_text(path, most=8) == "é\nb\nc"
    with pytest.raises(files.NotRead, match=r"7 bytes, more than a file of this kind has \(6\)"):
        files.read_text(path, most=6)


def test_an_animation_of_huge_frames_is_refused(tmp_path: Path) -> None:
    side = int(MAX_FRAME**0.5) + 1
    first, second = PIL.Image.new("P", (side, side)), PIL.Image.new("P", (side, side), 1)
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])

    with pytest.raises(SourceError, match=r"8193\s?x\s?8193"):
        list(open_source(tmp_path / "a.gif"))
