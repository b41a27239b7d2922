"""The skeleton of a network that names its keypoints, or does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from poise.errors import ModelError
from poise.skeletons import Skeleton, get, names


def skeleton_of(
    kpt_shape: tuple[int, int],
    classes: Mapping[int, str],
    kpt_names: Sequence[str] | None,
    sigmas: Sequence[float] | None,
    *,
    name: str,
) -> Skeleton:
    """Return a known skeleton with these names, or make one.

    Networks whose keypoints were never named carry numbers as names; seventeen such points are COCO's person, as
    everywhere in this field.

    Raises:
        ModelError: Names or sigmas that do not fit the number of keypoints.
    """
    k = kpt_shape[0]
    words = tuple(kpt_names or ())
    numbered = tuple(str(i) for i in range(k))
    if words and len(words) != k:
        raise ModelError(f"{name}: the file names {len(words)} keypoints, but its weights have {k}")
    instance = next(iter(classes.values())) if len(classes) == 1 else "object"
    named = bool(words) and words != numbered
    # Reading all skeletons takes as long as reading the weights; none has numbers for names.
    known = [s for n in names() if (s := get(n)).keypoints == words] if named else []
    if words in ((), numbered) and k == 17:
        known = [get("coco17")]
    if known and (sigmas is None or np.allclose(known[0].sigmas, sigmas)):
        return known[0]
    try:
        return Skeleton(
            known[0].name if known else f"{instance}{k}",
            words if named else known[0].keypoints if known else tuple(f"keypoint_{i}" for i in range(k)),
            edges=known[0].edges if known else (),
            flip_idx=() if named or known else tuple(range(k)),
            sigmas=np.array(sigmas if sigmas is not None else (), np.float64),
            sigmas_source="the checkpoint" if sigmas is not None else Skeleton.sigmas_source,
            instance=instance,
        )
    except ValueError as error:
        raise ModelError(f"{name}: {error}") from error
