"""One tracker for one stream: who is who from frame to frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from poise.frames import Image, Media, continues
from poise.geometry import Bools, Floats, xywh_to_xyxy
from poise.results import Results
from poise.results.columns import Boxes
from poise.skeletons import Skeleton
from poise.tracking import kalman
from poise.tracking._detections import Detections
from poise.tracking._settings import TrackSettings, read_settings
from poise.tracking._tracks import Tracks
from poise.tracking.appearance import colour_distance, follow, limb_distance
from poise.tracking.association import box_similarity, duplicates, match, pose_similarity

Index = NDArray[np.intp]

_FRAME = 1 / 30  # seconds between frames whose times do not advance (pictures passed one by one)
# Motion, in units of the person's size (square root of the box's area), about 0.6 of the height of somebody standing.
# The box as in SORT and ByteTrack at 30 frames a second: positions are off by 1/20 of the height, the velocity changes
# by 1/160 of it a frame, that is about 1.6 sizes/s in a second. Limbs are quicker: a wrist that swings by a third of
# the height once a second has 12 heights/s².
_BOX_OFF = 0.1
_ACCELERATION = (0.8, 0.5, 2.0)  # of the centre, the box's sides, a keypoint: sizes / s^1.5
_FIRST_SPEED = (2.0, 0.5, 2.5)  # standard deviation of the speed of somebody new: sizes / s
_MEMORY = (np.inf, 0.5, 0.2)  # seconds after which a velocity of its own is forgotten
_SECOND_COST = 0.6  # highest cost of an unlikely instance: it must be where the track is
_NEW_COST = 0.7  # highest cost of the second sighting of somebody new, as in ByteTrack
_RECOVER = 2.5  # highest mean square deviation, in standard deviations, of somebody who comes back
_FAR = 9.21  # 99 % of chi-squared with 2 degrees of freedom: beyond it nobody has moved
_SIZE_OFF = 0.2  # standard deviation of the logarithm of somebody's height from before to after being hidden
_REPLAY = 8  # points of the line along which a filter is run again
# Likeness is multiplied by exp(-_COLOUR d), d the mean square of standard deviations between the colours: at most
# by 0.28, so that a body beside its own place does not win by its coat alone.
_COLOUR, _COLOUR_MOST = 0.08, 16.0
_LOOK_EVERY = 3  # frames between looks at colours and proportions where nobody is in doubt
_LEARN = 0.1  # rate at which proportions and colours are learnt
_SCENE = 30.0  # mean change of a thumbnail in grey levels that makes another scene


class Tracker:
    """Gives the instances of a stream's frames their ids.

    Args:
        settings: What :func:`read_settings` takes: a file's name, its path, or :class:`TrackSettings`.

    Ids count from 1 in every tracker. Tracks live in arrays whose length is the number of people now in sight or lost
    for less than ``settings.patience``, so memory does not grow with time.

    Example:
        >>> import numpy as np
        >>> from poise.results import Results
        >>> tracker = Tracker()
        >>> frame = Results.of(np.zeros((100, 100, 3), np.uint8), [[10, 10, 30, 60, 0.9, 0]])
        >>> tracker.update(frame).boxes.id.tolist()
        [1.0]
    """

    def __init__(self, settings: str | Path | TrackSettings | None = None) -> None:
        self.settings = read_settings(settings)
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next frame is the first, the next id is 1."""
        self._tracks: Tracks | None = None
        self._skeleton: Skeleton | None = None
        self._next = 1
        self._time = 0.0
        self._clock = 0.0  # time of the last frame as its result said
        self._thumb: NDArray[np.int16] | None = None
        self._frame = 0

    def __len__(self) -> int:
        """Return the number of tracks held: in sight, new, and lost for less than the patience."""
        return 0 if self._tracks is None else len(self._tracks)

    def update(self, result: Results) -> Results:
        """Match the instances of the next frame to the tracks.

        Args:
            result: The next frame. Its time says how far people can have moved; where it does not advance, 1/30 second
                is assumed.

        Returns:
            The frame's instances that belong to a track, with their ids in ``boxes.id``; boxes and keypoints are those
            of the network. Instances that are too unlikely, seen for the first time, or another one again are left
            out.

        Raises:
            ValueError: The frame's skeleton is not that of the frames before.
        """
        seconds = self._advance(result.time)
        if self._skeleton is None:
            self._begin(result.skeleton)
        elif result.skeleton is not self._skeleton and result.skeleton.keypoints != self._skeleton.keypoints:
            raise ValueError(
                f"this tracker follows skeleton {self._skeleton.name!r}, got {result.skeleton.name!r}; "
                "call reset(), or use another tracker"
            )
        found = self._found(result)
        cut = self._cut(result.orig_img)
        first = cut or self._tracks is None
        if self._tracks is None:
            self._tracks = found.born(np.empty(0, np.intp), self._first_speed(found), self._time)
        elif cut:
            self._tracks = self._tracks.take(np.empty(0, np.intp))
        self._predict(seconds)
        numbers = self._match(found, result.orig_img, first)
        known = np.flatnonzero(numbers > 0)
        rows = found.row[known]
        columns = np.asarray(result.boxes.data)[rows]
        data = np.empty((len(rows), 7), dtype=np.float32)
        data[:, :4], data[:, 4], data[:, 5:] = columns[:, :4], numbers[known], columns[:, -2:]
        boxes = Boxes(data, result.boxes.orig_shape)  # type: ignore[arg-type]  # it freezes what it is given
        return result.replace(
            boxes=boxes, keypoints=result.keypoints if len(rows) == len(result) else result.keypoints[rows]
        )

    def _advance(self, time: float) -> float:
        step = time - self._clock
        if self._tracks is None:
            step = 0.0
        elif not step > 0:
            step = _FRAME
        self._clock = time
        self._time += step
        return step

    def _begin(self, skeleton: Skeleton) -> None:
        self._skeleton = skeleton
        counts = (2, 2, 2 * len(skeleton))
        self._acceleration = np.repeat(_ACCELERATION, counts)
        self._speed = np.repeat(_FIRST_SPEED, counts)
        self._memory = np.repeat(_MEMORY, counts)

    def _found(self, result: Results) -> Detections:
        assert self._skeleton is not None
        found = Detections.of(result, self.settings.track_low_thresh, _BOX_OFF)
        if found.crowded.any():
            again = duplicates(
                found.boxes, found.xy, found.weight, found.score, sigmas=self._skeleton.sigmas,
                max_oks=self.settings.max_oks, max_iou=0.9,
            )  # fmt: skip
            found = found.take(np.flatnonzero(~again)) if again.any() else found
        return found

    def _cut(self, image: Image) -> bool:
        """Tell whether this picture is another scene: nobody in it is where the last one left them."""
        thumb = image[:: max(1, image.shape[0] // 18), :: max(1, image.shape[1] // 32), 1].astype(np.int16)
        last, self._thumb = self._thumb, thumb
        return last is not None and (last.shape != thumb.shape or float(np.abs(last - thumb).mean()) > _SCENE)

    def _first_speed(self, found: Detections) -> Floats:
        return np.asarray(np.square(self._speed * found.size[:, None]))

    def _predict(self, seconds: float) -> None:
        tracks = self._tracks
        assert tracks is not None
        alive = self._time - tracks.seen <= self.settings.patience
        if not alive.all():
            tracks = tracks.take(np.flatnonzero(alive))
        if len(tracks) and seconds > 0:
            state = tracks.state
            k = len(tracks.weight[0])
            drift = np.zeros(state.shape[1:])
            drift[:, 4:].reshape(-1, k, 2)[:] = state[kalman.VELOCITY, :, None, :2]
            size = np.sqrt(np.maximum(state[0, :, 2] * state[0, :, 3], 1.0))
            noise = np.square(self._acceleration * size[:, None])
            state = kalman.predict(state, seconds, drift=drift, memory=self._memory, noise=noise)
            np.maximum(state[0, :, 2:4], 1.0, out=state[0, :, 2:4])
            tracks = replace(tracks, state=state, missed=tracks.missed + 1)
        self._tracks = tracks

    def _match(self, found: Detections, image: Image, first: bool) -> Index:
        """Match, update, bear and lose; returns ``(N,)`` ids, 0 for instances that belong to no track."""
        settings, tracks = self.settings, self._tracks
        assert tracks is not None
        similarity = self._similarity(tracks, found)
        scored = similarity * found.score if settings.fuse_score else similarity
        high = found.score >= settings.track_high_thresh
        known = tracks.number > 0
        possible = scored >= 1 - settings.match_thresh
        likely = scored
        if settings.recover:
            found = self._looked_at(tracks, found, possible, image)
            likely = scored * self._resemblance(tracks, found) if found.looked else scored
        partner = np.full(len(tracks), -1, dtype=np.intp)  # the instance of each track
        free = np.ones(len(found), dtype=bool)

        def pair(cost: Floats, rows: Bools, columns: Bools, max_cost: float) -> None:
            r, c = np.flatnonzero(rows), np.flatnonzero(columns)
            if not len(r) or not len(c):
                return
            for_these = match(cost[np.ix_(r, c)], max_cost=max_cost)
            partner[r[for_these[:, 0]]] = c[for_these[:, 1]]
            free[c[for_these[:, 1]]] = False

        # Whether a pair is possible at all, motion decides; who goes first, colours too.
        pair(np.where(possible, 1 - likely, np.inf), known, high, 1.0)
        pair(1 - similarity, known & (partner < 0) & (tracks.missed <= 1), free & ~high, _SECOND_COST)
        new = found.score >= settings.new_track_thresh
        lost = known & (partner < 0) & (tracks.missed > 1)
        if settings.recover and lost.any() and (free & new).any():
            pair(self._recovery(tracks, found), lost, free & new, _RECOVER)
        pair(1 - scored, ~known, free & high, _NEW_COST)
        self._settle(tracks, found, partner, free & new, first)
        numbers = np.zeros(len(found), dtype=np.intp)
        held = self._tracks
        assert held is not None
        seen = np.flatnonzero(held.missed == 0)
        numbers[self._holder[seen]] = held.number[seen]
        return numbers

    def _similarity(self, tracks: Tracks, found: Detections) -> Floats:
        """Return ``(M, N)`` likeness of tracks and instances by box and pose, in [0, 1]."""
        assert self._skeleton is not None
        state = tracks.state
        box = box_similarity(
            xywh_to_xyxy(state[0, :, :4]), found.boxes, spread=np.sqrt(state[2, :, :2].mean(axis=1))
        )  # fmt: skip
        share = self.settings.pose_weight or 0.0
        if share > 0 and box.size:
            k = tracks.weight.shape[1]
            pose, evidence = pose_similarity(
                state[0, :, 4:].reshape(-1, k, 2),
                found.xy,
                area=state[0, :, 2] * state[0, :, 3],
                sigmas=self._skeleton.sigmas,
                weight_a=tracks.weight,
                weight_b=found.weight,
                spread=0.5 * (state[2, :, 4::2] + state[2, :, 5::2]),
                among=box > 0,
            )
            # A quarter of the keypoints surely seen is enough to go by them.
            weight = share * np.minimum(evidence / (0.25 * k), 1.0)
            box = box + weight * (pose - box)
        return np.where(tracks.kind[:, None] == found.kind, box, 0.0)

    def _looked_at(self, tracks: Tracks, found: Detections, possible: Bools, image: Image) -> Detections:
        """Return the instances with colours and proportions where these help: to find again, to learn, to choose."""
        assert self._skeleton is not None
        self._frame += 1
        whole = self._frame % _LOOK_EVERY == 1 or bool((tracks.missed > 1).any())
        choice = possible.sum(axis=0).max(initial=0) > 1 or possible.sum(axis=1).max(initial=0) > 1
        return found.described(image, self._skeleton, limbs=whole) if whole or choice else found

    def _resemblance(self, tracks: Tracks, found: Detections) -> Floats:
        """Return ``(M, N)`` likeness of colours in (0, 1]."""
        off = colour_distance(tracks.look, found.look)
        off = np.where(np.isnan(off), 1.0, off)
        likeness: Floats = np.exp(-_COLOUR * np.minimum(off, _COLOUR_MOST))
        return likeness

    def _recovery(self, tracks: Tracks, found: Detections) -> Floats:
        """Return ``(M, N)`` mean square deviation of motion, height, proportions and colours; inf where too far."""
        state = tracks.state
        step = np.square(found.measured[None, :, :2] - state[0, :, None, :2])
        far = (step / (state[2, :, None, :2] + found.noise[None, :, :2])).sum(axis=-1)
        height = np.square(np.log(found.measured[None, :, 3] / state[0, :, None, 3]) / _SIZE_OFF)
        parts = [far / 2, height, limb_distance(tracks.limbs, found.limbs), colour_distance(tracks.look, found.look)]
        stacked = np.stack(parts)
        known = np.isfinite(stacked)
        mean = np.where(known, stacked, 0).sum(axis=0) / known.sum(axis=0)
        possible = (far <= _FAR) & (tracks.kind[:, None] == found.kind)
        return np.where(possible, mean, np.inf)

    def _settle(self, tracks: Tracks, found: Detections, partner: Index, births: Bools, first: bool) -> None:
        """Update the tracks that have an instance, drop the newcomers that have none, and begin new tracks."""
        rows = np.flatnonzero(partner >= 0)
        mine = partner[rows]
        if len(rows):
            same = len(mine) == len(found) and bool((mine == np.arange(len(mine))).all())
            tracks = self._updated(tracks, rows, found if same else found.take(mine))
        stay = (partner >= 0) | (tracks.number > 0)
        confirmed = (tracks.number == 0) & (partner >= 0) & (tracks.hits >= self.settings.min_hits)
        if confirmed.any():
            number = tracks.number.copy()
            # In the order of the instances, so that the same frame gives the same ids.
            order = np.flatnonzero(confirmed)[np.argsort(partner[confirmed], kind="stable")]
            number[order] = self._next + np.arange(len(order))
            self._next += len(order)
            tracks = replace(tracks, number=number)
        kept, born = np.flatnonzero(stay), np.flatnonzero(births)
        tracks = tracks if len(kept) == len(tracks) else tracks.take(kept)
        self._holder = partner[kept]
        if len(born):
            some = found.take(born)
            new = some.born(np.arange(len(born)), self._first_speed(some), self._time)
            if first or self.settings.min_hits == 1:
                new = replace(new, number=self._next + np.arange(len(born)))
                self._next += len(born)
            tracks = tracks.join(new)
            self._holder = np.concatenate([self._holder, born])
        self._tracks = tracks

    def _updated(self, tracks: Tracks, rows: Index, found: Detections) -> Tracks:
        """Return the tracks with the measurements of ``found`` in ``rows``."""
        first_speed = self._first_speed(found)
        state = tracks.state.copy()
        state[:, rows] = kalman.update(state[:, rows], found.measured, found.noise, velocity_spread=first_speed)
        again = np.flatnonzero(tracks.missed[rows] > 1)
        if len(again):
            back = rows[again]
            state[:, back] = kalman.replay(
                tracks.anchor[:, back],
                tracks.last[back],
                found.measured[again],
                self._time - tracks.seen[back],
                found.noise[again],
                steps=min(_REPLAY, int(tracks.missed[back].max())),
                acceleration=np.square(self._acceleration * found.size[again, None]),
                velocity_spread=first_speed[again],
            )
        anchor, last, weight, seen, missed, hits = (
            getattr(tracks, name).copy() for name in ("anchor", "last", "weight", "seen", "missed", "hits")
        )
        anchor[:, rows] = state[:, rows]
        last[rows] = np.where(np.isfinite(found.measured), found.measured, last[rows])
        weight[rows] = np.where(found.weight > 0, found.weight, 0.8 * weight[rows])
        seen[rows], missed[rows] = self._time, 0
        hits[rows] += 1
        limbs, look = tracks.limbs, tracks.look
        if found.looked:
            alone = ~found.crowded
            at = rows[alone]
            limbs, look = limbs.copy(), look.copy()
            limbs[at] = follow(limbs[at], found.limbs[alone], _LEARN)
            look[at] = follow(look[at], found.look[alone], _LEARN)
        return replace(
            tracks, state=state, anchor=anchor, last=last, weight=weight, seen=seen, missed=missed, hits=hits,
            limbs=limbs, look=look,
        )  # fmt: skip


def follow_stream(results: Iterable[Results], tracker: Tracker, *, last: Media | None = None) -> Iterator[Results]:
    """Pass frames on with the ids of their instances.

    Every video begins anew, with id 1. Pictures that follow each other are taken for the frames of one scene.

    Args:
        results: Frames in order; of one source after the other.
        tracker: Does the work.
        last: The source of the frame that the tracker saw last, where it goes on from an earlier call.
    """
    media = last
    for result in results:
        if media is not None and not continues(result.media, media):
            tracker.reset()
        media = result.media
        yield tracker.update(result)
