"""Files that mean harm: none may run, hang, fill the memory, or end in anything but a ModelError."""

import builtins
import io
import os
import pickle
import random
import struct
import subprocess
import time
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
from torch_archive import archive

from poise.errors import ModelError
from poise.networks import read_checkpoint
from poise.networks.pickled import Instance
from poise.networks.unpickle import unpickle

SHARED = Path(os.environ.get("POISE_SHARED", Path(__file__).resolve().parents[3] / "shared"))
REAL = SHARED / "fixtures" / "yolo" / "yolov8n-pose-coco.pt"


class Call:
    """Pickles as a call of anything."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.made = function, args

    def __reduce__(self) -> Any:
        return self.made


def canary_calls(canary: Path) -> dict[str, Any]:
    touch = f"open({str(canary)!r}, 'w').close()"
    return {
        "os.system": Call(os.system, f"touch {canary}"),
        "eval": Call(eval, touch),
        "exec": Call(exec, touch),
        "subprocess": Call(subprocess.Popen, ["touch", str(canary)]),
        "open": Call(open, str(canary), "w"),
        "import": Call(builtins.__import__, "antigravity"),
        "nested": {"model": [Call(dict, (("a", Call(os.system, f"touch {canary}")),))]},
        "in an argument": Call(OrderedDict, [("a", Call(os.system, f"touch {canary}"))]),
        "getattr of os": Call(getattr, Call(__import__, "os"), "system"),
        "functools": Call(__import__("functools").partial, os.system, f"touch {canary}"),
        "operator": Call(__import__("operator").methodcaller("system", f"touch {canary}"), os),
        "runpy": Call(__import__("runpy").run_path, str(canary)),
        "shutil": Call(__import__("shutil").rmtree, str(canary.parent)),
        "pickle": Call(pickle.loads, pickle.dumps(Call(os.system, f"touch {canary}"))),
        "code": Call(__import__("types").CodeType, 0),
        "ctypes": Call(__import__("ctypes").CDLL, "libc.so.6"),
    }


NAMES = list(canary_calls(Path("/nowhere/canary")))


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("name", NAMES)
def test_code_is_refused_and_not_run(tmp_path: Path, name: str, protocol: int) -> None:
    canary = tmp_path / "canary"
    try:
        content = pickle.dumps({"model": canary_calls(canary)[name]}, protocol)
    except (pickle.PicklingError, TypeError):
        content = pickle.dumps({"model": Call(os.system, f"touch {canary}")}, protocol)
    path = archive(tmp_path / "a.pt", content)

    with pytest.raises(ModelError, match=r"a\.pt: refused: the file names .*network's checkpoint never needs it"):
        read_checkpoint(path)

    assert not canary.exists()


def test_names_of_strangers_stay_inert() -> None:
    # getattr(some.stranger.Thing(), "run")("argument") in opcodes: a chain that reaches code in an ordinary reader.
    chain = b"\x80\x02cbuiltins\ngetattr\ncstranger\nThing\n)RX\x03\x00\x00\x00run\x86R."

    found = unpickle(chain, name="a.pt")

    assert isinstance(found, Instance)
    assert (str(found.kind), found.args[1]) == ("builtins.getattr", "run")
    with pytest.raises(ModelError, match="a Instance is called; only names are"):
        unpickle(chain[:-1] + b"X\x01\x00\x00\x00a\x85R.", name="a.pt")


def test_state_never_reaches_a_real_object() -> None:
    # BUILD on a name would set attributes of whatever the name stands for.
    with pytest.raises(ModelError, match="state is given to a Global"):
        unpickle(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}X\x0c\x00\x00\x00__defaults__Nsb.", name="a.pt")


PROGRAMS = {
    "end in a value": (b"\x80\x02X\xff\xff\xff\x7fabc.", "ends inside a value"),
    "huge bytes": (b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f" + b"a.", "ends inside a value"),
    "huge integer": (b"\x80\x02\x8b\xff\xff\xff\x7f" + b"1" * 100 + b".", "an integer of"),
    "no value": (b"\x80\x02.", "ends with 0 values"),
    "no end": (b"\x80\x02N", "damaged pickle"),
    "no mark": (b"\x80\x02t.", "a group that was never opened"),
    "value of a mark": (b"\x80\x02(\x85.", "a value that is not there"),
    "unknown memo": (b"\x80\x02h\x05.", "damaged pickle"),
    "protocol 0": (b"cos\nsystem\n(S'ls'\ntR.", "protocol 0 or 1"),
    "text opcode": (b"\x80\x02I5\n.", "opcode 0x49"),
    "extension": (b"\x80\x02\x82\x01.", "opcode 0x82"),
    "protocol 9": (b"\x80\x09N.", "protocol 9"),
    "odd name": (b"\x80\x02cos path\nx y\n.", "is not a name"),
    "call of a number": (b"\x80\x02K\x01)R.", "a int is called"),
    "deep key": (b"\x80\x02}" + b")" + b"\x85" * 100_000 + b"K\x01s.", "used as a key"),
    "list as key": (b"\x80\x02}]K\x01s.", "used as a key"),
    "odd persistent id": (b"\x80\x02K\x01Q.", "not a tensor's storage"),
    "deep rebuild": (
        b"\x80\x02" + b"ctorch._tensor\n_rebuild_from_type_v2\n" * 3000 + b")" + b"\x86" * 3000 + b"R.",
        "damaged pickle|refused",
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_broken_programs_are_explained(name: str) -> None:
    program, message = PROGRAMS[name]

    with pytest.raises(ModelError, match=message):
        unpickle(program, name="a.pt")


def test_deep_nesting_is_harmless(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.pt", b"\x80\x02" + b"]" * 300_000 + b"a" * 299_999 + b".")

    with pytest.raises(ModelError, match="no network"):
        read_checkpoint(path)


def test_memo_at_a_huge_index_takes_no_memory() -> None:
    assert unpickle(b"\x80\x02Nr\xff\xff\xff\x7fj\xff\xff\xff\x7f0.", name="a.pt") is None


def test_too_many_steps_and_too_long_a_pickle(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="more than 1000000 steps"):
        unpickle(b"\x80\x02" + b"}0" * 1_500_000 + b"N.", name="a.pt")
    with pytest.raises(ModelError, match="has 17 MiB, more than any checkpoint needs"):
        unpickle(b"\x80\x02" + b"\0" * (17 << 20), name="a.pt")


def tensor(count: int, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], copies: int = 1) -> bytes:
    """Return a pickle of a dictionary of tensors that share one storage."""

    def integer(value: int) -> bytes:
        return b"\x8a\x08" + struct.pack("<q", value)

    def text(value: str) -> bytes:
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    def numbers(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(map(integer, values)) + b"t"

    one = (
        b"ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + b"ctorch\nHalfStorage\n" + text("0") + text("cpu")
    )
    one += integer(count) + b"tQ" + integer(offset) + numbers(shape) + numbers(strides) + b"\x89}tR"
    items = b"".join(text(f"model.0.{i}") + one for i in range(copies))
    return b"\x80\x02}(" + items + b"u."


TENSORS = {
    "larger than storage": (4, 0, (1 << 40,), (1,)),
    "repeated by stride 0": (4, 0, (1 << 30, 1 << 10), (0, 0)),
    "offset outside": (4, 4, (1,), (1,)),
    "stride outside": (4, 0, (2,), (4,)),
    "negative stride": (4, 3, (4,), (-1,)),
    "negative size": (4, 0, (-4,), (1,)),
    "negative offset": (4, -1, (1,), (1,)),
    "absurd number": (1 << 62, 0, (4,), (1,)),
    "too many axes": (4, 0, (1,) * 9, (1,) * 9),
    "axes without strides": (4, 0, (2, 2), (1,)),
}


@pytest.mark.parametrize("name", TENSORS)
def test_tensors_outside_their_storage_are_refused(tmp_path: Path, name: str) -> None:
    path = archive(tmp_path / "a.pt", tensor(*TENSORS[name]), {"data/0": b"\0" * 8})

    with pytest.raises(ModelError, match="refused"):
        read_checkpoint(path)


def test_one_storage_may_not_be_claimed_a_thousand_times(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.pt", tensor(4096, 0, (4096,), (1,), copies=1000), {"data/0": b"\0" * 8192})

    with pytest.raises(ModelError, match="claim 4096000 numbers, but the file holds 4096"):
        read_checkpoint(path)


def test_modules_that_hold_themselves_end() -> None:
    from poise.networks.pickled import Global
    from poise.networks.published import _walk

    loop = Instance(Global("torch.nn.modules", "Sequential"), ())
    loop.state = {"_modules": {"a": loop, "b": loop}}

    with pytest.raises(ModelError, match="without end"):
        _walk(Path("a.pt"), loop)


def test_zip_bombs_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.pt", b"\x80\x02N.", {"data/0": bytes(50 << 20)}, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000

    with pytest.raises(ModelError, match="is compressed"):
        read_checkpoint(path)


def test_overlapping_records_are_refused(tmp_path: Path) -> None:
    data = bytearray(archive(tmp_path / "a.pt", b"\x80\x02N.", {"data/0": bytes(64), "data/1": bytes(64)}).read_bytes())
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 4)
    data[second + 42 : second + 46] = data[first + 42 : first + 46]  # the second record starts where the first does
    (tmp_path / "a.pt").write_bytes(data)

    with pytest.raises(ModelError):
        read_checkpoint(tmp_path / "a.pt")


def test_damage_is_found_by_the_checksum(tmp_path: Path) -> None:
    data = bytearray(archive(tmp_path / "a.pt", tensor(64, 0, (64,), (1,)), {"data/0": bytes(128)}).read_bytes())
    data[data.index(bytes(128)) + 64] ^= 4
    (tmp_path / "a.pt").write_bytes(data)

    with pytest.raises(ModelError, match="'data/0' is damaged"):
        read_checkpoint(tmp_path / "a.pt")


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Flip bits, cut, repeat, or put in pieces that mean something to a pickle."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        at = chance.randrange(max(len(changed), 1))
        match chance.randrange(6):
            case 0:
                changed[at : at + 1] = bytes([changed[at] ^ 1 << chance.randrange(8)]) if changed else b""
            case 1:
                changed[at : at + 1] = bytes([chance.randrange(256)])
            case 2:
                del changed[at : at + chance.randrange(1, 30)]
            case 3:
                piece = changed[at : at + chance.randrange(1, 30)]
                changed[at:at] = piece
            case 4:
                changed[at:at] = chance.choice(
                    (b"(", b"t", b"R", b"b", b"\x81", b"0", b"2", b"Q", b"u", b"e", b"}", b"]")
                )
            case 5:
                changed[at : at + 4] = struct.pack("<I", chance.choice((0, 1, 2**31 - 1, 2**32 - 1)))
        if chance.random() < 0.02:
            del changed[at:]
    return bytes(changed)


def small_pickle(canary: Path) -> bytes:
    """Return a pickle in which every part of a checkpoint occurs, and a call that would run if names were imported."""
    harmless = {
        "names": {0: "a"},
        "args": (1, 2.5, None, True),
        "set": {"x"},
        "path": Path("a"),
        "more": OrderedDict(a=1),
    }
    kinds = pickle.dumps([harmless, Call(OrderedDict, [("k", [1, 2])])], 2)
    evil = pickle.dumps(Call(os.system, f"touch {canary}"), 2)
    return kinds[:-1] + b"0" + tensor(4, 0, (2, 2), (2, 1))[2:-1] + b"0" + evil[2:]


def fuzz(path: Path, make: Any, count: int, seed: int) -> tuple[int, float]:
    """Read mutated files; return how many were read without an error, and the longest time."""
    chance = random.Random(seed)
    read, longest = 0, 0.0
    for _ in range(count):
        make(chance)
        start = time.perf_counter()
        try:
            read_checkpoint(path)
            read += 1
        except ModelError:
            pass
        longest = max(longest, time.perf_counter() - start)
    return read, longest


@pytest.mark.slow
def test_ten_thousand_mutations_of_a_small_pickle(tmp_path: Path) -> None:
    canary, path = tmp_path / "canary", tmp_path / "a.pt"
    whole = small_pickle(canary)
    chance = random.Random(1)

    for _ in range(10_000):
        try:
            unpickle(mutate(whole, chance), name="a.pt")
        except ModelError:
            continue
    fuzz(path, lambda c: archive(path, mutate(whole, c), {"data/0": bytes(8)}), 500, seed=2)

    assert not canary.exists()


@pytest.mark.slow
def test_mutations_of_whole_archives(tmp_path: Path) -> None:
    canary, path = tmp_path / "canary", tmp_path / "a.pt"
    whole = archive(path, tensor(64, 0, (8, 8), (8, 1), copies=3), {"data/0": bytes(128)}).read_bytes()

    fuzz(path, lambda c: path.write_bytes(mutate(whole, c)), 2000, seed=3)

    assert not canary.exists()


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_file(), reason=f"{REAL} is not there")
def test_mutations_of_a_real_file(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(io.BytesIO(REAL.read_bytes())) as file:
        inner = file.read("yolov8n-pose-coco/data.pkl")
    chance = random.Random(4)

    survived = 0
    for _ in range(150):
        try:
            unpickle(mutate(inner, chance), name="a.pt")
            survived += 1
        except ModelError:
            continue
    whole = REAL.read_bytes()
    edge = len(whole) - 60_000  # the directory of the archive
    fuzz(path, lambda c: path.write_bytes(whole[:edge] + mutate(whole[edge:], c)), 40, seed=5)

    assert survived < 150


def test_safetensors_mutations(tmp_path: Path) -> None:
    import numpy as np

    from poise.networks.safetensors import write

    path = tmp_path / "a.safetensors"
    write(path, {"model.0.conv.weight": np.ones((2, 2), np.float16), "b": np.arange(3)}, {"poise": "{}"})
    whole = path.read_bytes()

    read, _ = fuzz(path, lambda c: path.write_bytes(mutate(whole, c)), 1000, seed=6)

    assert read == 0
