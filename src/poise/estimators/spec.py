"""How a network wants its pictures, and what it gives: its ``spec`` table in the registry, or what its file shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pkgutil import resolve_name
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from poise.errors import FormatError, suggest
from poise.frames import Image
from poise.weights import network

# What stands for a type of option too: TOML's whole numbers for numbers, lists that were frozen.
_ALSO: Mapping[type, tuple[type, ...]] = {float: (int, float), list: (list, tuple)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """Input and family of a network.

    Attributes:
        family: Who decodes its outputs: a name of ``poise.estimators.detectors`` or ``poise.estimators.refiners``.
        size: Width and height of the input, pixels; of a detector that takes any size, the usual one.
        layout: Order of the input's axes.
        dtype: Type of the input.
        colour: Order of its channels.
        mean: Subtracted from each channel, in its order, of pixels from 0 to 255.
        scale: What each channel is divided by after that.
        expand: Of a refiner: side of a crop over the side of the person's box.
        options: What the family alone knows, such as SimCC's ``split``.
    """

    family: str
    size: tuple[int, int]
    layout: Literal["nchw", "nhwc"] = "nchw"
    dtype: Literal["float32", "float16", "uint8"] = "float32"
    colour: Literal["rgb", "bgr"] = "rgb"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    expand: float = 1.25
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, table: Mapping[str, Any], *, name: str = "network") -> Spec:
        """Read a ``spec`` table.

        Raises:
            FormatError: A key that is not known.
        """
        known = [f.name for f in fields(cls)]
        for key in table:
            if key not in known:
                raise FormatError(f"network {name!r}: unknown key {key!r} in its spec{suggest(key, known)}")
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
        return cls(**values)

    def family_class(self, families: Mapping[str, str], role: str) -> Any:
        """Return the class that decodes the network.

        Args:
            families: Family to ``"module:class"``.
            role: What errors call such families.

        Raises:
            FormatError: There is no such family.
        """
        if self.family not in families:
            raise FormatError(f"no {role} family named {self.family!r}{suggest(self.family, families)}")
        return resolve_name(families[self.family])

    def checked(self, known: Mapping[str, tuple[Any, ...] | type]) -> Mapping[str, Any]:
        """Return the options, checked.

        Args:
            known: Option to the values, or to the type of values, that it may have.

        Raises:
            FormatError: An option or a value that is not known.
        """
        for name, value in self.options.items():
            if name not in known:
                raise FormatError(f"family {self.family!r} has no option {name!r}{suggest(name, known)}")
            allowed = known[name]
            if isinstance(allowed, tuple):
                if value not in allowed:
                    raise FormatError(f"option {name!r} must be {' or '.join(map(repr, allowed))}, got {value!r}")
            elif not isinstance(value, _ALSO.get(allowed, allowed)):
                raise FormatError(f"option {name!r} must be of type {allowed.__name__}, got {value!r}")
        return self.options

    def feed(self, pictures: Image) -> NDArray[Any]:
        """Turn pictures of the right size into the network's input.

        Args:
            pictures: ``(N, H, W, 3)`` uint8 BGR.

        Returns:
            ``(N, 3, H, W)`` or ``(N, H, W, 3)``, as ``layout`` and ``dtype`` say.
        """
        if self.colour == "rgb":
            pictures = pictures[..., ::-1]
        if self.layout == "nchw":
            pictures = pictures.transpose(0, 3, 1, 2)
        if self.dtype == "uint8":
            return np.ascontiguousarray(pictures)
        shape = (3, 1, 1) if self.layout == "nchw" else (3,)
        out = np.empty(pictures.shape, dtype=np.float32)
        np.subtract(pictures, np.array(self.mean, np.float32).reshape(shape), out=out)
        out /= np.array(self.scale, np.float32).reshape(shape)
        return out.astype(np.float16) if self.dtype == "float16" else out


def registered(name: str) -> Spec:
    """Return how a network of the registry wants its pictures, and who decodes it."""
    return Spec.of(network(name).spec, name=name)
