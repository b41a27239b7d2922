"""Gestures made of real tracks, to measure recognition where no film of somebody making them is at hand.

A person who really stands, and faces the camera, is the base: outline, trembling and gaps are the network's own. Limbs
are led along a path in the picture, from where they are to a few places and back, each stretch as smoothly as people
move (least jerk). What is not real: the path is one person's idea of a gesture, limbs move in the picture's plane only,
and a network errs more on a quick limb than on a still one; ``noise`` adds some of that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from poise.geometry import Floats

# Keypoints of coco17. Source: skeletons/coco17.toml.
_POINTS = {
    "left_shoulder": 5, "right_shoulder": 6, "left_elbow": 7, "right_elbow": 8, "left_wrist": 9, "right_wrist": 10,
    "left_hip": 11, "right_hip": 12, "left_knee": 13, "right_knee": 14, "left_ankle": 15, "right_ankle": 16,
}  # fmt: skip
_UPPER = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
_GRAVITY = 19.6  # trunks of half a metre per second squared
Place = tuple[float, float]
Key = tuple[float, Mapping[str, Place]]

# Each step: how many seconds it takes, and where limbs are at its end: outwards and up in trunks, arms from their
# shoulder, legs from their hip. From where they are: "foot" and "bend" move an ankle or a knee, "body" the hips and all
# above (towards the own left, up), "air" everything; "lean" turns all above the hips (degrees towards the own left,
# unused). What is not named goes back to rest.
_GUARD = {"SIDE_elbow": (0.12, -0.4), "SIDE_wrist": (0.1, -0.02)}
_APART = {f"{side}_{point}": at for side in ("left", "right") for point, at in
          (("elbow", (0.08, -0.42)), ("wrist", (-0.02, -0.3)))}  # fmt: skip
_TOGETHER = {f"{side}_{point}": at for side in ("left", "right") for point, at in
             (("elbow", (0.05, -0.42)), ("wrist", (-0.28, -0.28)))}  # fmt: skip
_WAVE = [{"SIDE_elbow": (0.25, -0.3), "SIDE_wrist": (0.3 + swing, 0.12)} for swing in (-0.18, 0.18)]
_RAISED = {"elbow": (0.3, 0.3), "wrist": (0.4, 0.75)}
_CROUCH: dict[str, Place] = {"body": (0.0, -0.3), "left_bend": (0.15, 0.0), "right_bend": (0.15, 0.0)}
_SQUAT: dict[str, Place] = {"body": (0.0, -0.85), "left_bend": (0.3, 0.05), "right_bend": (0.3, 0.05)}
_BOTH = ("left", "right")

_MOVES: dict[str, Sequence[Key]] = {
    "hand_raised_SIDE": [(0.5, {f"SIDE_{k}": v for k, v in _RAISED.items()})] * 2,
    "hands_raised": [(0.5, {f"{side}_{k}": v for side in _BOTH for k, v in _RAISED.items()})] * 2,
    "t_pose": [(0.6, {f"{s}_elbow": (0.5, 0.0) for s in _BOTH} | {f"{s}_wrist": (0.97, 0.0) for s in _BOTH})] * 2,
    "arms_crossed": [
        (0.6, {f"{s}_elbow": (0.1, -0.48) for s in _BOTH} | {f"{s}_wrist": (-0.42, -0.42) for s in _BOTH})
    ] * 2,
    "pointing_SIDE": [(0.6, {"SIDE_elbow": (0.5, 0.03), "SIDE_wrist": (0.97, 0.06)})] * 2,
    "lean_left": [(0.6, {"lean": (25.0, 0.0)})] * 2,
    "lean_right": [(0.6, {"lean": (-25.0, 0.0)})] * 2,
    "waving_SIDE": [(0.5, _WAVE[0]), *[(0.25, _WAVE[n % 2]) for n in range(1, 9)]],
    "clap": [(0.5, _APART), *[(0.22, (_APART, _TOGETHER)[n % 2]) for n in range(1, 7)]],
    "punch_SIDE": [(0.4, _GUARD), (0.4, _GUARD), (0.17, {"SIDE_elbow": (0.5, -0.02), "SIDE_wrist": (0.95, 0.02)}),
                   (0.25, _GUARD)],
    "kick_SIDE": [(0.28, {"SIDE_knee": (0.65, -0.42), "SIDE_ankle": (1.3, -0.85)}), (0.4, {})],
    "jump": [(0.3, _CROUCH), (0.15, {}), (2 * (2 * 0.4 / _GRAVITY) ** 0.5, {"air": (0.0, 0.4)}), (0.12, _CROUCH)],
    "squat_down": [(0.8, _SQUAT), (0.5, _SQUAT), (0.8, {})],
    "step_left": [(0.35, {"left_foot": (0.5, 0.0), "body": (0.25, 0.0)})] * 3,
    "step_right": [(0.35, {"right_foot": (0.5, 0.0), "body": (-0.25, 0.0)})] * 3,
}  # fmt: skip

# What people do with their arms all day, and which is no gesture.
_OTHERS: dict[str, Sequence[Key]] = {
    "touch_head_SIDE": [(0.6, {"SIDE_elbow": (0.35, -0.1), "SIDE_wrist": (-0.02, 0.3)})] * 2,
    "phone_SIDE": [(0.7, {"SIDE_elbow": (0.25, -0.45), "SIDE_wrist": (-0.05, 0.12)})] * 3,
    "drink_SIDE": [(0.9, {"SIDE_elbow": (0.3, -0.3), "SIDE_wrist": (-0.22, 0.08)}), (0.8, {})],
    "look_at_watch_SIDE": [(0.7, {"SIDE_elbow": (0.2, -0.4), "SIDE_wrist": (-0.2, -0.25)})] * 2,
    "hands_on_hips": [(0.6, {f"{s}_elbow": (0.4, -0.45) for s in _BOTH} | {f"{s}_wrist": (0.05, -0.8) for s in _BOTH})]
    * 2,
    "fold_hands": [(0.6, {f"{s}_elbow": (0.1, -0.5) for s in _BOTH} | {f"{s}_wrist": (-0.2, -0.62) for s in _BOTH})]
    * 2,
    "shift_weight": [(0.6, {"body": (0.15, -0.02)}), (0.6, {"body": (-0.15, -0.02)})] * 2,
}


def _sided(table: Mapping[str, Sequence[Key]]) -> dict[str, Sequence[Key]]:
    made: dict[str, Sequence[Key]] = {}
    for name, keys in table.items():
        for side in _BOTH if "SIDE" in name else ("",):
            made[name.replace("SIDE", side)] = [
                (seconds, {what.replace("SIDE", side): place for what, place in at.items()}) for seconds, at in keys
            ]
    return made


MOVES, OTHERS = _sided(_MOVES), _sided(_OTHERS)


def lasts(name: str) -> float:
    """Return the seconds that a movement of :data:`MOVES` takes at its own tempo, without the way back to rest."""
    return sum(seconds for seconds, _ in (MOVES | OTHERS)[name])


def act(
    xy: Floats,
    times: Floats,
    name: str,
    *,
    start: float,
    tempo: float = 1.0,
    size: float = 1.0,
    noise: float = 0.0,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Let somebody who stands make a gesture.

    Args:
        xy: ``(T, 17, 2)`` pixels of somebody who stands and faces the camera, or turns the back to it.
        times: ``(T,)`` seconds, increasing.
        name: One of :data:`MOVES` or of :data:`OTHERS`, which are no gestures.
        start: When it begins, seconds. It ends :func:`lasts` later, and half a second after that all is at rest.
        tempo: How many times as quick; what is in the air falls as it must.
        size: How many times as far from rest limbs go.
        noise: Standard deviation in pixels that is added to every point of every frame.
        seed: Of the noise.

    Returns:
        ``(T, 17, 2)``.

    Raises:
        ValueError: There is no such movement.

    Source:
        Flash and Hogan 1985, The coordination of arm movements: the path of least jerk between rests, eq. 1.
    """
    known = MOVES | OTHERS
    if name not in known:
        raise ValueError(f"no movement named {name!r}; known: {', '.join(known)}")
    moved: NDArray[np.float64] = np.array(xy, dtype=np.float64)
    trunk = moved[:, [5, 6]].mean(axis=1) - moved[:, [11, 12]].mean(axis=1)
    scale = float(np.nanmedian(np.linalg.norm(trunk, axis=-1)))
    left = 1.0 if np.nanmedian(moved[:, 5, 0] - moved[:, 6, 0]) >= 0 else -1.0
    keys = known[name]
    stretches = [seconds * size**0.5 if "air" in at else seconds / tempo for seconds, at in keys]
    ends = start + np.cumsum([0.0, *stretches, 0.5 / tempo])
    names = {what for _, at in keys for what in at}
    paths = {}
    for what in names:
        rest = _rest(moved, what, scale, left)
        stops = [rest, *(np.array(at.get(what, rest)) for _, at in keys), rest]
        paths[what] = size * (_path(times, ends, np.array(stops), ballistic=what == "air") - rest)
    for what, path in paths.items():
        side = what.partition("_")[0]
        outwards = left if side != "right" else -left
        shift = path * scale * (outwards, -1.0)
        if what == "air":
            moved += shift[:, None]
        elif what == "body":
            moved[:, [*_UPPER, 11, 12]] += shift[:, None]
            moved[:, [13, 14]] += shift[:, None] / 2
        elif what == "lean":
            _lean(moved, np.deg2rad(path[:, 0]) * left)
        elif what.endswith("_bend"):
            moved[:, _POINTS[f"{side}_knee"]] += shift
        elif what.endswith("_foot"):
            moved[:, _POINTS[f"{side}_ankle"]] += shift
            moved[:, _POINTS[f"{side}_knee"]] += shift / 2
        else:
            moved[:, _POINTS[what]] += shift
    if noise:
        moved += np.random.default_rng(seed).normal(0.0, noise, moved.shape)
    return moved


