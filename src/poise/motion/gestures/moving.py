"""Moving gestures taught from a few tries: nearest templates by time warping, and a limit from which all is unknown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from poise.geometry import Floats
from poise.motion.gestures.looks import Look
from poise.motion.gestures.taught import NONE, UNKNOWN
from poise.motion.gestures.traces import BACK, RATE, RESTART_S, Columns, Part, Tracer, columns, mirrored
from poise.motion.gestures.warping import Warper

# How much a column varies between two who make the same movement seen from the same side: places in trunks, their
# changes within a moment, and a hand's shape. Counted in these, exercises lie 0.4 from another repetition of the same
# clip (median), 0.6 to 0.95 from somebody else's seen from the same side, and 1.2 or more from another exercise
# (benchmarks/gestures_moving.py).
_PLACE, _CHANGE, _HAND = 0.20, 0.12, 0.35
# A hand has 12 columns and a wrist 4; this weight makes the two count about alike.
_HAND_WEIGHT = 0.35
# Half of a column's weight is given, half follows from how much it moves in the examples.
# Source: Reyes, Dominguez, Escalera, Feature weighting in dynamic time warping for gesture recognition (ICCVW 2011).
_GIVEN = 0.5
# Spreads up to which two people who do the same, seen from the same side, differ (see above); what is believed of a
# gesture with one example. It counts as much as this many examples.
_BELIEVED, _BELIEF = 0.9, 2.0
# However alike the examples of one person are, another camera or network differs from them by this much.
_LEAST = 0.6
# Gestures that are nearer than repetitions of one are to each other cannot be told apart.
_ALIKE = 0.3
# Own examples differ by this much less from each other than the next person will.
_WIDEN = 1.3
# A gesture reaches at most this share of the way to the nearest example of another one or of none.
_REACH = 0.85
# More templates than this of one gesture say little more and cost time; the most typical stay.
_MOST_TEMPLATES = 12
# Ends of an example are cut where everything moves less than this share of its quick moments, or than this many trunks
# (palms) in 0.15 s, which is what the networks' noise makes of somebody who stands still.
_STILL_SHARE, _STILL = 0.15, 0.05
# A bend counts as this much of a way: a finger that folds by 90 degrees in 0.15 s moves as a hand that goes 0.3 trunks.
_BEND_SHARE = 0.3
# The shortest movement, rows; shorter ones are a twitch.
MIN_ROWS = 5
# The longest: 10 s. What takes longer is an activity, and following it costs.
MAX_ROWS = int(10 * RATE)
# A fit is said when nothing better came for this long; a movement that ends and begins anew has a better fit no later.
_SETTLE_ROWS = 3


@dataclass(frozen=True, slots=True, eq=False)
class TaughtMoves:
    """Examples of movements and what follows from them.

    Attributes:
        name: Of the set.
        part: What is looked at: a ``"hand"``, a ``"body"``, or ``"both"``, a body and its hands.
        skeleton: Name of the skeleton.
        classes: The gestures; "none" may be among them, without templates.
        templates: ``(T, D)`` each, rows of :class:`Tracer`.
        labels: ``(N,)`` class of each template.
        weights: ``(C, D)`` how much each column says of a class.
        limits: ``(C,)`` distance, in spreads, from which it is not the gesture.
    """

    name: str
    part: Part
    skeleton: str
    classes: tuple[str, ...]
    templates: tuple[Floats, ...]
    labels: NDArray[np.intp]
    weights: Floats
    limits: Floats

    @property
    def names(self) -> list[str]:
        """The gestures, without "none"."""
        return [name for name in self.classes if name != NONE]

    def warper(self) -> Warper:
        """Return what follows all templates."""
        return _warper(self.templates, self.weights[self.labels], columns(self.part, self.skeleton))


@dataclass(frozen=True, slots=True, eq=False)
class Try:
    """One example.

    Attributes:
        label: Its class; ``"none"`` is what is no gesture.
        source: Where it comes from; examples of one source never judge each other.
        rows: ``(T, D)`` of :class:`Tracer`.
    """

    label: str
    source: str
    rows: Floats


@dataclass(frozen=True, slots=True)
class Spotted:
    """A movement that was made.

    Attributes:
        gesture: Its name.
        conf: How sure: 1 for an example, one half at the limit.
        start: Seconds.
        end: Seconds.
    """

    gesture: str
    conf: float
    start: float
    end: float


class Spotter:
    """Spots the movements of one set in one hand or person's stream.

    A movement is said once, when its best fit is 0.15 s old: never twice for one stretch of time, and never later than
    that after the end of the fit.

    Args:
        moves: The set.
        warper: One of this set whose templates are shared.
        mirrored: The pictures are mirrored.
    """

    def __init__(self, moves: TaughtMoves, warper: Warper | None = None, *, mirrored: bool = False) -> None:
        self._moves, self._mirrored = moves, mirrored
        self._warper = moves.warper() if warper is None else warper.fresh()
        self._tracer = Tracer(moves.part, moves.skeleton)
        self._times: list[float] = []
        self._best: tuple[float, int, int, int] | None = None
        self._limits = moves.limits[moves.labels]

    def update(self, time: float, look: Look) -> Spotted | None:
        """Take the next look; returns what was made, once it is sure."""
        times, rows = self._tracer.add(time, look)
        if self._mirrored:
            rows = mirrored(rows, self._tracer.columns)
        said = None
        for when, row in zip(times.tolist(), rows, strict=True):
            if self._times and when - self._times[-1] > RESTART_S:
                self._restart()
            self._times.append(when)
            said = self._step(row) or said
        return said

    def finish(self) -> Spotted | None:
        """Say what was made last, because the stream ends."""
        return None if self._best is None else self._say()

    def _restart(self) -> None:
        self._warper.reset()
        self._times.clear()
        self._best = None

    def _step(self, row: Floats) -> Spotted | None:
        distances, starts = self._warper.step(row)
        ratio = distances / self._limits
        nearest = int(ratio.argmin())
        now = len(self._times) - 1
        if ratio[nearest] <= 1.0 and (self._best is None or ratio[nearest] < self._best[0]):
            self._best = (float(ratio[nearest]), nearest, int(starts[nearest]), now)
        if self._best is not None and now - self._best[3] >= _SETTLE_ROWS:
            return self._say()
        return None

    def _say(self) -> Spotted:
        assert self._best is not None  # asked for only then
        ratio, nearest, start, end = self._best
        self._best = None
        # What lies in the told stretch belongs to it.
        self._warper.forget(end + 1)
        name = self._moves.classes[self._moves.labels[nearest]]
        return Spotted(name, sureness(ratio), self._times[start], self._times[end])


def sureness(ratio: float) -> float:
    """Return how sure a distance is, in limits: near 1 for an example, one half at the limit, as still gestures."""
    return float(1.0 / (1.0 + np.exp(8.0 * (ratio - 1.0))))


def learn_moves(
    name: str, part: Part, tries: Sequence[Try], *, skeleton: str = "coco17", mirror: bool = False
) -> TaughtMoves:
    """Learn movements.

    Args:
        name: Of the set.
        part: What the rows are of.
        tries: The examples; a few of each gesture, best by several people, and of "none".
        skeleton: Of the body.
        mirror: A movement counts as the same when it is made with the other side.

    Raises:
        ValueError: There is no example of a gesture, or one is too short or too long.
    """
    skeleton = "hand21" if part == "hand" else skeleton
    if part == "both" and skeleton != "coco17":
        raise ValueError(f"part 'both' needs a body of skeleton 'coco17', got {skeleton!r}; take another body model")
    what = columns(part, skeleton)
    for one in tries:
        if one.label != NONE and not MIN_ROWS <= len(one.rows) <= MAX_ROWS:
            raise ValueError(
                f"{one.source}: the movement takes {len(one.rows) / RATE:.1f} s; expected {MIN_ROWS / RATE:g} to "
                f"{MAX_ROWS / RATE:g} s, one try a video with a moment of rest before and after it"
            )
    classes = tuple(dict.fromkeys(one.label for one in tries))
    if not any(label != NONE for label in classes):
        raise ValueError("teaching needs at least one example of a gesture; got none besides 'none'")
    shown = [one for one in tries if one.label != NONE]
    if mirror:
        shown += [Try(one.label, one.source, mirrored(one.rows, what)) for one in shown]
    labels = np.array([classes.index(one.label) for one in shown], dtype=np.intp)
    weights = np.stack([_weights([one.rows for one in shown if one.label == label], what) for label in classes])
    apart = _apart(shown, [*tries], weights[labels], what)
    limits = np.array([_limit(c, label, shown, labels, tries, apart) for c, label in enumerate(classes)])
    kept = np.concatenate([_typical(np.flatnonzero(labels == c), shown, apart, tries) for c in range(len(classes))])
    return TaughtMoves(name, part, skeleton, classes, tuple(shown[i].rows for i in kept), labels[kept], weights, limits)


def leave_one_out_moves(moves: TaughtMoves, tries: Sequence[Try], *, mirror: bool = False) -> list[tuple[str, str]]:
    """Return (true class, said) of each try, spotted by what the tries of all other sources teach.

    Args:
        moves: The set; its part and skeleton.
        tries: Its examples.
        mirror: As they were learned.
    """
    told = []
    for one in tries:
        others = [other for other in tries if other.source != one.source]
        if not any(other.label != NONE for other in others):
            told.append((one.label, UNKNOWN))
            continue
        without = learn_moves(moves.name, moves.part, others, skeleton=moves.skeleton, mirror=mirror)
        told.append((one.label, best_fit(without, one.rows)))
    return told


def usable(tries: Sequence[Try]) -> tuple[list[Try], list[str]]:
    """Return the examples that can be learned from, and one sentence for each thing that the user should know."""
    used, said = [], []
    for one in tries:
        seconds = len(one.rows) / RATE
        if one.label == NONE or MIN_ROWS <= len(one.rows) <= MAX_ROWS:
            used.append(one)
        elif not len(one.rows):
            said.append(f"{one.label}: nothing that moves was found in {one.source}; it is left out")
        elif len(one.rows) < MIN_ROWS:
            said.append(f"{one.label}: the movement in {one.source} takes {seconds:.1f} s, too short; it is left out")
        else:
            said.append(
                f"{one.label}: the movement in {one.source} takes {seconds:.0f} s, longer than {MAX_ROWS / RATE:g}; it "
                "is left out: give one try a video, or --split where there are rests between several"
            )
    counts = Counter(one.label for one in used if one.label != NONE)
    if single := [label for label, count in counts.items() if count == 1]:
        said.append(
            f"{', '.join(single)}: one example each; how others make it is a guess, and the table can only show what "
            "it is mistaken for; give 5 or more, best by several people"
        )
    if few := [f"{label} ({count})" for label, count in counts.items() if 1 < count < 5]:
        said.append(f"few examples: {', '.join(few)}; give 5 or more, best by several people")
    if not any(one.label == NONE for one in used):
        said.append("there is no folder 'none': give some videos of what is no gesture, and less will be taken for one")
    return used, said


def alike(moves: TaughtMoves) -> list[str]:
    """Return a sentence for each two gestures whose examples look the same."""
    warper, said = moves.warper(), []
    apart = np.full((len(moves.classes), len(moves.classes)), np.inf)
    for label, rows in zip(moves.labels.tolist(), moves.templates, strict=True):
        warper.reset()
        least = np.full(len(moves.templates), np.inf)
        for row in rows:
            least = np.minimum(least, warper.step(row)[0])
        np.minimum.at(apart[label], moves.labels, least)
    for a, b in combinations(range(len(moves.classes)), 2):
        if min(apart[a, b], apart[b, a]) < _ALIKE:
            said.append(
                f"{moves.classes[a]} and {moves.classes[b]}: their examples look the same "
                f"({min(apart[a, b], apart[b, a]):.2f} spreads apart); leave one out, or learn from another part"
            )
    return said


def best_fit(moves: TaughtMoves, rows: Floats) -> str:
    """Return what the ``(T, D)`` rows show, the best fit of all; "unknown" when nothing fits."""
    warper, least = moves.warper(), np.full(len(moves.templates), np.inf)
    for row in rows:
        least = np.minimum(least, warper.step(row)[0])
    ratio = least / moves.limits[moves.labels]
    nearest = int(ratio.argmin())
    return moves.classes[moves.labels[nearest]] if ratio[nearest] <= 1.0 else UNKNOWN


def trace(part: Part, looks: Sequence[tuple[float, Look]], *, skeleton: str = "coco17") -> Floats:
    """Return the ``(T, D)`` rows of looks at given seconds."""
    tracer = Tracer(part, skeleton)
    rows = [tracer.add(time, look)[1] for time, look in looks]
    return np.concatenate(rows) if rows else np.empty((0, len(tracer.columns.names)))


def trimmed(rows: Floats, what: Columns) -> Floats:
    """Return the ``(T, D)`` rows without the rest before and after the movement."""
    busy = _busy(rows, what)
    return rows[max(busy[0] - 2, 0) : busy[-1] + 1] if len(busy) else rows[:0]


def movements(rows: Floats, what: Columns, *, rest_s: float = 0.6) -> list[Floats]:
    """Return the movements in ``(T, D)`` rows, parted by rests of at least ``rest_s`` seconds and without them."""
    busy = _busy(rows, what)
    if not len(busy):
        return []
    gaps = np.flatnonzero(np.diff(busy) > rest_s * RATE)
    begins, ends = busy[np.concatenate([[0], gaps + 1])], busy[np.concatenate([gaps, [len(busy) - 1]])]
    parts = [rows[max(a - 2, 0) : b + 1] for a, b in zip(begins, ends, strict=True)]
    return [part for part in parts if len(part) >= MIN_ROWS]


def _busy(rows: Floats, what: Columns) -> NDArray[np.intp]:
    """Return the rows in which something moves."""
    if not len(rows):
        return np.empty(0, dtype=np.intp)
    moved = np.array(["moved" in name for name in what.names])
    bends = np.array([name.endswith("_bend") for name in what.names])
    bent = rows[:, bends]
    turned = bent - np.concatenate([bent[:1].repeat(min(BACK, len(bent)), axis=0), bent[:-BACK]])
    changes = np.abs(np.concatenate([rows[:, moved], _BEND_SHARE * turned], axis=1))
    quick = np.nan_to_num(changes).max(axis=1)
    return np.flatnonzero(quick > max(_STILL_SHARE * float(np.quantile(quick, 0.9)), _STILL))


def _weights(examples: Sequence[Floats], what: Columns) -> Floats:
    """Return the ``(D,)`` weights of a class's columns; their mean is 1."""
    base = np.where(what.hand, _HAND_WEIGHT, 1.0)
    if not examples:
        return np.asarray(base / base.mean())
    energy = np.mean([_energy(rows) for rows in examples], axis=0)
    weights: Floats = base * (_GIVEN + (1.0 - _GIVEN) * energy / max(float(energy.mean()), 1e-9))
    scaled: Floats = weights / float(weights.mean())
    return scaled


