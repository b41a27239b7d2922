"""How well identities are kept: HOTA, CLEAR MOT and IDF1 as functions of ids and similarities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poise.geometry import assign

Ids = NDArray[np.intp]
Floats = NDArray[np.float64]

_ALPHAS = np.arange(0.05, 0.99, 0.05)  # Luiten et al. 2021, section 5.3: the thresholds that HOTA is a mean over
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class TrackingScores:
    """Scores of one clip, 0 to 1 unless said otherwise; NaN where there is nothing to find.

    Attributes:
        hota: Higher order tracking accuracy: the geometric mean of detection and association, over thresholds.
        deta: Detection accuracy.
        assa: Association accuracy.
        loca: Mean similarity of matched pairs.
        idf1: F1 score of the best one-to-one assignment of tracks to people.
        idp: Share of found instances that belong to that assignment.
        idr: Share of true instances that do.
        mota: 1 - (missed + wrong + switches) / true instances; it may be negative.
        motp: Mean similarity of the pairs matched for ``mota``.
        switches: How often somebody's id changes (a count).
        missed: True instances without a partner (a count).
        wrong: Found instances without a partner (a count).
        fragments: How often a person is lost and found again (a count).
        truth: True instances (a count).
        found: Found instances (a count).
    """

    hota: float
    deta: float
    assa: float
    loca: float
    idf1: float
    idp: float
    idr: float
    mota: float
    motp: float
    switches: int
    missed: int
    wrong: int
    fragments: int
    truth: int
    found: int


def evaluate_tracking(
    true_ids: Sequence[ArrayLike],
    found_ids: Sequence[ArrayLike],
    similarity: Sequence[ArrayLike],
    *,
    min_similarity: float = 0.5,
) -> TrackingScores:
    """Score the ids of one clip.

    Args:
        true_ids: One ``(G,)`` array a frame: who is there. Any integers, each once a frame.
        found_ids: One ``(P,)`` array a frame: the tracks.
        similarity: One ``(G, P)`` array a frame, in [0, 1]: IoU of boxes or OKS of poses.
        min_similarity: Least similarity of a matched pair in MOTA and IDF1; HOTA goes through all thresholds.

    Raises:
        ValueError: The arrays do not fit each other; naming the frame.
    """
    true, g_count = _numbered(true_ids, "true_ids")
    found, p_count = _numbered(found_ids, "found_ids")
    if not len(true) == len(found) == len(similarity):
        raise ValueError(
            f"true_ids, found_ids and similarity must have one entry a frame, got {len(true)}, {len(found)} and "
            f"{len(similarity)}"
        )
    alike = []
    for frame, (g, p, s) in enumerate(zip(true, found, similarity, strict=True)):
        table = np.asarray(s, dtype=np.float64)
        table = table if table.size else table.reshape(len(g), len(p)) if not len(g) * len(p) else table
        if table.shape != (len(g), len(p)):
            raise ValueError(f"frame {frame}: similarity must have shape {(len(g), len(p))}, got {table.shape}")
        alike.append(table)
    total = (sum(map(len, true)), sum(map(len, found)))
    hota = hota_curves(true, found, alike, counts=(g_count, p_count))
    idtp = identity_matches(true, found, alike, counts=(g_count, p_count), min_similarity=min_similarity)
    clear = clear_counts(true, found, alike, count=g_count, min_similarity=min_similarity)
    matched, distance, switches, fragments = clear
    missed, wrong = total[0] - matched, total[1] - matched
    return TrackingScores(
        hota=float(hota[0].mean()),
        deta=float(hota[1].mean()),
        assa=float(hota[2].mean()),
        loca=float(hota[3].mean()),
        idf1=_ratio(2 * idtp, sum(total)),
        idp=_ratio(idtp, total[1]),
        idr=_ratio(idtp, total[0]),
        mota=1 - (missed + wrong + switches) / total[0] if total[0] else float("nan"),
        motp=_ratio(distance, matched),
        switches=switches,
        missed=missed,
        wrong=wrong,
        fragments=fragments,
        truth=total[0],
        found=total[1],
    )


def hota_curves(
    true: Sequence[Ids], found: Sequence[Ids], similarity: Sequence[Floats], *, counts: tuple[int, int]
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return HOTA, DetA, AssA and LocA at each threshold 0.05, 0.10 … 0.95, ``(19,)`` each.

    Args:
        true: One array of ids from 0 a frame.
        found: The same for the tracks.
        similarity: One ``(G, P)`` array a frame.
        counts: Number of people and of tracks.

    Source:
        Luiten et al. 2021, HOTA, IJCV 129, arXiv:2009.07736: equations 13 to 16 (scores), 19 (matching, which puts
        first those pairs that belong together over the whole clip) and 21 (LocA).
    """
    together = np.zeros(counts)  # soft count of the frames in which two are the same
    seen_true, seen_found = np.zeros(counts[0]), np.zeros(counts[1])
    for g, p, s in zip(true, found, similarity, strict=True):
        if len(g) and len(p):
            union = s.sum(0)[None] + s.sum(1)[:, None] - s
            together[g[:, None], p[None]] += np.divide(s, union, out=np.zeros_like(s), where=union > _EPS)
        seen_true[g] += 1
        seen_found[p] += 1
    union = seen_true[:, None] + seen_found[None] - together
    jaccard = together / np.maximum(union, _EPS)
    pairs = np.zeros((len(_ALPHAS), *counts))
    matched, located = np.zeros(len(_ALPHAS)), np.zeros(len(_ALPHAS))
    for g, p, s in zip(true, found, similarity, strict=True):
        if not len(g) or not len(p):
            continue
        rows, columns = _best(jaccard[g[:, None], p[None]] * s)
        at = s[rows, columns]
        for a, alpha in enumerate(_ALPHAS):
            good = at >= alpha - _EPS
            pairs[a, g[rows[good]], p[columns[good]]] += 1
            matched[a] += good.sum()
            located[a] += at[good].sum()
    missed, wrong = seen_true.sum() - matched, seen_found.sum() - matched
    detected = matched / np.maximum(1, matched + missed + wrong)
    over = seen_true[None, :, None] + seen_found[None, None, :] - pairs
    associated = (pairs * (pairs / np.maximum(1, over))).sum((1, 2)) / np.maximum(1, matched)
    location = np.where(matched > 0, located / np.maximum(matched, 1), 1.0)
    return np.sqrt(detected * associated), detected, associated, location


