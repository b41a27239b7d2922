"""The mirror map against the names of the keypoints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from poise.datasets._labels import Problem
from poise.datasets._spec import DataSpec
from poise.datasets.doctor._table import yaml_line
from poise.skeletons import Skeleton, check_flip, get, names


def known_skeleton(spec: DataSpec) -> tuple[Skeleton, bool]:
    """Return the data set's skeleton with names and edges, and whether it is a guess.

    Where the file does not name its keypoints, a bundled skeleton with as many keypoints, of an instance that is
    called like a class, is taken for it; its mirror map is right.
    """
    own = spec.skeleton
    if spec.kpt_names or not own.keypoints[0].startswith("point_"):
        if own.edges:
            return own, False
        same = next((get(n) for n in names() if get(n).keypoints == own.keypoints), None)
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


def _by_name(skeleton: Skeleton) -> tuple[int, ...]:
    return Skeleton(skeleton.name, skeleton.keypoints).flip_idx