def _energy(rows: Floats) -> Floats:
    """Return the ``(D,)`` standard deviation of each column of ``(T, D)`` rows; 0 where it was not seen."""
    seen = np.isfinite(rows)
    count = np.maximum(seen.sum(axis=0), 1)
    filled = np.where(seen, rows, 0.0)
    mean = filled.sum(axis=0) / count
    energy: Floats = np.sqrt((np.where(seen, rows - mean, 0.0) ** 2).sum(axis=0) / count)
    return energy


def _spread(what: Columns) -> Floats:
    change = np.array(["moved" in name for name in what.names])
    shape = what.hand | np.array(["bend" in name or "points" in name or "faces" in name for name in what.names])
    spread: Floats = np.where(change, _CHANGE, np.where(shape, _HAND, _PLACE))
    return spread


def _warper(templates: Sequence[Floats], weights: Floats, what: Columns) -> Warper:
    return Warper(templates, list(weights), _spread(what), what.hand)


def _apart(shown: Sequence[Try], tries: Sequence[Try], weights: Floats, what: Columns) -> Floats:
    """Return ``(N, M)`` distance of each template from the nearest stretch of each try."""
    warper = _warper([one.rows for one in shown], weights, what)
    apart = np.full((len(shown), len(tries)), np.inf)
    for m, one in enumerate(tries):
        warper.reset()
        for row in one.rows:
            apart[:, m] = np.minimum(apart[:, m], warper.step(row)[0])
    return apart


