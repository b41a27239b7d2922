"""Pictures of a training: its labels, its batches, its curves, and what it finds at the end.

Drawn with :mod:`poise.drawing`, so nothing has to be installed for them. A plot that cannot be made is one note; the
training goes on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.charts import Curve, chart, heat, shares, sheet
from poise.datasets import DataSpec, Labels, Scan, stack
from poise.drawing import draw, save
from poise.frames import Image
from poise.image import resize
from poise.results import Results
from poise.validation import write_pictures

# Batches of the first epoch that are drawn, and the most pictures of one.
BATCHES = 3

PICTURES = 16

# Least and most of the longer side of a drawn picture, pixels.
_SIDES = (240, 400)

_PANEL = (480, 360)

# Standard deviation, in epochs, of the bell that smooths the curves of 60 epochs and more.
_SMOOTH = 3.0

_BLUE, _ORANGE, _GREY = "#0072b2", "#d55e00", "#7f7f7f"

_TIME = "seconds an epoch"

# More keypoints than these share one heat map.
_MAPS = 40


class Plots:
    """Draws a training while it runs.

    Args:
        folder: Where to write; None draws nothing.
        log: Tells the user something.
    """

    def __init__(self, folder: Path | None, log: Callable[[str], None]) -> None:
        self._folder, self._log, self._reported, self._plain = folder, log, False, False

    def draw_labels(self, spec: DataSpec, scan: Scan) -> None:
        """Draw the labels of the train pictures: ``labels.png``."""
        self._write("labels.png", lambda: draw_labels(spec, scan))

    def draw_batch(self, batch: Any, spec: DataSpec, *, epoch: int, index: int, mosaic: bool) -> None:
        """Draw a batch as the network sees it, if it is one of those that are shown.

        Args:
            batch: A :class:`~poise.training.examples.Batch`; feature maps are not drawn.
            spec: What the data set holds.
            epoch: Its epoch, from 0.
            index: Its number in the epoch, from 0.
            mosaic: Whether its epoch joins pictures.
        """
        name = f"train_batch{index}.jpg" if epoch == 0 and index < BATCHES else ""
        if not mosaic and epoch and not self._plain:
            self._plain, name = True, "train_batch_no_mosaic.jpg"
        if name and self._folder is not None and batch.images.shape[1] == 3:
            self._write(name, lambda: draw_batch(batch, spec))

    def draw_results(self, rows: Sequence[Mapping[str, Any]], best: int, metrics: Any, val: Any) -> None:
        """Draw the curves of all epochs, ``results.png``, and what the best network finds.

        Args:
            rows: Lines of ``results.csv``.
            best: Epoch of the best network, from 1.
            metrics: Its :class:`~poise.evaluation.metrics.PoseMetrics`; None where nothing was measured.
            val: The val pictures.
        """
        self._write("results.png", lambda: draw_results(rows, best))
        if metrics is not None and val is not None:
            self._attempt("plots of the validation", lambda folder: write_pictures(metrics, val, folder))

    def _write(self, name: str, make: Callable[[], Image]) -> None:
        self._attempt(name, lambda folder: save(make(), folder / name))

    def _attempt(self, name: str, make: Callable[[Path], object]) -> None:
        if self._folder is None:
            return
        try:
            make(self._folder)
        except Exception as error:  # noqa: BLE001  a picture is not worth a training
            if not self._reported:
                self._reported = True
                self._log(f"{name} could not be drawn ({type(error).__name__}: {error}); the training goes on")


def draw_results(rows: Sequence[Mapping[str, Any]], best: int = 0) -> Image:
    """Draw every column of ``results.csv`` over the epochs: train and val in one chart, boxes and keypoints in another.

    Args:
        rows: Column to value, a row an epoch; ``epoch`` counts from 1.
        best: The best epoch, marked; 0: none.
    """
    epochs = np.array([float(row["epoch"]) for row in rows])
    panels: dict[str, dict[str, NDArray[np.float64]]] = {}
    for name in dict.fromkeys(key for row in rows for key in row if key != "epoch"):
        values = np.array([_value(row.get(name)) for row in rows])
        title, line = _panel(name)
        if name == "time":
            values = np.diff(values, prepend=0.0)
        # A component that this network does not have, or that is not measured, is 0 throughout.
        if np.nan_to_num(values).any() or "loss" not in title:
            panels.setdefault(title, {})[line] = values
    panels = dict(sorted(panels.items(), key=lambda item: item[0] == _TIME))
    charts = [_curves(title, lines, epochs, best) for title, lines in panels.items()]
    return sheet(charts, columns=4 if len(charts) > 6 else 3, cell=_PANEL)


def _panel(column: str) -> tuple[str, str]:
    """Name a column's chart, and its line there."""
    if found := re.fullmatch(r"(train|val)/(.+?)(_loss)?", column):
        return f"{found[2]} loss", found[1]
    if found := re.fullmatch(r"metrics/(.+)\((B|P)\)", column):
        return found[1], "boxes" if found[2] == "B" else "keypoints"
    if column.startswith("lr/"):
        return "learning rate", column.removeprefix("lr/")
    return (_TIME if column == "time" else column), ""