def identity_matches(
    true: Sequence[Ids],
    found: Sequence[Ids],
    similarity: Sequence[Floats],
    *,
    counts: tuple[int, int],
    min_similarity: float,
) -> int:
    """Return how many instances the best one-to-one assignment of tracks to people explains (IDTP).

    Args:
        true: One array of ids from 0 a frame.
        found: The same for the tracks.
        similarity: One ``(G, P)`` array a frame.
        counts: Number of people and of tracks.
        min_similarity: Least similarity of a pair.

    Source:
        Ristani et al. 2016, arXiv:1609.01775, section 3: the fewest false positives and negatives are the most true
        positives, since everybody without a partner costs as much as they were seen.
    """
    shared = np.zeros(counts)
    for g, p, s in zip(true, found, similarity, strict=True):
        if len(g) and len(p):
            rows, columns = np.nonzero(s >= min_similarity)
            np.add.at(shared, (g[rows], p[columns]), 1)
    rows, columns = _best(shared)
    return int(shared[rows, columns].sum())


def clear_counts(
    true: Sequence[Ids], found: Sequence[Ids], similarity: Sequence[Floats], *, count: int, min_similarity: float
) -> tuple[int, float, int, int]:
    """Return matches, the sum of their similarities, id switches and fragments of CLEAR MOT.

    Args:
        true: One array of ids from 0 a frame.
        found: The same for the tracks.
        similarity: One ``(G, P)`` array a frame.
        count: Number of people.
        min_similarity: Least similarity of a pair.

    Source:
        Bernardin and Stiefelhagen 2008, EURASIP, doi:10.1155/2008/246309, section 2.1.2: pairs of the frame before go
        on as long as they are alike enough; then the most pairs, the most similar. A switch is counted against the
        last track that somebody had, however long ago, and a frame without tracks does not end a pair, as in TrackEval.
    """
    last = np.full(count, -1)  # the last track of each person
    before = np.full(count, -1)  # the track in the frame before
    pieces = np.zeros(count, dtype=int)
    matched, total, switches = 0, 0.0, 0
    for g, p, s in zip(true, found, similarity, strict=True):
        if len(g) and len(p):
            now = np.full(count, -1)
            stay = (p[None] == before[g][:, None]) * 1000.0
            score = np.where(s >= min_similarity - _EPS, stay + s, 0.0)
            rows, columns = _best(score)
            good = score[rows, columns] > _EPS
            rows, columns = rows[good], columns[good]
            who, track = g[rows], p[columns]
            switches += int(((last[who] >= 0) & (last[who] != track)).sum())
            last[who] = now[who] = track
            matched += len(rows)
            total += float(s[rows, columns].sum())
            pieces += (before < 0) & (now >= 0)
            before = now
    return matched, total, switches, int(np.maximum(pieces - 1, 0).sum())


def _numbered(frames: Sequence[ArrayLike], name: str) -> tuple[list[Ids], int]:
    """Number ids from 0."""
    arrays = [np.asarray(frame).reshape(-1) for frame in frames]
    known, flat = np.unique(np.concatenate(arrays) if arrays else np.empty(0), return_inverse=True)
    ends = np.cumsum([len(a) for a in arrays])
    parts = [flat[end - len(a) : end].astype(np.intp) for a, end in zip(arrays, ends, strict=True)]
    for frame, part in enumerate(parts):
        if len(np.unique(part)) != len(part):
            raise ValueError(f"frame {frame}: {name} names somebody twice: {arrays[frame].tolist()}")
    return parts, len(known)


def _best(score: Floats) -> tuple[Ids, Ids]:
    """Pair rows with columns for the highest sum; as many pairs as the smaller side has."""
    if not score.size:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    pairs = assign(score.max() - score)
    return pairs[:, 0], pairs[:, 1]


def _ratio(part: float, whole: float) -> float:
    return float(part) / whole if whole else float("nan")
