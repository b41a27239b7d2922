"""Find pictures that are nearly the same, by hash and small copy, without comparing all with all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.datasets.doctor._pictures import SIDE, PictureFacts

# Bits of 64 in which two pictures' hashes may differ, and the least correlation of their small grey copies. Of 95 COCO
# pictures the nearest two strangers differ by 11 bits and correlate by 0.77; each of the 53 validation frames of
# Tiger-Pose has a training frame within 8 bits and 0.95 (tests/datasets/test_doctor_pictures.py).
MAX_BITS, MIN_CORRELATION = 8, 0.9
# Grey levels below which a small copy is of one colour, so that its hash says nothing.
_FLAT = 4.0
# Grey levels by which a background of one colour varies, and the part of the picture from which on it is one.
_GROUND, _MOSTLY = 8, 0.5
# Pixels of the small copies before the background below which nothing is said.
_LEAST_FRONT = 12
_BLOCK, _PART = 1024, 1 << 14
_COUNT: Callable[..., Any] | None = getattr(np, "bitwise_count", None)  # from NumPy 2 on
_REACH = 2  # blocks of a run that a block is compared with
_ONES = np.array([bin(i).count("1") for i in range(1 << 16)], dtype=np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """For each picture another that looks the same.

    Attributes:
        earlier: ``(P,)`` a picture of the same split that is nearly the same and comes before; -1 for none.
        other: ``(P,)`` the most similar picture of an earlier split (of train, for val); -1 for none.
        bits: ``(P,)`` bits in which the hashes of a picture and ``other`` differ.
        equal: ``(P,)`` bytes of a picture and ``other`` are equal.
    """

    earlier: NDArray[np.intp]
    other: NDArray[np.intp]
    bits: NDArray[np.intp]
    equal: NDArray[np.bool_]


def find_likeness(facts: PictureFacts, split: NDArray[np.intp], *, max_bits: int = MAX_BITS) -> Likeness:
    """Compare all pictures of some splits with each other.

    Args:
        facts: What was seen in the pictures.
        split: ``(P,)`` split of each, 0 for the first.
        max_bits: Bits of 64 in which hashes may differ, below 16.
    """
    n = len(split)
    earlier, other = np.full(n, -1), np.full(n, -1)
    bits = np.full(n, 65)
    grey = facts.thumbs.reshape(n, -1)
    ground = _background(grey)
    thumbs = grey.astype(np.float32)
    deviation = thumbs.std(1)
    thumbs = (thumbs - thumbs.mean(1, keepdims=True)) / np.maximum(deviation, 1e-6)[:, None]
    rows = np.flatnonzero(facts.readable & (deviation > _FLAT))
    for a, b in _candidates(facts.hashes[rows], max_bits):
        i, j = rows[a], rows[b]
        swap = (split[i] > split[j]) | ((split[i] == split[j]) & (i > j))
        i, j = np.where(swap, j, i), np.where(swap, i, j)  # i comes before j
        # What is known already is not looked at again: sets of video frames have very many pairs.
        d = _hamming(facts.hashes[i], facts.hashes[j])
        open_ = np.where(split[i] == split[j], earlier[j] < 0, d < bits[j])
        i, j, d = i[open_], j[open_], d[open_]
        near = np.einsum("ij,ij->i", thumbs[i], thumbs[j]) / thumbs.shape[1] >= MIN_CORRELATION
        near &= _alike_in_front(grey, ground, i, j, near)
        i, j, d = i[near], j[near], d[near]
        same = split[i] == split[j]
        earlier[j[same]] = i[same]
        i, j, d = i[~same], j[~same], d[~same]
        order = np.lexsort((i, d, j))
        j, start = np.unique(j[order], return_index=True)
        i, d = i[order][start], d[order][start]
        better = d < bits[j]
        other[j[better]], bits[j[better]] = i[better], d[better]
    equal = np.zeros(n, bool)
    _same_bytes(facts, split, earlier, other, bits, equal)
    return Likeness(earlier, other, bits, equal)


def _background(grey: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Return the one grey of which most of each small copy is, ``(P,)``; -1 where there is none."""
    most = np.array([np.bincount(row, minlength=256).argmax() for row in grey], dtype=np.int16)
    share = (np.abs(grey.astype(np.int16) - most[:, None]) <= _GROUND).mean(axis=1)
    return np.where(share > _MOSTLY, most, -1).astype(np.int16)


