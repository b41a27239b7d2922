"""Messages of an ONNX file that several readers look into: tensors, operator sets, and the names of number types.

Source: onnx.proto of ONNX (Apache-2.0), of which only the field numbers used here are repeated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poise.graphs.protobuf import Message

# TensorProto.DataType; numpy calls them the same, but for text and bfloat16, which it does not know.
TYPES = {1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string", 9: "bool"}
TYPES |= {10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 16: "bfloat16"}
NUMBERS = {name: number for number, name in TYPES.items()}
# Types whose numbers are worked with, as they lie in a file; the others are kept as they are.
STORED = {number: np.dtype(TYPES[number]).newbyteorder("<") for number in (1, 6, 7, 10, 11)}


@dataclass(frozen=True, slots=True)
class Tensor:
    """What a TensorProto says.

    Attributes:
        name: Its name.
        shape: Its shape, as it is written: perhaps senseless.
        kind: Its number in :data:`TYPES`, or something else.
        raw: Its numbers as bytes; None: they are listed, or lie in another file.
        outside: They lie in another file.
        place: Which file that is.
        said: The message, in which numbers may be listed: float32 in field 4, int32 in 5, int64 in 7.
    """

    name: str
    shape: tuple[int, ...]
    kind: int
    raw: memoryview | None
    outside: bool
    place: str
    said: Message

    @classmethod
    def read(cls, said: Message) -> Tensor:
        """Read a message."""
        return cls(
            name=said.text(8),
            shape=tuple(said.wholes(1)),
            kind=said.whole(2),
            raw=said.block(9),
            outside=said.whole(14) == 1,
            place=dict(entry.pair() for entry in said.messages(13)).get("location", ""),
            said=said,
        )


def operator_sets(model: Message) -> dict[str, int]:
    """Return the versions of the operator sets that a model needs; the standard one is called ""."""
    found: dict[str, int] = {}
    for entry in model.messages(8):
        name = entry.text(1)
        found["" if name == "ai.onnx" else name] = entry.whole(2)
    return found


def metadata(model: Message) -> dict[str, str]:
    """Return what a model says of itself."""
    return dict(entry.pair() for entry in model.messages(14))
