"""The data YAML of this field, written for any format: classes, keypoints, mirror map, edges, sigmas."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from poise.datasets._spec import DataSpec


def data_yaml(spec: DataSpec, splits: Mapping[str, str], *, values: int, format: str, classes: Sequence[str]) -> str:
    """Return the text of a data set's description; every value is JSON, which YAML reads too.

    Args:
        spec: The data set.
        splits: Split name to its folder or file.
        values: Values a keypoint in the label files, 2 or 3.
        format: Name of the format of the splits' files.
        classes: Class names.
    """
    skeleton = spec.skeleton
    lines: list[tuple[str, Any]] = [("path", "."), *splits.items()]
    if format != "yolo":
        lines.append(("format", format))
    lines.append(("kpt_shape", [len(skeleton), values]))
    if spec.flip_known:
        lines.append(("flip_idx", list(skeleton.flip_idx)))
    text = "".join(f"{key}: {_json(value)}\n" for key, value in lines)
    text += "names:\n" + "".join(f"  {i}: {_json(name)}\n" for i, name in enumerate(classes))
    if spec.kpt_names or not all(name == f"point_{i}" for i, name in enumerate(skeleton.keypoints)):
        text += "kpt_names:\n" + "".join(f"  {i}: {_json(list(skeleton.keypoints))}\n" for i in range(len(classes)))
    if skeleton.edges:
        text += f"skeleton: {_json([list(edge) for edge in skeleton.edges])}\n"
    if not skeleton.sigmas_source.startswith("assumed"):
        text += f"kpt_oks_sigmas: {_json(skeleton.sigmas.tolist())}\n"
    return text


def plain(values: ArrayLike) -> Any:
    """Return float32 numbers as nested lists of the shortest decimals that are read back as the same float32.

    Example:
        >>> plain(np.float32([0.1, 2.0]))
        [0.1, 2.0]
    """
    return np.asarray(values, dtype=np.float32).astype("U32").astype(np.float64).tolist()


# What JSON may hold as it is and YAML may not. Source: YAML 1.1, section 4.1.1.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


def _json(value: Any) -> str:
    return _UNPRINTABLE.sub(lambda c: f"\\u{ord(c[0]):04x}", json.dumps(value, ensure_ascii=False))