def _alike_in_front(
    grey: NDArray[np.uint8],
    ground: NDArray[np.int16],
    i: NDArray[np.intp],
    j: NDArray[np.intp],
    asked: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Compare what is before the background, where that is most of both pictures and alike in all of them.

    Things of one kind before black are in the same place and bright there: correlation over the whole picture is high
    between any two of them.
    """
    alike = np.ones(len(i), dtype=bool)
    for pair in np.flatnonzero(asked & (ground[i] >= 0) & (ground[j] >= 0)):
        a, b = (grey[k[pair]].astype(np.float64) for k in (i, j))
        front = (np.abs(a - ground[i[pair]]) > _GROUND) & (np.abs(b - ground[j[pair]]) > _GROUND)
        front = _inner(front)
        if front.sum() < _LEAST_FRONT:
            alike[pair] = False  # too little is there to be the same
            continue
        a, b = a[front] - a[front].mean(), b[front] - b[front].mean()
        spread = np.sqrt((a * a).sum() * (b * b).sum())
        alike[pair] = spread > 0 and (a * b).sum() / spread >= MIN_CORRELATION
    return alike


def _inner(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels whose four neighbours are in the mask too: outlines are mixed with the ground."""
    around = np.pad(mask.reshape(SIDE, SIDE), 1)
    inside = around[1:-1, 1:-1] & around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    return np.asarray(inside.reshape(-1))


def _same_bytes(
    facts: PictureFacts,
    split: NDArray[np.intp],
    earlier: NDArray[np.intp],
    other: NDArray[np.intp],
    bits: NDArray[np.intp],
    equal: NDArray[np.bool_],
) -> None:
    """Enter files whose bytes are equal, flat pictures too."""
    first: dict[tuple[bytes, int], int] = {}
    for i, digest in enumerate(facts.digests):
        if not digest:
            continue
        for s in range(int(split[i])):
            if (digest, s) in first:
                other[i], bits[i], equal[i] = first[digest, s], 0, True
                break
        j = first.setdefault((digest, int(split[i])), i)
        if j != i and (earlier[i] < 0 or j < earlier[i]):
            earlier[i] = j


def _candidates(hashes: NDArray[np.uint64], max_bits: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield pairs of rows whose hashes differ by at most ``max_bits``; a pair may come more than once.

    Hashes that differ by d bits agree wholly in one of d + 1 bands of their bits, so that only those with an equal
    band are compared.

    Source: G. S. Manku, A. Jain, A. Das Sarma 2007, "Detecting near-duplicates for web crawling", section 3.
    """
    edges = np.linspace(0, 64, max_bits + 2).round().astype(int)
    for low, high in pairwise(edges):
        key = (hashes >> np.uint64(low)) & np.uint64((1 << int(high - low)) - 1)
        order = np.argsort(key, kind="stable")
        run = np.flatnonzero(np.r_[True, np.diff(key[order]) != 0])
        for first, end in zip(run, np.r_[run[1:], len(order)], strict=True):
            if end - first > 1:
                yield from _pairs(order[first:end], hashes, max_bits)


def _pairs(
    rows: NDArray[np.intp], hashes: NDArray[np.uint64], max_bits: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    # Frames of a fixed camera agree in every band. They are ordered by their hashes, so that nearly all that belong
    # together stand in one block or the next, and the work does not grow with the square of their number.
    rows = rows[np.argsort(hashes[rows], kind="stable")]
    for top in range(0, len(rows), _BLOCK):
        upper = rows[top : top + _BLOCK]
        for left in range(top, min(len(rows), top + _REACH * _BLOCK), _BLOCK):
            lower = rows[left : left + _BLOCK]
            near = _hamming(hashes[upper][:, None], hashes[lower][None]) <= max_bits
            if left == top:
                near &= np.arange(len(upper))[:, None] < np.arange(len(lower))
            a, b = np.nonzero(near)
            for part in range(0, len(a), _PART):
                yield upper[a[part : part + _PART]], lower[b[part : part + _PART]]


def _hamming(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Count the bits in which two arrays differ."""
    words = a ^ b
    if _COUNT is not None:
        counted: NDArray[np.uint8] = _COUNT(words)
        return counted
    total = np.zeros(words.shape, dtype=np.uint8)
    for shift in (0, 16, 32, 48):
        total += _ONES[(words >> np.uint64(shift)) & np.uint64(0xFFFF)]
    return total