def _limit(
    c: int, label: str, shown: Sequence[Try], labels: NDArray[np.intp], tries: Sequence[Try], apart: Floats
) -> float:
    """Return the distance from which it is not the gesture.

    What is believed of any gesture, drawn towards how far its examples lie from each other, and no further than a
    share of the way to what it is not.
    """
    if label == NONE:
        return _BELIEVED
    mine = labels == c
    own = []
    for m, one in enumerate(tries):
        if one.label != label:
            continue
        rest = mine & np.array([other.source != one.source for other in shown])
        if rest.any() and np.isfinite(nearest := apart[rest, m].min()):
            own.append(float(nearest))
    limit = _BELIEVED
    if own:
        limit = max((_BELIEF * _BELIEVED + len(own) * _WIDEN * max(own)) / (_BELIEF + len(own)), _LEAST)
    foreign = [m for m, one in enumerate(tries) if one.label != label]
    if foreign:
        near = float(apart[mine][:, foreign].min())
        # Examples of two gestures that nothing tells apart leave room for the nearest still.
        limit = min(limit, max(_REACH * near, 1e-3)) if np.isfinite(near) else limit
    return float(limit)


def _typical(rows: NDArray[np.intp], shown: Sequence[Try], apart: Floats, tries: Sequence[Try]) -> NDArray[np.intp]:
    """Return the templates to keep: those that lie nearest to the others, each time to those not yet well covered."""
    if len(rows) <= _MOST_TEMPLATES:
        return rows
    label = shown[int(rows[0])].label
    mine = [m for m, one in enumerate(tries) if one.label == label]
    table = np.minimum(apart[rows][:, mine], 2 * _MOST_TEMPLATES)
    kept: list[int] = []
    cover = np.full(len(mine), np.inf)
    for _ in range(_MOST_TEMPLATES):
        cost = np.minimum(table, cover).sum(axis=1)
        cost[kept] = np.inf
        kept.append(int(cost.argmin()))
        cover = np.minimum(cover, table[kept[-1]])
    chosen: NDArray[np.intp] = rows[np.sort(kept)]
    return chosen
