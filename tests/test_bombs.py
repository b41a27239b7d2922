"""Small files that ask for hours or for all the memory: one sentence each, at once."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from poise.clips import Clip
from poise.errors import FormatError, ModelError
from poise.graphs.protobuf import Refused, block, number
from poise.graphs.strangers import look
from poise.info import info
from poise.networks import read_checkpoint
from poise.networks.published import read_plain
from poise.networks.unpickle import unpickle
from poise.runtime import open_session

ROOT = Path(__file__).resolve().parents[1]


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def name(module: str, value: str) -> bytes:
    return f"c{module}\n{value}\n".encode()


def whole(count: int) -> bytes:
    return b"".join(b"J" + struct.pack("<i", i) for i in range(count))


PAIRS = b"".join(b"J" + struct.pack("<i", i) + b"N\x86" for i in range(50_000))
PICKLES = {
    "encode": name("_codecs", "encode") + b"q\x00" + text("\xff" * 1_000_000) + b"q\x01" + text("latin1") + b"q\x02000"
    + b"h\x00h\x01h\x02\x86R" * 30_000,
    "size": name("torch", "Size") + b"q\x00](" + b"K\x01" * 100_000 + b"eq\x0100" + b"h\x00h\x01\x85R" * 20_000,
    "set": name("builtins", "set") + b"q\x00](" + whole(100_000) + b"eq\x0100" + b"h\x00h\x01\x85R" * 2_000,
    "ordered": name("collections", "OrderedDict") + b"q\x00]("
    + PAIRS + b"eq\x0100" + b"h\x00h\x01\x85R" * 2_000,
    "keywords": name("collections", "OrderedDict") + b"q\x00]("
    + PAIRS + b"eq\x0100" + b"h\x00h\x01\x85}\x92" * 2000,
    "sets": b"\x8f" * 900_000,
    "tuple": b"(" + b"K\x01" * 200_000 + b"tq\x000" + b"}h\x00Ns0" * 1_000,
    "collide": b"}(" + b"".join(
        b"\x8a\x0b" + (i * (2**61 - 1)).to_bytes(11, "little") + b"N" for i in range(1, 30_000)) + b"u",
}  # fmt: skip


@pytest.mark.parametrize("kind", PICKLES)
def test_a_pickle_that_makes_much_of_little(kind: str) -> None:
    with pytest.raises(ModelError, match=r"refused: .*(than 64 MiB of values|is used as a key)"):
        unpickle(b"\x80\x02" + PICKLES[kind] + b".", name="a.pt")


def archive(path: Path, pickle: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("a/data.pkl", pickle)
        out.writestr("a/version", "3\n")
    return path


def test_a_state_of_lists_in_lists(tmp_path: Path) -> None:
    body = b"]q\x00K\x01a0"
    for i in range(40):
        body += b"](" + (b"h" + bytes([i])) * 10 + b"eq" + bytes([i + 1]) + b"0"
    path = archive(tmp_path / "last.pt", b"\x80\x02" + body + b"}(" + text("model") + b"h\x28u.")

    with pytest.raises(ModelError, match="refused: its values are nested more than 32 deep"):
        read_plain(path)


def test_an_archive_of_countless_files(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.pt", b"\x80\x02N.")
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x05\x06")
    data[at + 12 : at + 16] = struct.pack("<I", 64 << 20)
    path.write_bytes(data)

    with pytest.raises(ModelError, match=r"an archive whose list of files has 67,108,864 bytes, at most 16,777,216"):
        read_checkpoint(path)


def safetensors(path: Path, header: bytes) -> Path:
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    return path


def test_a_skeleton_of_a_hundred_thousand_points(tmp_path: Path) -> None:
    bones = {"name": "x", "keypoints": [str(i) for i in range(20_000)], "edges": [], "flip_idx": [], "sigmas": []}
    about = json.dumps({"version": 1, "skeleton": {**bones, "subsets": {}}})
    path = safetensors(tmp_path / "a.safetensors", json.dumps({"__metadata__": {"poise": about}}).encode())

    with pytest.raises(ModelError, match="a skeleton of more than 10000 points"):
        read_checkpoint(path)


def test_a_header_of_lists(tmp_path: Path) -> None:
    path = safetensors(tmp_path / "a.safetensors", b'{"a":[' + b"[]," * 2_000_000 + b"[]]}")

    with pytest.raises(ModelError, match="not a safetensors file, or cut off: a header of 6000010 bytes"):
        read_checkpoint(path)


def yaml_file(path: Path, more: str) -> Path:
    path.write_text(f"train: a\nval: a\nkpt_shape: [17, 3]\nnames:\n  0: person\n{more}\n")
    return path


@pytest.mark.skipif(find_spec("yaml") is None, reason="needs PyYAML (extra 'data')")
@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("x: 1" + ":1" * 400_000, "a number of too many digits"),
        ("x: 1" + ":1" * 400_000 + ".5", "a number of too many digits"),
        ("x: 0x" + "f" * 1000, "a number of too many digits"),
        ("x:\n" + "\n".join(f"  {i * (2**61 - 1)}: a" for i in range(1, 9)), "a number of too many digits"),
        ("x:\n" + "- a\n" * 60_000, "more than 50,000 values"),
        ("x: " + "a" * (2 << 20), "more than a file of this kind has"),
        ("x: " + "[" * 950 + "]" * 950, "nested too deeply"),
    ],
)
def test_yaml(tmp_path: Path, more: str, told: str) -> None:
    from poise.skeletons.yamlfile import yaml_table

    with pytest.raises(FormatError, match=told):
        yaml_table(yaml_file(tmp_path / "a.yaml", more), feature="x")


def npy(kind: str, shape: str, data: bytes = b"") -> bytes:
    header = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


REST = ("size", "skeleton", "frames", "ids", "boxes", "box_conf", "xy", "conf", "sigma")


@pytest.mark.parametrize(
    "times",
    [
        npy("'<f8'", "(1000000000000,)"),
        npy("'<f8'", "(-1,)"),
        npy("'|O'", "(1,)", b"\x80\x02N."),
        npy("[('a', '<f8', (9,))]", "(1,)"),
        npy("[" * 900 + "]" * 900, "(1,)"),
        npy("'<f8'", "(1,)"),
        b"",
        b"\x93NUMPY\x09\x00",
        bytes(600 << 20),
    ],
    ids=["claims", "negative", "pickle", "record", "deep", "cut", "empty", "version", "zeros"],
)
def test_a_hostile_clip_is_one_sentence(tmp_path: Path, times: bytes) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        out.writestr("times.npy", times)
        for one in REST:
            out.writestr(f"{one}.npy", npy("'<i8'", "(0,)"))

    with pytest.raises(FormatError, match=r"a\.npz: not a saved clip: .+; write one with Clip\.save"):
        Clip.load(path)


def test_every_cut_and_every_changed_byte_of_a_clip_is_one_sentence(tmp_path: Path) -> None:
    from poise.skeletons import get

    bones = get("coco17")
    points = np.zeros((1, 2, 17, 2), np.float32)
    made = Clip(
        times=np.array([0.0, 0.1]), frames=np.arange(2), ids=np.array([1]), boxes=np.zeros((1, 2, 4), np.float32),
        box_conf=np.ones((1, 2), np.float32), xy=points, conf=np.ones((1, 2, 17), np.float32), sigma=points,
        skeleton=bones, size=(640, 480), source="a.mp4", fps=10.0,
    )  # fmt: skip
    data = made.save(tmp_path / "a.npz").read_bytes()
    rng = np.random.default_rng(0)
    path = tmp_path / "b.npz"
    failed = 0
    for i in range(300):
        broken = bytearray(data[: rng.integers(len(data))] if i % 2 else data)
        for at in rng.integers(len(broken) or 1, size=0 if i % 2 else 3):
            broken[at] = rng.integers(256)
        path.write_bytes(broken)
        try:
            Clip.load(path)
        except FormatError:
            failed += 1

    assert failed > 150


def graph(nodes: bytes, *weights: bytes, input: tuple[int, ...] = (1, 3, 64, 64)) -> bytes:
    def value(word: str, dims: tuple[int, ...]) -> bytes:
        shape = b"".join(block(1, number(1, n)) for n in dims)
        return block(1, word) + block(2, block(1, number(1, 1) + block(2, shape)))

    ends = block(11, value("images", input)) + block(12, value("out", (1, 56, 84)))
    body = nodes + b"".join(block(5, w) for w in weights) + ends
    return number(1, 8) + block(7, body) + block(8, block(1, "") + number(2, 18))


def node(kind: str, inputs: str, output: str) -> bytes:
    return block(1, b"".join(block(1, i) for i in inputs.split()) + block(2, output) + block(4, kind))


def sizes(word: str, *values: int) -> bytes:
    raw = struct.pack(f"<{len(values)}q", *values)
    return number(1, len(values)) + number(2, 7) + block(8, word) + block(9, raw)


ONE = number(1, 1) + number(2, 1) + block(8, "one") + block(9, b"\0" * 4)
GRAPHS: dict[str, Callable[[], bytes]] = {
    "Expand": lambda: graph(node("Expand", "one s", "out"), ONE, sizes("s", 1_000_000, 1_000)),
    "ConstantOfShape": lambda: graph(node("ConstantOfShape", "s", "out"), sizes("s", 40_000, 25_000)),
    "Tile": lambda: graph(
        node("Tile", "one s", "a") + node("Tile", "a s", "b") + node("Tile", "b s", "out"), ONE, sizes("s", 1_000)
    ),
    "Pad": lambda: graph(node("Pad", "one s", "out"), ONE, sizes("s", 0, 10**9)),
    "Range": lambda: graph(node("Range", "a b c", "out"), sizes("a", 0), sizes("b", 10**9), sizes("c", 1)),
    "Mul": lambda: graph(
        node("Expand", "one s", "a") + node("Expand", "one t", "b") + node("Mul", "a b", "out"),
        ONE, sizes("s", 40_000, 1), sizes("t", 1, 25_000),
    ),
    "Concat": lambda: graph(
        node("Concat", "one " * 100, "a")
        + b"".join(node("Concat", f"{a} " * 100, b) for a, b in zip("abcd", "bcde", strict=True)), ONE
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", GRAPHS)
def test_a_graph_that_asks_for_gigabytes_is_not_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(GRAPHS[kind]())

    with pytest.raises(ModelError, match=rf"a\.onnx: refused: its {kind} asks for [\d,]+ numbers, more than 134,217"):
        open_session(path)


def test_an_input_that_no_picture_fills(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(graph(node("Identity", "images", "out"), input=(1, 3, 1_000_000, 1_000_000)))

    with pytest.raises(ModelError, match=r"its input 'images' has 3,000,000,000,000 numbers, more than 67,108,864"):
        open_session(path)


@pytest.mark.parametrize("part", [block(1, block(4, "A")), block(5, number(2, 1)), block(11, b"")])
def test_a_graph_of_countless_parts(tmp_path: Path, part: bytes) -> None:
    data = number(1, 8) + block(7, node("Identity", "images", "out") + part * 300_000)

    with pytest.raises(Refused, match="more than 200,000 operations, weights, inputs and outputs"):
        look(data)
    path = tmp_path / "a.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match="more than 200,000"):
        info(path)


def outside(place: str) -> bytes:
    entry = block(13, block(1, "location") + block(2, place))
    weight = number(1, 4) + number(2, 1) + block(8, "w") + entry + number(14, 1)
    return graph(node("Add", "images w", "out"), weight)


@pytest.mark.parametrize("place", ["/etc/passwd", "../secret", "a/../../secret", "C:\\secret", "..\\secret", ""])
def test_weights_outside_the_files_folder_are_refused(place: str) -> None:
    with pytest.raises(Refused, match="outside its own folder"):
        look(outside(place))


def test_weights_beside_the_file_are_plain_files_there(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "a.onnx").write_bytes(outside("w.bin"))
    with pytest.raises(ModelError, match="its weights in another file are not there"):
        open_session(folder / "a.onnx")

    (tmp_path / "secret").write_bytes(bytes(16))
    (folder / "w.bin").symlink_to(tmp_path / "secret")
    with pytest.raises(ModelError, match=r"its weights lie at 'w\.bin', a link out of its own folder"):
        open_session(folder / "a.onnx")


def test_names_of_sixteen_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    meta = block(14, block(1, "names") + block(2, "[" + '"a",' * 4_000_000 + "]"))
    path.write_bytes(graph(node("Identity", "images", "out")) + meta)

    with pytest.raises(ModelError, match="names in the metadata has 16,000,002 letters, at most 100,000"):
        info(path)


def test_what_is_told_of_a_file_stays_short(tmp_path: Path) -> None:
    deep = "[" * 900 + "]" * 900
    training = f'{{"args": {{"model": {deep}, "imgsz": Infinity}}}}'
    said = {"poise.training": training, "imgsz": "1e999", "names": '["\\n"]'}
    meta = b"".join(block(14, block(1, key) + block(2, value)) for key, value in said.items())
    path = tmp_path / "a.onnx"
    path.write_bytes(graph(node("Identity", "images", "out")) + meta)

    assert info(path).training["model"] == [[["…"]]]
    assert len(info(path).to_json()) < 2000
    assert all("  " in line for line in info(path).table().splitlines())


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory as Linux has them")
def test_a_network_that_fails_while_it_runs_is_one_sentence(tmp_path: Path, photo: Path) -> None:
    weight = number(1, 2) + number(2, 7) + block(8, "s") + block(9, struct.pack("<2q", 7, 5))
    path = tmp_path / "a.onnx"
    path.write_bytes(graph(node("Reshape", "images s", "out"), weight))
    command = [sys.executable, "-m", "poise", "predict", str(photo), "--model", str(path), "--no-save"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(ROOT / "src")}
    )

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("poise: ")