def _rest(xy: Floats, what: str, scale: float, left: float) -> Floats:
    """Return where a limb is at rest, outwards and up from its root in trunks; of other things zero."""
    side, _, point = what.partition("_")
    if what not in _POINTS:
        return np.zeros(2)
    root = _POINTS[f"{side}_shoulder" if point in ("elbow", "wrist") else f"{side}_hip"]
    offset = np.nanmedian(xy[:, _POINTS[what]] - xy[:, root], axis=0) / scale
    rest: Floats = offset * (left if side == "left" else -left, -1.0)
    return rest


def _path(times: Floats, ends: Floats, stops: Floats, *, ballistic: bool) -> Floats:
    """Return ``(T, 2)`` places: at each of the ``(S,)`` times at a stop, between two as smoothly as people move."""
    stretch = np.clip(np.searchsorted(ends, times, side="right") - 1, 0, len(ends) - 2)
    part = np.clip((times - ends[stretch]) / (ends[stretch + 1] - ends[stretch]), 0.0, 1.0)[:, None]
    before, after = stops[stretch], stops[stretch + 1]
    if ballistic:
        # Up and down again within the stretch that ends in the air.
        return np.where((after > 0) & (times >= ends[0])[:, None], 4 * part * (1 - part) * after, 0.0)
    eased: Floats = before + (after - before) * (10 * part**3 - 15 * part**4 + 6 * part**5)
    return eased


def _lean(xy: Floats, angle: Floats) -> None:
    """Turn all above the hips about their middle, in place, by ``(T,)`` radians clockwise as seen in the picture."""
    middle = xy[:, [11, 12]].mean(axis=1, keepdims=True)
    arm = xy[:, _UPPER] - middle
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    xy[:, _UPPER] = middle + np.stack(
        [arm[..., 0] * cos - arm[..., 1] * sin, arm[..., 0] * sin + arm[..., 1] * cos], -1
    )
