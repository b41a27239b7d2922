"""What is no person, face or hand is not found, and small or half-seen ones are: hands, face and body-3d."""

import os
from functools import cache
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from poise import weights
from poise.estimators import Estimate, Estimator, Options, build
from poise.frames import Image
from poise.runtime import Session, open_session

ASSETS = Path(__file__).resolve().parents[1] / "assets"
SHARED = Path(os.environ.get("POISE_SHARED", Path(__file__).resolve().parents[3] / "shared"))
MODELS = ("body-3d", "face", "hands")


@cache
def network(name: str) -> Session:
    return open_session(weights.load(name), threads=2, name=name)


@cache
def model(name: str) -> Estimator:
    return build(weights.model(name), network)


def read(path: Path) -> Image:
    if not path.is_file():
        pytest.skip(f"{path} is not there (the shared data are not part of the repository)")
    return np.ascontiguousarray(np.asarray(PIL.Image.open(path).convert("RGB"))[..., ::-1])


def found(name: str, image: Image, **options: object) -> Estimate:
    return model(name)([image], Options(**options))[0]  # type: ignore[arg-type]


def drawn(kind: str) -> Image:
    """A picture of 640 x 480 without anything alive."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:480, :640]
    if kind == "checks":
        grey = 255 * ((x // 40 + y // 40) % 2)
    elif kind == "stripes":
        grey = 127 + 120 * np.sin(x / 9 + y / 31)
    elif kind == "noise":
        coarse = rng.integers(0, 255, (12, 16, 3)).astype(np.uint8)
        return np.asarray(PIL.Image.fromarray(coarse).resize((640, 480), PIL.Image.Resampling.BICUBIC))
    elif kind == "wheels":
        grey = np.full((480, 640), 90)
        for cx, cy, r in ((160, 300, 90), (460, 300, 90), (310, 120, 50)):
            far = np.hypot(x - cx, y - cy)
            grey = np.where(far < r, 30, grey)
            grey = np.where(far < r / 2, 200, grey)
    else:
        canvas = PIL.Image.new("RGB", (640, 480), (120, 160, 190))
        pen = PIL.ImageDraw.Draw(canvas)
        for _ in range(14):
            left, top, wide, high = rng.integers(0, 500, 4).tolist()
            colour = tuple(rng.integers(0, 255, 3).tolist())
            pen.rectangle([left, top, left + wide // 3 + 20, top + high // 3 + 20], fill=colour, outline=(0, 0, 0))
        return np.asarray(canvas)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=-1)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kind", ["checks", "stripes", "noise", "wheels", "boxes"])
def test_drawn_things_are_no_people(name: str, kind: str) -> None:
    assert len(found(name, drawn(kind)).boxes) == 0


def test_a_face_is_found_with_confidence_where_it_is() -> None:
    estimate = found("face", read(ASSETS / "astronaut.jpg"))

    assert len(estimate.boxes) == 1
    assert estimate.boxes[0, 4] > 0.9
    np.testing.assert_allclose(estimate.xy[0].mean(axis=0), [225, 120], atol=15)


def test_the_confidence_of_a_face_is_that_of_its_points() -> None:
    estimate = found("face", read(ASSETS / "astronaut.jpg"))

    assert estimate.conf is not None
    assert (estimate.conf == estimate.boxes[:, 4:5]).all()


@pytest.mark.parametrize("shrink", [3, 5])
def test_a_small_face_is_found(shrink: int) -> None:
    image = read(ASSETS / "astronaut.jpg")
    small = np.asarray(PIL.Image.fromarray(image).resize((512 // shrink, 512 // shrink), PIL.Image.Resampling.BOX))
    canvas = np.full((480, 640, 3), 140, dtype=np.uint8)
    canvas[200 : 200 + len(small), 300 : 300 + len(small)] = small

    boxes = found("face", canvas).boxes

    # Faces of 35 and of 21 pixels.
    assert len(boxes) == 1
    middle = np.array([300 + 225 / shrink, 200 + 120 / shrink])
    assert np.abs((boxes[0, :2] + boxes[0, 2:4]) / 2 - middle).max() < 60 / shrink


def test_three_small_faces_are_found_and_nothing_else() -> None:
    boxes = found("face", read(SHARED / "data/images/three_seated.jpg"), conf=0.5).boxes

    middles = (boxes[:, :2] + boxes[:, 2:4]) / 2
    expected = np.array([[135, 112], [224, 112], [353, 161]])
    assert len(boxes) == 3
    assert np.linalg.norm(middles[:, None] - expected, axis=-1).min(axis=0).max() < 8


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("picture", ["no_person_coffee.png", "no_person_cat.png"])
def test_a_cup_and_a_cat_are_no_people(name: str, picture: str) -> None:
    assert len(found(name, read(SHARED / "data/images" / picture)).boxes) == 0


@pytest.mark.parametrize("picture", ["headstand_yoga.jpg", "upside_down_rings.jpg", "upside_down_greyscale.jpg"])
def test_feet_are_no_hands(picture: str) -> None:
    # People on their heads and hands: their feet are the highest things in the picture.
    image = read(SHARED / "data/images" / picture)

    boxes = found("hands", image, conf=0.5).boxes

    assert (boxes[:, 3] > 0.2 * len(image)).all()
