"""What recordings and pictures of the world get wrong: clocks, pixels, brightness, end markers, TIFF, pipes."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from source_clips import bar, bars, corners, encode, quarters, write_video

from poise.errors import SourceError
from poise.sources import open_source
from poise.sources._bright import usual
from poise.sources._clock import Clock


def read_noted(source: object, **options: object) -> tuple[list[object], list[str]]:
    """Return the frames of a source, and what was told besides."""
    notes: list[str] = []
    with open_source(source, on_note=notes.append, **options) as frames:
        return list(frames), notes


def times(ticks: Sequence[int | None], **options: object) -> list[float]:
    """Return the times of frames of a 25 fps clock that counts milliseconds."""
    clock = Clock(0.001, ticks[0], 0.04, **options)
    return [round(clock.of(SimpleNamespace(pts=tick)), 3) for tick in ticks]


@pytest.mark.parametrize(
    ("ticks", "expected"),
    [
        ([0, 40, 80, 120, 160, 0, 40, 80], [0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.24, 0.28]),  # joined
        ([0, 40, 80, 120, 0, 40, 80, 120, 0], [0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.24, 0.28, 0.32]),  # twice
        ([500, 540, 580, 620, 500, 540], [0, 0.04, 0.08, 0.12, 0.16, 0.2]),  # begins late
        ([0, 40, 80, -90_000, 160, 200], [0, 0.04, 0.08, 0.12, 0.16, 0.2]),  # one wild time
        ([0, 40, 120, 80, 160, 200], [0, 0.04, 0.12, 0.121, 0.16, 0.2]),  # two in the wrong order
        ([0, 40, 5000, 5040], [0, 0.04, 5.0, 5.04]),  # a gap is a gap
        ([0, None, None, 120], [0, 0.04, 0.08, 0.12]),
    ],
)
def test_times_never_run_backwards_and_go_on_where_another_clock_begins(
    ticks: list[int | None], expected: list[float]
) -> None:
    assert times(ticks) == expected


def test_a_leap_of_an_hour_is_another_clock_only_where_containers_have_such() -> None:
    leap = [0, 40, 3_600_080, 3_600_120]

    assert times(leap) == [0, 0.04, 3600.08, 3600.12]
    assert times(leap, leaps=True) == [0, 0.04, 0.08, 0.12]
    assert times(leap, live=True) == [0, 0.04, 0.08, 0.12]


def test_joined_recordings_keep_their_steps_and_are_told(tmp_path: Path) -> None:
    one = tmp_path / "one.ts"
    write_video(one, frames=10)
    both = tmp_path / "both.ts"
    both.write_bytes(one.read_bytes() * 2)

    frames, notes = read_noted(both)

    assert bars(frames) == [*range(10), *range(10)]
    assert [round(frame.time, 2) for frame in frames] == [round(i * 0.04, 2) for i in range(20)]
    assert len(notes) == 1
    assert "its clock jumps by -0.36 s at frame 10" in notes[0]


@pytest.mark.parametrize(
    ("aspect", "rotation", "size"),
    [((64, 45), None, (91, 48)), ((8, 9), None, (64, 54)), ((2, 1), 90, (48, 128)), ((1, 1), None, (64, 48))],
)
def test_pixels_become_square(
    aspect: tuple[int, int], rotation: int | None, size: tuple[int, int], tmp_path: Path
) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(*aspect)
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for index in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(bar(index), format="bgr24")))
        container.mux(stream.encode())

    frames, notes = read_noted(path)

    height, width = frames[0].image.shape[:2]
    assert (width, height) == size
    assert set(corners(frames[0].image)) == {"red", "green", "blue", "white"}
    assert len(notes) == (0 if aspect == (1, 1) else 1)


def test_hlg_and_pq_white_and_black_and_grey() -> None:
    """A sheet of paper (203 cd/m²) is 0.75 in HLG and 0.58 in PQ: ITU-R BT.2408, table 1."""
    for curve, white in ((18, 0.75), (16, 0.58)):
        levels = np.array([[0.0] * 3, [white / 2] * 3, [white] * 3, [1.0] * 3])
        shown = usual(levels, curve, wide=True)
        assert np.ptp(shown, axis=1) == pytest.approx([0] * 4, abs=0.01)  # grey stays grey
        assert shown[0] == pytest.approx([0] * 3, abs=0.01)
        assert 0.9 < shown[2].mean() < 0.98
        assert (np.diff(shown.mean(axis=1)) > 0).all()


@pytest.mark.parametrize("curve", ["arib-std-b67", "smpte2084"])
def test_hdr_video_is_mapped_and_told(curve: str, tmp_path: Path) -> None:
    level = {"arib-std-b67": 0.75, "smpte2084": 0.58}[curve]
    path = tmp_path / "hdr.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        codec = stream.codec_context
        codec.color_trc = {"arib-std-b67": 18, "smpte2084": 16}[curve]
        codec.color_primaries, codec.colorspace, codec.color_range = 9, 9, 1
        white = np.full((72, 64), 512, np.uint16)
        white[:48] = round(64 + 876 * level)
        frame = av.VideoFrame.from_ndarray(white, format="yuv420p10le") if _takes_ten_bits() else None
        if frame is None:
            pytest.skip("this PyAV makes no frames of ten bits")
        container.mux(stream.encode(frame))
        container.mux(stream.encode())

    frames, notes = read_noted(path)

    mapped = usual(np.full((1, 3), level), {"arib-std-b67": 18, "smpte2084": 16}[curve], wide=True).mean()
    assert frames[0].image.mean() == pytest.approx(255 * mapped, abs=3)
    assert "brightness is mapped" in notes[0]


def _takes_ten_bits() -> bool:
    try:
        av.VideoFrame.from_ndarray(np.zeros((72, 64), np.uint16), format="yuv420p10le")
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_its_end_marker_is_read_and_one_that_is_cut_off_is_not(progressive: bool) -> None:
    rng = np.random.default_rng(0)
    picture = np.kron(rng.integers(0, 255, (12, 16, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))
    data = encode(picture, quality=90, progressive=progressive)
    (whole,), _ = read_noted(data)

    (frame,), notes = read_noted(data[:-2])
    assert (frame.image == whole.image).all()
    assert "without its end marker" in notes[0]
    for cut in (8, 40, 200):
        with pytest.raises(SourceError, match="truncated JPEG"):
            read_noted(data[:-cut])


def tiff(values: np.ndarray, *, apart: bool) -> bytes:
    """Return an uncompressed TIFF of ``(H, W, 3)`` values, colours together or in planes."""
    height, width, _ = values.shape
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    bits = values.dtype.itemsize * 8
    planes = np.moveaxis(values, 2, 0) if apart else values[None]
    data = planes.astype(values.dtype.newbyteorder("<")).tobytes()
    strips = len(planes)
    extra = struct.pack("<3H", bits, bits, bits) + struct.pack("<3H", kind, kind, kind)
    tags = [
        (256, 3, 1, width),
        (257, 3, 1, height),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (277, 3, 1, 3),
        (278, 3, 1, height),
    ]
    start = 8 + 2 + 12 * (len(tags) + 5) + 4
    strip_table = start + len(extra)
    first = strip_table + 8 * strips
    each = len(data) // strips
    offsets = [first + each * i for i in range(strips)]
    extra += struct.pack(f"<{strips}I", *offsets) + struct.pack(f"<{strips}I", *[each] * strips)
    one = strips == 1
    tags += [(258, 3, 3, start), (339, 3, 3, start + 6), (284, 3, 1, 2 if apart else 1)]
    tags += [(273, 4, strips, offsets[0] if one else strip_table)]
    tags += [(279, 4, strips, each if one else strip_table + 4 * strips)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + bytes(4) + extra + data


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "u2"])
def test_tiff_of_floats_and_of_planes(kind: str, apart: bool) -> None:
    picture = quarters()
    values = picture[..., ::-1] / 255.0
    stored = (values * 65535).astype(kind) if kind == "u2" else values.astype(kind)

    (frame,), _ = read_noted(tiff(stored, apart=apart))

    assert frame.image.shape == picture.shape
    assert np.abs(frame.image.astype(int) - picture).max() <= 1


def test_a_tiff_that_ends_early_and_one_of_another_kind_are_told_apart() -> None:
    good = tiff((quarters() / 255.0).astype("f4"), apart=True)
    with pytest.raises(SourceError, match="truncated TIFF"):
        read_noted(good[:-100])
    odd = good.replace(struct.pack("<HHII", 259, 3, 1, 1), struct.pack("<HHII", 259, 3, 1, 34925))
    with pytest.raises(SourceError, match="kind of pixels or compression is not read"):
        read_noted(odd)


def test_heic_is_read_where_a_reader_is_installed(tmp_path: Path) -> None:
    heif = pytest.importorskip("pi_heif")
    del heif
    path = Path(__file__).parents[1] / "assets" / "quarters.heic"
    if not path.is_file():
        pytest.skip("no HEIC picture at hand: pi-heif reads and does not write")
    (frame,), _ = read_noted(path)
    assert corners(frame.image) == ["red", "green", "blue", "white"]


SCRIPT = """
import sys
from poise.sources import open_source
with open_source("-", on_note=lambda note: print("note", note)) as source:
    for frame in source:
        print(frame.index, frame.time, frame.media.kind, *frame.image.shape, flush=True)
