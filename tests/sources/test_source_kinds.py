"""What may be given as a source, in any mixture, and what is said when it cannot be read."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from source_clips import encode, quarters, read, write_video

from poise.errors import SourceError
from poise.extras.installation import installing
from poise.sources import open_source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b10.jpg", "b9.jpg", "a.PNG", ".hidden.jpg", "notes.xml"):
        (tmp_path / name).write_bytes(encode(quarters(), "PNG"))
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "c.jpg").write_bytes(encode(quarters()))
    write_video(tmp_path / "clip.mp4", frames=3)
    return tmp_path


def names(source: object, **options: object) -> list[str]:
    return [Path(frame.media.name).name for frame in open_source(source, **options)]


def test_folder_is_sorted_naturally_and_leaves_out_what_is_no_picture(folder: Path) -> None:
    assert names(folder) == ["a.PNG", "b9.jpg", "b10.jpg", "clip.mp4", "clip.mp4", "clip.mp4"]
    assert open_source(folder).total == 6
    assert open_source(folder).kind == "mixed"


def test_glob_and_recursive_glob(folder: Path) -> None:
    assert names(f"{folder}/b*.jpg") == ["b9.jpg", "b10.jpg"]
    assert sorted(names(f"{folder}/**/*.jpg")) == ["b10.jpg", "b9.jpg", "c.jpg"]
    assert names(f"{folder}/b*") == ["b9.jpg", "b10.jpg"]
    assert names(f"{folder}/*.xml") == ["notes.xml"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "a[1].jpg").write_bytes(encode(quarters()))
    (tmp_path / "a1.jpg").write_bytes(encode(quarters()))

    assert names(str(tmp_path / "a[1].jpg")) == ["a[1].jpg"]


def test_text_file_of_paths_is_relative_to_itself(folder: Path) -> None:
    listing = folder / "deeper" / "list.txt"
    listing.write_text(f"# training pictures\n../a.PNG\n\n./c.jpg\r\n{folder}/b9.jpg\n", "utf-8-sig")

    assert names(listing, follow=True) == ["a.PNG", "c.jpg", "b9.jpg"]


def test_text_file_that_names_itself_does_not_run_for_ever(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("list.txt\n")

    with pytest.raises(SourceError, match="a list of paths inside a list of paths"):
        open_source(tmp_path / "list.txt")


def test_nested_mixture_keeps_its_order_and_names(folder: Path) -> None:
    array = quarters()
    mixture = [
        str(folder / "a.PNG"),
        (array, [array[:, :, 0], folder / "b9.jpg"]),
        PIL.Image.fromarray(array[:, :, ::-1]),
        encode(array, "PNG"),
        np.stack([array, array]),
    ]

    frames = list(open_source(mixture))

    assert [Path(frame.media.name).name for frame in frames] == [
        "a.PNG",
        "array 1",
        "array 2",
        "b9.jpg",
        "PIL image 4",
        "bytes 5",
        "array 6",
        "array 7",
    ]
    assert all(np.array_equal(frame.image, array) for frame in [*frames[:2], *frames[3:]])
    assert frames[2].image.tolist() == np.repeat(array[:, :, :1], 3, axis=2).tolist()


def test_bgr_array_is_not_copied() -> None:
    array = quarters()

    (frame,) = open_source(array)

    assert np.shares_memory(frame.image, array)


def test_bgra_and_one_channel_arrays() -> None:
    array = quarters()
    bgra = np.dstack([array, np.zeros((48, 64), np.uint8)])

    frames = list(open_source([bgra, array[:, :, :1]]))

    assert np.array_equal(frames[0].image, array)
    assert frames[1].image.shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("array", "error", "words"),
    [
        (np.zeros((4, 4, 3)), TypeError, "got float64; multiply by 255"),
        (np.full((4, 4, 3), np.nan, np.float32), TypeError, "got float32"),
        (np.full((4, 4, 3), 200.0), TypeError, "got float64; scale to 0..255"),
        (np.ones((4, 4, 3), bool), TypeError, "got bool; multiply by 255"),
        (np.zeros((4, 4, 3), np.int64), TypeError, "got int64"),
        (np.zeros((4, 4, 5), np.uint8), ValueError, r"got \(4, 4, 5\)"),
        (np.zeros((3, 4, 4), np.uint8), None, ""),  # three rows of four BGRA pixels: unusual, but a picture
        (np.zeros((3, 40, 40), np.uint8), ValueError, r"got \(3, 40, 40\)"),  # channels first
        (np.zeros((0, 4, 3), np.uint8), ValueError, r"got \(0, 4, 3\)"),
        (np.zeros(7, np.uint8), ValueError, r"array 0: expected shape .* got \(7,\)"),
    ],
)
def test_arrays_that_are_no_pictures(array: np.ndarray, error: type[Exception] | None, words: str) -> None:
    if error is None:
        assert len(list(open_source(array))) == 1
        return
    with pytest.raises(error, match=words):
        list(open_source(array))


def test_bytes_bytearray_memoryview_and_open_file(folder: Path) -> None:
    data = encode(quarters(), "PNG")

    frames = list(open_source([data, bytearray(data), memoryview(data), io.BytesIO(data)]))
    with (folder / "a.PNG").open("rb") as file:
        frames += open_source(file)

    assert all(np.array_equal(frame.image, quarters()) for frame in frames)
    assert len(frames) == 5


def test_home_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))

    assert names("~/a.PNG") == ["a.PNG"]


def test_bytes_of_a_video(folder: Path) -> None:
    source = open_source((folder / "clip.mp4").read_bytes())
    frames = list(source)

    assert (source.kind, source.total) == ("video", None)

    assert [(frame.index, frame.media.kind) for frame in frames] == [(0, "video"), (1, "video"), (2, "video")]


def test_generator_is_read_as_frames_are_asked_for(folder: Path) -> None:
    asked = []

    def pictures() -> Iterator[object]:
        for name in ("a.PNG", "b9.jpg", "clip.mp4"):
            asked.append(name)
            yield folder / name

    frames = iter(open_source(pictures()))

    assert asked == []
    next(frames)
    assert asked == ["a.PNG"]
    assert len(list(frames)) == 4


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        (None, TypeError, "the source is None; give a path"),
        (True, TypeError, "the source is True; give a path"),
        ({"a": 1}, TypeError, "cannot read frames from dict; give a path"),
        (3.5, TypeError, "cannot read frames from float"),
        ("", ValueError, "empty string"),
        ("  ", ValueError, "empty string"),
        ([], ValueError, "empty list"),
        ([[], ()], ValueError, "empty list"),
        (-1, ValueError, "a camera number is 0 or more, got -1"),
        ("a\0b", SourceError, "zero byte"),
        ("ftp://host/a.jpg", SourceError, "addresses of kind 'ftp' are not read; known: http, https, rtmp"),
        ([0, "a.jpg"], ValueError, "camera 0 never ends"),
    ],
)
def test_what_is_no_source(source: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        open_source(source, on_error=print if isinstance(source, list) else None)


@pytest.mark.parametrize(("option", "value"), [("vid_stride", 0), ("prefetch", -1), ("max_pixels", 0)])
def test_numbers_out_of_range(option: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{option} must be .* got {value}"):
        open_source(quarters(), **{option: value})


def test_missing_file_is_told_at_once_with_the_nearest_name(folder: Path) -> None:
    with pytest.raises(SourceError, match=r"b11\.jpg: no such file or folder; did you mean 'b10\.jpg'"):
        open_source(folder / "b11.jpg", on_error=print)
    with pytest.raises(SourceError, match=r"the folder .*nowhere does not exist"):
        open_source(folder / "nowhere" / "a.jpg")
    with pytest.raises(SourceError, match="b11"):
        open_source([folder / "a.PNG", folder / "b11.jpg"])


def test_empty_glob_and_glob_without_pictures(folder: Path) -> None:
    with pytest.raises(SourceError, match=r"x\*\.jpg: no file matches"):
        open_source(f"{folder}/x*.jpg")
    with pytest.raises(SourceError, match=r"of 1 file: 1 \.xml that match, none is a picture or video"):
        open_source(f"{folder}/n*")


def test_folder_without_pictures_says_what_it_found(tmp_path: Path) -> None:
    for name in ("a.xml", "b.xml", "c.json"):
        (tmp_path / name).touch()
    (tmp_path / "inside").mkdir()

    with pytest.raises(
        SourceError, match=r"no pictures or videos \(looked for \.jpg.*found 3 files: 2 \.xml, 1 \.json and 1 folder\)"
    ):
        open_source(tmp_path)
    with pytest.raises(SourceError, match=r"found 0 files\)"):
        open_source(tmp_path / "inside")


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("empty.jpg", b"", r"empty\.jpg: the file is empty \(0 bytes\)"),
        ("empty.mp4", b"", r"empty\.mp4: the file is empty \(0 bytes\)"),
        ("text.jpg", b"hello\nworld", r"text\.jpg: not a picture: it begins with the text 'hello\\nworld'"),
        ("page.png", b"<!DOCTYPE html><html>", "not a picture: it looks like a web page"),
        ("doc.png", b"%PDF-1.7 ...", "not a picture: it looks like a PDF"),
        ("phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0", "not a picture: it looks like a HEIC.*pip install pi-heif"),
        ("lfs.jpg", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (
            "text.mp4",
            b"hello world, this is no video at all",
            r"text\.mp4: not a video .*it begins with the text 'hello",
        ),
        ("zeros.mp4", bytes(500), r"zeros\.mp4: not a video"),
        ("notes.md", b"# Notes on the shooting", r"notes\.md: neither a picture nor a video: it begins with the text"),
        ("bytes.bin", bytes(range(128, 256)), r"bytes\.bin: not a video .*80 81 82"),
    ],
)
def test_files_that_are_not_what_they_should_be(name: str, data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data)

    with pytest.raises(SourceError, match=words):
        list(open_source(path))


def test_picture_without_or_with_a_wrong_ending_is_read(tmp_path: Path) -> None:
    for name in ("picture", "a.dat", "really_png.jpg"):
        (tmp_path / name).write_bytes(encode(quarters(), "PNG"))

        assert np.array_equal(next(iter(open_source(tmp_path / name))).image, quarters())


def test_one_bad_file_costs_one_message_not_the_run(folder: Path) -> None:
    (folder / "b9.jpg").write_bytes(b"no picture")
    errors: list[str] = []

    found = names([folder, folder / "missing.jpg"], on_error=lambda error: errors.append(str(error)))

    assert found == ["a.PNG", "b10.jpg", "clip.mp4", "clip.mp4", "clip.mp4"]
    assert ["b9.jpg: not a picture" in errors[0], "missing.jpg: no such file" in errors[1]] == [True, True]
    assert len(errors) == 2


def test_without_on_error_the_bad_file_is_raised_after_the_good_ones_before_it(folder: Path) -> None:
    (folder / "b9.jpg").write_bytes(b"no picture")
    frames = iter(open_source(folder))

    assert Path(next(frames).media.name).name == "a.PNG"
    with pytest.raises(SourceError, match="b9"):
        next(frames)


def test_a_single_bad_file_is_raised_even_with_on_error(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")

    with pytest.raises(SourceError, match="not a picture"):
        list(open_source(tmp_path / "a.jpg", on_error=print))


@pytest.mark.skipif(os.name == "nt", reason="modes of files mean nothing on Windows")
@pytest.mark.parametrize("name", ["a.jpg", "a.mp4"])
def test_no_permission(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(encode(quarters()))
        path.chmod(0)
        Path(folder).chmod(0o755)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            with pytest.raises(SourceError, match=f"{name}: no permission to read it"):
                list(open_source(path, prefetch=0))
        finally:
            if root:
                os.seteuid(0)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_not_utf8_are_read_and_can_be_printed(tmp_path: Path) -> None:
    good, bad, clip = (tmp_path / os.fsdecode(name) for name in (b"caf\xe9.png", b"th\xe9.jpg", b"vid\xe9o.mp4"))
    good.write_bytes(encode(quarters(), "PNG"))
    bad.write_bytes(b"no picture")
    write_video(tmp_path / "plain.mp4", frames=2)
    (tmp_path / "plain.mp4").rename(clip)

    frames, errors = read(tmp_path)

    assert [Path(frame.media.name).name for frame in frames] == [r"caf\xe9.png", r"vid\xe9o.mp4", r"vid\xe9o.mp4"]
    assert frames[0].media.path == str(good)
    assert errors[0].endswith("th\\xe9.jpg: not a picture: it begins with the text 'no picture'")
    "".join(errors).encode("utf-8")
    with pytest.raises(SourceError, match=r"caf\\xe8") as caught:
        open_source(tmp_path / os.fsdecode(b"caf\xe8.png"))
    str(caught.value).encode("utf-8")


def test_source_can_be_read_again_but_not_after_it_was_closed(folder: Path) -> None:
    source = open_source(folder)

    assert len(list(source)) == len(list(source)) == 6
    source.close()
    with pytest.raises(ValueError, match="the source is closed"):
        iter(source)


@pytest.mark.parametrize("what", ["picture", "video", "nothing", "text"])
def test_standard_input(what: str, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mkv"
    write_video(clip, frames=4)
    data = {"picture": encode(quarters(), "PNG"), "video": clip.read_bytes(), "nothing": b"", "text": b"hello there"}
    code = (
        "import json\nfrom poise.errors import SourceError\nfrom poise.sources import open_source\n"
        "try:\n    print(json.dumps([[f.media.name, f.media.kind, *f.image.shape] for f in open_source('-')]))\n"
        "except SourceError as error:\n    print(json.dumps(str(error)))"
    )

    done = subprocess.run([sys.executable, "-c", code], input=data[what], capture_output=True, check=True)

    answer = {
        "picture": [["-", "image", 48, 64, 3]],
        "video": [["-", "video", 48, 64, 3]] * 4,
        "nothing": "-: nothing in it (0 bytes)",
        "text": "-: neither a picture nor a video: it begins with the text 'hello there'",
    }
    assert json.loads(done.stdout) == answer[what]


def test_pictures_need_no_video_library(folder: Path) -> None:
    code = (
        "import sys\nsys.modules['av'] = None\n"
        "from poise.errors import MissingExtra\nfrom poise.sources import open_source\n"
        f"print(len(list(open_source({str(folder / 'a.PNG')!r}))))\n"
        f"try:\n    list(open_source({str(folder / 'clip.mp4')!r}))\nexcept MissingExtra as error:\n    print(error)\n"
        f"errors = []\nprint(len(list(open_source({str(folder)!r}, on_error=errors.append))), len(errors))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)

    assert done.stdout.splitlines() == ["1", f"reading video needs av; run: {installing('video')}", "3 1"]


def test_importing_the_room_loads_no_video_library_and_changes_no_limit_of_pillow() -> None:
    code = (
        "import sys, PIL.Image; before = PIL.Image.MAX_IMAGE_PIXELS\nimport poise.sources\n"
        "print('av' in sys.modules, PIL.Image.MAX_IMAGE_PIXELS == before)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)

    assert done.stdout.split() == ["False", "True"]


def test_a_sample_that_is_not_there_is_named_with_what_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match=r"runner\.jpg: no such file or folder; 'poise sample' writes it here"):
        next(iter(open_source("runner.jpg")))
