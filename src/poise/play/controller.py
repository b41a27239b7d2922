"""The controller: results in, actions out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from pathlib import Path

import numpy as np

from poise.bodies.points import HIPS, SHOULDERS, read_coco_points
from poise.frames import Media, continues
from poise.geometry import Floats
from poise.gestures.definitions.body_measures import NAMES, body_measures
from poise.gestures.definitions.history import BodyHistory
from poise.gestures.definitions.scorers import BodyScorer
from poise.play.action import Action
from poise.play.axes import AxisState
from poise.play.buttons import ButtonState, State
from poise.play.maps import MOST_PLAYERS, PLACES, Axis, Button, ControlMap, read_map
from poise.play.players import Players
from poise.results import Results
from poise.skeletons import Skeleton, get

# What a body is measured by needs this much of its past at least, seconds: which way it faces, how large it is.
_LEAST_PAST_S = 1.0
_FLIP = np.array(get("coco17").flip_idx)
_TRUNK = [*SHOULDERS, *HIPS]


class BodyController:
    """Turns what players do into actions.

    Args:
        map: Name of a bundled map (``"runner"``, ``"boxing"``, ``"wheel"``, ``"hands"``), the path of a TOML file, or a
            :class:`ControlMap`.
        players: How many may play, 1 to 8; None: as the map says. People who come together are player 1, 2, … from the
            picture's left to its right; a number stays with its person for two seconds out of sight.
        mirrored: The pictures are mirrored, as selfie cameras give them: left and right are exchanged.
        on_action: Called with every action.

    One controller follows one source; another one begins anew by itself. Results with ids (``Pose.track``) keep people
    apart best; without ids they are told apart by where they stand.

    Attributes:
        map: What is mapped to what.

    Raises:
        ValueError: There is no such map; with the nearest name. Or a number of players that is not from 1 to 8.
        TypeError: ``on_action`` cannot be called.
        FormatError: The map is wrong: its line, what was found, what was expected.

    Example:
        >>> from poise import Pose, samples
        >>> controller = BodyController("runner")
        >>> results = Pose("body-fast").track(samples.squats, stream=True, verbose=False)
        >>> [action.name for action in controller.follow(results) if action.state == "press"]
        ['duck', 'duck', 'duck', 'duck']
    """

    def __init__(
        self,
        map: str | Path | ControlMap = "runner",
        *,
        players: int | None = None,
        mirrored: bool = False,
        on_action: Callable[[Action], object] | None = None,
    ) -> None:
        self.map = map if isinstance(map, ControlMap) else read_map(map)
        count = self.map.players if players is None else players
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or not 1 <= count <= MOST_PLAYERS:
            raise ValueError(f"players must be a whole number from 1 to {MOST_PLAYERS}, got {count!r}")
        if on_action is not None and not callable(on_action):
            raise TypeError(f"on_action must be callable, got {on_action!r}")
        self._count = count
        self._mirrored = mirrored
        self._on_action = on_action
        self._scorer = BodyScorer(self.map.gestures)
        self._rows: dict[str, list[int]] = {}
        for row, name in enumerate(self._scorer.names):
            self._rows.setdefault(name, []).append(row)
        self._past_s = max(self._scorer.past_s, _LEAST_PAST_S)
        self.reset()

    def reset(self) -> None:
        """Forget everybody, as a new object does; nothing is told of what was down."""
        self._players = Players(self._count)
        self._bodies: dict[int, _Player] = {}
        self._media: Media | None = None
        self._skeleton: Skeleton | None = None
        self._time = 0.0

    def update(self, results: Results) -> list[Action]:
        """Take the next frame.

        Args:
            results: Of any skeleton that has the points of coco17.

        Returns:
            What began, goes on, moved and ended, in the order of players and of the map.

        Raises:
            ValueError: The skeleton lacks the shoulders and hips of coco17.
        """
        self._check(results)
        actions: list[Action] = []
        if not continues(results.media, self._media, scene=False) or results.time < self._time:
            actions += self._end()
        self._media, self._time = results.media, results.time
        time = results.time
        xy, conf = read_coco_points(results)
        if self._mirrored:
            xy, conf = xy[:, _FLIP], conf[:, _FLIP]
        rows, about = body_measures(xy, conf)
        keys = _keys(results)
        people = [(key, float(one[-2]), float(one[-1]), float(one[-4])) for key, one in zip(keys, about, strict=True)]
        ids = results.boxes.id
        for row, number in enumerate(self._players.update(people, time)):
            if number is None:
                continue
            body = self._bodies.setdefault(number, _Player(self.map, self._past_s))
            body.id = None if ids is None else int(np.asarray(ids)[row])
            body.past.push(time, rows[row], about[row])
            actions += self._act(number, body, results.orig_shape)
        for number in self._players.gone(time):
            if number in self._bodies:
                actions += self._let_go(number, self._bodies.pop(number), time)
        return self._told(actions)

    def _check(self, results: Results) -> None:
        """Refuse people whose bodies are not seen: hands and faces never do anything."""
        skeleton = results.skeleton
        if skeleton == self._skeleton:
            return
        points = skeleton.convert(np.ones((1, len(skeleton.keypoints), 3), np.float32), get("coco17"))
        if not np.isfinite(points[:, _TRUNK, :2]).all():
            raise ValueError(
                "playing needs the shoulders and hips of bodies, as body-fast and body-3d give, got "
                f"{skeleton.name}; choose a model of bodies"
            )
        self._skeleton = skeleton

    def follow(self, results: Iterable[Results]) -> Iterator[Action]:
        """Yield the actions of a stream of results, and at its end let go of what is down."""
        for one in results:
            yield from self.update(one)
        yield from self.finish()

    def finish(self) -> list[Action]:
        """Let go of what is down, because the source ends, and forget everybody."""
        return self._told(self._end())

    def _end(self) -> list[Action]:
        actions = [
            one for number, body in sorted(self._bodies.items()) for one in self._let_go(number, body, self._time)
        ]
        self.reset()
        return actions

    def _act(self, number: int, body: _Player, shape: tuple[int, int]) -> list[Action]:
        past, time = body.past, float(body.past.time[-1])
        scores = self._scorer(past)
        fits = {name: float(scores[rows].max()) for name, rows in self._rows.items()}
        actions: list[Action] = []
        for button in body.buttons:
            asked = button.button
            press = max(fits[name] for name in asked.gestures)
            keep = max((fits[name] for name in asked.keep), default=0.0)
            for state in button.update(press, keep, time):
                actions.append(_pressed(asked, state, number, body.id, time, max(press, keep)))
        scale = past.scale()
        if body.axes and scale > 0:
            values = past.latest() * past.factors(scale)
            for axis in body.axes:
                value, sure = self._measure(axis.axis, values, past, shape)
                if axis.update(value, time):
                    actions.append(_moved(axis, number, body.id, time, sure))
        return actions

    def _measure(self, axis: Axis, values: Floats, past: BodyHistory, shape: tuple[int, int]) -> tuple[float, float]:
        """Return what an axis measures now, and how sure that is."""
        x, y = past.place()
        if axis.measure == PLACES[0]:
            right = 2 * x / shape[1] - 1
            # Who faces the camera has the own right on the picture's left.
            value = right if self._mirrored else -right
            return value, float(np.isfinite(value))
        if axis.measure == PLACES[1]:
            value = 1 - 2 * y / shape[0]
            return value, float(np.isfinite(value))
        column = NAMES.index(axis.measure)
        return float(values[column]), past.conf(column)

    def _let_go(self, number: int, body: _Player, time: float) -> list[Action]:
        actions = [
            _pressed(button.button, state, number, body.id, time, 0.0)
            for button in body.buttons
            for state in button.finish()
        ]
        return actions + [_moved(axis, number, body.id, time, 0.0) for axis in body.axes if axis.finish()]

    def _told(self, actions: list[Action]) -> list[Action]:
        if self._on_action is not None:
            for one in actions:
                self._on_action(one)
        return actions


class _Player:
    """What is remembered of one player."""

    def __init__(self, map: ControlMap, past_s: float) -> None:
        self.id: int | None = None
        self.past = BodyHistory(past_s)
        self.buttons = [ButtonState(one) for one in map.buttons]
        self.axes = [AxisState.of(one) for one in map.axes]


def _keys(results: Results) -> list[Hashable]:
    """Return who each row is: by id, or for want of one by a key that only this frame has."""
    ids = results.boxes.id
    if ids is None:
        return [("row", results.frame, row) for row in range(len(results))]
    return [int(one) for one in np.asarray(ids).tolist()]


def _pressed(button: Button, state: State, number: int, id: int | None, time: float, conf: float) -> Action:
    value = 0.0 if state == "release" else 1.0
    return Action(button.name, state, value, number + 1, id, time, conf, button.key, button.gamepad)


def _moved(axis: AxisState, number: int, id: int | None, time: float, conf: float) -> Action:
    return Action(axis.axis.name, "move", axis.value, number + 1, id, time, conf, gamepad=axis.axis.gamepad)
