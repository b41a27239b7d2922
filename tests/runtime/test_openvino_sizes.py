"""A network of free size in OpenVINO: one compiled network for the first size, for frequent ones, and for the rest."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

pytest.importorskip("openvino", reason="needs openvino (extra 'openvino')")

from poise.errors import ModelError
from poise.graphs import Builder
from poise.runtime import open_session
from poise.runtime import openvino as engine


def network() -> bytes:
    """A convolution whose input has free batch, height and width, reshaped to a list of cells."""
    builder = Builder(17)
    weights = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)
    images = builder.input("images", "float32", ["batch", 3, "height", "width"])
    found = builder.node("Conv", [images, builder.weight("w", weights)], kernel_shape=[3, 3], pads=[1, 1, 1, 1])[0]
    cells = builder.node("Reshape", [found, builder.constant(np.array([0, 4, -1]))])[0]
    builder.output(cells, "output0", "float32", ["batch", 4, "cells"])
    return builder.write({"task": "none"})


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is compiled, by the shape of its input."""
    shapes: list[Any] = []
    core = engine.shared_core()

    class Watched:
        def __getattr__(self, name: str) -> Any:
            return getattr(core, name)

        def compile_model(self, model: Any, *settings: Any) -> Any:
            shape = model.inputs[0].get_partial_shape()
            shapes.append(tuple(shape.to_shape()) if shape.is_static else "any")
            return core.compile_model(model, *settings)

    monkeypatch.setattr(engine, "shared_core", Watched)
    return shapes


def picture(*shape: int) -> dict[str, Any]:
    return {"images": np.random.default_rng(1).random(shape, dtype=np.float32)}


def test_a_video_runs_in_a_network_of_its_size(compiled: list[Any]) -> None:
    session = open_session(network(), runtime="openvino", threads=1)

    for _ in range(3):
        session.run(picture(1, 3, 32, 64))

    assert compiled == [(1, 3, 32, 64)]
    assert session.inputs[0].shape == (None, 3, None, None)
    assert session.outputs[0].shape == (None, 4, None)
    assert session.metadata["task"] == "none"


def test_sizes_that_come_often_get_one_and_the_rest_share(compiled: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_OFTEN", 3)
    session = open_session(network(), runtime="openvino", threads=1)

    for width in (32, 64, 96, 64, 64, 64):
        session.run(picture(1, 3, 32, width))

    assert compiled == [(1, 3, 32, 32), "any", (1, 3, 32, 64)]


def test_few_are_kept(compiled: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_OFTEN", 1)
    monkeypatch.setattr(engine, "_SIZES", 2)
    session = open_session(network(), runtime="openvino", threads=1)

    for width in (32, 64, 96, 96, 64, 32):
        session.run(picture(1, 3, 32, width))

    assert [shape[3] for shape in compiled] == [32, 64, 96, 32]


def test_many_threads_and_sizes_get_what_onnxruntime_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_OFTEN", 3)
    monkeypatch.setattr(engine, "_SIZES", 2)
    first, second = (open_session(network(), runtime=name, threads=1) for name in ("onnxruntime", "openvino"))
    feeds = [picture(1 + i % 2, 3, 32, 32 * (1 + i % 5)) for i in range(60)]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(second.run, feeds))

    for given, result in zip(feeds, found, strict=True):
        np.testing.assert_allclose(result["output0"], first.run(given)["output0"], atol=1e-5)


def test_a_session_that_is_closed_says_so() -> None:
    session = open_session(network(), runtime="openvino", threads=1)
    session.run(picture(1, 3, 32, 32))

    closing = threading.Thread(target=session.close)
    closing.start()
    closing.join()

    for width in (32, 64):
        with pytest.raises(ModelError, match="closed"):
            session.run(picture(1, 3, 32, width))
