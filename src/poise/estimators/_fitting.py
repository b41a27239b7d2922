"""Networks whose outputs do not have the shapes of the family that they are taken for end in a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray

from poise.errors import ModelError

# What arrays of other shapes and names lead to where they are decoded.
_WRONG = (ArithmeticError, IndexError, KeyError, TypeError, ValueError)


@contextmanager
def fitting(name: str, family: str, outputs: Mapping[str, NDArray[Any]]) -> Iterator[None]:
    """Turn what goes wrong in decoding into an error that names the network, its family and its outputs.

    Args:
        name: How errors call the network.
        family: Its family.
        outputs: What a run gave.

    Raises:
        ModelError: The outputs do not fit the family.
    """
    try:
        yield
    except _WRONG as error:
        shapes = ", ".join(f"{key} {list(value.shape)}" for key, value in list(outputs.items())[:12])
        raise ModelError(
            f"{name}: its outputs do not fit the family {family!r} ({shapes}); say another family, or the size that it "
            "was exported with"
        ) from error
