"""Make the photographs and the clip of the repository from files that ship inside packages of PyPI.

    pip download --no-deps scikit-image==0.26.0 sports2d==0.8.34     # wheels are zip files: unpack them
    python benchmarks/make_pictures.py --sports2d Sports2D/Demo/demo.mp4 --skimage skimage/data/astronaut.png

Writes src/poise/cli/demo.jpg, tests/assets/park.jpg, tests/assets/clip.mp4, tests/assets/astronaut.jpg and the pictures
and the clip of src/poise/samples that show the same; origin and licence are told in tests/assets/README.md and NOTICE.
"""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import PIL.Image
import PIL.ImageFilter
from _common import ROOT, arguments

# Where things are in the video, pixels of its 1768 x 994 frames as (left, top, right, bottom).
JUMPER, WALKER = (430, 0, 860, 458), (890, 470, 1150, 975)
DEMO, PARK, CLIP = (190, 0, 1050, 571), (62, 8, 1470, 946), (830, 470, 1762, 994)
# A man spreads his arms in frame 14, jumps in frame 18 and runs in frame 214; a woman walks past in frame 100.
SPREAD, JUMP, WALK, RUN = 14, 18, 100, 214
# The woman in the shade of the trees, for the samples.
STREET, PASSING = (700, 404, 1750, 994), 48
CLIP_FRAMES, CLIP_RATE = range(45, 105, 3), 10


def video_frames(path: Path) -> dict[int, np.ndarray]:
    """Return the frames that are used, RGB."""
    wanted = {SPREAD, PASSING, JUMP, WALK, RUN, *CLIP_FRAMES}
    with av.open(str(path)) as container:
        return {i: f.to_ndarray(format="rgb24") for i, f in enumerate(container.decode(video=0)) if i in wanted}


def cut(image: np.ndarray, box: tuple[int, int, int, int], size: tuple[int, int]) -> PIL.Image.Image:
    return PIL.Image.fromarray(image).crop(box).resize(size, PIL.Image.Resampling.LANCZOS)


def pasted(onto: np.ndarray, image: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """Put a part of another frame of the same fixed camera onto a frame, with a soft border."""
    mask = np.zeros(onto.shape[:2], np.uint8)
    mask[box[1] : box[3], box[0] : box[2]] = 255
    soft = np.asarray(PIL.Image.fromarray(mask).filter(PIL.ImageFilter.GaussianBlur(7)), np.float32)[..., None] / 255
    return (onto * (1 - soft) + image * soft).round().astype(np.uint8)


def write_clip(path: Path, pictures: list[PIL.Image.Image]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("h264", rate=CLIP_RATE, options={"crf": "27", "preset": "veryslow"})
        stream.width, stream.height, stream.pix_fmt = *pictures[0].size, "yuv420p"
        stream.codec_context.time_base = Fraction(1, CLIP_RATE)
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--sports2d", type=Path, required=True, help="Sports2D/Demo/demo.mp4 of the wheel sports2d")
    parser.add_argument(
        "--skimage", type=Path, required=True, help="skimage/data/astronaut.png of the wheel scikit-image"
    )
    given = parser.parse_args()
    frames, assets = video_frames(given.sports2d), ROOT / "tests/assets"
    cut(frames[SPREAD], DEMO, (640, 425)).save(ROOT / "src/poise/cli/demo.jpg", quality=90, optimize=True)
    park = pasted(pasted(frames[RUN], frames[JUMP], JUMPER), frames[WALK], WALKER)
    cut(park, PARK, (840, 560)).save(assets / "park.jpg", quality=88, optimize=True)
    write_clip(assets / "clip.mp4", [cut(frames[i], CLIP, (480, 270)) for i in CLIP_FRAMES])
    cut(frames[PASSING], STREET, (640, 360)).save(ROOT / "src/poise/samples/walk.jpg", quality=86, optimize=True)
    for name, sample in (("park.jpg", "runner.jpg"), ("clip.mp4", "clip.mp4")):
        shutil.copyfile(assets / name, ROOT / "src/poise/samples" / sample)
    with PIL.Image.open(given.skimage) as astronaut:
        astronaut.convert("RGB").save(assets / "astronaut.jpg", quality=88, optimize=True, progressive=True)
    for path in (ROOT / "src/poise/cli/demo.jpg", *(assets / n for n in ("park.jpg", "clip.mp4", "astronaut.jpg"))):
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")
