"""Frames with people in them, drawn from a few numbers."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from poise import Results
from poise.frames import Frame, Media

# A person who stands, as shares of the box's width and height, in COCO's order.
STANDING = np.array(
    [[.5, .06], [.54, .04], [.46, .04], [.6, .06], [.4, .06], [.75, .2], [.25, .2], [.85, .38], [.15, .38], [.9, .52],
     [.1, .52], [.65, .52], [.35, .52], [.66, .75], [.34, .75], [.67, .97], [.33, .97]]
)  # fmt: skip
SIZE = (480, 640)
CLIP = Media("drawn", "video", 30.0)


def frame(
    centres: Sequence[Sequence[float]],
    *,
    time: float = 0.0,
    height: float | Sequence[float] = 160.0,
    conf: float | Sequence[float] = 0.9,
    points: bool = True,
    jitter: float = 0.0,
    colours: Sequence[Sequence[int]] = (),
    media: Media = CLIP,
    seed: int = 0,
) -> Results:
    """Place people by the centres of their boxes, pixels; ``colours`` (B, G, R) paints their clothes."""
    rng = np.random.default_rng([seed, round(time * 1000)])
    n = len(centres)
    high = np.broadcast_to(np.asarray(height, float), (n,))
    at = np.asarray(centres, float).reshape(n, 2)
    side = np.stack([0.4 * high, high], axis=1)
    boxes = np.concatenate([at - side / 2, at + side / 2], axis=1) + rng.normal(0, jitter, (n, 4))
    image = np.full((*SIZE, 3), 128, np.uint8)
    for box, colour in zip(boxes, colours, strict=False):
        x0, y0, x1, y1 = np.clip(box, 0, [SIZE[1], SIZE[0]] * 2).astype(int)
        image[y0:y1, x0:x1] = colour
    xy: NDArray[np.float64] = (at - side / 2)[:, None] + side[:, None] * STANDING
    xy = xy + rng.normal(0, jitter, xy.shape) if points else np.full_like(xy, np.nan)
    data = np.concatenate([boxes, np.broadcast_to(np.asarray(conf, float), (n,))[:, None], np.zeros((n, 1))], axis=1)
    given = np.where(np.isnan(xy[..., 0]), 0.0, 0.8)
    return Results.of(Frame(image, media, round(time * 30), time), data, xy, given)


def ids(result: Results) -> list[int]:
    """Return the ids of a frame."""
    return [] if result.boxes.id is None else result.boxes.id.int().tolist()
