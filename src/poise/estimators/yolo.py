"""YOLO pose networks (v8, 11, 26 and their kin) in any runtime: picture in, instances out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.estimators._estimator import Estimate, Memory, Options
from poise.estimators._yolo_network import read, wrong
from poise.estimators.letterbox import Placement, gains, place, to_picture, write
from poise.estimators.postprocess import Choice, Layout, Rows, choose, select
from poise.frames import Image
from poise.runtime import Session

# Of two boxes that overlap by more than this the better stays. Source: the field's default at prediction.
_IOU = 0.7
# The same for keypoints. Source: Xiao, Wu and Wei, "Simple baselines for human pose estimation", ECCV 2018, section 4.
_OKS = 0.9
# Input buffers that a thread keeps; a video needs one.
_BUFFERS = 2

Floats = NDArray[np.float32]

_log = logging.getLogger("poise")


class Yolo:
    """A YOLO pose network, loaded.

    Args:
        session: The network, in any engine.
        name: How errors call it.

    Attributes:
        skeleton: What the keypoints are.
        names: Class number to class name.
        imgsz: Width and height of the input, pixels; of a network that takes any size, the default.
        kpt_shape: Number of keypoints, and values a keypoint (2, or 3 with a confidence).
        stride: Coarsest stride of the network, pixels.
        end2end: True where the network gives each instance once, so that no suppression is needed.
        layout: What the columns of its output are.
        output: Name of the output that holds the rows.
        sigma: Name of the output that holds their standard deviations, or None.
        select: True where the rows of such a network still have to be selected from its anchors.
        engine: What runs it, such as ``"onnxruntime"``.
        licence: What the file says of its licence; empty where it says nothing.
        metadata: All that the file says of itself.

    Raises:
        ModelError: The network is not a YOLO pose network; says what was seen and what was expected.
    """

    def __init__(self, session: Session, *, name: str = "") -> None:
        self._session = session
        self._name = name or "network"
        self._network = network = read(session, name=self._name)
        self._input = session.inputs[0]
        self.output = next(t.name for t in session.outputs if t.name != "sigma")
        self.sigma = next((t.name for t in session.outputs if t.name == "sigma"), None)
        self._buffers = threading.local()
        self._noted: set[str] = set()
        self.skeleton = network.skeleton
        self.names = network.names
        self.engine = session.engine
        self.imgsz = network.imgsz
        self.kpt_shape = (network.layout.keypoints, network.layout.values)
        self.stride = network.stride
        self.end2end = network.layout.selected or network.select
        self.layout, self.select = network.layout, network.select
        self.metadata: Mapping[str, str] = dict(session.metadata)
        self.licence = self.metadata.get("license", "")

    def memory(self) -> Memory | None:
        """Return None: every picture is looked at afresh."""
        return None

    def __call__(
        self, images: Sequence[Image], options: Options, memory: Memory | None = None, *, times: Sequence[float] = ()
    ) -> list[Estimate]:
        """Find the instances of each picture; see :class:`poise.estimators.Estimator`."""
        del memory, times
        if not images:
            return []
        if options.augment or options.tile:
            self._note("augment and tile have no effect on YOLO networks")
        placements = self._place(images, options.imgsz)
        size = self._network.batch or len(images)
        found: list[Estimate] = []
        # One run for all where the shapes allow it, else as many as the network takes.
        for first in range(0, len(images), size):
            found += self._run(images[first : first + size], placements[first : first + size], size, options)
        return found

    @property
    def free(self) -> bool:
        """True where the network takes any input size in whole strides."""
        return self._network.free

    @property
    def batch(self) -> int | None:
        """Pictures a run; None where free."""
        return self._network.batch

    @property
    def dtype(self) -> np.dtype[Any]:
        """Numpy type of the network's input."""
        return self._input.dtype

    def run(self, batch: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Run the network on an input that is ready: ``(B, 3, H, W)`` RGB from 0 to 1.

        Returns:
            The rows of every picture, and their standard deviations where the network gives them, as :meth:`pick`
            takes them.

        Raises:
            ModelError: The output has not the columns that the network was opened with.
        """
        outputs = self._session.run({self._input.name: batch})
        rows = outputs[self.output]
        self._check(rows, len(batch))
        return rows, outputs.get("sigma")

    def pick(self, rows: NDArray[Any], sigma: NDArray[Any] | None, options: Options) -> tuple[Rows, Floats | None]:
        """Choose one picture's instances.

        Args:
            rows: One picture of what :meth:`run` returned.
            sigma: The same of its second value.
            options: Which to keep.

        Returns:
            The instances, best first, and the ``(N, K, 2)`` standard deviations of their keypoints or None; pixels of
            the network's input.
        """
        return self._pick(rows, sigma, self._choice(options))

    def _note(self, text: str) -> None:
        """Log a note once, not with every frame."""
        if text not in self._noted:
            self._noted.add(text)
            _log.info("%s", text)

    def _place(self, images: Sequence[Image], imgsz: int | None) -> list[Placement]:
        network = self._network
        target = network.imgsz
        if imgsz is not None:
            if imgsz < 1:
                raise ValueError(f"imgsz must be 1 or more, got {imgsz}")
            rounded = -(-imgsz // self.stride) * self.stride
            if network.free:
                if rounded != imgsz:
                    self._note(f"imgsz {imgsz} rounded up to {rounded}, a multiple of the stride {self.stride}")
                target = (rounded, rounded)
            elif (rounded, rounded) != target and imgsz != max(target):
                self._note(f"imgsz {imgsz} has no effect: {self._name} takes {target[0]} x {target[1]} only")
        shapes = {image.shape for image in images}
        auto = network.free and len(shapes) == 1
        return [place((image.shape[1], image.shape[0]), target, auto=auto, stride=self.stride) for image in images]

    def _run(
        self, images: Sequence[Image], placements: Sequence[Placement], size: int, options: Options
    ) -> list[Estimate]:
        start = time.perf_counter()
        batch = self._fill(images, placements, size)
        prepared = time.perf_counter()
        rows, sigma = self.run(batch)
        ran = time.perf_counter()
        choice = self._choice(options)
        estimates = [
            self._estimate(rows[i], None if sigma is None else sigma[i], placement, choice)
            for i, placement in enumerate(placements)
        ]
        speed = {
            "preprocess": (prepared - start) * 1e3 / len(images),
            "inference": (ran - prepared) * 1e3 / len(images),
            "postprocess": (time.perf_counter() - ran) * 1e3 / len(images),
        }
        return [Estimate(boxes, xy, conf, sigma, speed=speed) for boxes, xy, conf, sigma in estimates]

    def _fill(self, images: Sequence[Image], placements: Sequence[Placement], size: int) -> NDArray[Any]:
        """Write pictures into this thread's buffer of their size."""
        kept: dict[tuple[int, ...], tuple[NDArray[Any], list[Placement | None]]]
        kept = self._buffers.__dict__.setdefault("kept", {})
        width, height = placements[0].size
        shape = (size, 3, height, width)
        if shape not in kept:
            while len(kept) >= _BUFFERS:
                del kept[next(iter(kept))]
            kept[shape] = (np.zeros(shape, dtype=self._input.dtype), [None] * size)
        buffer, before = kept[shape]
        for i, (image, placement) in enumerate(zip(images, placements, strict=True)):
            write(image, placement, buffer[i], pad=before[i] != placement)
            before[i] = placement
        return buffer

    def _check(self, rows: NDArray[Any], size: int) -> None:
        layout = self._network.layout
        columns = rows.shape[2 if layout.selected else 1] if rows.ndim == 3 else None
        if columns != layout.columns or len(rows) != size:
            where = "last" if layout.selected else "middle"
            raise wrong(
                self._session, self._name, f"{layout.columns} on the {where} axis of a result, got {rows.shape}"
            )

    def _choice(self, options: Options) -> Choice:
        if options.nms not in ("iou", "oks"):
            raise ValueError(f"nms must be 'iou' or 'oks', got {options.nms!r}")
        by_keypoints = options.nms == "oks"
        return Choice(
            conf=options.conf,
            iou=(_OKS if by_keypoints else _IOU) if options.iou is None else options.iou,
            max_det=options.max_det,
            classes=options.classes,
            agnostic=options.agnostic,
            multi_label=options.multi_label,
            sigmas=self.skeleton.sigmas if by_keypoints else None,
        )

    def _estimate(
        self, output: NDArray[Any], sigma: NDArray[Any] | None, placement: Placement, choice: Choice
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32] | None, NDArray[np.float32] | None]:
        """Choose one picture's rows and carry them back to the picture."""
        rows, spread = self._pick(output, sigma, choice)
        n, size, source = len(rows.conf), placement.size, placement.source
        boxes = np.empty((n, 6), dtype=np.float32)
        boxes[:, :4] = to_picture(rows.boxes.reshape(n, 2, 2), size, source).reshape(n, 4)
        boxes[:, 4] = rows.conf
        boxes[:, 5] = rows.classes
        xy = to_picture(rows.points[:, :, :2], size, source)
        conf = np.ascontiguousarray(rows.points[:, :, 2]) if self._network.layout.values == 3 else None
        return boxes, xy, conf, None if spread is None else spread / gains(size, source)[0]

    def _pick(self, output: NDArray[Any], sigma: NDArray[Any] | None, choice: Choice) -> tuple[Rows, Floats | None]:
        layout = self._network.layout
        rows = self._rows(output, layout, choice)
        if sigma is None:
            return rows, None
        spread = sigma[rows.index] if layout.selected else sigma[:, rows.index].T
        return rows, spread.astype(np.float32, copy=False).reshape(len(rows.conf), layout.keypoints, 2)

    def _rows(self, output: NDArray[Any], layout: Layout, choice: Choice) -> Rows:
        if not self._network.select:
            return choose(output, layout, choice)
        chosen, index = select(output, layout, max(choice.max_det, 300), agnostic=choice.agnostic)
        rows = choose(chosen, Layout(layout.classes, layout.keypoints, layout.values, selected=True), choice)
        return Rows(rows.boxes, rows.conf, rows.classes, rows.points, index[rows.index])