def _curves(title: str, lines: Mapping[str, NDArray[np.float64]], epochs: NDArray[np.float64], best: int) -> Image:
    drawn: list[Curve] = []
    colours = {"train": _BLUE, "val": _ORANGE, "boxes": _BLUE, "keypoints": _ORANGE, "": _BLUE}
    for i, (name, values) in enumerate(lines.items()):
        colour = colours.get(name, (_BLUE, _ORANGE, "#009e73", "#cc79a7", "#e69f00", "#56b4e9")[i % 6])
        rough = title not in ("learning rate", _TIME) and len(epochs) > 4
        if rough:
            drawn.append(Curve("", epochs, values, _light(colour), 1.4))
            drawn.append(Curve(name, epochs, smooth(values), colour, 2.6))
        else:
            drawn.append(Curve(name, epochs, values, colour, 2.2, dots=len(epochs) < 20))
    known = np.concatenate([values[np.isfinite(values)] for values in lines.values()])
    low, high = float(known.min()), float(known.max())
    # Shares start at zero, so that charts can be compared; a loss shows where it is.
    low, high = (0.0, high * 1.05) if "loss" not in title else (low, high)
    high = high if high > low else low + 1.0
    if best:
        drawn.append(Curve(f"best epoch, {best}", [best, best], [low, high], _GREY, 1.2, dashed=True))
    ends = (float(epochs[0]), float(epochs[-1])) if len(epochs) > 1 else (epochs[0] - 1.0, epochs[0] + 1.0)
    return chart(drawn, title=title, x="epoch", x_range=ends, y_range=(low, high), size=_PANEL, whole=True)


def smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average over neighbouring epochs, more of them in a long training; ends and gaps do not pull to zero."""
    width = min(_SMOOTH, len(values) / 20)
    at = np.arange(len(values))
    known = np.isfinite(values)
    weights = np.exp(-0.5 * ((at[:, None] - at[None]) / width) ** 2) * known
    total = weights.sum(axis=1)
    out = weights @ np.where(known, values, 0.0) / np.where(total > 0, total, 1.0)
    return np.where(known, out, np.nan)


def draw_labels(spec: DataSpec, scan: Scan) -> Image:
    """Draw what is labelled: instances a picture, places and sizes of boxes, visibility and places of keypoints.

    Args:
        spec: What the data set holds.
        scan: Its labels.
    """
    used = [i for i, good in enumerate(scan.usable) if good]
    parts = [scan.labels[i] for i in used]
    labels = stack(parts)
    counts = np.array([len(part) for part in parts])
    sides = np.array([scan.sizes[i] for i in used], dtype=np.float64)  # width, height
    side = np.repeat(sides, counts, axis=0)
    boxes = labels.boxes.astype(np.float64)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 / side
    size = (boxes[:, 2:] - boxes[:, :2]) / side
    panels = [_per_picture(counts), *([_classes(spec, labels)] if len(spec.names) > 1 else [])]
    unit: dict[str, Any] = {"x_range": (0.0, 1.0), "size": _PANEL}
    places = heat(centre[:, 0], centre[:, 1], x_range=(0, 1), y_range=(0, 1))
    panels.append(
        chart([], title="centres of boxes in the picture", x="x", y="y", ground=places, y_range=(1.0, 0.0), **unit)
    )
    extents = heat(size[:, 0], size[:, 1], x_range=(0, 1), y_range=(1, 0))
    panels.append(
        chart(
            [],
            title="sizes of boxes, of the picture's",
            x="width",
            y="height",
            ground=extents,
            y_range=(0.0, 1.0),
            **unit,
        )
    )
    points = spec.skeleton.keypoints
    visibility = np.stack([(labels.visibility == v).sum(axis=0) for v in (2, 1, 0)], axis=1)
    captions = ("seen", "hidden", "not labelled")
    colours = (_BLUE, "#56b4e9", "#e0dedb")
    panels.append(
        shares(
            points,
            visibility,
            captions,
            title="keypoints (below: where they lie in their box)",
            size=_PANEL,
            colours=colours,
        )
    )
    top = sheet(panels, columns=len(panels), cell=_PANEL)
    return np.concatenate([top, _point_maps(points, labels, top.shape[1])])


def _per_picture(instances: NDArray[np.int64]) -> Image:
    """Draw how many pictures have how many instances; ``(pictures,)`` instances of each."""
    counts = np.bincount(instances) if len(instances) else np.zeros(1)
    title = f"{int(instances.sum())} instances in {len(instances)} pictures"
    bars = Curve("", np.arange(len(counts)), counts, _BLUE, bars=True)
    ends = (-0.6, max(len(counts), 2) - 0.4)
    return chart(
        [bars],
        title=title,
        x="instances",
        y="pictures",
        x_range=ends,
        y_range=(0, counts.max() * 1.05),
        size=_PANEL,
        whole=True,
    )


def _classes(spec: DataSpec, labels: Labels) -> Image:
    counts = np.array([(labels.classes == number).sum() for number in spec.names])
    return shares(list(spec.names.values()), counts[:, None], ["instances"], title="classes", size=_PANEL)


def _point_maps(names: Sequence[str], labels: Labels, width: int) -> Image:
    """Draw where each keypoint lies in its box."""
    corner, extent = labels.boxes[:, None, :2], np.maximum(labels.boxes[:, None, 2:] - labels.boxes[:, None, :2], 1e-6)
    place = (labels.xy - corner) / extent
    ends: dict[str, Any] = {"x_range": (-0.1, 1.1), "y_range": (-0.1, 1.1), "bins": 32}
    if len(names) > _MAPS:
        names, place = [f"all {len(names)} keypoints"], place.reshape(len(place), -1, 1, 2)
    maps = [heat(place[..., i, 0], place[..., i, 1], **ends) for i in range(len(names))]
    for picture in maps:
        # A frame where the box is.
        low, high = round(32 * 0.1 / 1.2), 32 - round(32 * 0.1 / 1.2) - 1
        for line in (np.s_[low, low : high + 1], np.s_[high, low : high + 1], np.s_[low : high + 1, low]):
            picture[line] = np.minimum(picture[line], 205)
        picture[low : high + 1, high] = np.minimum(picture[low : high + 1, high], 205)
    cell = 150
    rows = math.ceil(len(maps) * (cell + 10) / width)
    columns = math.ceil(len(maps) / rows)
    large = [np.repeat(np.repeat(m, 5, axis=0), 5, axis=1) for m in maps]
    out = sheet(large, list(names), columns=columns, cell=(cell, cell))
    full = np.full((out.shape[0], width, 3), 245, dtype=np.uint8)
    full[:, : min(out.shape[1], width)] = out[:, :width]
    return full


def draw_batch(batch: Any, spec: DataSpec) -> Image:
    """Draw the pictures of a batch with their boxes and keypoints, as the network sees them."""
    targets = batch.targets
    picture, classes = targets.picture.numpy(), targets.classes.numpy()
    boxes, points = targets.boxes.numpy(), targets.keypoints.numpy()
    visible = targets.visible.numpy()
    drawn = []
    for i in range(min(len(batch), PICTURES)):
        image = np.ascontiguousarray(batch.images[i].numpy()[::-1].transpose(1, 2, 0))
        side = max(image.shape[:2])
        ratio = min(max(side, _SIDES[0]), _SIDES[1]) / side
        image = resize(image, (round(image.shape[1] * ratio), round(image.shape[0] * ratio)))
        mine = picture == i
        table = np.column_stack([boxes[mine] * ratio, np.ones(mine.sum()), classes[mine]])
        xy = np.where(visible[mine][..., None], points[mine] * ratio, np.nan)
        result = Results.of(image, table, xy, skeleton=spec.skeleton, names=spec.names)
        drawn.append(draw(result, conf=False, labels=len(spec.names) > 1))
    tall, wide = (max(p.shape[axis] for p in drawn) for axis in (0, 1))
    columns = math.ceil(math.sqrt(len(drawn)))
    return sheet(drawn, [Path(name).name for name in batch.names[:PICTURES]], columns=columns, cell=(wide, tall))


def _light(colour: str) -> str:
    mixed = [round(int(colour[i : i + 2], 16) * 0.4 + 255 * 0.6) for i in (1, 3, 5)]
    return "#" + "".join(f"{value:02x}" for value in mixed)


def _value(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
