"""The mirror map against the names of the keypoints."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from poise.datasets._labels import Problem
from poise.datasets._spec import DataSpec
from poise.datasets.doctor._table import Table, yaml_line
from poise.geometry import Floats
from poise.skeletons import Skeleton, check_flip, get, lone_sides, names
from poise.skeletons.named import with_keypoints

# A map by which mirrored poses differ from the poses by less than this part of what they do by another is the better.
_BETTER = 0.7
# A map that changes the typical distances of keypoints by more than this part is no mirror of anything. Right maps
# change those of Tiger-Pose by 0.06 and of 110 persons of COCO by 0.07, Hand-Keypoints' own map those of a hand by 0.3.
_DISTORTS = 0.2
# One that exchanges points and changes them by less is one: that of tiger12 changes Tiger-Pose by 0.06, and of 1,000
# maps that exchange as many of its points at random none by less than 0.12.
_KEEPS, _LEAST = 0.1, 10
# Instances and keypoints that are enough to measure that.
_MOST_ROWS, _MOST_POINTS = 500, 133


def known_skeleton(spec: DataSpec) -> tuple[Skeleton, bool]:
    """Return the data set's skeleton with names and edges, and whether it is a guess.

    Where the file does not name its keypoints, a bundled skeleton with as many keypoints, of an instance that is
    called like a class, is taken for it; its mirror map is right.
    """
    own = spec.skeleton
    if spec.kpt_names or not own.keypoints[0].startswith("point_"):
        if own.edges:
            return own, False
        same = with_keypoints(own.keypoints)
        return (replace(own, edges=same.edges), False) if same is not None else (own, False)
    classes = {name.lower() for name in spec.names.values()}
    for name in names():
        skeleton = get(name)
        if len(skeleton) == len(own) and any(skeleton.instance == c or skeleton.instance in c for c in classes):
            return skeleton, True
    return own, True


def check_mirror(spec: DataSpec) -> Iterator[Problem]:
    """Compare ``flip_idx`` with the names of the keypoints, the file's own or those of a bundled skeleton."""
    skeleton, guessed = known_skeleton(spec)
    if not len(skeleton):
        return
    unnamed = guessed and skeleton is spec.skeleton
    line = yaml_line(spec.file, "flip_idx")
    right = f"flip_idx: {list(skeleton.flip_idx if guessed else _by_name(skeleton))}"
    if unnamed:
        if not spec.flip_known:
            yield Problem(
                "flip-map-missing",
                "warning",
                spec.file,
                yaml_line(spec.file, "kpt_shape"),
                "no flip_idx and no kpt_names: it is not known which keypoints change places in a mirrored picture, "
                "so that training never mirrors",
                "add kpt_names, or flip_idx (for each keypoint the one that it becomes)",
            )
        elif spec.skeleton.flip_idx == tuple(range(len(skeleton))) and len(skeleton) > 1:
            yield Problem(
                "flip-map-unproven",
                "note",
                spec.file,
                line,
                "flip_idx changes nothing and there are no kpt_names to compare it with: wrong if any keypoint has a "
                "side",
                "add kpt_names",
            )
        return
    lone = lone_sides(skeleton.keypoints)
    if lone and not spec.flip_known:
        shown = ", ".join(map(repr, lone[:5])) + (", …" if len(lone) > 5 else "")
        yield Problem(
            "flip-map-missing",
            "warning",
            spec.file,
            yaml_line(spec.file, "kpt_names"),
            f"keypoints seem to have sides, but no name is the other side of {shown}: training never mirrors",
            "name the sides alike (left_eye, right_eye), or write flip_idx (for each keypoint the one that it becomes)",
        )
        return
    by = f"taking the points for those of {skeleton.name!r}" if guessed else "by the file's own kpt_names"
    if not spec.flip_known:
        if skeleton.flip_idx == tuple(range(len(skeleton))):
            if not guessed:
                return
            text = (
                f"no flip_idx: training never mirrors, although a mirrored {skeleton.instance} keeps its points ({by})"
            )
        else:
            text = f"no flip_idx: training never mirrors, which is half of the variety ({by})"
        yield Problem(
            "flip-map-missing", "warning", spec.file, yaml_line(spec.file, "kpt_shape"), text, f"add the line '{right}'"
        )
        return
    compared = replace(skeleton, flip_idx=spec.skeleton.flip_idx)
    wrong = check_flip(compared)
    if not wrong:
        return
    same = compared.flip_idx == tuple(range(len(compared)))
    what = "flip_idx changes nothing, although" if same else "flip_idx is wrong:"
    text = wrong[0].partition("; set ")[0]
    more = f", and {len(wrong) - 1} pairs more" if len(wrong) > 1 else ""
    yield Problem(
        "flip-map-wrong",
        "warning" if guessed else "error",
        spec.file,
        line,
        f"{what} {text}{more} ({by}): mirrored pictures teach left for right",
        f"write '{right}'",
    )


