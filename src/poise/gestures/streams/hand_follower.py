"""Whose hand is whose, from frame to frame: hands keep an identity and a side, and belong to the bodies near them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.bodies.angles import norms
from poise.bodies.points import ELBOWS, HIPS, SHOULDERS, WRISTS, read_points
from poise.geometry import Floats
from poise.results import Results

Index = NDArray[np.intp]

# Wrists and elbows below this say nothing: the body networks' own limit for drawing. A wrist without its elbow must be
# this much surer, for it could be a guess.
MIN_WRIST, MIN_LONE_WRIST = 0.2, 0.4
# A forearm that points at the camera looks short; it is never shorter than these shares of shoulder width and trunk.
_FOREARM_A_WIDTH, _FOREARM_A_TRUNK = 0.6, 0.5
# A hand belongs to a body when its wrist lies this near to the body's, in forearms. In ten sign clips the two are 0.06
# apart in the middle, 0.36 in the worst clip's worst tenth; a hand that is free of the body is beyond 2.
_NEAR = 0.8
# The body's word on the side counts this many times the hand network's: where its wrists are clearly apart, say
# otherwise and the eye can tell, the body is right in 15 of 15 hands of benchmarks/gesture_hands.py.
_BODY_SAYS = 3.0
# How clearly the nearer wrist must be the nearer one, as a share of both distances, to say anything of the side.
_CLEAR = 0.5
# Seconds in which what was said of a side is forgotten to a third, and how much may pile up: a hand that was told
# wrongly from its first frame is righted within half a second.
_SIDE_S, _SIDE_MOST = 1.0, 12.0
# A hand is looked for this far from where it should be: hand sizes, and hand sizes a second. A quick hand moves 2 m/s,
# which is 11 of its lengths.
_REACH, _REACH_A_SECOND, _REACH_MOST = 0.8, 11.0, 4.0
# What another side or another body costs in hand sizes: a hand is rather a quick one than one that changed sides.
_OTHER_SIDE, _OTHER_BODY = 0.5, 1.5
# Two hands without bodies are of one person when they are this near, in hand sizes, and as large, and no third is
# there: hands that are mirror images in the picture, and others, of which one shows its palm and one its back, or which
# two people hold up alike.
_PAIR_REACH, _OTHER_REACH, _PAIR_SIZES = 4.0, 2.0, 1.6
# Seconds that a lost hand is remembered. Longer than gestures bridge gaps.
_PATIENCE_S = 1.0
# Hands without a body count from here beside bodies, so that their ids and those of people never meet.
BESIDE_BODIES = 1_000_001


def forearms(xy: Floats, conf: Floats) -> Floats:
    """Return lengths of forearms as if seen sideways.

    Args:
        xy: ``(N, 17, 2)`` coco17 keypoints, pixels.
        conf: ``(N, 17)``.

    Returns:
        ``(N, 2)`` of the left and the right arm, pixels; NaN where the wrist is not seen, or is doubtful without its
        elbow.
    """
    shoulders, hips = xy[:, SHOULDERS], xy[:, HIPS].mean(axis=1)
    width = norms(shoulders[:, 0] - shoulders[:, 1])
    trunk = norms(shoulders.mean(axis=1) - hips)
    elbow = conf[:, ELBOWS] >= MIN_WRIST
    long = np.where(elbow, norms(xy[:, WRISTS] - xy[:, ELBOWS]), np.nan)
    least = np.fmax(_FOREARM_A_WIDTH * width, _FOREARM_A_TRUNK * trunk)[:, None]
    seen = conf[:, WRISTS] >= np.where(elbow, MIN_WRIST, MIN_LONE_WRIST)
    lengths: Floats = np.where(seen, np.fmax(long, least), np.nan)
    return lengths


def wrist_pairs(hands: Floats, bodies: Floats, conf: Floats) -> tuple[Index, Floats]:
    """Say which body each hand belongs to, and which of its hands it is by the wrists alone.

    Args:
        hands: ``(N, 21, 2)`` keypoints of hands, pixels.
        bodies: ``(M, 17, 2)`` coco17 keypoints.
        conf: ``(M, 17)``.

    Returns:
        ``(N,)`` rows of bodies, -1: none; and ``(N,)`` from -1 (surely left) to 1 (surely right), 0 where the wrists
        do not tell. A wrist has one hand: the nearest.
    """
    rows, sides = np.full(len(hands), -1), np.zeros(len(hands))
    if not len(hands) or not len(bodies):
        return rows, sides
    away = np.linalg.norm(hands[:, None, None, 0] - bodies[None, :, WRISTS], axis=-1)
    off = away / forearms(bodies, conf)
    off = np.where(np.isfinite(off), off, np.inf)
    near = np.where(off <= _NEAR, off, np.inf)
    while np.isfinite(near).any():
        hand, body, wrist = (int(i) for i in np.unravel_index(int(near.argmin()), near.shape))
        rows[hand] = body
        # A wrist that is not seen may well be there too, where its network guesses it.
        mine, other = away[hand, body, wrist], away[hand, body, 1 - wrist]
        clear = not np.isfinite(other) or other - mine > _CLEAR * (other + mine)
        sides[hand] = (1.0 if wrist else -1.0) * clear
        near[hand], near[:, body, wrist] = np.inf, np.inf
    for hand in np.flatnonzero(rows < 0).tolist():
        nearest = off[hand].min(axis=1)
        if nearest.min() <= _NEAR:
            rows[hand] = int(nearest.argmin())
    return rows, sides


@dataclass(frozen=True, slots=True, eq=False)
class FollowedHands:
    """Who the hands of one frame are.

    Attributes:
        keys: One a hand; the same number is the same hand in every frame.
        ids: The person's id, or the hand's own where no body is seen.
        right: ``(N,)`` True for right hands in a picture that is not mirrored.
    """

    keys: list[int]
    ids: list[int]
    right: NDArray[np.bool_]


@dataclass(slots=True)
class _Hand:
    key: int
    at: Floats
    speed: Floats
    size: float
    time: float
    side: float  # what was said of its side until now, above 0: right
    right: bool
    body: int | None  # id of the person
    own: int | None = None  # its own id, given when it is first needed


class HandFollower:
    """Keeps hands apart over the frames of one video, and decides over time which are left and which right.

    A hand is where it was going to be, on the side it was, at the body it was at; the cheapest pairs are made first. A
    hand that is lost for up to a second and comes back near is the same one. A side is the sum of what the hand
    network and the nearer wrist of the body said lately, so that one wrong frame changes nothing.
    """

    def __init__(self) -> None:
        self._hands: list[_Hand] = []
        self._keys = 0
        self._own: dict[bool, int] = {}

    def update(
        self,
        xy: Floats,
        right: NDArray[np.bool_],
        time: float,
        *,
        bodies: tuple[Floats, Floats] | None = None,
        people: Sequence[int] | None = None,
    ) -> FollowedHands:
        """Take the hands of the next frame.

        Args:
            xy: ``(N, 21, 2)`` keypoints, pixels.
            right: ``(N,)`` what the hand network says.
            time: Seconds.
            bodies: ``(M, 17, 2)`` keypoints and ``(M, 17)`` conf of the bodies in the frame.
            people: Ids of the bodies; None: nobody follows them.
        """
        if self._hands and time < max(hand.time for hand in self._hands):
            self._hands = []  # the clock ran backwards: another video, or a seek
        self._hands = [hand for hand in self._hands if time - hand.time <= _PATIENCE_S]
        rows, sides = wrist_pairs(xy, *bodies) if bodies is not None else (np.full(len(xy), -1), np.zeros(len(xy)))
        owners = [people[row] if people is not None and row >= 0 else None for row in rows.tolist()]
        said = np.where(right, 1.0, -1.0) + _BODY_SAYS * sides
        middles = xy.mean(axis=1)
        # The longer side of the box of the points: about the hand's length.
        sizes = np.maximum((xy.max(axis=1) - xy.min(axis=1)).max(axis=1), 1.0) if len(xy) else np.zeros(0)
        known = self._known(middles, sizes, said, owners, time)
        hands = []
        for row in range(len(xy)):
            hand = known.get(row)
            if hand is None:
                self._keys += 1
                hand = _Hand(self._keys, middles[row], np.zeros(2), 0.0, time, 0.0, bool(said[row] > 0), None)
                self._hands.append(hand)
            _moved(hand, middles[row], float(sizes[row]), float(said[row]), time)
            hand.body = owners[row] if owners[row] is not None else hand.body
            hands.append(hand)
        _two_sides(hands)
        shown = np.array([hand.right for hand in hands], dtype=bool)
        if bodies is None:
            shown = _lone_pair(hands, shown, xy)
        beside = people is not None
        return FollowedHands(
            [hand.key for hand in hands],
            [hand.body if hand.body is not None else self._own_id(hand, beside) for hand in hands],
            shown,
        )

    def _known(
        self, middles: Floats, sizes: Floats, said: Floats, owners: list[int | None], time: float
    ) -> dict[int, _Hand]:
        """Return the hand seen before of each row that has one."""
        costs = []
        for h, hand in enumerate(self._hands):
            waited = time - hand.time
            # A lost hand is not believed to go on for long.
            expected = hand.at + hand.speed * min(waited, 0.1)
            for row in range(len(middles)):
                cost = float(np.linalg.norm(middles[row] - expected)) / max(hand.size, float(sizes[row]))
                far = min(_REACH + _REACH_A_SECOND * waited, _REACH_MOST)
                same, turned = hand.body is not None and hand.body == owners[row], (said[row] > 0) != hand.right
                if cost > far and (not same or turned):
                    continue
                cost += _OTHER_SIDE * turned
                cost += _OTHER_BODY * (owners[row] is not None and hand.body is not None and not same)
                # Who is just there comes before who was lost.
                costs.append((cost + waited, h, row))
        pairs: dict[int, _Hand] = {}
        used: set[int] = set()
        for _, h, row in sorted(costs):
            if h not in used and row not in pairs:
                used.add(h)
                pairs[row] = self._hands[h]
        return pairs

    def _own_id(self, hand: _Hand, beside: bool) -> int:
        if hand.own is None:
            hand.own = self._own.get(beside, BESIDE_BODIES if beside else 1)
            self._own[beside] = hand.own + 1
        return hand.own


def _moved(hand: _Hand, at: Floats, size: float, said: float, time: float) -> None:
    waited = time - hand.time
    if waited > 0:
        hand.speed = (at - hand.at) / waited
    kept = hand.side * np.exp(-waited / _SIDE_S)
    hand.side = float(np.clip(kept + said, -_SIDE_MOST, _SIDE_MOST))
    if hand.side:
        hand.right = hand.side > 0
    hand.at, hand.size, hand.time = at, size, time


def _two_sides(hands: list[_Hand]) -> None:
    """Let the two hands of one person be one left and one right: the likelier way round."""
    for body in {hand.body for hand in hands if hand.body is not None}:
        mine = [hand for hand in hands if hand.body == body]
        if len(mine) == 2 and mine[0].right == mine[1].right:
            first, second = mine
            first.right = first.side >= second.side
            second.right = not first.right


def _lone_pair(hands: list[_Hand], right: NDArray[np.bool_], xy: Floats) -> NDArray[np.bool_]:
    """Let two hands that are near each other be one left and one right, as of one person.

    Where nothing else tells, the hand on the picture's left is the right one, as of somebody who faces the camera. The
    hands themselves keep what was seen of each: which is which in the next frame does not follow from this.

    Args:
        hands: All of a frame.
        right: ``(N,)`` their sides, each by itself.
        xy: ``(N, 21, 2)`` their keypoints, pixels.

    Returns:
        ``(N,)`` their sides, as of one person.
    """
    if len(hands) != 2 or right[0] != right[1]:
        return right
    first, second = hands
    small, large = sorted((first.size, second.size))
    apart = float(np.linalg.norm(first.at - second.at))
    reach = _PAIR_REACH if turns(xy).prod() < 0 else _OTHER_REACH
    if large > _PAIR_SIZES * small or apart > reach * large:
        return right
    sure = first.side - second.side
    one = sure > 0 if sure else bool(first.at[0] < second.at[0])
    return np.array([one, not one])


def turns(xy: Floats) -> Floats:
    """Return on which side of the palm's length the little finger lies: 1, -1, or 0 of a palm seen edge-on.

    Args:
        xy: ``(N, 21, 2)`` keypoints of hands, pixels: wrist 0, knuckles of index 5, middle 9 and little finger 17.
    """
    along, across = xy[:, 9] - xy[:, 0], xy[:, 17] - xy[:, 5]
    area = along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0]
    size = np.linalg.norm(along, axis=-1) * np.linalg.norm(across, axis=-1)
    return np.where(np.abs(area) > 0.2 * size, np.sign(area), 0.0)


def follow_hands(
    follower: HandFollower, hands: Results, results: Sequence[Results], ids: Sequence[Sequence[int | None]]
) -> FollowedHands:
    """Say who the hands of the next frame are, with the help of bodies.

    Args:
        follower: Of this video.
        hands: Of a hand model.
        results: All results of the frame; one of skeleton coco17 has the bodies.
        ids: Of each row of each result.
    """
    xy = np.asarray(hands.keypoints.xy, dtype=np.float64)
    right = np.array([hands.names.get(int(one)) == "right_hand" for one in np.asarray(hands.boxes.cls)], dtype=bool)
    for result, named in zip(results, ids, strict=True):
        if result.skeleton.name == "coco17":
            points, sure = read_points(result)
            people = [one for one in named if one is not None]
            tracked = people if len(people) == len(points) else None
            return follower.update(xy, right, hands.time, bodies=(points, sure), people=tracked)
    return follower.update(xy, right, hands.time)
