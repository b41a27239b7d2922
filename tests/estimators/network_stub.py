"""A loaded network that is none: for what a file says of itself, without a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from poise.runtime import Tensor

Shape = tuple[int | None, ...]


class Stub:
    """Inputs, outputs and metadata as given; runs give what ``answer`` makes of the feeds."""

    engine = "stub"
    device = "cpu"

    def __init__(
        self,
        image: Shape,
        outputs: Mapping[str, Shape],
        *,
        dtype: str = "float32",
        metadata: Mapping[str, str] | None = None,
        whole: tuple[str, ...] = (),
        answer: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None,
    ) -> None:
        self.inputs = (Tensor("input", image, np.dtype(dtype)),)
        self.outputs = tuple(
            Tensor(name, shape, np.dtype("int64" if name in whole else "float32")) for name, shape in outputs.items()
        )
        self.metadata = dict(metadata or {})
        self.answer = answer

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        if self.answer is not None:
            return self.answer(feeds)
        return {t.name: np.zeros([d or 1 for d in t.shape], t.dtype) for t in self.outputs}

    def close(self) -> None:
        pass