"""


def piped(data: bytes) -> list[str]:
    """Return what comes out when the bytes come through a pipe."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], input=data, capture_output=True, timeout=60, check=True)
    return done.stdout.decode().splitlines()


def test_a_pipe_with_a_picture_and_with_pictures_one_after_another() -> None:
    one = encode(quarters())

    assert piped(one) == ["0 0.0 image 48 64 3"]
    lines = piped(one * 4)
    assert "25 a second are assumed" in lines[0]
    assert lines[1:] == [f"{i} {i / 25} video 48 64 3" for i in range(4)]
    assert piped(one[:-2])[1:] == ["0 0.0 image 48 64 3"]


def test_pictures_from_a_pipe_come_before_it_ends() -> None:
    process = subprocess.Popen([sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(encode(quarters()) * 2)
    process.stdin.flush()
    assert process.stdout.readline().startswith(b"note")
    assert process.stdout.readline() == b"0 0.0 video 48 64 3\n"
    process.stdin.close()
    process.wait(30)


def test_a_thumbnail_in_a_jpeg_is_no_end_of_it() -> None:
    from poise.sources._jpeg import Pictures

    small, large = encode(quarters(16, 16)), encode(quarters())
    with_thumbnail = large[:2] + b"\xff\xe1" + struct.pack(">H", len(small) + 2) + small + large[2:]

    found = list(Pictures(io.BytesIO(with_thumbnail + large).read))

    assert found == [with_thumbnail, large]


def test_an_mp4_with_its_index_at_the_end_is_read_from_a_pipe(tmp_path: Path) -> None:
    write_video(tmp_path / "late.mp4", frames=5)
    data = (tmp_path / "late.mp4").read_bytes()
    assert data.index(b"mdat") < data.index(b"moov")

    assert [line.split()[0] for line in piped(data)] == list("01234")
