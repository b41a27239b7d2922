"""Ready loops by the names that users of this field know; the work is done by ``Pose.track`` and plain angles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np

from poise.drawing import Annotator, LiveWindow, colors
from poise.errors import suggest
from poise.frames import Image
from poise.model import Pose
from poise.results import Results

# What there is instead of other ready loops.
_INSTEAD = {
    "ObjectCounter": "ZoneWatch counts who crosses a line or enters a zone",
    "RegionCounter": "ZoneWatch counts who is in a zone",
    "QueueManager": "ZoneWatch counts who is in a zone",
    "TrackZone": "ZoneWatch says who is in a zone",
    "Heatmap": "poise events --heatmap draws where people were",
    "SpeedEstimator": "poise.clips.Clip holds the positions and times of everybody",
    "DistanceCalculation": "result.boxes.xywh gives the centres, pixels",
    "ObjectCropper": "result.save_crop(folder)",
}


@dataclass
class GymState:
    """What is known of one person.

    Attributes:
        angle: Degrees, in the last frame in which the three keypoints were seen; NaN before.
        count: Repetitions so far.
        stage: ``"up"``, ``"down"`` or ``"-"``.
    """

    angle: float = float("nan")
    count: int = 0
    stage: str = "-"


@dataclass
class GymResults:
    """What one frame gave; the lists have one entry for each person in it, in the order of the result.

    Attributes:
        plot_im: ``(H, W, 3)`` uint8 BGR: the frame with angles, counts and stages.
        workout_count: Repetitions.
        workout_stage: ``"up"``, ``"down"`` or ``"-"``.
        workout_angle: Degrees; NaN where a keypoint was not seen.
        total_tracks: Number of people.
        result: What was found.
    """

    plot_im: Image
    workout_count: list[int] = field(default_factory=list)
    workout_stage: list[str] = field(default_factory=list)
    workout_angle: list[float] = field(default_factory=list)
    total_tracks: int = 0
    result: Results | None = None


class AIGym:
    """Counts repetitions by one angle, as scripts of this field do: below ``down_angle``, then above ``up_angle``.

    Each frame counts by itself: no time is needed, and nothing is steadied. :class:`poise.RepCounter` knows exercises,
    needs no angles, and is not deceived by a half repetition; it takes the same results.

    Args:
        model: A :class:`poise.Pose`, or what it takes.
        kpts: Three keypoint indices; the angle is at the second.
        up_angle: Degrees above which the stage is ``"up"``.
        down_angle: Degrees below which the stage is ``"down"``.
        line_width: Pixels.
        show: Show each frame in a window, until the user closes it.
        pose_type: ``"pullup"`` and ``"abworkout"`` count when the angle gets small, the others when it gets large.
        min_conf: An angle with a keypoint below this confidence is not used.
        **arguments: Those of ``Pose.track``, such as ``conf``, ``classes``, ``device``, ``tracker``.

    Attributes:
        states: What is known of each track id.
    """

    def __init__(
        self,
        model: str | Path | Pose = "body",
        *,
        kpts: Sequence[int] = (6, 8, 10),
        up_angle: float = 145.0,
        down_angle: float = 90.0,
        line_width: float | None = 2,
        show: bool = False,
        pose_type: str = "pushup",
        min_conf: float = 0.25,
        **arguments: Any,
    ) -> None:
        self._given: str | Path | Pose = model
        self.model: Pose | None = None  # opened with the first frame: results may come from elsewhere
        self.states: dict[int, GymState] = {}
        self.set_args(
            kpts=kpts, up_angle=up_angle, down_angle=down_angle, line_width=line_width, show=show, pose_type=pose_type
        )
        for theirs, ours in _FORMER.items():
            if theirs in arguments:
                self.set_args(**{ours: arguments.pop(theirs)})
        self.min_conf = min_conf
        self._window: LiveWindow | None = None
        self._arguments: dict[str, Any] = {"verbose": False, **arguments}

    def set_args(self, **changes: Any) -> None:
        """Change ``kpts``, ``up_angle``, ``down_angle``, ``line_width``, ``show`` or ``pose_type``.

        Raises:
            TypeError: Another name, with the nearest of these.
            ValueError: A value that cannot be.
        """
        for name, value in changes.items():
            name = _FORMER.get(name, name)
            if name not in _SETTABLE:
                raise TypeError(f"AIGym has no argument {name!r}{suggest(name, [*_SETTABLE, *_FORMER])}")
            setattr(self, name, value)
        if len(self.kpts) != 3 or min(self.kpts) < 0:
            raise ValueError(f"kpts must be three keypoint indices such as [6, 8, 10], got {list(self.kpts)}")
        if not 0 <= self.down_angle < self.up_angle <= 180:
            raise ValueError(
                f"down_angle must be below up_angle, both from 0 to 180, got {self.down_angle} and {self.up_angle}"
            )

    kpts: Sequence[int] = ()
    up_angle = 180.0
    down_angle = 0.0
    line_width: float | None = None
    show = False
    pose_type = ""

    @property
    def count(self) -> list[int]:
        """Repetitions of everybody seen so far, in the order of their ids."""
        return [self.states[number].count for number in sorted(self.states)]

    @property
    def stage(self) -> list[str]:
        """Stages of everybody seen so far, in the order of their ids."""
        return [self.states[number].stage for number in sorted(self.states)]

    @property
    def angle(self) -> list[float]:
        """Last angles of everybody seen so far, in the order of their ids."""
        return [self.states[number].angle for number in sorted(self.states)]

    def process(self, im0: Image) -> GymResults:
        """Find people in the next frame, count, and draw.

        Args:
            im0: ``(H, W, 3)`` uint8 BGR; not changed.
        """
        if self.model is None:
            self.model = self._given if isinstance(self._given, Pose) else Pose(self._given)
        (result,) = self.model.track(im0, persist=True, **self._arguments)
        return self.take(result)

    __call__ = process

    def monitor(self, im0: Image) -> Image:
        """Do what :meth:`process` does, and return the drawn frame."""
        return self.process(im0).plot_im

    def start_counting(self, im0: Image, results: Any, frame_count: int | None = None) -> Image:
        """Count in results of one's own, and return the drawn frame.

        Args:
            im0: ``(H, W, 3)`` uint8 BGR, drawn on.
            results: Of the frame: what ``track`` or ``predict`` gave.
            frame_count: Without effect.
        """
        del frame_count
        return self.take(results if isinstance(results, Results) else results[0], image=im0).plot_im

    def take(self, result: Results, image: Image | None = None) -> GymResults:
        """Count in a result of one's own.

        Args:
            result: With ids; without, each row of the result is taken for one person.
            image: What is drawn on; None: a copy of the result's picture.
        """
        if max(self.kpts) >= len(result.skeleton):
            raise ValueError(f"kpts {list(self.kpts)}: skeleton {result.skeleton.name!r} has {len(result.skeleton)}")
        annotator = Annotator(result.orig_img.copy() if image is None else image, line_width=self.line_width)
        ids = range(1, len(result) + 1) if result.boxes.id is None else result.boxes.id.int().tolist()
        made = GymResults(annotator.im, total_tracks=len(result), result=result)
        points = np.asarray(result.keypoints.data, dtype=np.float64)[:, list(self.kpts)]
        for number, three in zip(ids, points, strict=True):
            state = self.states.setdefault(number, GymState())
            seen = bool((three[:, 2] >= self.min_conf).all()) if three.shape[1] == 3 else True
            angle = Annotator.estimate_pose_angle(*three) if seen else float("nan")
            if np.isfinite(angle):
                self._step(state, angle)
                annotator.draw_specific_kpts(three, [0, 1, 2], radius=2 * annotator.lw, conf_thres=0.0)
                annotator.plot_angle_and_count_and_stage(
                    angle, state.count, state.stage, three[1], color=colors(number - 1, True)
                )
            made.workout_angle.append(angle)
            made.workout_count.append(state.count)
            made.workout_stage.append(state.stage)
        if self.show:
            if self._window is None:
                self._window = LiveWindow("AIGym")
            self._window.show(annotator.im)
        return made

    def _step(self, state: GymState, angle: float) -> None:
        state.angle = angle
        stage = "down" if angle < self.down_angle else "up" if angle > self.up_angle else state.stage
        counts = ("up", "down") if self.pose_type in ("pullup", "abworkout") else ("down", "up")
        state.count += (state.stage, stage) == counts
        state.stage = stage


_SETTABLE = ("kpts", "up_angle", "down_angle", "line_width", "show", "pose_type")
# Former names of arguments.
_FORMER = {
    "kpts_to_check": "kpts",
    "view_img": "show",
    "line_thickness": "line_width",
    "pose_up_angle": "up_angle",
    "pose_down_angle": "down_angle",
}

ai_gym = SimpleNamespace(AIGym=AIGym)


def __getattr__(name: str) -> NoReturn:
    if name in _INSTEAD:
        raise AttributeError(f"poise.solutions has no {name!r}; {_INSTEAD[name]}: see docs/from-ultralytics.md")
    raise AttributeError(f"poise.solutions has no {name!r}{suggest(name, ['AIGym', *_INSTEAD])}")
