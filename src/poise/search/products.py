"""How far poses are from each other, for millions of them at once, as one matrix product.

Two poses are compared over the points that both show. On these they are laid on one another as well as moving and
scaling can do it, and turning too unless up matters (Procrustes analysis), and what is left over counts, as a share of
the pose's extent. So a body whose legs are out of the picture is laid on the upper half of another one, whatever its
embedding was centred on.

For rows ``b`` with visibility ``w`` and a question ``a`` with ``g`` (visibility times importance), all that this needs
are nine sums over points, such as ``Σ g w``, ``Σ g w b`` and ``Σ g w ā b``. Each is linear in the row's ``w``, ``w x``,
``w y`` and ``w (x² + y²)``: with these stored for each row, the sums for all rows are one product with a matrix of nine
columns a question. The mirrored pose is nine columns more.

Source: Gower, Generalized Procrustes analysis, Psychometrika 40 (1975), for two sets of points with weights; in the
plane, points are complex numbers, and the best turn is the argument of ``Σ g w ā b``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poise.bodies.pose_embedding import Layout, Vectors

# What a point that the question shows and the row does not is taken to be off by.
UNSEEN = 0.4
# A row that shows less of the question than this is not compared: few points fit anything.
LEAST_SHARED = 0.4
# Where up matters, so far, in radians, a camera may be tilted: 15 degrees.
TILT = float(np.deg2rad(15.0))
_COS, _SIN = np.float32(np.cos(TILT)), np.float32(np.sin(TILT))
# Nine sums a question.
SUMS = 9
_SMALL = np.float32(1e-4)


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """Poses that are looked for, ready for the product.

    Attributes:
        matrix: ``(4 P, 9 Q)`` float32, nine columns a pose.
        whole: ``(Q,)`` float32 the weight that a row has in common with it that shows as much.
        turn: ``(Q,)`` float32 how far each was turned, radians.
    """

    matrix: Vectors
    whole: Vectors
    turn: Vectors

    def __len__(self) -> int:
        return len(self.whole)


def products_of(embedding: Vectors, weight: Vectors, out: Vectors | None = None) -> Vectors:
    """Return what is stored of each row.

    Args:
        embedding: ``(N, 2 P + 1)`` of :func:`poise.bodies.pose_embedding.embed`.
        weight: ``(N, P)``.
        out: ``(N, 4 P)`` float32 to write into.

    Returns:
        ``(N, 4 P)``: w, w x, w y and w (x² + y²) of all points.
    """
    p = weight.shape[1]
    out = np.empty((len(weight), 4 * p), dtype=np.float32) if out is None else out
    x, y = embedding[:, 0:-1:2], embedding[:, 1:-1:2]
    out[:, :p] = weight
    np.multiply(weight, x, out=out[:, p : 2 * p])
    np.multiply(weight, y, out=out[:, 2 * p : 3 * p])
    out[:, 3 * p :] = weight * (np.square(x) + np.square(y))
    return out


def question_of(embedding: Vectors, weight: Vectors, layout: Layout) -> Question:
    """Prepare ``(Q, 2 P + 1)`` embeddings with ``(Q, P)`` weights to be looked for."""
    p, q = weight.shape[1], len(weight)
    g = (weight * layout.importance).astype(np.float64)
    x, y = (g * embedding[:, at:-1:2] for at in (0, 1))
    zero = np.zeros_like(g)
    square = g * (np.square(embedding[:, 0:-1:2].astype(np.float64)) + np.square(embedding[:, 1:-1:2]))
    # A block for each of w, w x, w y, w (x² + y²); a column for each sum.
    blocks = [
        [g, zero, zero, zero, x, y, square, zero, zero],
        [zero, g, zero, zero, zero, zero, zero, x, -y],
        [zero, zero, g, zero, zero, zero, zero, y, x],
        [zero, zero, zero, g, zero, zero, zero, zero, zero],
    ]
    matrix = np.stack([np.stack(columns, axis=-1) for columns in blocks], axis=1)  # (Q, 4, P, 9)
    return Question(
        np.ascontiguousarray(matrix.transpose(1, 2, 0, 3).reshape(4 * p, q * SUMS), dtype=np.float32),
        (g * weight).sum(axis=1).astype(np.float32),
        np.ascontiguousarray(embedding[:, -1]),
    )


def distances(products: Vectors, turns: Vectors, question: Question, *, upright: bool = False) -> Vectors:
    """Compare rows with what is looked for.

    Args:
        products: ``(N, 4 P)`` of :func:`products_of`.
        turns: ``(N,)`` how far each row was turned, radians.
        question: Of :func:`question_of`.
        upright: Up in the picture matters, but for a tilt of :data:`TILT`: a person who lies is not one who stands.

    Returns:
        ``(N, Q)`` float32 from 0 (the same pose) to 1; infinite where too little is shown by both.
    """
    sums = products @ question.matrix
    sums = sums.reshape(len(products), len(question), SUMS)
    count, bx, by, bb, ax, ay, aa, real, imaginary = (sums[..., i] for i in range(SUMS))
    inverse = 1.0 / np.maximum(count, _SMALL)
    spread = np.maximum(aa - (ax * ax + ay * ay) * inverse, 0) * np.maximum(bb - (bx * bx + by * by) * inverse, 0)
    real = real - (ax * bx + ay * by) * inverse
    imaginary = imaginary - (ax * by - ay * bx) * inverse
    if upright:
        turn = turns[:, None] - question.turn
        cos, sin = np.cos(turn), np.sin(turn)
        real, imaginary = real * cos - imaginary * sin, real * sin + imaginary * cos
        full = np.hypot(real, imaginary)
        # As far turned as is free; of what is turned further, how much of it fits then.
        beyond = np.maximum(real * _COS + np.abs(imaginary) * _SIN, 0)
        fit = np.square(np.where(real >= full * _COS, full, beyond))
    else:
        fit = real * real + imaginary * imaginary
    shared = np.minimum(count / np.maximum(question.whole, _SMALL), 1)
    left = np.clip(1.0 - fit / np.maximum(spread, _SMALL), 0.0, 1.0)
    apart: Vectors = np.sqrt(shared * left + (1 - shared) * np.float32(UNSEEN**2))
    return np.where(shared >= LEAST_SHARED, apart, np.float32(np.inf))
