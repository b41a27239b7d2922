"""Find people and their keypoints in one stage with RTMO.

Source:
    Lu et al., "RTMO: towards high-performance one-stage real-time multi-person pose estimation", CVPR 2024,
    arXiv:2312.07526 (OpenMMLab, Apache-2.0); the export is read as rtmlib 0.0.16 (Apache-2.0) does.
"""

from __future__ import annotations

import numpy as np

from poise.errors import FormatError
from poise.estimators.detectors.boxes import choose
from poise.estimators.detectors.whole import Canvas, WholePicture
from poise.estimators.protocols import Outputs, People
from poise.estimators.spec import Spec
from poise.runtime import Session

_OPTIONS = {"max_iou": float, "fill": int, "keypoints": int}
# Source: the makers' test settings (MMPose, rtmo: nms_thr 0.65); rtmlib takes 0.45.
_IOU = 0.65


class Rtmo(WholePicture):
    """RTMO, loaded.

    Outputs: ``(1, N, 5)`` boxes xyxy with their scores, and ``(1, N, K, 3)`` keypoints x, y, score, input pixels.

    Options of its spec:
        max_iou: Of two boxes that overlap more, the better stays; 0.65 unless given.
        fill: Grey value beside the picture; 114 unless given.
        keypoints: K, of a network that does not say it.

    Args:
        spec: Of the network.
        session: The network.

    Raises:
        FormatError: An option that is not known, or other outputs.
    """

    def __init__(self, spec: Spec, session: Session) -> None:
        options = spec.checked(_OPTIONS)
        super().__init__(spec, Canvas(spec, session, stride=32, fill=options.get("fill", 114)))
        boxes = [t for t in session.outputs if len(t.shape) == 3 and t.shape[2] in (5, None)]
        points = [t for t in session.outputs if len(t.shape) == 4 and t.shape[3] in (3, None)]
        if len(boxes) != 1 or len(points) != 1:
            names = ", ".join(f"{t.name} {t.shape}" for t in session.outputs)
            raise FormatError(f"family 'rtmo': expected outputs (1, N, 5) and (1, N, K, 3), got {names}")
        self._boxes, self._points = boxes[0].name, points[0].name
        self.keypoints = points[0].shape[2] or int(options.get("keypoints", 0)) or self._counted(session)
        self._max_iou = float(options.get("max_iou", _IOU))

    def _counted(self, session: Session) -> int:
        """Count the keypoints of an empty picture, where neither the file nor its spec says how many there are."""
        width, height = self.spec.size
        feeds, _ = self.prepare(np.zeros((height, width, 3), np.uint8))
        return int(session.run(feeds)[self._points].shape[2])

    def decode(self, outputs: Outputs, *, min_score: float) -> People:
        """Decode the people of one picture; see :class:`poise.estimators.protocols.Detector`."""
        found, points = outputs[self._boxes][0], outputs[self._points][0]
        score = np.clip(found[:, 4], 0, 1)
        keep = choose(found[:, :4], score, min_score=min_score, max_iou=self._max_iou)
        return People(
            found[keep, :4].astype(np.float32),
            points[keep, :, :2].astype(np.float32),
            np.clip(points[keep, :, 2], 0, 1).astype(np.float32),
            score[keep].astype(np.float32),
        )
