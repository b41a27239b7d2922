"""Movements learned from a few examples: templates, what each column says, and a limit from which all is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from poise.geometry import Floats
from poise.gestures.events import NONE, UNKNOWN
from poise.gestures.movements.examples import MAX_ROWS, MIN_ROWS, MoveExample
from poise.gestures.movements.taught_moves import TaughtMoves, best_fit, spreads
from poise.gestures.movements.traces import RATE, SPACE, Part, TraceColumns, mirrored, trace_columns
from poise.gestures.movements.warper import Warper

# A hand has 12 columns and a wrist 4; this weight makes the two count about alike.
_HAND_WEIGHT = 0.35
# Half of a column's weight is given, half follows from how much it moves in the examples.
# Source: Reyes, Dominguez, Escalera, Feature weighting in dynamic time warping for gesture recognition (ICCVW 2011).
_GIVEN = 0.5
# Spreads up to which somebody else's movement, seen from the same side, is believed to be the same (see
# taught_moves.py); what a gesture with one example has. It counts as much as this many examples. Up to 0.9 told no more
# of other people's exercises, and took signs for others.
_BELIEVED, _BELIEF = 0.75, 2.0
# Of points in space, where the side does not matter, other people lie 0.65 and more away and other exercises 1.0.
_BELIEVED_SPACE = 0.9
# Gestures that are nearer than repetitions of one are to each other cannot be told apart.
_ALIKE = 0.3
# Own examples differ by this much less from each other than the next person will.
_WIDEN = 1.3
# A gesture reaches at most this share of the way to the nearest example of another one or of none.
_REACH = 0.85
# More templates than this of one gesture say little more and cost time; the most typical stay.
_MOST_TEMPLATES = 12


def learn_moves(
    name: str, part: Part, examples: Sequence[MoveExample], *, skeleton: str = "coco17", mirror: bool = False
) -> TaughtMoves:
    """Learn movements.

    Args:
        name: Of the set.
        part: What the rows are of.
        examples: A few of each gesture, best by several people, and of "none".
        skeleton: Of the body.
        mirror: A movement counts as the same when it is made with the other side.

    Raises:
        ValueError: There is no example of a gesture, or one is too short or too long.
    """
    skeleton = "hand21" if part == "hand" else skeleton
    if part == "both" and skeleton != "coco17":
        raise ValueError(f"part 'both' needs a body of skeleton 'coco17', got {skeleton!r}; take another body model")
    layout = trace_columns(part, skeleton)
    for one in examples:
        if one.label != NONE and not MIN_ROWS <= len(one.rows) <= MAX_ROWS:
            raise ValueError(
                f"{one.source}: the movement takes {len(one.rows) / RATE:.1f} s; expected {MIN_ROWS / RATE:g} to "
                f"{MAX_ROWS / RATE:g} s, one try a video with a moment of rest before and after it"
            )
    classes = tuple(dict.fromkeys(one.label for one in examples))
    if not any(label != NONE for label in classes):
        raise ValueError("teaching needs at least one example of a gesture; got none besides 'none'")
    shown = [one for one in examples if one.label != NONE]
    if mirror:
        shown += [MoveExample(one.label, one.source, mirrored(one.rows, layout)) for one in shown]
    labels = np.array([classes.index(one.label) for one in shown], dtype=np.intp)
    weights = np.stack([column_weights([one.rows for one in shown if one.label == label], layout) for label in classes])
    apart = distances(shown, [*examples], weights[labels], layout)
    believed = _BELIEVED_SPACE if skeleton == SPACE else _BELIEVED
    limits = np.array([_limit(c, label, shown, labels, examples, apart, believed) for c, label in enumerate(classes)])
    kept = np.concatenate([_typical(np.flatnonzero(labels == c), shown, apart, examples) for c in range(len(classes))])
    return TaughtMoves(name, part, skeleton, classes, tuple(shown[i].rows for i in kept), labels[kept], weights, limits)


def leave_one_out_moves(
    moves: TaughtMoves, examples: Sequence[MoveExample], *, mirror: bool = False
) -> list[tuple[str, str]]:
    """Return (true class, said) of each example, spotted by what those of all other sources teach.

    Args:
        moves: The set; its part and skeleton.
        examples: Its own.
        mirror: As they were learned.
    """
    told = []
    for one in examples:
        others = [other for other in examples if other.source != one.source]
        if not any(other.label != NONE for other in others):
            told.append((one.label, UNKNOWN))
            continue
        without = learn_moves(moves.name, moves.part, others, skeleton=moves.skeleton, mirror=mirror)
        told.append((one.label, best_fit(without, one.rows)))
    return told


def find_move_conflicts(moves: TaughtMoves) -> list[str]:
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


def column_weights(examples: Sequence[Floats], layout: TraceColumns) -> Floats:
    """Return the ``(D,)`` weights of a class's columns; their mean is 1."""
    base = np.where(layout.hand, _HAND_WEIGHT, 1.0)
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


def distances(
    shown: Sequence[MoveExample], examples: Sequence[MoveExample], weights: Floats, layout: TraceColumns
) -> Floats:
    """Return ``(N, M)`` distance of each template from the nearest stretch of each example."""
    warper = Warper([one.rows for one in shown], list(weights), spreads(layout), layout.hand)
    apart = np.full((len(shown), len(examples)), np.inf)
    for m, one in enumerate(examples):
        warper.reset()
        for row in one.rows:
            apart[:, m] = np.minimum(apart[:, m], warper.step(row)[0])
    return apart


def _limit(
    c: int,
    label: str,
    shown: Sequence[MoveExample],
    labels: NDArray[np.intp],
    examples: Sequence[MoveExample],
    apart: Floats,
    believed: float,
) -> float:
    """Return the distance from which it is not the gesture.

    What is believed of any gesture, widened where its examples lie further apart, and no further than a share of the
    way to what it is not. Examples close together do not narrow it: tries of one person say little of another one.
    """
    if label == NONE:
        return believed
    mine = labels == c
    own = []
    for m, one in enumerate(examples):
        if one.label != label:
            continue
        rest = mine & np.array([other.source != one.source for other in shown])
        if rest.any() and np.isfinite(nearest := apart[rest, m].min()):
            own.append(float(nearest))
    limit = believed
    if own:
        limit = max((_BELIEF * believed + len(own) * _WIDEN * max(own)) / (_BELIEF + len(own)), believed)
    foreign = [m for m, one in enumerate(examples) if one.label != label]
    if foreign:
        near = float(apart[mine][:, foreign].min())
        # Examples of two gestures that nothing tells apart leave room for the nearest still.
        limit = min(limit, max(_REACH * near, 1e-3)) if np.isfinite(near) else limit
    return float(limit)


def _typical(
    rows: NDArray[np.intp], shown: Sequence[MoveExample], apart: Floats, examples: Sequence[MoveExample]
) -> NDArray[np.intp]:
    """Return the templates to keep: those that lie nearest to the others, each time to those not yet well covered."""
    if len(rows) <= _MOST_TEMPLATES:
        return rows
    label = shown[int(rows[0])].label
    mine = [m for m, one in enumerate(examples) if one.label == label]
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