def mend_mirror(
    spec: DataSpec, xy: Floats, *, flip_idx: Sequence[int] | str | None = None
) -> tuple[DataSpec, str | None]:
    """Return the data set with the mirror map that training should use, and a line that says what was replaced.

    A map that does not exchange keypoints whose names are the two sides of one thing is replaced by the map of the
    names, and so is one that exchanges points of a bundled skeleton that have no sides. Where the names are only a
    guess (a bundled skeleton of as many keypoints), the poses must say so too.

    Args:
        spec: What the data set says.
        xy: ``(N, K, 2)`` its keypoints, NaN where not labelled.
        flip_idx: What the user says: K indices, or ``"as-given"`` to keep the data set's own.

    Raises:
        ValueError: The indices are no mirror map of these keypoints.
    """
    own, k = spec.skeleton, spec.kpt_shape[0]
    if flip_idx is not None and not isinstance(flip_idx, str):
        asked = tuple(int(i) for i in flip_idx)
        if sorted(asked) != list(range(k)) or any(asked[asked[i]] != i for i in range(k)):
            raise ValueError(f"flip_idx must swap indices 0 to {k - 1} in pairs, got {list(asked)}")
        return replace(spec, skeleton=replace(own, flip_idx=asked), flip_known=True), None
    skeleton, guessed = known_skeleton(spec)
    if flip_idx is not None or not spec.flip_known or (guessed and skeleton is own):
        return spec, None
    known = guessed or with_keypoints(own.keypoints) is not None
    named = skeleton.flip_idx if guessed else _by_name(skeleton)
    # Sides that are written in a way that is not known here look like none: then the map is right, not the names.
    wrong = [i for i, j in enumerate(named) if own.flip_idx[i] != j and (j != i or known)]
    if not wrong or (guessed and not _poses_agree(xy, own.flip_idx, named)):
        return spec, None
    # What has no side in its name keeps its partner, unless that one has another by its name.
    kept = [j if named[i] == i and named[j] == j else i for i, j in enumerate(own.flip_idx)]
    mended = tuple(j if j != i else kept[i] for i, j in enumerate(named))
    a, b = wrong[0], named[wrong[0]]
    becomes = skeleton.keypoints[own.flip_idx[a]]
    why = f"taking the points for those of {skeleton.name!r}, as the poses do" if guessed else "by their names"
    return replace(spec, skeleton=replace(own, flip_idx=mended)), (
        f"{spec.file}: flip_idx contradicts the keypoints: {skeleton.keypoints[a]!r} becomes {becomes!r} in a mirrored "
        f"picture, not {skeleton.keypoints[b]!r} ({why}); trained with flip_idx: {list(mended)} "
        "(flip_idx='as-given' keeps the file's)"
    )


def _poses_agree(xy: Floats, own: tuple[int, ...], named: tuple[int, ...]) -> bool:
    """Return whether the poses themselves say that a map is wrong and another is right."""
    have, would = one_sidedness(xy, own), one_sidedness(xy, named)
    if np.isfinite(have) and np.isfinite(would) and would < _BETTER * have:
        return True
    kept = distortion(xy, named)
    if distortion(xy, own) > _DISTORTS > kept:
        return True
    # Of animals in profile the sense of triangles says nothing; that exchanging the points keeps all distances does.
    return own == tuple(range(len(own))) and named != own and len(xy) >= _LEAST and kept < _KEEPS


