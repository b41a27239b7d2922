"""The skeleton of a network that names its keypoints, or does not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from poise.skeletons._read import get, names
from poise.skeletons._skeleton import Skeleton

# Networks of the field's own data sets, whose descriptions name no keypoints: by their number and the one class.
_WITHOUT_NAMES = {(12, "tiger"): "tiger12", (21, "hand"): "hand21", (24, "dog"): "dog24"}


def with_keypoints(words: Sequence[str]) -> Skeleton | None:
    """Return the bundled skeleton whose keypoints have these names, in this order; None where there is none."""
    return next((one for one in map(get, names()) if one.keypoints == tuple(words)), None)


def skeleton_of(
    count: int, words: Sequence[str] = (), *, instance: str = "object", sigmas: ArrayLike | None = None
) -> Skeleton:
    """Return the known skeleton with these names, or make one.

    Points that were never named carry numbers as names. Seventeen of them are COCO's person, as everywhere in this
    field; no mirror can be guessed of others, so each stays itself.

    Args:
        count: K.
        words: K names, or none.
        instance: What one instance is called.
        sigmas: ``(K,)`` OKS spreads, where the network's file gives them.

    Raises:
        ValueError: Names or sigmas that do not fit the number of keypoints.
    """
    words = tuple(words)
    if words in [tuple(f"{prefix}{i}" for i in range(count)) for prefix in ("", "keypoint_")]:
        words = ()
    if words and (len(words) != count or len(set(words)) != count):
        raise ValueError(f"kpt_names must be {count} different names, got {len(words)}: {words}")
    if words:
        known = with_keypoints(words)
    else:  # reading all skeletons takes as long as reading a network's weights
        name = "coco17" if count == 17 else _WITHOUT_NAMES.get((count, instance.lower()))
        known = get(name) if name else None
    if known and (sigmas is None or np.allclose(known.sigmas, sigmas)):
        return known
    return Skeleton(
        known.name if known else f"{instance}-{count}",
        (known.keypoints if known else words) or tuple(f"keypoint_{i}" for i in range(count)),
        edges=known.edges if known else (),
        flip_idx=() if known or words else tuple(range(count)),
        sigmas=np.array(() if sigmas is None else sigmas, np.float64),
        sigmas_source=Skeleton.sigmas_source if sigmas is None else "the checkpoint",
        instance=instance,
    )
