"""The safetensors container, against the format's own package and against damaged headers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poise.errors import ModelError
from poise.networks.safetensors import read, write

TENSORS = {
    "half": np.arange(6, dtype=np.float16).reshape(2, 3),
    "single": np.linspace(0, 1, 5, dtype=np.float32),
    "long": np.array(7, dtype=np.int64),
    "flags": np.array([True, False]),
    "empty": np.zeros((0, 4), np.float32),
}


def same(found: dict[str, Any], expected: dict[str, Any]) -> bool:
    return found.keys() == expected.keys() and all(
        found[k].dtype == v.dtype and np.array_equal(found[k], v) for k, v in expected.items()
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write(path, TENSORS, {"what": "käse"})

    tensors, metadata = read(path, path.read_bytes())

    assert same(tensors, TENSORS)
    assert metadata == {"what": "käse"}
    assert not list(tmp_path.glob("*.part"))


def test_the_official_package_reads_what_we_write(tmp_path: Path) -> None:
    official = pytest.importorskip("safetensors")
    from safetensors.numpy import load_file

    path = tmp_path / "a.safetensors"
    write(path, TENSORS, {"what": "network"})

    assert same(load_file(path), TENSORS)
    with official.safe_open(path, "np") as file:
        assert file.metadata() == {"what": "network"}


def test_we_read_what_the_official_package_writes(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    from safetensors.numpy import save_file

    path = tmp_path / "a.safetensors"
    save_file(TENSORS, path, {"what": "network"})

    tensors, metadata = read(path, path.read_bytes())

    assert same(tensors, TENSORS)
    assert metadata == {"what": "network"}


def test_bfloat16_becomes_float32() -> None:
    torch = pytest.importorskip("torch")
    st = pytest.importorskip("safetensors.torch")
    values = torch.randn(10).bfloat16()

    tensors, _ = read(Path("a"), st.save({"a": values}))

    np.testing.assert_array_equal(tensors["a"], values.float().numpy())


def entry(**changes: Any) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}


HEADERS = {
    "a hole": ({"a": entry(data_offsets=[4, 12])}, 12, "takes bytes 4 to 12, expected 8 bytes from 0 on"),
    "an overlap": ({"a": entry(), "b": entry(data_offsets=[4, 12])}, 12, "takes bytes 4 to 12"),
    "past the end": ({"a": entry()}, 4, "of 4"),
    "left over": ({"a": entry()}, 20, "12 bytes after the last tensor"),
    "wrong size": ({"a": entry(shape=[3])}, 8, "expected 12 bytes"),
    "negative": ({"a": entry(shape=[-2])}, 8, "expected whole numbers"),
    "not a number": ({"a": entry(shape=[True, 2])}, 8, "expected whole numbers"),
    "type": ({"a": entry(dtype="F4")}, 8, "has type 'F4'"),
    "keys": ({"a": {"dtype": "F32"}}, 8, "must have dtype, shape and data_offsets"),
    "metadata": ({"__metadata__": {"a": 1}}, 0, "must be text by name"),
    "list": ([], 0, "must be an object"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_lie_are_refused(name: str) -> None:
    header, size, message = HEADERS[name]
    text = json.dumps(header).encode()

    with pytest.raises(ModelError, match=message):
        read(Path("a"), len(text).to_bytes(8, "little") + text + bytes(size))


@pytest.mark.parametrize("text", [b'{"a":1,"a":2}', b"{", b"[" * 100_000, b"\xff\xfe"])
def test_headers_that_cannot_be_read(text: bytes) -> None:
    with pytest.raises(ModelError, match="header is not readable"):
        read(Path("a"), len(text).to_bytes(8, "little") + text)


def test_length_of_the_header_is_checked() -> None:
    with pytest.raises(ModelError, match="not a safetensors file, or cut off"):
        read(Path("a"), (1 << 60).to_bytes(8, "little") + b"{}")


def test_types_without_a_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="tensor 'a' has type complex128"):
        write(tmp_path / "a.safetensors", {"a": np.zeros(2, complex)}, {})