def distortion(xy: Floats, flip_idx: tuple[int, ...]) -> float:
    """Return by how much a map changes the typical distances of keypoints, as a part of them; a mirror changes none.

    Args:
        xy: ``(N, K, 2)`` keypoints, NaN where not labelled.
        flip_idx: The map.
    """
    rows = xy[:: max(1, len(xy) // _MOST_ROWS), :_MOST_POINTS].astype(np.float64)
    flip = np.array(flip_idx[:_MOST_POINTS])
    if len(rows) < _LEAST or flip.max() >= rows.shape[1]:
        return 0.0
    far = np.linalg.norm(rows[:, :, None] - rows[:, None], axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of keypoints that are never labelled
        typical = np.nanmedian(far / np.nanmax(far, axis=(1, 2), keepdims=True), axis=0)
    mirrored = typical[np.ix_(flip, flip)]
    both = np.isfinite(typical) & np.isfinite(mirrored)
    return float(np.abs(typical - mirrored)[both].sum() / max(typical[both].sum(), 1e-9))


def _by_name(skeleton: Skeleton) -> tuple[int, ...]:
    return Skeleton(skeleton.name, skeleton.keypoints).flip_idx


def one_sidedness(xy: Floats, flip_idx: tuple[int, ...], *, triangles: int = 300, seed: int = 0) -> float:
    """Measure how unlike mirrored poses are to the poses themselves, under a mirror map.

    A mirror turns the sense in which three keypoints go round. Where a set shows, say, the left shoulder mostly right
    of the right one, the mirrored poses show the same only if the map exchanges them.

    Args:
        xy: ``(N, K, 2)`` keypoints, NaN where not labelled.
        flip_idx: The map.
        triangles: Triples of keypoints that are looked at.
        seed: Of their choice.

    Returns:
        0 where mirrored poses go round as the poses do; 4 for the map that changes nothing; NaN where poses have no
        preferred sense, so that nothing can be said.
    """
    k = xy.shape[1]
    if k < 3 or not len(xy):
        return float("nan")
    triple = np.random.default_rng(seed).integers(k, size=(4 * triangles, 3))
    triple = triple[(np.diff(np.sort(triple, 1), axis=1) > 0).all(1)][:triangles]
    flip = np.array(flip_idx)
    a, error_a = _sense(xy, triple)
    b, error_b = _sense(xy, flip[triple])
    known = np.isfinite(a) & np.isfinite(b)
    sense = (a[known] ** 2 + b[known] ** 2).sum() / 2
    noise = (error_a[known] ** 2 + error_b[known] ** 2).sum() / 2
    if not known.any() or sense < 4 * noise:
        return float("nan")
    return float(((a[known] + b[known]) ** 2).sum() / sense)


def _sense(xy: Floats, triple: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean sense of triangles from -1 to 1, ``(T,)``, and its standard error; NaN for fewer than 10."""
    p, q, r = (xy[:, triple[:, i]].astype(np.float64) for i in range(3))
    u, v = q - p, r - p
    area = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
    sense = np.sign(area)
    number = np.isfinite(sense).sum(0)
    mean = np.nansum(sense, 0) / np.maximum(number, 1)
    error = np.sqrt(np.maximum(1 - mean**2, 0.1) / np.maximum(number, 1))
    return np.where(number >= 10, mean, np.nan), error


def check_evidence(table: Table, skeleton: Skeleton) -> Iterator[Problem]:
    """Say so when the poses themselves speak for another mirror map than the file's."""
    own, named = table.spec.skeleton.flip_idx, _by_name(skeleton)
    if own == named or not table.spec.flip_known:
        return
    xy = table.labels.xy
    have, would = one_sidedness(xy, own), one_sidedness(xy, named)
    if np.isfinite(have) and np.isfinite(would) and would < _BETTER * have:
        yield Problem(
            "flip-map-evidence",
            "note",
            table.spec.file,
            yaml_line(table.spec.file, "flip_idx"),
            f"the poses say so too: mirrored by this map they differ from themselves by {have:.1f} (0: not at all, 4: "
            f"as a glove from its mirror image), by the map of the names by {would:.1f}",
            f"write 'flip_idx: {list(named)}'",
        )
